#!/usr/bin/env bash
# The same seed gives other normal numbers when a tensor gets longer, wider or another memory format.
#
# Expected: after manual_seed, randn(20) begins with the numbers of randn(10), as rand(20) does with
#   those of rand(10); and a weight gets the same values in either memory format and in either type.
# Seen: from 16 numbers on randn fills blocks of 16, and draws the last 16 numbers again where the
#   length is no multiple. randn(10) is no beginning of randn(20), nor randn(16) of randn(17). A weight
#   in channels_last gets other numbers, and float64 and bfloat16 get others than float32.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: "equal seeds, equal start" does not hold between students that differ by one channel
#   or one class, nor between one run in channels_last and one without. Such a comparison of two
#   students also compares two initialisations.
# What helps: several seeds for each student; draw in float32, contiguous, then copy.
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

print("torch", torch.__version__)


def draw(function, *size, **options):
    torch.manual_seed(0)
    return function(*size, **options)


def begins(function, short, long):
    return torch.equal(draw(function, short), draw(function, long)[:short])


def weight(memory_format):
    torch.manual_seed(0)
    return torch.empty(4, 8, 3, 3).to(memory_format=memory_format).normal_()


pairs = [(10, 12), (10, 20), (16, 17), (1000, 1001)]
normal = [begins(torch.randn, *pair) for pair in pairs]
uniform = [begins(torch.rand, *pair) for pair in pairs]
print("randn: does the longer begin with the shorter?", dict(zip(pairs, normal)))
print("rand:  does the longer begin with the shorter?", dict(zip(pairs, uniform)))
plain, last = weight(torch.contiguous_format), weight(torch.channels_last)
print("weight in channels_last: largest difference", round((plain - last).abs().max().item(), 2))
single = draw(torch.randn, 20)
types = [(draw(torch.randn, 20, dtype=d).float() - single).abs().max().item() for d in (torch.float64, torch.bfloat16)]
print("largest difference to float32: float64 {:.2f}, bfloat16 {:.2f}".format(*types))
as_seen = all(uniform) and normal == [True, False, False, False] and min(types) > 0.5
sys.exit(0 if as_seen and not torch.equal(plain, last) else 1)
PYTHON
