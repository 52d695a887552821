#!/usr/bin/env bash
# Expected: Resize in mode "tf_crop_and_resize" cuts out the region that its second input gives and
# scales it to the sizes that are asked for, whatever they are.
# What happens: onnxruntime hands the whole input back, not cut, when the size asked for is the size
# of the input (or all scales are 1). It looks at the scales alone and ignores the region. At any
# other size it cuts. tract and onnx's reference evaluator cut in both cases.
# Versions: onnxruntime 1.32.0, tract 0.23.9, onnx 1.23.2, opset 17.
# Why it matters: crops in front of a second network (faces, digits, detections) are right for all
# sizes but one, and a comparison of engines then blames the engine that is right.
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

feeds = {"x": np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)}
for size in 4, 3:
    held = {"roi": np.array([0, 0, 0.5, 0.5, 1, 1, 1, 1], np.float32), "sizes": np.array([1, 1, size, size])}
    model = build([helper.make_node("Resize", ["x", "roi", "", "sizes"], ["y"], mode="linear",
                                    coordinate_transformation_mode="tf_crop_and_resize")], feeds, held)
    ours, theirs = in_tract(model, feeds), in_onnxruntime(model, feeds)
    reference = ReferenceEvaluator(model).run(None, feeds)[0]
    print("to", size, "first row: tract", ours[0, 0, 0], "onnxruntime", theirs[0, 0, 0], "reference", reference[0, 0, 0])
    assert np.allclose(ours, reference)
    assert np.allclose(theirs, reference) == (size == 3), "onnxruntime now cuts at the size of the input"
    if size == 4:
        assert np.array_equal(theirs, feeds["x"])
PY
