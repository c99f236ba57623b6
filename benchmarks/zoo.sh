#!/bin/sh
# Export a training run into the zoo, the priors that come with bitprior: the sensing network in 8
# bits, the name made of what the run says about itself. The same run gives the same file.
#
#   benchmarks/zoo.sh RUN...
set -eu

zoo=$(dirname "$0")/../runtime/bitprior_runtime/zoo
limit=4000000

for run in "$@"; do
    name=$(python3 - "$run" <<'PYTHON'
import json, pathlib, sys

record = json.loads(pathlib.Path(sys.argv[1], "run.json").read_text())
print(f"{record['dataset']}-{record['bits']}bit-m{record['measurements']}")
PYTHON
    )
    bitprior export "$run" --sensing-bits 8 --targets none --out "$zoo/$name.bitprior"
    bitprior verify "$zoo/$name.bitprior"
done
bitprior zoo
size=$(cat "$zoo"/*.bitprior | wc -c)
echo "$size bytes together, $limit allowed"
[ "$size" -le "$limit" ]
