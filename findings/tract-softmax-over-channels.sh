#!/usr/bin/env bash
# Expected: Softmax as one operator is at least as fast as its five steps (ReduceMax, Sub, Exp,
# ReduceSum, Div) written out.
# What happens: over an axis that is not the last (channels of an image, as segmentation heads and
# channel attention use it) tract's operator takes several times its own five steps, 12 times on the
# machine where this was found. On the last axis the two are near each other. onnxruntime's operator
# over the channels takes several times its five steps as well; both engines want the axis last.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17, one thread.
# Why it matters: a head that looks free in MACs takes the time of several convolutions, and a
# simplifier that puts the steps together into one operator makes the network slower. Write the steps
# out, or move the axis last.
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

node = helper.make_node
feeds = {"x": np.random.default_rng(0).standard_normal((1, 64, 28, 28)).astype(np.float32)}
steps = build([node("ReduceMax", ["x"], ["m"], axes=[1]), node("Sub", ["x", "m"], ["s"]), node("Exp", ["s"], ["e"]),
               node("ReduceSum", ["e", "axis"], ["t"]), node("Div", ["e", "t"], ["y"])], feeds, {"axis": np.array([1])})
one = build([node("Softmax", ["x"], ["y"], axis=1)], feeds, {})
assert np.allclose(in_tract(one, feeds), in_tract(steps, feeds), atol=1e-5)
for name, prepare in ("onnxruntime", onnxruntime_call), ("tract", tract_call):
    whole, written = best_us(prepare(one, feeds)), best_us(prepare(steps, feeds))
    print(f"{name}: Softmax over channels {whole:.0f} us, its five steps {written:.0f} us, ratio {whole / written:.1f}")
assert whole > 3 * written, "tract's operator is no longer slower than its steps"
PY
