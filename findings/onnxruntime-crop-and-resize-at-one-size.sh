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
"$room/venv/bin/python" - "$room" <<'PY'
import sys
from onnx.reference import ReferenceEvaluator
import numpy as np, onnx, onnxruntime, tract
from onnx import helper, numpy_helper
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "tract", tract.version())

def build(nodes, feeds, constants, opset=17):
    kind = helper.np_dtype_to_tensor_dtype
    inputs = [helper.make_tensor_value_info(n, kind(a.dtype), a.shape) for n, a in feeds.items()]
    held = [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_empty_tensor_value_info("y")], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model, full_check=True)
    return model

def in_tract(model, feeds):
    onnx.save(model, sys.argv[1] + "/m.onnx")
    run = tract.onnx().load(sys.argv[1] + "/m.onnx").into_model().into_runnable()
    return run.run(list(feeds.values()))[0].to_numpy()

def in_onnxruntime(model, feeds):
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)[0]

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
