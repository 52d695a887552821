#!/usr/bin/env bash
# Expected: Celu with alpha 2 of -4 is 2 * (exp(-4 / 2) - 1) = -1.729, and Swish with alpha 2 of 1 is
# 1 * sigmoid(2) = 0.881, as the texts of the operators say.
# What happens: tract leaves out the factor in front of Celu and gives -0.865. It does not read the
# alpha of Swish at all and gives 0.731. Both are right for alpha 1, the default, so that a first test
# passes. onnxruntime and the reference evaluator are right.
# Versions: tract 0.23.9, onnxruntime 1.32.0, onnx 1.23.2, opset 24 (Swish is new there).
# Why it matters: the slope of an activation is a knob that searches turn. Accuracy on the device is
# then not what training saw, and the latency says nothing about it. Write the formula with Exp or
# Sigmoid and Mul.
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

def case(op, x, alpha, want, seen):
    feeds = {"x": np.array([x], np.float32)}
    model = build([helper.make_node(op, ["x"], ["y"], alpha=alpha)], feeds, {}, opset=24)
    model.ir_version = 11
    ours, theirs = in_tract(model, feeds)[0], in_onnxruntime(model, feeds)[0]
    print(op, "alpha", alpha, "of", x, "tract", ours, "onnxruntime", theirs)
    assert np.isclose(theirs, want, atol=1e-4)
    assert np.isclose(ours, seen, atol=1e-4), "tract's answer has changed"

sigmoid = lambda v: 1 / (1 + np.exp(-v))
case("Celu", -4.0, 1.0, np.exp(-4) - 1, np.exp(-4) - 1)
case("Celu", -4.0, 2.0, 2 * (np.exp(-2) - 1), np.exp(-2) - 1)
case("Swish", 1.0, 1.0, sigmoid(1), sigmoid(1))
case("Swish", 1.0, 2.0, sigmoid(2), sigmoid(1))
PY
