#!/bin/sh
# Export a training run into the zoo, the priors that come with bitprior: a sensing network, where the
# run has one, in 8 bits, the name made of what the run says about itself. The same run gives the same file.
#
#   benchmarks/zoo.sh RUN...
set -eu

zoo=$(dirname "$0")/../runtime/bitprior_runtime/zoo
limit=1300000

for run in "$@"; do
    name=$(python3 - "$run" <<'PYTHON'
import json, pathlib, sys

record = json.loads(pathlib.Path(sys.argv[1], "run.json").read_text())
if record["dataset"] == "photos":
    print(f"photo-{record['bits']}bit")
else:
    print(f"{record['dataset']}-{record['bits']}bit-m{record['measurements']}")
PYTHON
    )
    case $name in
        photo-*) bitprior export "$run" --targets none --out "$zoo/$name.bitprior" ;;
        *) bitprior export "$run" --sensing-bits 8 --targets none --out "$zoo/$name.bitprior" ;;
    esac
    bitprior verify "$zoo/$name.bitprior"
done
bitprior zoo
size=$(cat "$zoo"/*.bitprior | wc -c)
echo "$size bytes together, $limit allowed"
[ "$size" -le "$limit" ]
