"""One measurement in a process of its own: ``python -m bitprior_runtime.bench.worker JOB``."""

import json
import sys

from bitprior_runtime.bench.measure import measure
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.model import load


def main(argument: str) -> None:
    """Measure the job and print its row, or why the engine cannot run, as JSON."""
    job = json.loads(argument)
    try:
        model = load(job["model"])
        row = measure(model, job["engine"], job["kernel"], int(job["batch"]), int(job["threads"]))
    except BitpriorError as error:
        print(json.dumps({"skipped": str(error)}))
        return
    print(json.dumps(row.as_json()))


if __name__ == "__main__":
    main(sys.argv[1])
