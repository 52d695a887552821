#!/usr/bin/env bash
# Expected: a constant of shape (C, 1, 1) and one of shape (1, C, 1, 1) mean the same in Mul with an
# image, and take the same time.
# What happens: tract takes three to six times as long for (C, 1, 1). The leading 1 is worth that
# much; onnxruntime does not care.
# Versions: tract 0.23.9, onnxruntime 1.32.0, opset 17, one thread.
# Why it matters: torch exports a parameter with the shape it has in the module, so that layer scale,
# an affine correction or normalisation written into the graph as (C, 1, 1) costs several element-wise
# operators. Two students that differ in a reshape of a parameter differ in latency. Reshape the
# constant before exporting.
# Date: 2026-11-28.
set -euo pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 tract==0.23.9
"$room/venv/bin/python" - "$room" <<'PY'
import sys, timeit
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

def best_us(call):
    return min(timeit.repeat(call, number=1, repeat=100)) * 1e6

def tract_call(model, feeds):
    onnx.save(model, sys.argv[1] + "/m.onnx")
    run = tract.onnx().load(sys.argv[1] + "/m.onnx").into_model().into_runnable()
    given = [tract.Tensor.from_numpy(a) for a in feeds.values()]
    return lambda: run.run(given)

def onnxruntime_call(model, feeds):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return lambda: session.run(None, feeds)

feeds = {"x": np.random.default_rng(0).standard_normal((1, 1024, 14, 14)).astype(np.float32)}
scale = np.random.default_rng(1).standard_normal(1024).astype(np.float32)
short = build([helper.make_node("Mul", ["x", "c"], ["y"])], feeds, {"c": scale.reshape(1024, 1, 1)})
full = build([helper.make_node("Mul", ["x", "c"], ["y"])], feeds, {"c": scale.reshape(1, 1024, 1, 1)})
assert np.array_equal(in_tract(short, feeds), in_tract(full, feeds))
for name, prepare in ("onnxruntime", onnxruntime_call), ("tract", tract_call):
    a, b = best_us(prepare(short, feeds)), best_us(prepare(full, feeds))
    print(f"{name}: (C, 1, 1) {a:.0f} us, (1, C, 1, 1) {b:.0f} us, ratio {a / b:.1f}")
assert a > 2 * b, "the leading 1 is no longer worth anything"
PY
