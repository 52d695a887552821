#!/usr/bin/env bash
# Expected: an RNN, GRU or LSTM with direction "reverse" reads the sequence from its end.
# What happens: tract reads it from its beginning. Its answer is exactly that of direction "forward".
# The backward half of a "bidirectional" layer is right. Nothing is said.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17.
# Why it matters: speech and text models with a lone backward layer (CRNN decoders, models split layer
# by layer) give wrong words in the time of the right ones. Reverse the sequence with a Slice of step
# -1 before and after, or write a bidirectional layer.
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

rng = np.random.default_rng(0)
def values(*shape):
    return rng.standard_normal(shape).astype(np.float32)

feeds = {"x": values(4, 1, 3)}
for op, gates in ("RNN", 1), ("GRU", 3), ("LSTM", 4):
    constants = {"w": values(1, 5 * gates, 3), "r": values(1, 5 * gates, 5)}
    both = [build([helper.make_node(op, ["x", "w", "r"], ["y"], hidden_size=5, direction=d)], feeds, constants)
            for d in ("reverse", "forward")]
    ours, theirs = in_tract(both[0], feeds), [in_onnxruntime(m, feeds) for m in both]
    print(op, "reverse: tract is off onnxruntime's reverse by", abs(ours - theirs[0]).max().round(3),
          "and off its forward by", abs(ours - theirs[1]).max().round(6))
    assert np.allclose(ours, theirs[1], atol=1e-4), "tract now reads the sequence from its end"
    assert not np.allclose(ours, theirs[0], atol=1e-2)
PY
