#!/usr/bin/env bash
# Cross entropy with class weights is another loss for one-hot targets than for class numbers.
#
# Expected: one_hot(y) as the target gives the same loss as y, with or without weight=.
# Seen: without weight the two agree. With weight, the mean over class numbers divides by the sum of
#   the weights of the classes that occur; the mean over probabilities divides by the number of
#   images. Here the one-hot loss is five times as large. The unreduced losses are equal.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: distillation adds the two, CE(label) + alpha * CE(teacher). With class weights for a
#   data set out of balance, alpha then means something else in every batch, since the divisor of the
#   first term hangs on the batch's labels and that of the second does not.
# What helps: reduction="none", then one mean for both terms.
# Date: 2026-11-28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import sys

import torch
from torch.nn import functional as F

print("torch", torch.__version__)
torch.manual_seed(0)
logits = torch.randn(6, 3)
label = torch.tensor([0, 0, 0, 1, 1, 2])
one_hot = F.one_hot(label, 3).float()
weight = torch.tensor([1.0, 5.0, 20.0])

plain = F.cross_entropy(logits, label).item(), F.cross_entropy(logits, one_hot).item()
weighted = F.cross_entropy(logits, label, weight).item(), F.cross_entropy(logits, one_hot, weight).item()
each = F.cross_entropy(logits, label, weight, reduction="none")
each_soft = F.cross_entropy(logits, one_hot, weight, reduction="none")
print("no weights:   class numbers {:.4f}, one-hot {:.4f}".format(*plain))
print("class weights: class numbers {:.4f}, one-hot {:.4f}".format(*weighted))
print("unreduced losses equal:", torch.allclose(each, each_soft))
print(f"ratio {weighted[1] / weighted[0]:.3f}, sum of weights over images {weight[label].sum().item() / 6:.3f}")
assert abs(plain[0] - plain[1]) < 1e-6 and torch.allclose(each, each_soft)
sys.exit(0 if weighted[1] > 3 * weighted[0] else 1)
PYTHON
