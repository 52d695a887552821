#!/usr/bin/env bash
# Expected: an If costs a few microseconds above the branch that is taken, as in onnxruntime.
# What happens: tract prepares the branch anew at every inference: it optimises its graph and packs
# its weights each time. A branch of one matrix product takes more than ten times the product alone.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17, one thread.
# Why it matters: a time that is "per inference" is mostly one of loading. Keyword spotters and voice
# detectors choose by such an If between rates or between first and later frames, and networks with
# early exits, which a search would like, are hopeless. Export the branch that is used as a file of
# its own.
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

node, value = helper.make_node, helper.make_tensor_value_info
feeds = {"x": np.ones((1, 256), np.float32), "c": np.array(True)}
held = {"w": np.full((256, 256), 0.01, np.float32)}
work = [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["r"])]
then = helper.make_graph(work, "then", [], [value("r", 1, [1, 256])])
other = helper.make_graph([node("Identity", ["x"], ["i"])], "else", [], [value("i", 1, [1, 256])])
branched = build([node("If", ["c"], ["y"], then_branch=then, else_branch=other)], feeds, held)
alone = {"x": feeds["x"]}
plain = build([work[0], node("Relu", ["h"], ["y"])], alone, held)
assert np.allclose(in_tract(branched, feeds), in_tract(plain, alone))
for name, prepare in ("onnxruntime", onnxruntime_call), ("tract", tract_call):
    a, b = best_us(prepare(branched, feeds)), best_us(prepare(plain, alone))
    print(f"{name}: inside an If {a:.0f} us, alone {b:.0f} us, ratio {a / b:.1f}")
assert a > 4 * b, "the branch is no longer prepared anew"
PY
