"""What the scripts about engines share: a model of a few nodes, its answer and its time in two engines.

The first argument of the program that imports it is a folder to write to. Each engine is imported
where it is used, for not every script installs both.
"""

import sys
import timeit

import numpy as np
import onnx
from onnx import helper, numpy_helper


def build(nodes, feeds, constants, opset=17):
    """A checked model that reads `feeds`, holds `constants` and yields `y`."""
    kind = helper.np_dtype_to_tensor_dtype
    inputs = [helper.make_tensor_value_info(n, kind(a.dtype), a.shape) for n, a in feeds.items()]
    held = [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_empty_tensor_value_info("y")], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def loaded_in_tract(model):
    import tract

    path = sys.argv[1] + "/m.onnx"
    onnx.save(model, path)
    return tract.onnx().load(path).into_model().into_runnable()


def in_tract(model, feeds):
    """The first output."""
    return loaded_in_tract(model).run(list(feeds.values()))[0].to_numpy()


def in_onnxruntime(model, feeds):
    """The first output."""
    import onnxruntime

    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)[0]


def tract_call(model, feeds):
    """One inference, to be timed."""
    import tract

    run = loaded_in_tract(model)
    given = [tract.Tensor.from_numpy(a) for a in feeds.values()]
    return lambda: run.run(given)


def onnxruntime_call(model, feeds):
    """One inference on one thread, to be timed."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return lambda: session.run(None, feeds)


def best_us(call):
    """The fastest of a hundred, in microseconds."""
    return min(timeit.repeat(call, number=1, repeat=100)) * 1e6
