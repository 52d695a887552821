#!/usr/bin/env bash
# The same network, traced twice in one process, gives two different TorchScript files.
#
# Expected: equal weights and an equal network give equal bytes, as torch.save does for a state_dict.
# Seen: torch.jit.trace numbers the classes that it makes, and torch.jit.save writes the numbers down.
#   Every later trace in a process has other bytes. torch.save(state_dict()) is the same each time.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: a hash of the file names the teacher in caches and results. The same teacher exported
#   by a notebook, by a script, or as the second of a loop has another hash, so its cached logits are
#   computed again and two results look as if two teachers had taught.
# What helps: keep the first file; compare the hashes of the weights and of the graph, not of the file.
# Date: 2026-11-28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import hashlib
import io
import sys
import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")
print("torch", torch.__version__)
x = torch.zeros(1, 3, 16, 16)


def digest(save, value):
    stored = io.BytesIO()
    save(value, stored)
    return hashlib.sha256(stored.getvalue()).hexdigest()[:12]


weights, files, answers = [], [], []
for _ in range(3):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)).eval()
    traced = torch.jit.trace(network, x)
    weights.append(digest(torch.save, network.state_dict()))
    files.append(digest(torch.jit.save, traced))
    answers.append(traced(torch.ones_like(x)))
print("torch.save of the weights:", weights)
print("torch.jit.save:           ", files)
assert all(torch.equal(answers[0], answer) for answer in answers)
sys.exit(0 if len(set(weights)) == 1 and len(set(files)) == 3 else 1)
PYTHON
