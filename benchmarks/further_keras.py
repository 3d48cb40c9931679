"""Further networks under Keras's names, of kinds that `networks_keras.py` lacks."""

from collections.abc import Callable, Sequence
from typing import Any

from networks_keras import Task, classifier
from workloads import neighbors


def formula(k: Any, shapes: Sequence[Any], function: Callable[..., Any]) -> Any:
    """A layer that computes a function of its weights and what it is called on."""

    class Formula(k.layers.Layer):
        def __init__(self):
            super().__init__()
            wanted = [s if isinstance(s, tuple) else (s,) for s in shapes]
            self.held = [
                self.add_weight(shape=shape, name=f"weight_{place}")
                for place, shape in enumerate(wanted)
            ]

        def call(self, x):
            return function(self.held, x)

    return Formula()


def bilstm(k: Any, noise: bool = True) -> Task:
    layers = k.layers
    x = k.Input((40,), dtype="int32")
    h = layers.Embedding(50, 32, mask_zero=True)(x)
    logits = layers.Dense(1)(layers.Bidirectional(layers.LSTM(48))(h))
    loss = k.losses.BinaryCrossentropy(from_logits=True)
    return Task(k.Model(x, logits), loss, k.optimizers.Adam(1e-3))


def mixer(k: Any, noise: bool = True) -> Task:
    layers = k.layers

    def fed(x, hidden, width):
        return layers.Dense(width)(layers.Dense(hidden, activation="gelu")(x))

    x = k.Input((32, 32, 3))
    h = layers.Reshape((64, 96))(layers.Conv2D(96, 4, strides=4)(x))
    for _ in range(2):
        turned = layers.Permute((2, 1))(layers.LayerNormalization()(h))
        h = h + layers.Permute((2, 1))(fed(turned, 32, 64))
        h = h + fed(layers.LayerNormalization()(h), 256, 96)
    return classifier(k, x, layers.Dense(10)(layers.GlobalAveragePooling1D()(h)))


def experts(k: Any, noise: bool = True) -> Task:
    ops = k.ops

    def mixture(weights, x):
        gate, w1, b1, w2, b2 = weights
        best, place = ops.top_k(ops.matmul(x, gate), 2)
        shares = ops.expand_dims(ops.softmax(best), -1)
        shares = ops.sum(ops.one_hot(place, 8) * shares, axis=1)
        h = ops.relu(ops.einsum("bi,eih->ebh", x, w1) + ops.expand_dims(b1, 1))
        found = ops.einsum("ebh,eho->ebo", h, w2) + ops.expand_dims(b2, 1)
        return x + ops.einsum("ebo,be->bo", found, shares)

    x = k.Input((64,))
    shapes = [(64, 8), (8, 64, 128), (8, 128), (8, 128, 64), (8, 64)]
    return classifier(k, x, k.layers.Dense(10)(formula(k, shapes, mixture)(x)))


def ranks(k: Any, noise: bool = True) -> Task:
    layers, ops = k.layers, k.ops
    x = k.Input((256,))
    h = layers.Dense(256)(x)
    inside = ops.take_along_axis(x, ops.argsort(h, axis=-1), axis=-1)
    parts = [ops.sort(h, axis=-1) * inside, ops.top_k(h, 16)[0]]
    model = k.Model(x, layers.Dense(1)(layers.Concatenate()(parts)))
    return Task(model, k.losses.MeanSquaredError(), k.optimizers.Adam(1e-3))


def wavenet(k: Any, noise: bool = True) -> Task:
    layers = k.layers

    def conv(x, filters, size=1, **options):
        return layers.Conv1D(filters, size, padding="causal", **options)(x)

    x = k.Input((256,), dtype="int32")
    h, skipped = layers.Embedding(64, 32)(x), []
    for rate in (1, 2, 4, 8):
        seen = conv(h, 32, 2, dilation_rate=rate, activation="tanh")
        gate = conv(h, 32, 2, dilation_rate=rate, activation="sigmoid")
        h = h + conv(seen * gate, 32)
        skipped.append(h)
    h = k.ops.relu(layers.Add()(skipped))
    return classifier(k, x, conv(conv(h, 64, activation="relu"), 64))


def physics(k: Any, noise: bool = True) -> Task:
    """What is left of the heat equation; Keras has no gradient of a function."""
    ops = k.ops

    def residual(weights, x):
        def field(points):
            h = points
            for kernel, bias in zip(weights[:-1:2], weights[1::2], strict=True):
                h = ops.tanh(ops.matmul(h, kernel) + bias)
            return ops.sum(ops.matmul(h, weights[-1]))

        slope = k.grad(field)
        bend = k.grad(lambda points: ops.sum(slope(points)[:, 0]))
        return slope(x)[:, 1:] - 0.1 * bend(x)[:, :1]

    x = k.Input((2,))
    shapes = [(2, 32), 32, (32, 32), 32, (32, 32), 32, (32, 1)]
    model = k.Model(x, formula(k, shapes, residual)(x))
    return Task(model, k.losses.MeanSquaredError(), k.optimizers.Adam(1e-3))


