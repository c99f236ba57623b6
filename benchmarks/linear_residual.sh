#!/bin/sh
# Train the linear-residual priors of docs/results.md: three data sets, m = 200 and 100, five widths.
#
#   BITPRIOR_DATA=... benchmarks/linear_residual.sh [RUNS]
#   python benchmarks/evaluate_all.py RUNS
#
# Finished runs are skipped, broken ones continued. CIFAR-10 also trains on cifar10_extra.npz, and the
# stand-in of STL-10 on both as well; without that file take it out of EXTRA and MORE. About 45 minutes
# on one core of an x86-64 with bfloat16 matrix instructions.
set -eu
runs=${1:-runs}
EXTRA='data.extra=["cifar10_extra"]'
MORE='data.extra=["cifar10","cifar10_extra"]'
NONE='data.extra=[]'

# train DATASET NAME M BITS STEPS RATE UNROLLED EXTRA FLIPS [RUN TO START FROM]
train() {
    out="$runs/$2-m$3-$4bit"
    if [ -f "$out/run.json" ]; then return; fi
    if [ -f "$out/config.toml" ]; then
        bitprior train "$1" --prior linear-residual --out "$out" --resume
        return
    fi
    bitprior train "$1" --prior linear-residual --measurements "$3" --bits "$4" --steps "$5" \
        --set "optimiser.lr=$6" --set "optimiser.unrolled=$7" --set "$8" \
        --set "optimiser.flips=$9" ${10:+--init-from "$runs/${10}"} --out "$out"
}

train cifar10 cifar10 200 32 3500 1e-3 0.2 "$EXTRA" true
train cifar10 cifar10 100 32 700 6e-4 0.4 "$EXTRA" true cifar10-m200-32bit
train imagenette96 stl10 200 32 600 6e-4 0.4 "$MORE" true cifar10-m200-32bit
train imagenette96 stl10 100 32 300 6e-4 0.4 "$MORE" true stl10-m200-32bit
train svhn svhn 200 32 1100 1e-3 0.3 "$NONE" false
train svhn svhn 100 32 400 6e-4 0.4 "$NONE" false svhn-m200-32bit

# low NAME DATASET M STEPS-AT-4 STEPS-AT-1 EXTRA FLIPS; 3 bits go on from 4, and 2 from 3
low() {
    train "$2" "$1" "$3" 4 "$4" 5e-4 0.4 "$6" "$7" "$1-m$3-32bit"
    train "$2" "$1" "$3" 3 150 5e-4 0.4 "$6" "$7" "$1-m$3-4bit"
    train "$2" "$1" "$3" 2 200 5e-4 0.4 "$6" "$7" "$1-m$3-3bit"
    train "$2" "$1" "$3" 1 "$5" 1e-3 0.4 "$6" "$7" "$1-m$3-32bit"
}

low cifar10 cifar10 200 500 700 "$EXTRA" true
low cifar10 cifar10 100 300 500 "$EXTRA" true
low stl10 imagenette96 200 300 500 "$MORE" true
low stl10 imagenette96 100 200 400 "$MORE" true
low svhn svhn 200 400 600 "$NONE" false
low svhn svhn 100 300 500 "$NONE" false
