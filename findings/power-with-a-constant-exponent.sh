#!/usr/bin/env bash
# Expected: x to the third costs about what x * x * x costs, and x to the power 0.5 what Sqrt costs:
# the exponent is a constant in the file.
# What happens: each engine knows some exponents and sends the others through a general power
# function, ten times as dear and more. tract knows 2 and 0.5 and not 3; onnxruntime knows 2 and 3 and
# not 0.5 (nor 1).
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17, one thread.
# Why it matters: the tanh form of GELU has a cube, a normalisation written out has a root. The same
# network is then fast in one engine and slow in the other, the activation and not the architecture
# decides a comparison, and MACs do not show it. Write Mul twice, and Sqrt.
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

node = helper.make_node
feeds = {"x": np.random.default_rng(0).uniform(0.5, 2, (1, 64, 28, 28)).astype(np.float32)}
def power(exponent):
    return build([node("Pow", ["x", "e"], ["y"])], feeds, {"e": np.float32(exponent)})

cube = build([node("Mul", ["x", "x"], ["s"]), node("Mul", ["s", "x"], ["y"])], feeds, {})
root = build([node("Sqrt", ["x"], ["y"])], feeds, {})
ratios = {}
for name, prepare in ("tract", tract_call), ("onnxruntime", onnxruntime_call):
    three, twice, half, sqrt = (best_us(prepare(m, feeds)) for m in (power(3), cube, power(0.5), root))
    ratios[name] = three / twice, half / sqrt
    print(f"{name}: Pow 3 over Mul and Mul {ratios[name][0]:.1f}, Pow 0.5 over Sqrt {ratios[name][1]:.1f}")
assert ratios["tract"][0] > 3 and ratios["tract"][1] < 3, "tract's exponents have changed"
assert ratios["onnxruntime"][0] < 3 and ratios["onnxruntime"][1] > 3, "onnxruntime's exponents have changed"
PY
