#!/usr/bin/env bash
# Expected: Gemm with a bias in half precision loads, as MatMul and Add in half precision do.
# What happens: tract refuses it while loading: "expected F16, got F32". It multiplies the bias by
# beta, a float, even where beta is the default 1. Gemm without a bias and without alpha loads.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17.
# Why it matters: the last layer of nearly every exported classifier is a Gemm with a bias, so that no
# such file can be measured in half precision, and the message blames shapes "after rewiring". Write
# MatMul and Add, or leave that layer in float.
# Date: 2026-11-28.
set -euo pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 tract==0.23.9
PYTHONPATH=$(dirname "$0") PYTHONDONTWRITEBYTECODE=1 "$room/venv/bin/python" - "$room" <<'PY'
import sys
import numpy as np, onnx, onnxruntime, tract
from onnx import helper
from engines import build, in_tract, in_onnxruntime
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "tract", tract.version())

node = helper.make_node
feeds = {"x": np.ones((1, 4), np.float16)}
constants = {"w": np.ones((4, 3), np.float16), "b": np.ones(3, np.float16)}
gemm = build([node("Gemm", ["x", "w", "b"], ["y"])], feeds, constants)
pair = build([node("MatMul", ["x", "w"], ["p"]), node("Add", ["p", "b"], ["y"])], feeds, constants)
print("onnxruntime, Gemm", in_onnxruntime(gemm, feeds), "tract, MatMul and Add", in_tract(pair, feeds))
assert np.array_equal(in_onnxruntime(gemm, feeds), in_tract(pair, feeds))
try:
    in_tract(gemm, feeds)
except tract.TractError as refusal:
    print("tract, Gemm:", " ".join(str(refusal).split("Stack")[0].split()))
    assert "F16" in str(refusal) and "F32" in str(refusal)
else:
    sys.exit("tract now takes it")
PY
