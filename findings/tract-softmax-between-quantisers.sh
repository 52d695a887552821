#!/usr/bin/env bash
# Expected: a Softmax that stands between a DequantizeLinear and a QuantizeLinear, as every
# quantisation tool writes it, gives probabilities that sum to one.
# What happens: tract gives 1 for every class. It replaces what stands between the two quantisers by a
# table of 256 entries, as if Softmax looked at one number alone. LogSoftmax gives 0 for every class
# in the same place. onnxruntime gives the probabilities.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17.
# Why it matters: an int8 classifier is measured as "stable" and its answers are all alike. A search
# that compares accuracy through tract sees a network that knows nothing. Leave Softmax in float,
# outside the quantised part.
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

def quantised(op):
    node = helper.make_node
    return [node("QuantizeLinear", ["x", "s", "z"], ["xq"]), node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
            node(op, ["xd"], ["p"], axis=-1),
            node("QuantizeLinear", ["p", "ps", "pz"], ["pq"]), node("DequantizeLinear", ["pq", "ps", "pz"], ["y"])]

feeds = {"x": np.array([[0.0, 1.0, 2.0, 3.0]], np.float32)}
for op, scale, zero, wrong in ("Softmax", 1 / 255, -128, 1.0), ("LogSoftmax", 0.05, 100, 0.0):
    constants = {"s": np.float32(0.05), "z": np.int8(0), "ps": np.float32(scale), "pz": np.int8(zero)}
    model = build(quantised(op), feeds, constants)
    ours, theirs = in_tract(model, feeds), in_onnxruntime(model, feeds)
    print(op, "tract", ours, "onnxruntime", theirs)
    assert np.allclose(ours, wrong, atol=0.02), "tract no longer gives one number for every class"
    assert np.ptp(theirs) > 0.5
PY
