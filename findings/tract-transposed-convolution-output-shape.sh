#!/usr/bin/env bash
# Expected: ConvTranspose with `output_shape` gets its paddings from the formula in the operator's
# text: the odd one goes to the beginning when auto_pad is not SAME_UPPER.
# What happens: tract puts it elsewhere, so that the whole answer is shifted by one row and one
# column. The shape is right, every value is a right value, each in the wrong place. onnxruntime
# follows the text.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17.
# Why it matters: decoders made from Keras carry `output_shape`. A segmentation mask is one pixel off,
# which a comparison of means or of the largest value does not see. Write `pads` and `output_padding`
# instead.
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

feeds = {"x": np.arange(1, 10, dtype=np.float32).reshape(1, 1, 3, 3)}
constants = {"w": np.arange(1, 10, dtype=np.float32).reshape(1, 1, 3, 3)}
shaped = build([helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], output_shape=[6, 6])], feeds, constants)
# Full size is 7; one row and one column too many, taken from the beginning by the text of the operator.
padded = build([helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], pads=[1, 1, 0, 0])], feeds, constants)
ours, theirs, spelt = in_tract(shaped, feeds)[0, 0], in_onnxruntime(shaped, feeds)[0, 0], in_tract(padded, feeds)[0, 0]
print("tract", ours[:2].tolist())
print("onnxruntime", theirs[:2].tolist())
assert np.array_equal(theirs, spelt), "with pads spelt out the two agree"
assert not np.array_equal(ours, theirs), "tract now follows the text"
assert np.array_equal(ours[1:, 1:], theirs[:-1, :-1]), "it is a shift by one row and one column"
PY
