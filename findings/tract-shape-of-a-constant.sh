#!/usr/bin/env bash
# Expected: a constant of shape (C, 1, 1) and one of shape (1, C, 1, 1) mean the same in Mul with an
# image, and take the same time.
# What happens: tract takes three to six times as long for (C, 1, 1). The leading 1 is worth that
# much; onnxruntime does not care.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17, one thread.
# Why it matters: torch exports a parameter with the shape it has in the module, so that layer scale,
# an affine correction or normalisation written into the graph as (C, 1, 1) costs several element-wise
# operators. Two students that differ in a reshape of a parameter differ in latency. Reshape the
# constant before exporting.
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
from engines import build, in_tract, best_us, tract_call, onnxruntime_call
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "tract", tract.version())

feeds = {"x": np.random.default_rng(0).standard_normal((1, 1024, 14, 14)).astype(np.float32)}
scale = np.random.default_rng(1).standard_normal(1024).astype(np.float32)
short = build([helper.make_node("Mul", ["x", "c"], ["y"])], feeds, {"c": scale.reshape(1024, 1, 1)})
full = build([helper.make_node("Mul", ["x", "c"], ["y"])], feeds, {"c": scale.reshape(1, 1024, 1, 1)})
assert np.array_equal(in_tract(short, feeds), in_tract(full, feeds))
for name, prepare in ("onnxruntime", onnxruntime_call), ("tract", tract_call):
    a, b = best_us(prepare(short, feeds)), best_us(prepare(full, feeds))
    print(f"{name}: (C, 1, 1) {a:.0f} us, (1, C, 1, 1) {b:.0f} us, ratio {a / b:.1f}")
assert a > 2 * b, "the leading 1 is no longer worth anything"
PY
