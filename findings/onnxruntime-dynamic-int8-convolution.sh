#!/usr/bin/env bash
# Expected: `quantize_dynamic` makes a convolutional network smaller and faster, as it does for matrix
# products. Whether weights are signed is a detail.
# What happens: with its default, signed weights, the convolution takes about ten times the float
# file's time in onnxruntime itself. With `weight_type=QUInt8` it takes twice the float time: six
# times less for the choice of a sign. For a matrix product the choice goes the other way: signed is
# the faster one there. The same convolution as a static QLinearConv takes a third of the float time.
# The tool says nothing.
# Versions: onnxruntime 1.32.0, onnx 1.23.2, opset 17, one thread, x86-64 with int8 instructions.
# Why it matters: "int8 is slower" is concluded from the easiest call of the most used tool. Quantise
# convolutions statically, or leave them in float with `op_types_to_quantize=["MatMul"]`.
# Date: 2026-11-28.
set -euo pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
PYTHONPATH=$(dirname "$0") PYTHONDONTWRITEBYTECODE=1 "$room/venv/bin/python" - "$room" <<'PY'
import sys
import logging
logging.disable(logging.WARNING)
from onnxruntime.quantization import QuantType, quantize_dynamic
import numpy as np, onnx, onnxruntime
from onnx import helper
from engines import build, best_us, onnxruntime_call
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)

node, rng, room = helper.make_node, np.random.default_rng(0), sys.argv[1]
feeds = {"x": rng.standard_normal((1, 64, 28, 28)).astype(np.float32)}
single = build([node("Conv", ["x", "w"], ["y"], pads=[1] * 4)], feeds, {"w": rng.standard_normal((64, 64, 3, 3)).astype(np.float32)})
onnx.save(single, room + "/f.onnx")
took = {"float": best_us(onnxruntime_call(single, feeds))}
for name, chosen in ("signed, the default", {}), ("unsigned", {"weight_type": QuantType.QUInt8}):
    quantize_dynamic(room + "/f.onnx", room + "/q.onnx", **chosen)
    dynamic = onnx.load(room + "/q.onnx")
    assert "ConvInteger" in [n.op_type for n in dynamic.graph.node]
    took[name] = best_us(onnxruntime_call(dynamic, feeds))
names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
whole = {"x": rng.integers(0, 255, (1, 64, 28, 28)).astype(np.uint8)}
static = build([node("QLinearConv", names, ["y"], pads=[1] * 4)], whole, {
    "xs": np.float32(0.05), "xz": np.uint8(128), "w": rng.integers(-127, 127, (64, 64, 3, 3)).astype(np.int8),
    "ws": np.float32(0.01), "wz": np.int8(0), "ys": np.float32(0.2), "yz": np.uint8(128)})
took["static"] = best_us(onnxruntime_call(static, whole))
print({name: f"{us:.0f} us" for name, us in took.items()})
assert took["signed, the default"] > 3 * took["float"], "dynamic int8 is no longer slow"
assert took["signed, the default"] > 2 * took["unsigned"], "the sign is a detail now"
PY