def ode(k: Any, noise: bool = True) -> Task:
    ops = k.ops

    def solved(weights, x):
        w1, b1, w2, b2 = weights

        def slope(x):
            return ops.matmul(ops.tanh(ops.matmul(x, w1) + b1), w2) + b2

        def step(x, _):
            a = slope(x)
            b = slope(x + 0.05 * a)
            c = slope(x + 0.05 * b)
            d = slope(x + 0.1 * c)
            return x + (0.1 / 6) * (a + 2 * b + 2 * c + d), None

        return ops.scan(step, x, length=10)[0]

    x = k.Input((16,))
    h = formula(k, [(16, 64), 64, (64, 16), 16], solved)(x)
    return classifier(k, x, k.layers.Dense(10)(h))


def grouped(k: Any, noise: bool = True) -> Task:
    layers, ops = k.layers, k.ops

    def standardized(weights, x):
        (kernel,) = weights
        mean = ops.mean(kernel, axis=(0, 1, 2), keepdims=True)
        variance = ops.var(kernel, axis=(0, 1, 2), keepdims=True)
        return ops.conv(x, (kernel - mean) * ops.rsqrt(variance + 1e-5), padding="same")

    x = h = k.Input((16, 16, 32))
    for _ in range(2):
        seen = formula(k, [(3, 3, 32, 32)], standardized)(h)
        h = h + ops.silu(layers.GroupNormalization(8)(seen))
    return classifier(k, x, layers.Dense(10)(layers.GlobalAveragePooling2D()(h)))


def gp(k: Any, noise: bool = True) -> Task:
    """The mean of a Gaussian process that is known at 64 points, which are learned."""
    ops = k.ops

    def mean(weights, x):
        points, values, scales, bias = weights
        points, x = points * ops.exp(scales), x * ops.exp(scales)

        def kernel(x, z):
            apart = ops.expand_dims(x, 1) - ops.expand_dims(z, 0)
            return ops.exp(-0.5 * ops.sum(ops.square(apart), axis=-1))

        lower = ops.cholesky(kernel(points, points) + 0.1 * ops.eye(64))
        seen = ops.solve_triangular(lower, kernel(points, x), lower=True)
        known = ops.solve_triangular(lower, values, lower=True)
        return ops.matmul(ops.transpose(seen), known) + bias

    x = k.Input((4,))
    model = k.Model(x, formula(k, [(64, 4), (64, 1), 4, 1], mean)(x))
    return Task(model, k.losses.MeanSquaredError(), k.optimizers.Adam(1e-3))


def kalman(k: Any, noise: bool = True) -> Task:
    """A Kalman filter, whose noise depends on what is seen, tells the next step."""
    ops = k.ops

    def filtered(weights, x):
        move, see, drift, gate, doubt = weights
        unit = ops.eye(4)

        def step(state, seen):
            mean, spread = state[..., 0], state[..., 1:]
            trust = ops.exp(ops.matmul(seen, gate) + doubt)
            whole = turned(see, spread) + ops.expand_dims(trust, -1) * unit
            gain = ops.matmul(ops.matmul(spread, see), ops.inv(whole))
            wrong = ops.expand_dims(seen - ops.matmul(mean, see), -1)
            mean = mean + ops.squeeze(ops.matmul(gain, wrong), -1)
            spread = spread - ops.matmul(gain, ops.matmul(ops.transpose(see), spread))
            mean = ops.expand_dims(ops.matmul(mean, move), -1)
            spread = turned(move, spread) + ops.exp(drift) * unit
            return ops.concatenate([mean, spread], axis=-1), state

        def turned(matrix, spread):
            return ops.matmul(ops.matmul(ops.transpose(matrix), spread), matrix)

        # On TensorFlow Keras stacks what has the sizes of the carried state alone.
        start = ops.expand_dims(ops.zeros_like(x[:, 0]), -1) + ops.eye(4, 5, k=1)
        states = ops.scan(step, start, ops.transpose(x, (1, 0, 2)))[1]
        return ops.transpose(ops.matmul(states[..., 0], see), (1, 0, 2))

    x = k.Input((50, 4))
    model = k.Model(x, formula(k, [(4, 4), (4, 4), 4, (4, 4), 4], filtered)(x))
    return Task(model, k.losses.MeanSquaredError(), k.optimizers.Adam(1e-3))


