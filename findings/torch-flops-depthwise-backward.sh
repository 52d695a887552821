#!/usr/bin/env bash
# torch's FLOP counter overestimates the backward pass of a depthwise convolution by its channels.
#
# Expected: the backward pass of a convolution costs twice its forward pass, grouped or not.
# Seen: for a convolution with g groups FlopCounterMode gives 1 + g times the forward pass: 2 for one
#   group, 65 for 64 depthwise channels. The gradient of the weight is counted as if every channel met
#   every other. The forward count of the same layers is right.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: the counter is used to state the cost of training and to share a budget between
#   students. It charges a mobile student (depthwise layers) many times what it uses and
#   prefers plain convolutions. The backward pass of torchvision's MobileNetV2 is given 18.6 times its
#   forward pass, that of ResNet-18 1.9 times.
# What helps: count the forward pass and multiply by three.
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
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

print("torch", torch.__version__)


def flops(network, x):
    with FlopCounterMode(display=False) as forward:
        y = network(x)
    with FlopCounterMode(display=False) as backward:
        y.sum().backward()
    return forward.get_total_flops(), backward.get_total_flops()


x = torch.randn(1, 64, 14, 14, requires_grad=True)
ratios = {}
for groups in (1, 2, 8, 64):
    forward, backward = flops(nn.Conv2d(64, 64, 3, padding=1, groups=groups, bias=False), x)
    assert forward == 2 * 64 * 14 * 14 * 64 // groups * 9
    ratios[groups] = backward / forward
    print(f"3x3, 64 channels, {groups} groups: forward {forward}, backward {backward}, ratio {ratios[groups]:.0f}")
block = nn.Sequential(nn.Conv2d(64, 384, 1), nn.Conv2d(384, 384, 3, padding=1, groups=384), nn.Conv2d(384, 64, 1))
forward, backward = flops(block, x)
print(f"inverted residual, expansion 6: ratio {backward / forward:.1f}")
sys.exit(0 if ratios[1] == 2 and ratios[64] == 65 and backward > 5 * forward else 1)
PYTHON
