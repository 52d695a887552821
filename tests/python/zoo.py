"""Writes ONNX files of published networks with random weights, for the profiler's benchmarks.

    zoo.py FOLDER

torchvision's networks are exported at opset 17 with fixed shapes; the `light_*` models are those that the
`onnx` package carries. Files that are there already are kept. Prints one JSON document: name and path of
each.
"""

import json
import logging
import pathlib
import shutil
import sys
import warnings

import onnx
import torch
import torchvision

TORCHVISION = [
    "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "mnasnet0_5", "mnasnet1_0",
    "shufflenet_v2_x1_0", "squeezenet1_1", "resnet18", "efficientnet_b0", "regnet_y_400mf", "regnet_x_800mf",
]


def export(name, path):
    torch.manual_seed(0)
    network = torchvision.models.get_model(name, weights=None).eval()
    partial = path.with_suffix(".part")
    torch.onnx.export(network, torch.zeros(1, 3, 224, 224), str(partial), opset_version=17, dynamo=False)
    partial.rename(path)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    models = {}
    for name in TORCHVISION:
        models[name] = folder / f"{name}.onnx"
        if not models[name].exists():
            export(name, models[name])
    light = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    for source in sorted(light.glob("light_*.onnx")):
        models[source.stem] = folder / source.name
        if not models[source.stem].exists():
            shutil.copyfile(source, models[source.stem])
    print(json.dumps({name: str(path) for name, path in models.items()}, indent=1))


main()
