"""Checks ONNX files and runs each once with onnxruntime.

Usage: onnx_logits.py LIST.json, a list of {"model": FILE.onnx, "input": FILE of little-endian f32}.
Prints one JSON list: the logits of each. Fails on the first file that onnx.checker refuses.
"""

import json
import sys

import numpy
import onnx
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
answers = []
for case in json.load(open(sys.argv[1])):
    onnx.checker.check_model(case["model"], full_check=True)
    session = onnxruntime.InferenceSession(
        case["model"], options, providers=["CPUExecutionProvider"]
    )
    (given,) = session.get_inputs()
    values = numpy.fromfile(case["input"], "<f4").reshape(given.shape)
    (logits,) = session.run(None, {given.name: values})
    answers.append(logits.reshape(-1).tolist())
print(json.dumps(answers))
