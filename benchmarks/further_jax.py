"""Further networks in JAX, of kinds that `networks_jax.py` lacks."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import nn
from networks_jax import (
    Net,
    Ones,
    adam,
    binary,
    convolved,
    dense,
    entropy,
    normalized,
    plain,
    square,
    started,
)
from workloads import neighbors


def groups(weights: Any, size: int) -> Any:
    """So many weights at a time."""
    return [weights[at : at + size] for at in range(0, len(weights), size)]


def bilstm() -> Net:
    def run(x, mask, kernel, recurrent, bias, back):
        def cell(carry, given):
            (h, c), (moved, known) = carry, given
            i, f, g, o = jnp.split(moved + h @ recurrent, 4, -1)
            new = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
            out = nn.sigmoid(o) * jnp.tanh(new)
            return (jnp.where(known, out, h), jnp.where(known, new, c)), None

        moved = jnp.swapaxes(x @ kernel + bias, 0, 1)
        zeros = jnp.zeros((x.shape[0], 48))
        given = moved, jnp.swapaxes(mask, 0, 1)[..., None]
        return jax.lax.scan(cell, (zeros, zeros), given, reverse=back)[0][0]

    def apply(weights, x, mode):
        words, *rest, wd, bd = weights
        mask, h = x != 0, words[x]
        ends = [run(h, mask, *rest[3 * n : 3 * n + 3], back=bool(n)) for n in (0, 1)]
        return jnp.concatenate(ends, -1) @ wd + bd

    shapes = [(50, 32), *[(32, 192), (48, 192), 192] * 2, *dense(96, 1)]
    return Net(started(shapes), plain(apply), binary, adam())


def gelu(x: Any) -> Any:
    return nn.gelu(x, approximate=False)


def mixer() -> Net:
    def fed(x, w1, b1, w2, b2):
        return gelu(x @ w1 + b1) @ w2 + b2

    def apply(weights, x, mode):
        kernel, bias, *rest, wd, bd = weights
        x = convolved(x, kernel, "VALID", strides=(4, 4)) + bias
        x = x.reshape(-1, 64, 96)
        for place, (gamma, beta, *inside) in enumerate(groups(rest, 6)):
            h = normalized(x, gamma, beta)
            if place % 2:
                x = x + fed(h, *inside)
            else:
                x = x + fed(h.transpose(0, 2, 1), *inside).transpose(0, 2, 1)
        return x.mean(1) @ wd + bd

    normal = [Ones(96), 96]
    inside = [*normal, *dense(64, 32, 64), *normal, *dense(96, 256, 96)]
    shapes = [(4, 4, 3, 96), 96, *inside * 2, *dense(96, 10)]
    return Net(started(shapes), plain(apply), entropy, adam())


def experts() -> Net:
    def apply(weights, x, mode):
        gate, w1, b1, w2, b2, wd, bd = weights
        best, place = jax.lax.top_k(x @ gate, 2)
        shares = (nn.one_hot(place, 8) * nn.softmax(best)[..., None]).sum(1)
        h = nn.relu(jnp.einsum("bi,eih->ebh", x, w1) + b1[:, None])
        found = jnp.einsum("ebh,eho->ebo", h, w2) + b2[:, None]
        return (x + jnp.einsum("ebo,be->bo", found, shares)) @ wd + bd

    shapes = [(64, 8), (8, 64, 128), (8, 128), (8, 128, 64), (8, 64), *dense(64, 10)]
    return Net(started(shapes), plain(apply), entropy, adam())


def ranks() -> Net:
    def apply(weights, x, mode):
        wh, bh, wd, bd = weights
        h = x @ wh + bh
        inside = jnp.take_along_axis(x, jnp.argsort(h, -1), -1)
        parts = [jnp.sort(h, -1) * inside, jax.lax.top_k(h, 16)[0]]
        return jnp.concatenate(parts, -1) @ wd + bd

    shapes = [*dense(256, 256), *dense(272, 1)]
    return Net(started(shapes), plain(apply), square, adam())


def wavenet() -> Net:
    def conv(x, kernel, bias, rate=1):
        padding = [(rate * (kernel.shape[0] - 1), 0)]
        return convolved(x, kernel, padding, rhs_dilation=(rate,)) + bias

    def apply(weights, x, mode):
        words, *rest, w1, b1, w2, b2 = weights
        h, skipped = words[x], 0.0
        for rate, (wf, bf, wg, bg, wr, br) in zip(
            (1, 2, 4, 8), groups(rest, 6), strict=True
        ):
            seen = jnp.tanh(conv(h, wf, bf, rate)) * nn.sigmoid(conv(h, wg, bg, rate))
            h = h + conv(seen, wr, br)
            skipped = skipped + h
        return conv(nn.relu(conv(nn.relu(skipped), w1, b1)), w2, b2)

    one = [(2, 32, 32), 32, (2, 32, 32), 32, (1, 32, 32), 32]
    shapes = [(64, 32), *one * 4, (1, 32, 64), 64, (1, 64, 64), 64]
    return Net(started(shapes), plain(apply), entropy, adam())


def physics() -> Net:
    def apply(weights, x, mode):
        def field(points):
            h = points
            for kernel, bias in groups(weights[:-1], 2):
                h = jnp.tanh(h @ kernel + bias)
            return (h @ weights[-1]).sum()

        slope = jax.grad(field)
        bend = jax.grad(lambda points: slope(points)[:, 0].sum())
        return slope(x)[:, 1:] - 0.1 * bend(x)[:, :1]

    shapes = [*dense(2, 32, 32, 32), (32, 1)]
    return Net(started(shapes), plain(apply), square, adam())


def ode() -> Net:
    def apply(weights, x, mode):
        w1, b1, w2, b2, wd, bd = weights

        def slope(x):
            return jnp.tanh(x @ w1 + b1) @ w2 + b2

        def step(x, _):
            a = slope(x)
            b = slope(x + 0.05 * a)
            c = slope(x + 0.05 * b)
            d = slope(x + 0.1 * c)
            return x + (0.1 / 6) * (a + 2 * b + 2 * c + d), None

        return jax.lax.scan(step, x, length=10)[0] @ wd + bd

    shapes = [*dense(16, 64, 16), *dense(16, 10)]
    return Net(started(shapes), plain(apply), entropy, adam())


def grouped() -> Net:
    def standard(x, axes, epsilon):
        mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + epsilon)

    def apply(weights, x, mode):
        *rest, wd, bd = weights
        for kernel, gamma, beta in groups(rest, 3):
            h = convolved(x, standard(kernel, (0, 1, 2), 1e-5))
            h = standard(h.reshape(-1, 16, 16, 8, 4), (1, 2, 4), 1e-3)
            x = x + nn.silu(h.reshape(-1, 16, 16, 32) * gamma + beta)
        return x.mean((1, 2)) @ wd + bd

    shapes = [*[(3, 3, 32, 32), Ones(32), 32] * 2, *dense(32, 10)]
    return Net(started(shapes), plain(apply), entropy, adam())


def gp() -> Net:
    def apply(weights, x, mode):
        points, values, scales, bias = weights
        points, x = points * jnp.exp(scales), x * jnp.exp(scales)

        def kernel(x, z):
            return jnp.exp(-0.5 * ((x[:, None] - z[None]) ** 2).sum(-1))

        def solved(b):
            return jax.scipy.linalg.solve_triangular(lower, b, lower=True)

        lower = jnp.linalg.cholesky(kernel(points, points) + 0.1 * jnp.eye(64))
        return solved(kernel(points, x)).T @ solved(values) + bias

    return Net(started([(64, 4), (64, 1), 4, 1]), plain(apply), square, adam())


def kalman() -> Net:
    def apply(weights, x, mode):
        move, see, drift, gate, doubt = weights
        unit = jnp.eye(4)

        def step(carry, seen):
            mean, spread = carry
            told = mean @ see
            trust = jnp.exp(seen @ gate + doubt)
            whole = see.T @ spread @ see + trust[..., None] * unit
            gain = spread @ see @ jnp.linalg.inv(whole)
            mean = mean + (gain @ (seen - told)[..., None])[..., 0]
            spread = spread - gain @ (see.T @ spread)
            spread = move.T @ spread @ move + jnp.exp(drift) * unit
            return (mean @ move, spread), told

        start = jnp.zeros_like(x[:, 0])
        carry = start, start[..., None] + unit
        return jax.lax.scan(step, carry, x.transpose(1, 0, 2))[1].transpose(1, 0, 2)

    shapes = [(4, 4), (4, 4), 4, (4, 4), 4]
    return Net(started(shapes), plain(apply), square, adam())


def selective() -> Net:
    def apply(weights, x, mode):
        wi, bi, ws, bs, wk, wt, rates, skip, wd, bd = weights
        inside, gate = jnp.split(nn.silu(x @ wi + bi), 2, -1)
        step = nn.softplus(inside @ ws + bs)[..., None]
        keep = jnp.exp(-step * jnp.exp(rates))
        more = step * inside[..., None] * (inside @ wk)[..., None, :]

        def turn(state, given):
            keep, more, told = given
            state = keep * state + more
            return state, (state * told[:, None]).sum(-1)

        given = [jnp.swapaxes(one, 0, 1) for one in (keep, more, inside @ wt)]
        told = jax.lax.scan(turn, jnp.zeros_like(more[:, 0]), given)[1]
        return ((jnp.swapaxes(told, 0, 1) + skip * inside) * gate) @ wd + bd

    shapes = [*dense(32, 64), *dense(32, 32), (32, 8), (32, 8), (32, 8), 32]
    return Net(started([*shapes, *dense(32, 10)]), plain(apply), entropy, adam())


def crf() -> Net:
    def apply(weights, x, mode):
        words, wd, bd, moves = weights
        seen = jnp.swapaxes(jnp.tanh(words[x]) @ wd + bd, 0, 1)

        def ahead(known, seen):
            known = nn.logsumexp(known[..., None] + moves, 1) + seen
            return known, known

        def back(known, seen):
            return nn.logsumexp(moves + (known + seen)[:, None], 2), known

        start = jnp.zeros_like(seen[0])
        before = jax.lax.scan(ahead, start, seen)[1]
        behind = jax.lax.scan(back, start, seen, reverse=True)[1]
        return jnp.swapaxes(before + behind, 0, 1)

    shapes = [(500, 64), *dense(64, 12), (12, 12)]
    return Net(started(shapes), plain(apply), entropy, adam())


def gat() -> Net:
    def attended(h, kernel, source, target, bias):
        values = (h @ kernel).reshape(-1, 64, 4, 16)
        apart = (values * source).sum(-1)[:, :, None] + (values * target).sum(-1)[
            :, None
        ]
        score = jnp.where(near[..., None], nn.leaky_relu(apart, 0.2), -1e9)
        found = jnp.einsum("bijh,bjhd->bihd", nn.softmax(score, 2), values)
        return nn.elu(found.reshape(-1, 64, 64) + bias)

    def apply(weights, x, mode):
        *rest, wd, bd = weights
        for inside in groups(rest, 4):
            x = attended(x, *inside)
        return x @ wd + bd

    near = neighbors()
    inside = [(64, 64), (4, 16), (4, 16), 64]
    shapes = [(32, 64), *inside[1:], *inside, *dense(64, 7)]
    return Net(started(shapes), plain(apply), entropy, adam())


def vqvae() -> Net:
    def apply(weights, state, x, mode):
        w1, b1, w2, b2, book, w3, b3, w4, b4 = weights
        h = nn.relu(convolved(x, w1, strides=(2, 2)) + b1)
        h = convolved(h, w2, strides=(2, 2)) + b2
        apart = (book**2).sum(-1) - 2 * h @ book.T
        found = book[apart.argmin(-1)]
        fixed = jax.lax.stop_gradient
        own = ((found - fixed(h)) ** 2).mean() + 0.25 * ((fixed(found) - h) ** 2).mean()
        h = h + fixed(found - h)
        h = nn.relu(convolved(h.repeat(2, 1).repeat(2, 2), w3) + b3)
        return convolved(h.repeat(2, 1).repeat(2, 2), w4) + b4, own, state

    channels = [(3, 32), (32, 16), (16, 32), (32, 3)]
    shapes = [shape for a, b in channels for shape in ((3, 3, a, b), b)]
    return Net(started([*shapes[:4], (64, 16), *shapes[4:]]), apply, square, adam())


NETWORKS = {
    make.__name__: make
    for make in (
        bilstm, mixer, experts, ranks, wavenet, physics, ode, grouped, gp, kalman,
        selective, crf, gat, vqvae,
    )
}  # fmt: skip
