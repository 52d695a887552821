"""Networks that the tests' teachers are made of."""

import torch


class Linear(torch.nn.Module):
    def __init__(self, channels, classes, factor=1.0):
        super().__init__()
        self.linear = torch.nn.Linear(channels * 28 * 28, classes)
        self.factor = factor

    def forward(self, images):
        return self.linear(images.flatten(1)) * self.factor


class Network(torch.nn.Module):
    """A small network as people train them: 28x28 images of one channel, four classes."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 8, 3, 2, 1)
        self.norm = torch.nn.BatchNorm2d(8)
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(8, 4)

    def forward(self, images):
        features = torch.relu(self.norm(self.conv(images)))
        return self.head(self.dropout(features.mean((2, 3))))


class Bars(torch.nn.Module):
    """Knows the classes of the tests' data set by the brightness of its bar, in pixels from 0 to 1.

    A row with a bar has a mean of 0.56, a row of noise one of 0.17. An image that is normalised in another
    way than the module undoes is put into a wrong class.
    """

    def __init__(self, channels=1, side=28, mean=0.0, deviation=1.0):
        super().__init__()
        self.channels, self.side, self.mean, self.deviation = channels, side, mean, deviation
        weight = torch.zeros(4, channels, side, side)
        for label in range(4):
            top = (2 + 4 * label) * side // 28
            weight[label, :, top : top + 3 * side // 28] = 1.0 / (channels * (3 * side // 28) * side)
        self.register_buffer("weight", weight.flatten(1).t().contiguous())

    def forward(self, images):
        pixels = images * self.deviation + self.mean
        return (pixels.flatten(1) @ self.weight - 0.558).abs() * -10.0


class Softmax(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return torch.softmax(self.network(images), 1)


class Tuple(Softmax):
    def forward(self, images):
        return images.mean((2, 3)), self.network(images)


class Dict(Softmax):
    def forward(self, images):
        return {"pixels": images, "logits": self.network(images)}


class Bytes(Softmax):
    def forward(self, images):
        assert images.dtype == torch.uint8, "only whole pixels"
        return self.network(images.float() / 255)
