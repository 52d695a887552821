#!/usr/bin/env bash
# Expected: the first `len` rows of a tensor, where `len` is an input of the network, are what
# onnxruntime gives.
# What happens: tract loads and prepares the network and refuses every inference: "Symbol … points to
# an invalid (dead ?) SymbolScope". A length of the whole axis fails as well.
# Versions: tract 0.23.9 and its Python wheel, onnxruntime 1.32.0, opset 17.
# Why it matters: speech models take the number of valid frames as an input and cut by it; they load,
# so that a check that loads only finds nothing. Cut outside of the network, or mask.
# Date: 2026-11-28.
set -euo pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 tract==0.23.9
PYTHONPATH=$(dirname "$0") PYTHONDONTWRITEBYTECODE=1 "$room/venv/bin/python" - "$room" <<'PY'
import sys
import numpy as np, onnx, onnxruntime, tract
from onnx import helper
from engines import build, in_tract, in_onnxruntime
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "tract", tract.version())

rows = np.arange(24, dtype=np.float32).reshape(1, 6, 4)
constants = {"zero": np.array([0]), "axis": np.array([1]), "two": np.array([2])}
cut = helper.make_node("Slice", ["x", "zero", "len", "axis"], ["s"])
most = helper.make_node("ReduceMax", ["s"], ["y"], axes=[1], keepdims=1)
for length in (2, 6):
    feeds = {"x": rows, "len": np.array([length])}
    model = build([cut, most], feeds, {name: constants[name] for name in ("zero", "axis")})
    right = in_onnxruntime(model, feeds)
    assert np.array_equal(right[0, 0], rows[0, length - 1])
    try:
        in_tract(model, feeds)
        sys.exit("tract cuts by a length now")
    except tract.TractError as refusal:
        said = [line.strip() for line in str(refusal).split("\n") if "SymbolScope" in line]
        assert said, refusal
        print("length", length, "onnxruntime", right.ravel(), "tract:", said[0])

# A constant end is no trouble.
fixed = helper.make_node("Slice", ["x", "zero", "two", "axis"], ["s"])
feeds = {"x": rows}
model = build([fixed, most], feeds, constants)
assert np.array_equal(in_tract(model, feeds), in_onnxruntime(model, feeds))
PY
