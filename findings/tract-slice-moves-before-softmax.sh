#!/usr/bin/env bash
# Expected: a step of 2 in what follows a Softmax picks every second probability. The probabilities
# are those of the whole axis.
# What happens: tract moves the picking in front of the Softmax. The Softmax is then taken over the
# half that is left, and the picked numbers sum to one. A strided Slice does this, and so does a 1x1
# convolution with stride 2 that follows the Softmax along one of the two image axes.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17.
# Why it matters: the wrong numbers look like good probabilities, and less work is timed than the
# model asks for. Attention over image axes followed by downsampling is such a net.
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

node = helper.make_node
x = np.log(np.arange(1, 9, dtype=np.float32)).reshape(1, 1, 1, 8)
feeds, want = {"x": x}, np.arange(1, 9, 2) / 36
sliced = build([node("Softmax", ["x"], ["p"], axis=3), node("Slice", ["p", "start", "end", "axis", "step"], ["y"])], feeds,
               {"start": np.array([0]), "end": np.array([8]), "axis": np.array([3]), "step": np.array([2])})
strided = build([node("Softmax", ["x"], ["p"], axis=3), node("Conv", ["p", "w"], ["y"], strides=[1, 2])], feeds,
                {"w": np.ones((1, 1, 1, 1), np.float32)})
for name, model in ("Slice with step 2", sliced), ("convolution with stride 2", strided):
    ours, theirs = in_tract(model, feeds).ravel(), in_onnxruntime(model, feeds).ravel()
    print(name, "tract", ours.round(4), "sum", ours.sum().round(4), "onnxruntime", theirs.round(4), "sum", theirs.sum().round(4))
    assert np.allclose(theirs, want, atol=1e-5)
    assert np.isclose(ours.sum(), 1, atol=1e-3) and not np.allclose(ours, want, atol=1e-2), "tract now takes the Softmax first"
PY
