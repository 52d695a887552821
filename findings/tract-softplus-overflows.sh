#!/usr/bin/env bash
# Expected: Softplus of 100 is 100, ReduceLogSumExp of two values of 1000 is 1000.69, and LogSoftmax
# of a class that is 200 below the best is -200. Every numerical library shifts by the largest value
# first.
# What happens: tract writes the formulas out as they stand: log(1 + exp(100)) is infinity,
# log(exp(1000) + exp(1000)) is infinity, log(softmax) is minus infinity. Mish, which holds a
# Softplus, is right. onnxruntime is right in all of them. (onnx's reference evaluator shares the
# third error.)
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17.
# Why it matters: the numbers are ordinary in a network without a last normalisation; a single
# infinity turns into NaN one layer later, and tract turns NaN into ordinary numbers after that. Half
# precision reaches it at 12. A student with Softplus is fine in training and fails on the device.
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
def case(op, x, want, **attributes):
    feeds = {"x": np.array(x, np.float32)}
    model = build([node(op, ["x"], ["y"], **attributes)], feeds, {})
    ours, theirs = in_tract(model, feeds).ravel()[-1], in_onnxruntime(model, feeds).ravel()[-1]
    print(op, "of", x, "tract", ours, "onnxruntime", theirs)
    assert np.isclose(theirs, want)
    assert np.isinf(ours), "tract no longer overflows"

case("Softplus", [100.0], 100)
case("ReduceLogSumExp", [1000.0, 1000.0], 1000 + np.log(2))
case("LogSoftmax", [[200.0, 0.0]], -200, axis=-1)

feeds = {"x": np.array([12.0], np.float16)}
half = build([node("Softplus", ["x"], ["y"])], feeds, {}, opset=22)
print("Softplus of 12 in half precision: tract", in_tract(half, feeds)[0])
assert np.isinf(in_tract(half, feeds)[0])
PY
