#!/usr/bin/env bash
# Expected: GlobalLpPool with p 2 is the square root of the sum of squares over the image, as LpPool
# over a kernel of the image's size is: 4 values of 3 give 6.
# What happens: tract divides the sum by the number of values first, as a mean does, and gives 3.
# ReduceL2 over the same axes gives 6 in tract too.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17.
# Why it matters: the factor depends on the size of the image, so that a network that is right at one
# size cannot be mended by one number at another. Write ReduceL2 over axes 2 and 3.
# Date: 2026-11-28.
set -euo pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 tract==0.23.9
"$room/venv/bin/python" - "$room" <<'PY'
import sys
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

feeds = {"x": np.full((1, 1, 2, 2), 3, np.float32)}
pool = build([helper.make_node("GlobalLpPool", ["x"], ["y"], p=2)], feeds, {})
norm = build([helper.make_node("ReduceL2", ["x"], ["y"], axes=[2, 3])], feeds, {})
seen = {n: e(m, feeds).item() for n, e, m in (("tract GlobalLpPool", in_tract, pool), ("tract ReduceL2", in_tract, norm),
                                              ("onnxruntime GlobalLpPool", in_onnxruntime, pool))}
print(seen)
assert np.isclose(seen["onnxruntime GlobalLpPool"], 6) and np.isclose(seen["tract ReduceL2"], 6)
assert np.isclose(seen["tract GlobalLpPool"], 3), "tract no longer divides by the count"
PY
