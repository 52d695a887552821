#!/usr/bin/env bash
# Expected: GlobalLpPool with p 2 is the square root of the sum of squares over the image, as LpPool
# over a kernel of the image's size is: 4 values of 3 give 6.
# What happens: tract divides the sum by the number of values first, as a mean does, and gives 3.
# ReduceL2 over the same axes gives 6 in tract too.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17.
# Why it matters: the factor depends on the size of the image, so that a network that is right at one
# size cannot be mended by one number at another. Write ReduceL2 over axes 2 and 3.
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

feeds = {"x": np.full((1, 1, 2, 2), 3, np.float32)}
pool = build([helper.make_node("GlobalLpPool", ["x"], ["y"], p=2)], feeds, {})
norm = build([helper.make_node("ReduceL2", ["x"], ["y"], axes=[2, 3])], feeds, {})
seen = {n: e(m, feeds).item() for n, e, m in (("tract GlobalLpPool", in_tract, pool), ("tract ReduceL2", in_tract, norm),
                                              ("onnxruntime GlobalLpPool", in_onnxruntime, pool))}
print(seen)
assert np.isclose(seen["onnxruntime GlobalLpPool"], 6) and np.isclose(seen["tract ReduceL2"], 6)
assert np.isclose(seen["tract GlobalLpPool"], 3), "tract no longer divides by the count"
PY
