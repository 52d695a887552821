#!/usr/bin/env bash
# Expected: Pad in mode "reflect" or "edge" mirrors or repeats what is there. The text of the operator
# says that the optional input with a constant is used in mode "constant" alone.
# What happens: as soon as that third input is present, tract pads with the constant and ignores the
# mode. Without it tract is right. onnxruntime and onnx's reference evaluator are right in both cases.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17.
# Why it matters: tools that fill in every input write the constant as a matter of course.
# Segmentation and restoration networks then get dark borders, with the time of the right model.
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

node = helper.make_node
feeds = {"x": np.array([[1, 2, 3, 4]], np.float32)}
pads = {"p": np.array([0, 2, 0, 2])}
for mode, want in ("reflect", [3, 2, 1, 2, 3, 4, 3, 2]), ("edge", [1, 1, 1, 2, 3, 4, 4, 4]):
    without = build([node("Pad", ["x", "p"], ["y"], mode=mode)], feeds, pads)
    given = build([node("Pad", ["x", "p", "v"], ["y"], mode=mode)], feeds, pads | {"v": np.float32(0)})
    print(mode, "tract without", in_tract(without, feeds)[0], "with", in_tract(given, feeds)[0],
          "onnxruntime with", in_onnxruntime(given, feeds)[0])
    assert np.array_equal(in_onnxruntime(given, feeds)[0], want)
    assert np.array_equal(in_tract(without, feeds)[0], want)
    assert np.array_equal(in_tract(given, feeds)[0], [0, 0, 1, 2, 3, 4, 0, 0]), "tract now minds the mode"
PY
