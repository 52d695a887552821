#!/usr/bin/env bash
# A TorchScript file traced in training mode stays in training mode, and every answer changes it.
#
# Expected: eval() on the loaded module turns batch norm and dropout to inference, or is refused; and
#   no_grad with eval leaves the weights alone.
# Seen: eval() succeeds and training reads False on every submodule. Yet one image's logits depend on
#   the other images of its batch, and dropout goes on at random. Each inference moves the running
#   statistics of the loaded module: the file that is saved after use is another teacher.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: logits of such a teacher depend on the batch size and on the order of the images.
#   Logits kept on disk are not those of the next run. No flag of the module tells.
# What helps: network.eval() before torch.jit.trace; or test: logits of a batch against one image each.
# Date: 2026-11-28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import io
import sys
import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")
torch.set_num_threads(1)
print("torch", torch.__version__)
torch.manual_seed(0)
images = torch.randn(8, 3, 16, 16)


def traced(*last):
    head = nn.Flatten(), *last, nn.Linear(8 * 196, 5)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), *head)
    stored = io.BytesIO()
    torch.jit.save(torch.jit.trace(network.train(), images, check_trace=False), stored)
    stored.seek(0)
    return torch.jit.load(stored).eval()


with torch.no_grad():
    teacher = traced()
    print("training flags after eval():", {module.training for module in teacher.modules()})
    statistics = teacher.state_dict()["1.running_mean"].clone()
    difference = (teacher(images)[:1] - teacher(images[:1])).abs().max().item()
    moved = (teacher.state_dict()["1.running_mean"] - statistics).abs().max().item()
    dropping = traced(nn.Dropout(0.5))
    noise = (dropping(images) - dropping(images)).abs().max().item()
print(f"one image, alone and in its batch: logits differ by {difference:.3f}")
print(f"two inferences moved the running mean by {moved:.3f}")
print(f"with dropout, two answers for the same batch differ by {noise:.3f}")
sys.exit(0 if not teacher.training and min(difference, moved, noise) > 0.001 else 1)
PYTHON
