#!/usr/bin/env bash
# Expected: a constant of one number a channel, less a convolution, is that difference; and the same
# constant divided by the convolution is that quotient.
# What happens: tract gives the sum, 100 - 9 = 109, and infinity for 100 / 9. It puts the operation
# into the convolution as if the order of the two sides did not matter. The swap happens for kernels
# larger than 1x1 and constants of shape (1, C, 1, 1) or (C, 1, 1); a constant of one number alone, a
# 1x1 kernel and a depthwise convolution are right.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17.
# Why it matters: a mask "1 - conv(x)", an inverted image or a folded normalisation becomes another
# network. Nothing warns, and the time is plausible. Write Neg and Add in place of Sub.
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
feeds = {"x": np.ones((1, 1, 4, 4), np.float32)}
for op, right in ("Sub", 100 - 9), ("Div", 100 / 9):
    seen = {}
    for shape in (1, 2, 1, 1), ():
        constants = {"w": np.ones((2, 1, 3, 3), np.float32), "c": np.full(shape, 100, np.float32)}
        model = build([node("Conv", ["x", "w"], ["a"]), node(op, ["c", "a"], ["y"])], feeds, constants)
        seen[shape] = in_tract(model, feeds).flat[0]
        theirs = in_onnxruntime(model, feeds).flat[0]
        print(op, "constant of shape", shape, "tract", seen[shape], "onnxruntime", theirs)
        assert np.isclose(theirs, right)
    assert np.isclose(seen[()], right)
    assert not np.isclose(seen[(1, 2, 1, 1)], right), "tract now minds the order of the two sides"
    if op == "Sub":
        assert np.isclose(seen[(1, 2, 1, 1)], 100 + 9)
PY
