#!/bin/sh
# Train and export every system of the quantised-priors paper. Resumable: a finished run is skipped,
# a broken one continues from its last checkpoint. Low-bit priors start from, and follow, the 32-bit
# prior of the same data set, m, s and seed.
#
#   benchmarks/train_all.sh [FOLDER]      everything goes to FOLDER, default runs/
#   STEPS=20000 SEEDS="0 1 2" PARTS="mnist sweep rgb linear" JOBS=2 benchmarks/train_all.sh
#
# JOBS: runs at a time in the sparsity sweep.
set -eu

out=${1:-runs}
steps=${STEPS:-20000}
seeds=${SEEDS:-0}
parts=${PARTS:-mnist sweep rgb linear}
jobs=${JOBS:-1}

# train NAME DATASET OPTIONS...: one run in $out/NAME, and its bundle beside it.
train() {
    name=$1 dataset=$2
    shift 2
    if [ -f "$out/$name/run.json" ]; then
        echo "$name: there already"
    elif [ -f "$out/$name/checkpoint.safetensors" ] && [ -f "$out/$name/config.toml" ]; then
        bitprior train "$dataset" --out "$out/$name" --resume
    else
        bitprior train "$dataset" --out "$out/$name" "$@"
    fi
    pack "$name"
}

# pack NAME: the bundle of a run, beside it.
pack() {
    [ -f "$out/$1.bitprior" ] || bitprior export "$out/$1" --out "$out/$1.bitprior"
}

# six STEM DATASET OPTIONS...: the six systems.
six() {
    stem=$1 data=$2
    shift 2
    train "$stem-32bit" "$data" --system sdlss --bits 32 --steps "$steps" "$@"
    for bits in 4 3 2 1; do
        train "$stem-${bits}bit" "$data" --system sdlss --preset best --bits "$bits" \
            --init-from "$out/$stem-32bit" --steps "$steps" "$@"
    done
    sphere "$stem-dcs" "$data" "$@"
}

# sphere NAME DATASET OPTIONS...: DCS; its latents are dense, whatever --sparsity is given.
sphere() {
    name=$1 data=$2
    shift 2
    train "$name" "$data" --system dcs --steps "$steps" "$@" --sparsity 100
}

mkdir -p "$out"
for seed in $seeds; do
    for part in $parts; do
        case $part in
        mnist)
            for m in 25 100; do
                six "mnist-m$m-seed$seed" mnist --measurements "$m" --seed "$seed"
            done
            ;;
        sweep)
            bitprior sweep mnist --out "$out" --bits 32,4,1 --measurements 25,100 \
                --sparsity 10,20,40,60,80,100 --seed "$seed" --steps "$steps" \
                --preset best --init-from-32 --jobs "$jobs"
            for run in "$out"/mnist-m*-s*-seed"$seed"-*bit; do
                pack "${run##*/}"
            done
            ;;
        rgb)
            # Narrow networks, as in the data sets' presets: quarter-width sensing, 32 filters.
            for data in cifar10 svhn stl10; do
                six "$data-m200-seed$seed" "$data" --seed "$seed"
            done
            ;;
        linear)
            for kind in gaussian rademacher; do
                train "mnist-$kind-seed$seed" mnist --system sdlss --bits 4 --steps "$steps" \
                    --seed "$seed" --set "model.sensing=$kind"
                train "mnist-phase-$kind-seed$seed" mnist --system sdlss --bits 4 \
                    --steps "$steps" --seed "$seed" --set "model.sensing=$kind" \
                    --set model.phase=amplitude
            done
            ;;
        *)
            echo "PARTS: expected mnist, sweep, rgb or linear; found $part" >&2
            exit 2
            ;;
        esac
    done
done
