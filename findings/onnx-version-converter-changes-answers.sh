#!/usr/bin/env bash
# Expected: `onnx.version_converter` lifts a file to a newer opset and keeps what it computes, or
# fails.
# What happens: where a default changed between two opsets, it raises the number and leaves the node:
# Resize of opset 10 samples at other places in opset 11 and later (its coordinates counted from the
# corner, now from the middle of a pixel), and Hardmax of opset 11 goes over all the axes that follow,
# in 13 over the last alone. Downwards, Softmax of opset 13 over the channels becomes one over
# everything in 11. The checker is content. (Softmax upwards is converted rightly.)
# Versions: onnx 1.23.2, judged by onnxruntime 1.32.0.
# Why it matters: a converter stands in front of engines that want a certain opset. The latency stays
# the same and the accuracy falls; nobody looks there. Compare outputs before and after.
# Date: 2026-11-28.
set -euo pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
PYTHONPATH=$(dirname "$0") PYTHONDONTWRITEBYTECODE=1 "$room/venv/bin/python" - "$room" <<'PY'
import onnx.version_converter
import numpy as np, onnx, onnxruntime
from onnx import helper
from engines import build, in_onnxruntime
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)

rng = np.random.default_rng(0)
x = rng.standard_normal((1, 3, 4, 4)).astype(np.float32)
twice = {"s": np.array([1, 1, 2, 2], np.float32)}
cases = [("Resize, linear", helper.make_node("Resize", ["x", "s"], ["y"], mode="linear"), twice, 10, 17, True),
         ("Hardmax", helper.make_node("Hardmax", ["x"], ["y"]), {}, 11, 17, True),
         ("Softmax down", helper.make_node("Softmax", ["x"], ["y"], axis=1), {}, 13, 11, True),
         ("Softmax up", helper.make_node("Softmax", ["x"], ["y"], axis=1), {}, 11, 13, False)]
for name, node, held, start, end, changes in cases:
    before = build([node], {"x": x}, held, opset=start)
    after = onnx.version_converter.convert_version(before, end)
    onnx.checker.check_model(after, full_check=True)
    a, b = in_onnxruntime(before, {"x": x}), in_onnxruntime(after, {"x": x})
    off = abs(a - b).max()
    print(f"{name}: opset {start} to {end}, {[n.op_type for n in after.graph.node]}, answers differ by {off:.3f}")
    assert a.shape == b.shape and (off > 0.05) == changes, f"{name}: the converter has changed"
PY
