"""Further networks in PyTorch, of kinds that `networks_torch.py` lacks."""

from collections.abc import Callable
from typing import Any

import torch
from networks_torch import Task, binary, task
from torch import nn
from torch.nn import functional
from workloads import neighbors


class Formula(nn.Module):
    """Parts, and a function of them and what the module is called on."""

    def __init__(self, function: Callable[[Any, Any], Any], **parts: Any):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape) * shape[-2] ** -0.5)


def bilstm() -> Task:
    """It reads zeros like all words: PyTorch masks nothing in the middle of a row."""

    def run(own, x):
        found = own.rnn(own.words(x))[0]
        return own.logits(torch.cat([found[:, -1, :48], found[:, 0, 48:]], -1))

    rnn = nn.LSTM(32, 48, batch_first=True, bidirectional=True)
    words, logits = nn.Embedding(50, 32), nn.Linear(96, 1)
    return task(Formula(run, rnn=rnn, words=words, logits=logits), binary)


def fed(width: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class Mixing(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.LayerNorm(96, 1e-3), nn.LayerNorm(96, 1e-3)
        self.tokens, self.channels = fed(64, 32), fed(96, 256)

    def forward(self, x):
        x = x + self.tokens(self.first(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.second(x))


def mixer() -> Task:
    def run(own, x):
        pieces = own.pieces(x.movedim(-1, 1)).flatten(2).transpose(1, 2)
        return own.logits(own.inside(pieces).mean(1))

    pieces, logits = nn.Conv2d(3, 96, 4, 4), nn.Linear(96, 10)
    inside = nn.Sequential(Mixing(), Mixing())
    return task(Formula(run, pieces=pieces, inside=inside, logits=logits))


def experts() -> Task:
    def run(own, x):
        best, place = torch.topk(x @ own.gate, 2)
        shares = functional.one_hot(place, 8) * torch.softmax(best, -1)[..., None]
        h = torch.einsum("bi,eih->ebh", x, own.w1) + own.b1[:, None]
        found = torch.einsum("ebh,eho->ebo", functional.relu(h), own.w2)
        found = found + own.b2[:, None]
        return own.logits(x + torch.einsum("ebo,be->bo", found, shares.sum(1)))

    held = {"w1": weight(8, 64, 128), "w2": weight(8, 128, 64), "gate": weight(64, 8)}
    held |= {
        name: nn.Parameter(torch.zeros(8, width))
        for name, width in (("b1", 128), ("b2", 64))
    }
    return task(Formula(run, logits=nn.Linear(64, 10), **held))


def ranks() -> Task:
    def run(own, x):
        h = own.first(x)
        ordered, places = torch.sort(h, -1)
        parts = [ordered * torch.gather(x, -1, places), torch.topk(h, 16)[0]]
        return own.number(torch.cat(parts, -1))

    module = Formula(run, first=nn.Linear(256, 256), number=nn.Linear(272, 1))
    return task(module, functional.mse_loss)


class Gated(nn.Module):
    def __init__(self, rate: int):
        super().__init__()
        self.rate, self.rest = rate, nn.Conv1d(32, 32, 1)
        self.seen, self.gate = (nn.Conv1d(32, 32, 2, dilation=rate) for _ in range(2))

    def forward(self, x):
        before = functional.pad(x, (self.rate, 0))
        return x + self.rest(
            torch.tanh(self.seen(before)) * torch.sigmoid(self.gate(before))
        )


def wavenet() -> Task:
    def run(own, x):
        h, skipped = own.words(x).movedim(-1, 1), 0
        for layer in own.inside:
            h = layer(h)
            skipped = skipped + h
        return own.ends(functional.relu(skipped)).movedim(1, -1)

    inside = nn.ModuleList(Gated(rate) for rate in (1, 2, 4, 8))
    ends = nn.Sequential(nn.Conv1d(32, 64, 1), nn.ReLU(), nn.Conv1d(64, 64, 1))
    return task(Formula(run, words=nn.Embedding(64, 32), inside=inside, ends=ends))


def physics() -> Task:
    def run(own, x):
        with torch.inference_mode(False), torch.enable_grad():
            x = x.clone().requires_grad_()
            (slope,) = torch.autograd.grad(own.field(x).sum(), x, create_graph=True)
            (bend,) = torch.autograd.grad(slope[:, 0].sum(), x, create_graph=True)
            found = slope[:, 1:] - 0.1 * bend[:, :1]
            return found if own.training else found.detach()

    found: list[nn.Module] = []
    for inputs in (2, 32, 32):
        found += [nn.Linear(inputs, 32), nn.Tanh()]
    field = nn.Sequential(*found, nn.Linear(32, 1, bias=False))
    return task(Formula(run, field=field), functional.mse_loss)


def ode() -> Task:
    def run(own, x):
        for _ in range(10):
            a = own.slope(x)
            b = own.slope(x + 0.05 * a)
            c = own.slope(x + 0.05 * b)
            d = own.slope(x + 0.1 * c)
            x = x + (0.1 / 6) * (a + 2 * b + 2 * c + d)
        return own.logits(x)

    slope = nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 16))
    return task(Formula(run, slope=slope, logits=nn.Linear(16, 10)))


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(32, 32, 3, 3) * 0.05)
        self.normal = nn.GroupNorm(8, 32, 1e-3)

    def forward(self, x):
        variance, mean = torch.var_mean(
            self.kernel, (1, 2, 3), correction=0, keepdim=True
        )
        kernel = (self.kernel - mean) * torch.rsqrt(variance + 1e-5)
        h = functional.conv2d(x, kernel, padding=1)
        return x + functional.silu(self.normal(h))


