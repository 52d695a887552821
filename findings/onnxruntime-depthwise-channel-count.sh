#!/usr/bin/env bash
# Expected: a depthwise convolution of 95 or 97 channels takes the time of one of 96, within a few per
# cent. A 1x1 convolution does.
# What happens: in onnxruntime on x86-64 it takes more than three times as long. Its fast layout holds
# channels in blocks of 8 or 16; a depthwise convolution whose channels do not fill the blocks goes
# the general way. In tract the three take the same.
# Versions: onnxruntime 1.32.0, tract 0.23.9, opset 17, one thread, x86-64.
# Why it matters: a search that widens by factors (0.75, 1.1) or prunes single channels finds smaller
# networks that are slower, and a latency model that is smooth in the channels is wrong by several
# times exactly at its optimum. Round channels to a multiple of 16.
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
from engines import build, best_us, tract_call, onnxruntime_call
print("numpy", np.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "tract", tract.version())

rng, took = np.random.default_rng(0), {}
for channels in 95, 96, 97:
    feeds = {"x": rng.standard_normal((1, channels, 28, 28)).astype(np.float32)}
    model = build([helper.make_node("Conv", ["x", "w"], ["y"], group=channels, pads=[1] * 4)], feeds,
                  {"w": rng.standard_normal((channels, 1, 3, 3)).astype(np.float32)})
    took[channels] = [best_us(prepare(model, feeds)) for prepare in (onnxruntime_call, tract_call)]
    print(channels, "channels: onnxruntime %.0f us, tract %.0f us" % tuple(took[channels]))
for odd in 95, 97:
    assert took[odd][0] > 2 * took[96][0], "onnxruntime no longer minds the number of channels"
    assert took[odd][1] < 2 * took[96][1]
PY