def selective(k: Any, noise: bool = True) -> Task:
    """A state that each step keeps and adds to as the input says (Gu, Dao 2023)."""
    ops = k.ops

    def scanned(weights, x):
        wi, bi, ws, bs, wk, wt, rates, skip = weights
        inside, gate = ops.split(ops.silu(ops.matmul(x, wi) + bi), 2, axis=-1)
        step = ops.expand_dims(ops.softplus(ops.matmul(inside, ws) + bs), -1)
        keep = ops.exp(-step * ops.exp(rates))
        more = step * ops.expand_dims(inside, -1)
        more = more * ops.expand_dims(ops.matmul(inside, wk), -2)

        def turn(state, given):
            state = given[0] * state + given[1]
            return state, state

        given = [ops.transpose(one, (1, 0, 2, 3)) for one in (keep, more)]
        states = ops.scan(turn, ops.zeros_like(more[:, 0]), tuple(given))[1]
        told = ops.expand_dims(ops.matmul(inside, wt), -2)
        told = ops.sum(ops.transpose(states, (1, 0, 2, 3)) * told, axis=-1)
        return (told + skip * inside) * gate

    x = k.Input((64, 32))
    shapes = [(32, 64), 64, (32, 32), 32, (32, 8), (32, 8), (32, 8), 32]
    return classifier(k, x, k.layers.Dense(10)(formula(k, shapes, scanned)(x)))


def crf(k: Any, noise: bool = True) -> Task:
    """The chances of labels in a chain, by the way forwards and the way back."""
    layers, ops = k.layers, k.ops

    def chances(weights, seen):
        (moves,) = weights

        def ahead(known, seen):
            known = ops.logsumexp(ops.expand_dims(known, 2) + moves, axis=1) + seen
            return known, known

        def back(known, seen):
            told = ops.expand_dims(known + seen, 1) + moves
            return ops.logsumexp(told, axis=2), known

        seen = ops.transpose(seen, (1, 0, 2))
        start = ops.zeros_like(seen[0])
        before = ops.scan(ahead, start, seen)[1]
        behind = ops.scan(back, start, seen, reverse=True)[1]
        return ops.transpose(before + behind, (1, 0, 2))

    x = k.Input((30,), dtype="int32")
    seen = layers.Dense(12)(ops.tanh(layers.Embedding(500, 64)(x)))
    return classifier(k, x, formula(k, [(12, 12)], chances)(seen))


def gat(k: Any, noise: bool = True) -> Task:
    """Nodes of a graph attend to their neighbors (Velickovic et al. 2018)."""
    ops, near = k.ops, neighbors()

    def attended(weights, h):
        kernel, source, target, bias = weights
        values = ops.reshape(ops.matmul(h, kernel), (-1, 64, 4, 16))
        own, others = (ops.sum(values * one, axis=-1) for one in (source, target))
        score = ops.expand_dims(own, 2) + ops.expand_dims(others, 1)
        score = ops.leaky_relu(score, 0.2)
        score = ops.where(near[..., None], score, -1e9)
        shares = ops.softmax(score, axis=2)
        found = ops.einsum("bijh,bjhd->bihd", shares, values)
        return ops.elu(ops.reshape(found, (-1, 64, 64)) + bias)

    x = h = k.Input((64, 32))
    for width in (32, 64):
        h = formula(k, [(width, 64), (4, 16), (4, 16), 64], attended)(h)
    return classifier(k, x, k.layers.Dense(7)(h))


def vqvae(k: Any, noise: bool = True) -> Task:
    """Pixels by way of the nearest of 64 codes (van den Oord et al. 2017)."""
    layers, ops = k.layers, k.ops

    class Codes(layers.Layer):
        def __init__(self):
            super().__init__()
            self.book = self.add_weight(shape=(64, 16), name="book")

        def call(self, h):
            apart = ops.matmul(h, ops.transpose(self.book))
            apart = ops.sum(ops.square(self.book), axis=-1) - 2.0 * apart
            found = ops.take(self.book, ops.argmin(apart, axis=-1), axis=0)
            fixed = ops.stop_gradient
            own = ops.mean(ops.square(found - fixed(h)))
            self.add_loss(own + 0.25 * ops.mean(ops.square(fixed(found) - h)))
            return h + fixed(found - h)

    def conv(x, filters, **options):
        return layers.Conv2D(filters, 3, padding="same", **options)(x)

    x = k.Input((16, 16, 3))
    h = conv(x, 32, strides=2, activation="relu")
    h = layers.UpSampling2D()(Codes()(conv(h, 16, strides=2)))
    h = layers.UpSampling2D()(conv(h, 32, activation="relu"))
    adam = k.optimizers.Adam(1e-3)
    return Task(k.Model(x, conv(h, 3)), k.losses.MeanSquaredError(), adam)


NETWORKS = {
    make.__name__: make
    for make in (
        bilstm, mixer, experts, ranks, wavenet, physics, ode, grouped, gp, kalman,
        selective, crf, gat, vqvae,
    )
}  # fmt: skip