def grouped() -> Task:
    def run(own, x):
        return own.logits(own.inside(x.movedim(-1, 1)).mean((2, 3)))

    inside = nn.Sequential(Grouped(), Grouped())
    return task(Formula(run, inside=inside, logits=nn.Linear(32, 10)))


def zeros(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(*shape))


def gp() -> Task:
    def kernel(x, z):
        return torch.exp(-0.5 * ((x[:, None] - z[None]) ** 2).sum(-1))

    def run(own, x):
        points, x = own.points * torch.exp(own.scales), x * torch.exp(own.scales)
        whole = kernel(points, points) + 0.1 * torch.eye(64)
        lower = torch.linalg.cholesky(whole)
        seen, known = (
            torch.linalg.solve_triangular(lower, b, upper=False)
            for b in (kernel(points, x), own.values)
        )
        return seen.T @ known + own.bias

    held = {"points": weight(64, 4), "values": weight(64, 1)}
    held |= {"scales": zeros(4), "bias": zeros(1)}
    return task(Formula(run, **held), functional.mse_loss)


def kalman() -> Task:
    def run(own, x):
        move, see, unit = own.move, own.see, torch.eye(4)
        mean = torch.zeros_like(x[:, 0])
        spread, told = mean[..., None] + unit, []
        for seen in x.unbind(1):
            told.append(mean @ see)
            trust = torch.exp(seen @ own.gate + own.doubt)
            whole = see.T @ spread @ see + trust[..., None] * unit
            gain = spread @ see @ torch.linalg.inv(whole)
            mean = mean + (gain @ (seen - told[-1])[..., None])[..., 0]
            spread = spread - gain @ (see.T @ spread)
            mean = mean @ move
            spread = move.T @ spread @ move + torch.exp(own.drift) * unit
        return torch.stack(told, 1)

    held = {name: weight(4, 4) for name in ("move", "see", "gate")}
    held |= {name: zeros(4) for name in ("drift", "doubt")}
    return task(Formula(run, **held), functional.mse_loss)


def selective() -> Task:
    def run(own, x):
        inside, gate = functional.silu(own.inside(x)).chunk(2, -1)
        step = functional.softplus(own.step(inside))[..., None]
        keep = torch.exp(-step * torch.exp(own.rates))
        more = step * inside[..., None] * (inside @ own.keys)[..., None, :]
        state, told = torch.zeros_like(more[:, 0]), []
        for kept, added, seen in zip(
            keep.unbind(1), more.unbind(1), (inside @ own.told).unbind(1), strict=True
        ):
            state = kept * state + added
            told.append((state * seen[:, None]).sum(-1))
        return own.logits((torch.stack(told, 1) + own.skip * inside) * gate)

    held: dict[str, Any] = {n: weight(32, 8) for n in ("keys", "told", "rates")}
    held |= {"inside": nn.Linear(32, 64), "step": nn.Linear(32, 32), "skip": zeros(32)}
    return task(Formula(run, logits=nn.Linear(32, 10), **held))


def crf() -> Task:
    def run(own, x):
        seen = own.seen(torch.tanh(own.words(x))).unbind(1)
        known = torch.zeros_like(seen[0])
        before, behind = [], [known]
        for one in seen:
            known = torch.logsumexp(known[..., None] + own.moves, 1) + one
            before.append(known)
        for one in seen[:0:-1]:
            told = own.moves + (behind[-1] + one)[:, None]
            behind.append(torch.logsumexp(told, 2))
        return torch.stack(before, 1) + torch.stack(behind[::-1], 1)

    words, seen = nn.Embedding(500, 64), nn.Linear(64, 12)
    return task(Formula(run, words=words, seen=seen, moves=weight(12, 12)))


class Attended(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.kernel, self.bias = weight(width, 64), zeros(64)
        self.source, self.target = weight(4, 16), weight(4, 16)
        self.register_buffer("near", torch.from_numpy(neighbors())[..., None])

    def forward(self, h):
        values = (h @ self.kernel).view(-1, 64, 4, 16)
        own, others = ((values * one).sum(-1) for one in (self.source, self.target))
        score = functional.leaky_relu(own[:, :, None] + others[:, None], 0.2)
        score = torch.where(self.near, score, -1e9)
        found = torch.einsum("bijh,bjhd->bihd", torch.softmax(score, 2), values)
        return functional.elu(found.reshape(-1, 64, 64) + self.bias)


def gat() -> Task:
    return task(nn.Sequential(Attended(32), Attended(64), nn.Linear(64, 7)))


def vqvae() -> Task:
    def run(own, x):
        h = own.encoder(x.movedim(-1, 1)).movedim(1, -1)
        apart = (own.book**2).sum(-1) - 2 * h @ own.book.T
        found = own.book[apart.argmin(-1)]
        loss = functional.mse_loss(found, h.detach())
        loss = loss + 0.25 * functional.mse_loss(h, found.detach())
        h = own.decoder((h + (found - h).detach()).movedim(-1, 1))
        return h.movedim(1, -1), loss

    conv, larger = nn.Conv2d, nn.Upsample(scale_factor=2)
    first = conv(3, 32, 3, 2, 1), nn.ReLU(), conv(32, 16, 3, 2, 1)
    second = larger, conv(16, 32, 3, 1, 1), nn.ReLU(), larger, conv(32, 3, 3, 1, 1)
    parts = {"encoder": nn.Sequential(*first), "decoder": nn.Sequential(*second)}
    module = Formula(run, book=weight(64, 16), **parts)
    return task(module, lambda found, y: functional.mse_loss(found[0], y) + found[1])


NETWORKS = {
    make.__name__: make
    for make in (
        bilstm, mixer, experts, ranks, wavenet, physics, ode, grouped, gp, kalman,
        selective, crf, gat, vqvae,
    )
}  # fmt: skip
