"""A real, reduced run of the comparison: one network, one thread, torch and ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_reduced_run_writes_rows_with_shares_of_the_peak_and_names_what_is_missing(tmp_path):
    missing = tmp_path / "nowhere" / "python"
    words = ["--quick", "--networks", "mnist", "--batches", "1", "--threads", "1"]
    words += ["--rivals", "torch eager", "onnxruntime-training", "--engines", "integer/native"]
    words += ["--out", str(tmp_path)]
    subprocess.run(
        [
            *(sys.executable, ROOT / "benchmarks/compare.py", *words),
            *("--training-python", str(missing)),
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    result = json.loads((tmp_path / "gradient.json").read_text())
    rows = {row["name"]: row for row in result["rows"]}
    assert rows["torch eager"]["times_torch"] == 1.0
    ours = rows["integer/native, G 4, A 8 bits"]
    assert ours["times_torch"] == rows["torch eager"]["gradient_us"] / ours["gradient_us"]
    assert all(row["of_peak"] == row["peak_us"] / row["gradient_us"] > 0 for row in rows.values())
    assert {row["peak_of"] for row in rows.values()} <= {
        *("byte products", "float32 products", "reading weights")
    }
    (skipped,) = result["skipped"]
    assert skipped["name"] == "onnxruntime-training"
    assert "is missing" in skipped["reason"]
    text = (tmp_path / "gradient.md").read_text()
    assert "integer/native, G 4, A 8 bits" in text
    assert "Not measured:" in text
