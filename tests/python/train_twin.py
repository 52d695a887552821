"""Trains the Python twin of one of our networks and prints how many images a second go through.

    train_twin.py NETWORK.json [--images N] [--batch B] [--epochs E] [--threads T] [--layout auto|nchw|nhwc]

NETWORK.json is what `pearl arch show NETWORK --json` prints. The twin is plain eager PyTorch: torch.nn
modules, torch.optim.SGD with Nesterov momentum, cross-entropy, the batch taken out of a tensor by a
shuffled index. Of the two memory layouts it takes the one that is faster here, unless told. On a CUDA
device, where there is one, in mixed precision with a gradient scaler, as PyTorch's guide has it. Prints
one JSON document.
"""

import argparse
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"

ACTIVATIONS = {
    "relu": lambda: nn.ReLU(inplace=True),
    "relu6": lambda: nn.ReLU6(inplace=True),
    "h_swish": nn.Hardswish,
    "h_sigmoid": nn.Hardsigmoid,
    "sigmoid": nn.Sigmoid,
}
JOINTS = {
    "input": lambda x: x,
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "concat": lambda *xs: torch.cat(xs, 1),
}


def layer(node, channels):
    """The module of a node with weights or settings of its own, and its output channels."""
    op = node["op"]
    if op == "conv":
        out = node["out_channels"]
        return nn.Conv2d(channels, out, node["kernel"], node["stride"], node["padding"],
                         groups=node["groups"], bias=node["bias"]), out
    if op == "batch_norm":
        return nn.BatchNorm2d(channels, node["eps"], node["momentum"]), channels
    if op == "linear":
        return nn.Linear(channels, node["out_features"], node["bias"]), node["out_features"]
    if op == "max_pool":
        return nn.MaxPool2d(node["kernel"], node["stride"], node["padding"]), channels
    if op == "avg_pool":
        return nn.AvgPool2d(node["kernel"], node["stride"], node["padding"],
                            count_include_pad=False), channels
    if op == "global_avg_pool":
        return nn.AdaptiveAvgPool2d(1), channels
    if op == "flatten":
        return nn.Flatten(), channels
    if op == "dropout":
        return nn.Dropout(node["rate"]), channels
    if op in ACTIVATIONS:
        return ACTIVATIONS[op](), channels
    raise SystemExit(f"train_twin: node '{node['name']}': unknown operator '{op}'")


class Twin(nn.Module):
    def __init__(self, document):
        super().__init__()
        self.nodes = document["nodes"]
        self.layers = nn.ModuleDict()
        channels = []
        for index, node in enumerate(self.nodes):
            before = [channels[i] for i in node["inputs"]]
            if node["op"] == "input":
                channels.append(document["input"][0])
            elif node["op"] == "concat":
                channels.append(sum(before))
            elif node["op"] in JOINTS:
                channels.append(before[0])
            else:
                self.layers[str(index)], out = layer(node, before[0])
                channels.append(out)
        self.readers = [0] * len(self.nodes)
        for node in self.nodes:
            for i in node["inputs"]:
                self.readers[i] += 1
        # An activation may not overwrite what somebody else reads as well.
        for index, node in enumerate(self.nodes):
            if node["op"] in ("relu", "relu6") and self.readers[node["inputs"][0]] > 1:
                self.layers[str(index)].inplace = False

    def forward(self, x):
        values = []
        for index, node in enumerate(self.nodes):
            inputs = [values[i] for i in node["inputs"]] or [x]
            joint = JOINTS.get(node["op"])
            values.append(joint(*inputs) if joint else self.layers[str(index)](*inputs))
        return values[-1]


def train(document, layout, images, batch, epochs, warm_up):
    """Seconds and processor seconds spent in training steps, and images that went through them."""
    torch.manual_seed(0)
    model = Twin(document).train()
    form = torch.channels_last if layout == "nhwc" else torch.contiguous_format
    model = model.to(DEVICE, memory_format=form)
    data = torch.randn(images, *document["input"], device=DEVICE)
    labels = torch.randint(0, document["classes"], (images,), device=DEVICE)
    sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-4)

    scaler = torch.amp.GradScaler(DEVICE, enabled=CUDA)

    def step(chosen):
        x = data[chosen].contiguous(memory_format=form)
        sgd.zero_grad()
        with torch.autocast(DEVICE, torch.float16, enabled=CUDA):
            loss = F.cross_entropy(model(x), labels[chosen])
        scaler.scale(loss).backward()
        scaler.step(sgd)
        scaler.update()

    def finished():
        if CUDA:
            torch.cuda.synchronize()

    for _ in range(warm_up):
        step(torch.arange(batch, device=DEVICE))
    finished()
    start, start_cpu = time.perf_counter(), time.process_time()
    steps = 0
    for _ in range(epochs):
        order = torch.randperm(images, device=DEVICE)
        for first in range(0, images - batch + 1, batch):
            step(order[first:first + batch])
            steps += 1
    finished()
    return time.perf_counter() - start, time.process_time() - start_cpu, steps * batch


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="0 leaves the choice to torch")
    parser.add_argument("--layout", choices=["auto", "nchw", "nhwc"], default="auto")
    args = parser.parse_args()
    if args.images < args.batch or args.batch < 2 or args.epochs < 1:
        sys.exit("train_twin: needs at least one full batch of two images, and an epoch")
    if args.threads:
        torch.set_num_threads(args.threads)
    with open(args.network, encoding="utf-8") as file:
        document = json.load(file)
    layout = args.layout
    if layout == "auto":
        trial = {form: train(document, form, 3 * args.batch, args.batch, 1, 1)[0] for form in ("nhwc", "nchw")}
        layout = min(trial, key=trial.get)
    seconds, cpu_seconds, images = train(document, layout, args.images, args.batch, args.epochs, 2)
    print(json.dumps({
        "network": document["name"],
        "torch": torch.__version__,
        "device": DEVICE,
        "threads": torch.get_num_threads(),
        "layout": layout,
        "images": images,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "images_per_second": images / seconds,
    }))


if __name__ == "__main__":
    main()
