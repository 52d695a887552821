#!/usr/bin/env bash
# Expected: `onnx.reference.ReferenceEvaluator`, the package's own executable meaning of the
# operators, is the judge between two engines.
# What happens: it is wrong where both engines agree with each other and with the operator's text. LRN
# goes through as many channels as there are images in the batch, and leaves the others without their
# neighbours. LpNormalization with p 1 adds values without taking their size, so that a sum near 0
# blows up. MaxPool with auto_pad SAME_LOWER gives a smaller image, as if there were no padding.
# Versions: onnx 1.23.2, onnxruntime 1.32.0, tract 0.23.9, opset 17.
# Why it matters: a comparison of an engine with the reference evaluator condemns the engine. Let two
# engines and the text vote.
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

def case(name, node, x, judge):
    feeds = {"x": np.array(x, np.float32)}
    model = build([node], feeds, {})
    theirs, ours = in_onnxruntime(model, feeds), in_tract(model, feeds)
    reference = ReferenceEvaluator(model).run(None, feeds)[0]
    want = judge(feeds["x"])
    print(name, "wanted", want.ravel()[:4], "reference", reference.ravel()[:4], reference.shape)
    assert np.allclose(ours, want, atol=1e-5) and np.allclose(theirs, want, atol=1e-5)
    assert reference.shape != want.shape or not np.allclose(reference, want, atol=1e-2), f"{name}: the reference is right now"

node = helper.make_node
case("LRN", node("LRN", ["x"], ["y"], size=1, alpha=1.0, beta=1.0, bias=1.0), np.ones((1, 4, 1, 1)), lambda x: x / (1 + x ** 2))
case("LpNormalization", node("LpNormalization", ["x"], ["y"], p=1, axis=-1), [[3.0, -2.0, 1.0, -2.0]],
     lambda x: x / abs(x).sum(-1, keepdims=True))
case("MaxPool", node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER"),
     np.arange(9.0).reshape(1, 1, 3, 3), lambda x: np.array([[[[0, 2], [6, 8]]]], np.float32))
PY
