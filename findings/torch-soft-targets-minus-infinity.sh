#!/usr/bin/env bash
# A class that is ruled out by a logit of minus infinity makes every soft-target loss NaN.
#
# Expected: a class with probability 0 in the teacher and in the student adds 0 to the loss, as it
#   does for class numbers.
# Seen: cross_entropy with class numbers is finite. With probabilities it is NaN, and so are kl_div,
#   kl_div with log_target, and the gradient of distributions.kl_divergence: each multiplies 0 by
#   minus infinity. Softmax, entropy and log_prob of the same logits are fine.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: masks with minus infinity are the usual way to keep a student to some of the
#   teacher's classes, and a search policy to the choices that are allowed. Hard-label training works
#   with them, and the first step of distillation destroys all weights.
# What helps: cut the classes out, or mask with -1e4 instead of minus infinity.
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
from torch.distributions import Categorical, kl_divergence
from torch.nn import functional as F

print("torch", torch.__version__)


def losses(mask):
    torch.manual_seed(0)
    logits = torch.randn(6, 3)
    logits[:, 2] = mask
    label = torch.tensor([0, 1, 0, 1, 0, 1])
    log_p, q, log_q = F.log_softmax(logits, 1), F.softmax(logits * 0.5, 1), F.log_softmax(logits * 0.5, 1)
    leaf = logits.clone().requires_grad_()
    kl_divergence(Categorical(logits=leaf), Categorical(logits=torch.zeros(6, 3))).sum().backward()
    return {
        "cross_entropy, class numbers": F.cross_entropy(logits, label),
        "cross_entropy, probabilities": F.cross_entropy(logits, q),
        "kl_div": F.kl_div(log_p, q, reduction="batchmean"),
        "kl_div, log_target": F.kl_div(log_p, log_q, reduction="batchmean", log_target=True),
        "gradient of kl_divergence": leaf.grad.sum(),
    }


infinite, finite = losses(-float("inf")), losses(-1e4)
for name, value in infinite.items():
    print(f"{name}: mask -inf {value.item():.4f}, mask -1e4 {finite[name].item():.4f}")
nan = [bool(value.isnan()) for value in infinite.values()]
assert all(value.isfinite() for value in finite.values())
sys.exit(0 if nan == [False, True, True, True, True] else 1)
PYTHON
