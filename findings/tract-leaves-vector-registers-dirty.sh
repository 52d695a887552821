#!/usr/bin/env bash
# Expected: a convolution and the operator after it take about the sum of what each takes alone, and
# an operator takes the same time whatever ran before it.
# What happens: after a convolution, tract's cube (Pow with 3) takes ten to fifty times its time, in
# the same network and in any other of the process. tract's vector kernels leave the upper halves of
# the registers in use (they do not end with VZEROUPPER), and code compiled for plain x86-64 crawls
# until somebody clears them. One numpy product in between clears them and restores the speed. Softmax
# over channels (7 times) and half-precision convolutions (25 times) suffer too. onnxruntime shows
# nothing of the kind.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17, one thread, x86-64 with AVX-512.
# Why it matters: tables of operators measured one by one do not add up, and the order of models in
# one process decides their times. Try a build of tract for x86-64-v3, where the compiler writes the
# newer instructions everywhere.
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
from engines import build, best_us, tract_call, onnxruntime_call
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "tract", tract.version())

node, held = helper.make_node, {"w": np.full((64, 64, 1, 1), 0.1, np.float32), "three": np.float32(3)}
feeds = {"x": np.random.default_rng(0).uniform(0.5, 1, (1, 64, 28, 28)).astype(np.float32)}
conv = build([node("Conv", ["x", "w"], ["y"])], feeds, {"w": held["w"]})
cube = build([node("Pow", ["x", "three"], ["y"])], feeds, {"three": held["three"]})
both = build([node("Conv", ["x", "w"], ["h"]), node("Pow", ["h", "three"], ["y"])], feeds, held)
clear = lambda: np.ones(2000, np.float32) @ np.ones(2000, np.float32)
ratios = {}
for name, prepare in ("onnxruntime", onnxruntime_call), ("tract", tract_call):
    call = {"conv": prepare(conv, feeds), "cube": prepare(cube, feeds), "both": prepare(both, feeds)}
    clear()
    first, alone = best_us(call["cube"]), best_us(call["conv"])
    after = best_us(call["cube"])
    clear()
    cleared, together = best_us(call["cube"]), best_us(call["both"])
    ratios[name] = after / first, together / (first + alone), cleared / first
    print(f"{name}: cube {first:.0f} us, convolution {alone:.0f}, cube after it {after:.0f}, after numpy {cleared:.0f}, both in one net {together:.0f}")
assert max(ratios["onnxruntime"]) < 3
assert ratios["tract"][0] > 3 and ratios["tract"][1] > 3 and ratios["tract"][2] < 3, "the registers are clean now"
PY
