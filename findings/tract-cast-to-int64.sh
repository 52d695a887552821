#!/usr/bin/env bash
# Expected: a number of 3 billion that is cast to int64 stays 3 billion; Mod of two int64 has the sign
# of the divisor, as the operator's text says; an int64 output can be read.
# What happens: tract makes int64 of a Cast into its own type for sizes. Values stop at 2 147 483 647.
# Mod then has the sign of the dividend (-7 mod 3 is -1 and not 2). CumSum, TopK, Sign and BitwiseAnd
# refuse the type, and the Python package cannot read such an output at all. Integers that come in as
# int64 inputs are right.
# Versions: tract 0.23.9 and its Python wheel, onnxruntime 1.32.0, opset 17.
# Why it matters: hashes, time stamps and wrapped positions (roll, shifted windows) are wrong without
# a word, and whether it happens depends on where an integer comes from, which an exporter decides.
# Cast to int32.
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
feeds = {"x": np.array([3e9, -7.0], np.float32)}
def cast_then(*nodes):
    return build([node("Cast", ["x"], ["i"], to=onnx.TensorProto.INT64), *nodes], feeds, {"three": np.array([3])} if nodes else {})

back = cast_then(node("Mul", ["i", "three"], ["m"]), node("Cast", ["m"], ["y"], to=onnx.TensorProto.FLOAT))
print("x * 3: tract", in_tract(back, feeds), "onnxruntime", in_onnxruntime(back, feeds))
assert np.allclose(in_onnxruntime(back, feeds), [9e9, -21])
assert np.allclose(in_tract(back, feeds), [2147483647 * 3.0, -21]), "large values pass now"

wrap = cast_then(node("Mod", ["i", "three"], ["m"]), node("Cast", ["m"], ["y"], to=onnx.TensorProto.FLOAT))
print("x mod 3: tract", in_tract(wrap, feeds), "onnxruntime", in_onnxruntime(wrap, feeds))
assert in_onnxruntime(wrap, feeds)[1] == 2 and in_tract(wrap, feeds)[1] == -1, "the sign is right now"

plain = build([node("Cast", ["x"], ["y"], to=onnx.TensorProto.INT64)], feeds, {})
try:
    in_tract(plain, feeds)
    sys.exit("the output can be read now")
except tract.TractError as refusal:
    print("reading the integers:", str(refusal).split("\n")[0])
direct = {"x": np.array([3_000_000_000, -7])}
whole = build([node("Mod", ["x", "three"], ["y"])], direct, {"three": np.array([3])})
assert np.array_equal(in_tract(whole, direct), in_onnxruntime(whole, direct))
PY
