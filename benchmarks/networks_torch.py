"""The networks in PyTorch, as modules over channels-last arrays."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional


class Task(NamedTuple):
    """A network, its loss and its optimizer. The loss is of the output and `y`."""

    module: nn.Module
    loss: Callable[[Any, Any], Any]
    optimizer: Any


def entropy(logits: Any, y: Any) -> Any:
    return functional.cross_entropy(logits.flatten(0, -2), y.flatten().long())


def binary(logits: Any, y: Any) -> Any:
    return functional.binary_cross_entropy_with_logits(logits, y.float())


def task(module: nn.Module, loss: Any = entropy, rate: float = 1e-3) -> Task:
    optimizer = torch.optim.Adam(module.parameters(), rate, eps=1e-7, fused=True)
    return Task(module, loss, optimizer)


def dense(*sizes: int) -> nn.Sequential:
    found: list[nn.Module] = []
    for inputs, units in pairwise(sizes):
        found += [nn.Linear(inputs, units), nn.ReLU()]
    return nn.Sequential(*found[:-1])


def mlp() -> Task:
    return task(dense(784, 32, 32, 10))


def bigmlp() -> Task:
    return task(dense(784, 1024, 1024, 10))


def deepmlp() -> Task:
    return task(dense(784, *[64] * 20, 10))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(784, 64)
        self.center, self.log_var = nn.Linear(64, 32), nn.Linear(64, 32)
        self.decoder = dense(32, 64, 784)

    def forward(self, x):
        seen = functional.relu(self.encoder(x))
        center, log_var = self.center(seen), self.log_var(seen)
        code = center + torch.exp(0.5 * log_var) * torch.randn_like(center)
        own = -0.5 * torch.mean(log_var - center**2 - torch.exp(log_var) + 1.0)
        return torch.sigmoid(self.decoder(code)), own


def vae() -> Task:
    return task(
        Autoencoder(), lambda found, y: functional.mse_loss(found[0], y) + found[1]
    )


class Hyper(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside = dense(784, 16, 784 * 64 + 64 + 640 + 10)

    def forward(self, x):
        made = torch.sigmoid(self.inside(x))[0]
        w1, b1, w2, b2 = made.split([784 * 64, 64, 640, 10])
        return functional.relu(x @ w1.view(784, 64) + b1) @ w2.view(64, 10) + b2


def hyper() -> Task:
    return task(Hyper())


class Image(nn.Module):
    """A network over images that come with channels last."""

    def __init__(self, *modules: nn.Module):
        super().__init__()
        self.inside = nn.Sequential(*modules)

    def forward(self, x):
        return self.inside(x.movedim(-1, 1))


def conv() -> Task:
    first = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    rest = [nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10)]
    return task(Image(*first, *second, *rest))


class Recurrent(nn.Module):
    def __init__(self, rnn: nn.Module, units: int):
        super().__init__()
        self.rnn, self.logits = rnn, nn.Linear(units, 10)

    def forward(self, x):
        return self.logits(self.rnn(x)[0][:, -1])


def lstm() -> Task:
    return task(Recurrent(nn.LSTM(28, 128, batch_first=True), 128))


def gru() -> Task:
    return task(Recurrent(nn.GRU(16, 96, batch_first=True), 96))


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, causal: bool = False):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.heads, self.causal = heads, causal

    def forward(self, x):
        batch, steps, width = x.shape
        shape = (batch, steps, self.heads, width // self.heads)
        parts = [f(x).view(shape).transpose(1, 2) for f in (self.q, self.k, self.v)]
        found = functional.scaled_dot_product_attention(*parts, is_causal=self.causal)
        return self.o(found.transpose(1, 2).reshape(batch, steps, width))


def fed(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
    )


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.fed = Attention(128, 4), fed(128)
        self.first, self.second = nn.LayerNorm(128, 1e-3), nn.LayerNorm(128, 1e-3)
        self.logits = nn.Linear(128, 10)

    def forward(self, x):
        x = self.first(x + self.attention(x))
        return self.logits(self.second(x + self.fed(x)).mean(1))


def block() -> Task:
    return task(Block())


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        for place in "12":
            setattr(self, "c" + place, nn.Conv2d(32, 32, 3, padding=1, bias=False))
            setattr(self, "n" + place, nn.BatchNorm2d(32, 1e-3, 0.01))
        self.logits = nn.Linear(32, 10)

    def forward(self, x):
        x = x.movedim(-1, 1)
        h = functional.relu(self.n1(self.c1(x)))
        return self.logits(functional.relu(x + self.n2(self.c2(h))).mean((2, 3)))


def resnet() -> Task:
    module = Residual()
    optimizer = torch.optim.SGD(module.parameters(), 0.01, momentum=0.9, fused=True)
    return Task(module, entropy, optimizer)


def double(inputs: int, filters: int) -> nn.Sequential:
    first = [nn.Conv2d(inputs, filters, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*first, nn.Conv2d(filters, filters, 3, padding=1), nn.ReLU())


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.bottom, self.up = double(1, 8), double(8, 16), double(24, 8)
        self.ink = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        fine = self.down(x.movedim(-1, 1))
        large = functional.interpolate(
            self.bottom(functional.max_pool2d(fine, 2)), scale_factor=2
        )
        return self.ink(self.up(torch.cat([large, fine], 1))).movedim(1, -1)


def unet() -> Task:
    return task(UNet(), binary)


def normed() -> Task:
    found: list[nn.Module] = []
    for inputs in (256, 512):
        found += [nn.Linear(inputs, 512), nn.LayerNorm(512, 1e-3), nn.GELU()]
    module = nn.Sequential(*found, nn.Linear(512, 10))
    optimizer = torch.optim.AdamW(
        module.parameters(), 1e-3, eps=1e-7, weight_decay=0.004, fused=True
    )
    return Task(module, entropy, optimizer)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(1000, 64), nn.Embedding(64, 64)
        self.attention, self.fed = Attention(64, 4, causal=True), fed(64)
        self.n1, self.n2, self.n3 = (nn.LayerNorm(64, 1e-3) for _ in range(3))
        self.logits = nn.Linear(64, 1000)

    def forward(self, x):
        x = self.words(x) + self.places.weight
        x = x + self.attention(self.n1(x))
        return self.logits(self.n3(x + self.fed(self.n2(x))))


def decoder() -> Task:
    return task(Decoder())


class Series(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv1d(8, 32, 5), nn.Conv1d(32, 64, 5, stride=2)
        self.number = nn.Linear(64, 1)

    def forward(self, x):
        x = functional.relu(self.first(functional.pad(x.movedim(-1, 1), (4, 0))))
        return self.number(functional.relu(self.second(x)).mean(2))


def series() -> Task:
    module = Series()
    optimizer = torch.optim.RMSprop(module.parameters(), 1e-3, alpha=0.9, eps=1e-7)
    return Task(module, functional.mse_loss, optimizer)


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.rest = nn.Embedding(5000, 32), dense(32, 64, 1)

    def forward(self, x):
        return self.rest(self.words(x).mean(1))


def text() -> Task:
    return task(Text(), binary)


class Mean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def separable() -> Task:
    # An even number of pixels with stride 2: Keras's "same" adds at the far ends.
    found: list[nn.Module] = [nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 16, 3, 2)]
    found.append(nn.ReLU())
    for a, b in ((16, 32), (32, 64)):
        found += [nn.Conv2d(a, a, 3, padding=1, groups=a), nn.ReLU()]
        found += [nn.Conv2d(a, b, 1), nn.ReLU()]
    return task(Image(*found, Mean(), nn.Linear(64, 10)))


class Chain(nn.Module):
    def __init__(self, depth: int):
        super().__init__()
        self.inside = nn.ModuleList(nn.Linear(64, 64) for _ in range(depth))
        self.logits = nn.Linear(64, 10)
        for layer in self.inside:
            nn.init.normal_(layer.weight, 0.0, 1e-4)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        for layer in self.inside:
            x = x + functional.relu(layer(x))
        return self.logits(x)


def chain(depth: int) -> Task:
    """So many residual layers of 64, which start near nothing: it stays finite."""
    return task(Chain(depth), rate=1e-6)


NETWORKS = {
    make.__name__: make
    for make in (
        *(mlp, vae, hyper, conv, lstm, block, bigmlp, deepmlp),
        *(gru, resnet, unet, normed, decoder, series, text, separable),
    )
}
