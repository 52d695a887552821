#!/usr/bin/env bash
# Expected: the time of a convolution or a Softmax does not hang on the values that go in.
# What happens: numbers below 1.2e-38 (subnormals) take the slow way of the processor. A convolution
# of such inputs takes more than a hundred times as long in onnxruntime. One meets them without
# meaning to: a Softmax over masked scores takes ten times an unmasked one and more, for any mask of
# about -90 and below, minus infinity too; with a mask of -80, which hides as well, it takes no
# longer. tract's convolutions do not slow down: they answer 0 there. The setting
# `session.set_denormal_as_zero` does that in onnxruntime and is off.
# Versions: onnxruntime 1.32.0, tract 0.23.9, opset 17, one thread, x86-64 (the price hangs on the
# processor).
# Why it matters: random inputs do not show it. A causal or a windowed mask, or an input that fades
# out, decides a comparison of engines or of kinds of attention.
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
from engines import build, best_us, tract_call, onnxruntime_call
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "tract", tract.version())

node, rng = helper.make_node, np.random.default_rng(0)
x = rng.standard_normal((1, 32, 14, 14)).astype(np.float32)
tiny = (x * np.float32(1e-40)).astype(np.float32)
conv = build([node("Conv", ["x", "w"], ["y"], pads=[1] * 4)], {"x": x}, {"w": rng.standard_normal((32, 32, 3, 3)).astype(np.float32)})
for name, prepare in ("tract", tract_call), ("onnxruntime", onnxruntime_call):
    small, usual = (best_us(prepare(conv, {"x": v})) for v in (tiny, x))
    print(f"{name}: convolution of inputs of 1e-40 {small:.0f} us, of inputs of 1 {usual:.0f} us, ratio {small / usual:.1f}")
    assert (small > 3 * usual) == (name == "onnxruntime"), "the price of small numbers has changed"

took = {}
for mask in 0, -80, -90, -100, -np.inf:
    scores = np.full((256, 196), mask, np.float32)
    scores[:, 0] = 0
    softmax = build([node("Softmax", ["x"], ["y"], axis=-1)], {"x": scores}, {})
    took[mask] = best_us(onnxruntime_call(softmax, {"x": scores}))
print("onnxruntime, Softmax by mask:", {mask: f"{us:.0f} us" for mask, us in took.items()})
assert took[-80] < 2 * took[0]
assert min(took[-90], took[-100], took[-np.inf]) > 3 * took[-80], "masks are free now"
PY
