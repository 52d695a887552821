#!/usr/bin/env bash
# Expected: a half-precision 3x3 convolution takes about the time of the float one and adds up its
# products in single precision, as a half-precision MatMul and a 1x1 convolution do in tract.
# What happens: on x86-64 tract takes about a hundred to several hundred times the float file's time,
# and it adds up in half precision: 4608 ones come to 2048, where half precision cannot count on by
# one. A half-precision 1x1 convolution takes the float time within a factor of two and counts
# rightly. onnxruntime gives 4608 in the float file's time.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17, x86-64.
# Why it matters: "half the bytes" is a catastrophe for one kernel size and free for another, which
# decides a search over kernel sizes, and wide layers saturate. Measure half precision on a processor
# that tract has kernels for, or leave the file in float.
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
from engines import build, in_tract, in_onnxruntime, best_us, tract_call
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "tract", tract.version())

def conv(kind, size):
    feeds = {"x": np.ones((1, 16, 8, 8), kind)}
    held = {"w": np.ones((16, 16, size, size), kind)}
    return build([helper.make_node("Conv", ["x", "w"], ["y"], pads=[size // 2] * 4)], feeds, held), feeds

for size in 3, 1:
    half, single = (best_us(tract_call(*conv(kind, size))) for kind in (np.float16, np.float32))
    print(f"{size}x{size}: half precision {half:.0f} us, float {single:.0f} us, ratio {half / single:.1f}")
    assert (half > 10 * single) == (size == 3), "the price of half precision has changed"

feeds = {"x": np.ones((1, 512, 3, 3), np.float16)}
model = build([helper.make_node("Conv", ["x", "w"], ["y"])], feeds, {"w": np.ones((8, 512, 3, 3), np.float16)})
ours, theirs = in_tract(model, feeds).flat[0], in_onnxruntime(model, feeds).flat[0]
print("512 x 3 x 3 ones: tract", ours, "onnxruntime", theirs)
assert theirs == 4608 and ours == 2048, "tract's sum has changed"
PY
