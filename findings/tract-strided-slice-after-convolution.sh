#!/usr/bin/env bash
# Expected: Conv followed by Slice with start 1 and step 2 keeps columns 1, 3, 5 of what the
# convolution gives.
# What happens: tract keeps columns 0, 2, 4. It turns the slice into a stride of the convolution and
# forgets the start. A 1x1 kernel, a start of 0 and a step of 1 are right; onnxruntime and the
# reference evaluator are right throughout. The model loads without a word.
# Versions: tract 0.23.9, onnxruntime 1.32.0, onnx 1.23.2, opset 17.
# Why it matters: downsampling by strided slices behind a convolution (patch merging, factorised
# reduction, one branch for each phase) loses its phase: all branches see the same pixels, and
# accuracy falls without a reason one can see. An activation in between does not help. Use Gather with
# the indices, or SpaceToDepth.
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
from engines import build, in_tract, in_onnxruntime
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "tract", tract.version())

feeds = {"x": np.arange(36, dtype=np.float32).reshape(1, 1, 6, 6)}
kernel = np.zeros((1, 1, 3, 3), np.float32)
kernel[0, 0, 1, 1] = 1.0  # hands every value on as it is
node = helper.make_node
for start, right in (0, True), (1, False):
    constants = {"w": kernel, "start": np.array([start]), "end": np.array([6]), "axis": np.array([3]), "step": np.array([2])}
    model = build([node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
                   node("Slice", ["c", "start", "end", "axis", "step"], ["y"])], feeds, constants)
    ours, theirs = in_tract(model, feeds), in_onnxruntime(model, feeds)
    want = feeds["x"][..., start::2]
    print("start", start, "tract", ours[0, 0, 0], "onnxruntime", theirs[0, 0, 0], "wanted", want[0, 0, 0])
    assert np.array_equal(theirs, want)
    assert np.array_equal(ours, want) == right, "tract now minds the start"
assert np.array_equal(ours, feeds["x"][..., 0::2])
PY
