#!/usr/bin/env bash
# Expected: NaN stays NaN through Relu, Clip, Max, Min, Sigmoid, Tanh, HardSigmoid and ReduceMax, as
# in onnxruntime, torch and numpy; NaN times 0 is NaN; the square of the root of -4 is NaN.
# What happens: in tract NaN becomes 0 in Relu and in Sigmoid, -1 in Tanh, a bound in Clip, Max, Min
# and HardSigmoid, and vanishes in ReduceMax. A product with a constant 0 is replaced by 0, and Sqrt
# followed by Pow 2 is replaced by nothing, so that -4 comes out.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17.
# Why it matters: "all outputs are finite" is the usual check of a measured model. In tract it proves
# nothing after the first activation: a broken file gives plausible numbers. Look for NaN and infinity
# in the weights themselves.
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
nan = {"x": np.array([[np.nan, 0.5]], np.float32)}
constants = {"lo": np.float32(0), "hi": np.float32(6), "two": np.float32(2)}
def case(name, nodes, feeds=nan, want=np.nan):
    used = {i for n in nodes for i in n.input}
    model = build(nodes, feeds, {k: v for k, v in constants.items() if k in used})
    ours, theirs = in_tract(model, feeds).flat[0], in_onnxruntime(model, feeds).flat[0]
    print(f"{name:12} tract {ours:8.3f} onnxruntime {theirs:8.3f}")
    assert np.isnan(theirs) and np.isfinite(ours), f"{name}: tract now keeps NaN"

for op in "Relu", "Sigmoid", "Tanh", "HardSigmoid":
    case(op, [node(op, ["x"], ["y"])])
case("Clip", [node("Clip", ["x", "lo", "hi"], ["y"])])
case("Max", [node("Max", ["x", "lo"], ["y"])])
case("Min", [node("Min", ["x", "lo"], ["y"])])
case("ReduceMax", [node("ReduceMax", ["x"], ["y"], axes=[1])])
case("times 0", [node("Mul", ["x", "lo"], ["y"])])
case("root squared", [node("Sqrt", ["x"], ["r"]), node("Pow", ["r", "two"], ["y"])], {"x": np.array([-4], np.float32)})
PY
