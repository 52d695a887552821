#!/usr/bin/env bash
# torchvision's ToTensor gives negative, unscaled pixels for a 16-bit picture.
#
# Expected: ToTensor scales a picture to 0..1, or refuses a kind of picture that it cannot scale.
# Seen: a 16-bit grey picture (Pillow mode I;16) becomes int16 and is not scaled. Pixels above 32767
#   of 65535 wrap to negative numbers: the brighter half of the picture is below the darker half.
#   pil_to_tensor gives uint16 and the right values. Arrays that are not uint8 are not scaled either.
# Versions: torchvision 0.28.0, torch 2.13.0, Pillow 13.0.0, numpy 2.4.6.
# Why it matters: ToTensor is the first line of most pipelines, for the teacher and for the student.
#   After Normalize the pixels are float and nothing looks odd; only the accuracy is low.
# What helps: pil_to_tensor(image).to(torch.float32) / 65535.
# Date: 2026-11-28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 torchvision==0.28.0 pillow==13.0.0
venv/bin/python - <<'PYTHON'
import io
import sys

import numpy
import PIL
import torch
import torchvision
from PIL import Image
from torchvision.transforms import ToTensor
from torchvision.transforms.functional import pil_to_tensor

print("torchvision", torchvision.__version__, "torch", torch.__version__, "Pillow", PIL.__version__)
ramp = numpy.array([[0, 16000, 32000, 33000, 48000, 65535]], dtype=numpy.uint16)
stored = io.BytesIO()
Image.fromarray(ramp).save(stored, "PNG")
image = Image.open(stored)
wide, narrow = ToTensor()(image), ToTensor()(Image.fromarray((ramp // 257).astype(numpy.uint8)))
print("picture", image.mode, ramp.tolist())
print("ToTensor, 16 bits:", wide.dtype, wide.flatten().tolist())
print("ToTensor, 8 bits: ", narrow.dtype, [round(value, 3) for value in narrow.flatten().tolist()])
print("pil_to_tensor:    ", pil_to_tensor(image).dtype, pil_to_tensor(image).flatten().tolist())
print("ToTensor, int32 array:", ToTensor()(ramp.astype(numpy.int32)[..., None]).flatten().tolist())
sys.exit(0 if wide.dtype == torch.int16 and wide.min() < 0 < wide.max() and narrow.max() == 1 else 1)
PYTHON
