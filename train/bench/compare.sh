#!/bin/sh
# Trains EfficientNet-Lite0 at 224 px on random pictures with orientd-train and with PyTorch, in
# turn, so that a busy machine slows both alike. Prints one line of JSON for each.
#
#   train/bench/compare.sh [ROUNDS]
#
# Needs `cargo build --release -p orientd-train`, and a Python (named in $PYTHON) with
# torch==2.11.0 and efficientnet-lite-pytorch.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$here/../../target/release/orientd-train
for _ in $(seq "${1:-3}"); do
    for precision in float32 bfloat16; do
        "$program" bench --steps 6 --set network.input=224 --set "fit.precision=$precision"
        "${PYTHON:-python3}" -W ignore "$here/pytorch.py" --steps 6 --precision "$precision"
    done
done
