#!/usr/bin/env bash
# Expected: a depthwise 3x3 convolution that makes two channels out of each (a multiplier of 2, group
# = input channels) takes twice the time of one that makes one.
# What happens: tract takes more than five times twice that time: only a multiplier of 1 has the fast
# way, everything else goes group by group. Two depthwise convolutions and a Concat, which compute the
# same, take twice the time of one. onnxruntime is milder, not even.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17, one thread.
# Why it matters: the multiplier is a dimension of depthwise-separable search spaces, and MACs say 2.
# A table that interpolates between 1 and 2, or counts MACs, is wrong by several times. Write two
# depthwise convolutions and Concat (and a permutation of what follows).
# Date: 2026-11-28.
set -euo pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 tract==0.23.9
PYTHONPATH=$(dirname "$0") PYTHONDONTWRITEBYTECODE=1 "$room/venv/bin/python" - "$room" <<'PY'
import numpy as np, onnx, onnxruntime, tract
from onnx import helper
from engines import build, in_tract, best_us, tract_call, onnxruntime_call
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "tract", tract.version())

node = helper.make_node
feeds = {"x": np.random.default_rng(0).standard_normal((1, 96, 28, 28)).astype(np.float32)}
w = np.random.default_rng(1).standard_normal((192, 1, 3, 3)).astype(np.float32)
same = dict(group=96, pads=[1, 1, 1, 1])
one = build([node("Conv", ["x", "w"], ["y"], **same)], feeds, {"w": w[:96]})
two = build([node("Conv", ["x", "w"], ["y"], **same)], feeds, {"w": w})
pair = build([node("Conv", ["x", "a"], ["p"], **same), node("Conv", ["x", "b"], ["q"], **same),
              node("Concat", ["p", "q"], ["y"], axis=1)], feeds, {"a": w[0::2].copy(), "b": w[1::2].copy()})
assert np.allclose(in_tract(two, feeds)[:, 0::2], in_tract(pair, feeds)[:, :96], atol=1e-3)
for name, prepare in ("tract", tract_call), ("onnxruntime", onnxruntime_call):
    base, double, split = (best_us(prepare(m, feeds)) for m in (one, two, pair))
    print(f"{name}: multiplier 1 {base:.0f} us, multiplier 2 {double:.0f} us, two of multiplier 1 {split:.0f} us")
    if name == "tract":
        assert double > 5 * base and double > 3 * split, "a multiplier of 2 is no longer dear"
PY
