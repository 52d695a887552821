#!/usr/bin/env bash
# Expected: two quantise/dequantise pairs in a row round twice. Graph optimisations do not change what
# a file computes by more than the last digits.
# What happens: at its default level onnxruntime removes the first pair where two follow each other,
# and rounds to the finer one alone. With a first step of 0.3 and a second of 0.07 the answers differ
# by up to half a coarse step. With optimisations off, onnxruntime agrees with tract and with onnx's
# reference evaluator.
# Versions: onnxruntime 1.32.0, tract 0.23.9, onnx 1.23.2, opset 21.
# Why it matters: the accuracy of a quantised student in onnxruntime is better than on hardware that
# follows the file; a check of another engine against onnxruntime's default level blames the engine.
# Compare with `ORT_DISABLE_ALL`.
# Date: 2026-11-28.
set -euo pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 tract==0.23.9
PYTHONPATH=$(dirname "$0") PYTHONDONTWRITEBYTECODE=1 "$room/venv/bin/python" - "$room" <<'PY'
from onnx.reference import ReferenceEvaluator
import numpy as np, onnx, onnxruntime, tract
from onnx import helper
from engines import build, in_tract, in_onnxruntime
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "tract", tract.version())

node = helper.make_node
feeds = {"x": np.linspace(-2, 2, 41, dtype=np.float32)}
model = build([node("QuantizeLinear", ["x", "a", "z"], ["p"]), node("DequantizeLinear", ["p", "a", "z"], ["q"]),
               node("QuantizeLinear", ["q", "b", "z"], ["r"]), node("DequantizeLinear", ["r", "b", "z"], ["y"])],
              feeds, {"a": np.float32(0.3), "b": np.float32(0.07), "z": np.int8(0)}, opset=21)
model.ir_version = 10
plain = onnxruntime.SessionOptions()
plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
off = onnxruntime.InferenceSession(model.SerializeToString(), plain).run(None, feeds)[0]
default, ours, reference = in_onnxruntime(model, feeds), in_tract(model, feeds), ReferenceEvaluator(model).run(None, feeds)[0]
print("different values: optimised", len(np.unique(default)), "not optimised", len(np.unique(off)), "tract", len(np.unique(ours)))
print("optimised is off by up to", abs(default - off).max().round(3))
assert np.allclose(off, reference, atol=1e-5) and np.allclose(off, ours, atol=1e-5)
assert abs(default - off).max() > 0.1, "both levels agree now"
PY
