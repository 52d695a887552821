#!/usr/bin/env bash
# Expected: a recurrent layer honours its attributes, or the engine refuses those that it does not
# know.
# What happens: tract takes `activations` of RNN, `activations` of LSTM, `clip` of GRU and
# `input_forget` of LSTM, and gives exactly what it gives without them. onnxruntime honours them all.
# onnx's own reference evaluator ignores the last three in the same silence (and refuses the first),
# so that the two wrong ones agree with each other.
# Versions: tract 0.23.9, onnxruntime 1.32.0, onnx 1.23.2, opset 17.
# Why it matters: hard sigmoids and clipping are there to make recurrent layers cheap on small
# devices; a search that times them in tract times another layer, and a check against the reference
# evaluator calls it right.
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

rng = np.random.default_rng(0)
def values(*shape):
    return rng.standard_normal(shape).astype(np.float32)

feeds = {"x": values(4, 1, 3)}
for op, gates, given in (("RNN", 1, {"activations": ["Relu"]}), ("LSTM", 4, {"activations": ["HardSigmoid", "Relu", "Tanh"]}),
                         ("GRU", 3, {"clip": 0.3}), ("LSTM", 4, {"input_forget": 1})):
    constants = {"w": values(1, 5 * gates, 3), "r": values(1, 5 * gates, 5)}
    with_it, plain = (build([helper.make_node(op, ["x", "w", "r"], ["y"], hidden_size=5, **a)], feeds, constants)
                      for a in (given, {}))
    change = {e.__name__: float(abs(e(with_it, feeds) - e(plain, feeds)).max()) for e in (in_tract, in_onnxruntime)}
    if op != "RNN":
        reference = [ReferenceEvaluator(m).run(None, feeds)[0] for m in (with_it, plain)]
        change["in_reference"] = float(abs(reference[0] - reference[1]).max())
    print(op, given, "changes the answer by", {k: round(v, 4) for k, v in change.items()})
    assert change["in_onnxruntime"] > 0.01
    assert change["in_tract"] == 0 and change.get("in_reference", 0) == 0, "the attribute is honoured now"
PY
