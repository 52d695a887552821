"""Writes teachers for 28x28 images of one channel and four classes.

Usage: make_teachers.py FOLDER [exported]. Writes TorchScript files: good.pt, seven.pt (7 classes), nan.pt
(logits that are not numbers), colour.pt (takes images of three channels) and, of a teacher that knows the
classes if it is fed as it wants to be, pixels.pt (pixels from 0 to 1), imagenet.pt (3x56x56, normalised),
bytes.pt, double.pt, probabilities.pt, tuple.pt, dict.pt; training.pt and dropout.pt were traced in training
mode. Besides, files that are no TorchScript, of one network: state_dict.pth, legacy.pth, checkpoint.pth.tar,
module.pth, pickle.pkl and, where it is asked for, exported.pt2.
"""

import pathlib
import pickle
import sys

import torch
from teacher_networks import Bars, Bytes, Dict, Linear, Network, Softmax, Tuple

folder = pathlib.Path(sys.argv[1])
torch.manual_seed(0)
torch.set_num_threads(1)


def trace(name, module, channels=1, side=28, kind=torch.float32):
    images = torch.zeros(2, channels, side, side, dtype=kind)
    traced = torch.jit.trace(module, images, check_trace=False, strict=False)
    traced.save(str(folder / f"{name}.pt"))


trace("good", Linear(1, 4))
trace("seven", Linear(1, 7))
trace("nan", Linear(1, 4, float("nan")))
trace("colour", Linear(3, 4), channels=3)
trace("pixels", Bars())
trace("imagenet", Bars(3, 56, 0.5, 0.25), channels=3, side=56)
trace("double", Bars().double(), kind=torch.float64)
trace("probabilities", Softmax(Bars()))
trace("tuple", Tuple(Bars()))
trace("dict", Dict(Bars()))
torch.jit.script(Bytes(Bars())).save(str(folder / "bytes.pt"))
trace("training", Network().train())
trace("dropout", Network(0.5).train())

network = Network().eval()
torch.save(network.state_dict(), folder / "state_dict.pth")
torch.save(network.state_dict(), folder / "legacy.pth", _use_new_zipfile_serialization=False)
optimizer = torch.optim.SGD(network.parameters(), 0.1).state_dict()
checkpoint = {"epoch": 3, "model": network.state_dict(), "optimizer": optimizer}
torch.save(checkpoint, folder / "checkpoint.pth.tar")
torch.save(network, folder / "module.pth")
(folder / "pickle.pkl").write_bytes(pickle.dumps(network))
if "exported" in sys.argv[2:]:
    batch = {0: torch.export.Dim("batch", min=2, max=1024)}
    program = torch.export.export(network, (torch.zeros(2, 1, 28, 28),), dynamic_shapes=(batch,))
    torch.export.save(program, folder / "exported.pt2")
