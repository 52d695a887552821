#!/usr/bin/env bash
# Expected: the average of an image of sixes is 6 in half precision too. Half precision reaches 65504,
# and engines and torch add up in single precision.
# What happens: tract adds up in half precision: 112 x 112 sixes are 75264, and GlobalAveragePool and
# AveragePool give infinity. onnxruntime and the reference evaluator give 6.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17.
# Why it matters: squeeze-and-excite blocks average early, large images, where a mean above 5.2 is
# enough. The infinity passes a sigmoid and becomes a gate of 1, so that the half-precision student is
# worse by a little, or by a lot, for no reason that its float file shows. Cast to float around the
# pooling.
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

feeds = {"x": np.full((1, 1, 112, 112), 6, np.float16)}
for op, attributes in ("GlobalAveragePool", {}), ("AveragePool", {"kernel_shape": [112, 112]}):
    model = build([helper.make_node(op, ["x"], ["y"], **attributes)], feeds, {})
    ours, theirs = in_tract(model, feeds).item(), in_onnxruntime(model, feeds).item()
    reference = ReferenceEvaluator(model).run(None, feeds)[0].item()
    print(op, "tract", ours, "onnxruntime", theirs, "reference", reference)
    assert theirs == 6 and reference == 6
    assert np.isinf(ours), "tract no longer overflows"
PY
