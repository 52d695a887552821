"""Writes TorchScript teachers for 28x28 images of one channel.

Usage: make_teachers.py FOLDER. Writes good.pt (4 classes), seven.pt (7 classes), nan.pt (4 classes,
logits that are not numbers) and colour.pt (takes images of three channels).
"""

import pathlib
import sys

import torch

folder = pathlib.Path(sys.argv[1])
torch.manual_seed(0)
torch.set_num_threads(1)


class Linear(torch.nn.Module):
    def __init__(self, channels, classes, factor=1.0):
        super().__init__()
        self.linear = torch.nn.Linear(channels * 28 * 28, classes)
        self.factor = factor

    def forward(self, images):
        return self.linear(images.flatten(1)) * self.factor


for name, channels, module in [
    ("good", 1, Linear(1, 4)),
    ("seven", 1, Linear(1, 7)),
    ("nan", 1, Linear(1, 4, float("nan"))),
    ("colour", 3, Linear(3, 4)),
]:
    traced = torch.jit.trace(module, torch.zeros(2, channels, 28, 28), check_trace=False)
    traced.save(str(folder / f"{name}.pt"))
