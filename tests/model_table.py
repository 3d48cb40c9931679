"""What random models are made of: texts of layers and ops with settings to draw.

`{0}` is the value that a part follows, `{1}` one of the same shape if there is one, and
`{2}` any. Other names are settings; a part that names one that a value has not (a rank
of windows, steps) is not for it. What stands before `|` makes a layer, what stands
behind calls it. A part that the checker refuses is left out.
"""

import math
from collections.abc import Sequence
from random import Random
from typing import Any

WIDTHS = (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 24, 32, 33, 48, 64)
WIDE = (64, 65, 96, 128, 200)
ACTS = "relu tanh gelu sigmoid elu silu softmax softplus exponential selu".split()
RECURRENT = (
    "layers.LSTM({units})", "layers.GRU({units})", "layers.SimpleRNN({units})",
    "layers.GRU({units}, reset_after=False)",
    "layers.LSTM({units}, use_bias=False, activation='relu')",
    "layers.RNN([layers.LSTMCell({units}), layers.GRUCell({width})])",
)  # fmt: skip
SEQUENCES = [text[:-1] + ", return_sequences=True)" for text in RECURRENT]

LAYERS = {
    "dense": [
        "layers.Dense({width}, activation={act})|({0})",
        "layers.Dense({width}, use_bias=False)|({0})",
        "layers.Dense({width}, kernel_regularizer='l2', bias_constraint='non_neg')"
        "|({0})",
        "Sequential([layers.Dense({width}), layers.LayerNormalization(),"
        " layers.Dense({units}, activation={act})])|({0})",
        "layers.EinsumDense('b...x,xy->b...y', output_shape={einsum})|({0})",
        "layers.Dense({width}, kernel_initializer='he_normal')|({0})",
    ],
    "windows": [
        *["layers.Conv{r}D({width}, {kernel}, padding={pad}, strides={stride},"
          " activation={act})|({0})"] * 3,
        "layers.Conv{r}D({width}, {kernel}, padding='same')|({0})",
        "layers.Conv{r}D({width}, {kernel}, dilation_rate=2, padding={pad})|({0})",
        "layers.Conv{r}D({grouped}, {kernel}, groups={groups}, padding='same')|({0})",
        "layers.DepthwiseConv{r}D({kernel1}, padding={pad}, depth_multiplier={few})"
        "|({0})",
        "layers.SeparableConv{r}D({width}, {kernel1}, padding='same')|({0})",
        "layers.Conv{r}DTranspose({width}, {kernel}, strides={stride}, padding={pad})"
        "|({0})",
        "layers.MaxPooling{r}D({few1}, strides={stride}, padding={pad})({0})",
        "layers.MaxPooling{r}D(2)({0})",
        "layers.AveragePooling{r}D({few1}, strides={stride}, padding={pad})({0})",
        "layers.AdaptiveMaxPooling{r}D({few})({0})",
        "layers.AdaptiveAveragePooling{r}D({few})({0})",
        "layers.GlobalMaxPooling{r}D(keepdims={keep})({0})",
        "layers.GlobalAveragePooling{r}D()({0})",
        "layers.ZeroPadding{r}D({few})({0})", "layers.UpSampling{r}D(2)({0})",
        "layers.Cropping{r}D(1)({0})",
        "layers.SpatialDropout{r}D(0.3)({0})",
        "layers.Conv{r}D({width}, {kernel}, use_bias=False)|({0})",
    ],
    "steps": [
        *(f"{text}|({{0}})" for text in (*RECURRENT, *SEQUENCES, *SEQUENCES)),
        *(f"layers.Bidirectional({text}, merge_mode={{merge}})|({{0}})"
          for text in SEQUENCES[:4]),
        "layers.Bidirectional(layers.LSTM({units}))|({0})",
        *(f"{text}|(layers.Masking()({{0}}))" for text in SEQUENCES[:4]),
        "layers.Bidirectional(layers.GRU({units}, return_sequences=True))"
        "|(layers.Masking()({0}))",
        "layers.GRU({units}, return_sequences=True, go_backwards=True)|({0})",
        "layers.LSTM({units}, return_sequences=True, zero_output_for_mask=True)"
        "|(layers.Masking()({0}))",
        "layers.LSTM({units}, return_sequences=True, dropout=0.3)|({0})",
        "layers.SimpleRNN({units}, return_sequences=True, unroll=True)|({0})",
        "layers.LSTM({units}, return_state=True)|({0})[1]",
        "layers.GRU({units}, stateful=True, return_sequences=True)|({0})",
        *["layers.MultiHeadAttention({few}, {units})|({0}, {0})"] * 2,
        "layers.MultiHeadAttention({few}, {units})|({0}, {0}, use_causal_mask=True)",
        "layers.MultiHeadAttention({few}, {units})|({0}, {2})",
        "layers.GroupQueryAttention({units}, 4, 2)|({0}, {0})",
        "layers.Attention(use_scale=True)|([{0}, {1}])",
        "layers.AdditiveAttention()|([{0}, {1}])",
        "layers.TimeDistributed(layers.Dense({width}))|({0})",
    ],
    "pictures": [
        "layers.ConvLSTM1D({few}, {kernel1}, padding='same', return_sequences={keep})"
        "|({0})",
        "layers.TimeDistributed(layers.LSTM({units}))|({0})",
        "layers.Resizing({few1}, {few})({0})",
    ],
    "norms": [
        *["layers.BatchNormalization()|({0})"] * 2, "layers.LayerNormalization()|({0})",
        "layers.LayerNormalization(axis={some})|({0})",
        "layers.BatchNormalization(axis={axis})|({0})",
        "layers.RMSNormalization()|({0})", "layers.UnitNormalization()({0})",
        "layers.GroupNormalization({groups})|({0})", "layers.PReLU()|({0})",
        "layers.LeakyReLU()({0})", "layers.Softmax(axis={axis})({0})",
        "layers.Activation({act})({0})", "layers.Dropout(0.3)({0})",
        "layers.GaussianNoise(0.1)({0})",
        "layers.ActivityRegularization(l2=0.1)({0})",
    ],
    "own": [f"own.{name}({{width}})|({{0}})" for name in
            ("Gate", "Gate", "Turns", "Penalty", "Running", "Folds")],
    "merges": [
        *(f"layers.{name}()([{{0}}, {{1}}])" for name in
          ("Add", "Subtract", "Average", "Maximum", "Minimum", "Concatenate")),
        "ops.tanh(layers.Multiply()([{0}, {1}]))",
        "layers.Concatenate(axis={axis})([{0}, {2}])",
        "ops.tanh(layers.Dot(axes=-1)([{0}, {1}]))",
        *["({0} + {1})"] * 2, "({0} * ops.sigmoid({1}))", "({0} + {2})",
        "({0} - ops.mean({1}, axis={axis}, keepdims=True))",
        "ops.where({0} > {1}, {0}, 0.5 * {1})", "ops.maximum({0}, {1})",
        "ops.logaddexp({0}, {1})", "({0} / (1.0 + ops.square({1})))",
        "ops.concatenate([{0}, {1}, {0}], axis={axis})",
        "ops.stack([{0}, {1}], axis={axis})[:, {z}]",
        "ops.tanh(ops.einsum('b...i,b...i->b...', {0}, {1}))",
        "ops.tanh(ops.matmul({0}, ops.swapaxes({1}, -1, -2)) * 0.1)",
        "ops.arctan2({0}, ops.square({1}) + 0.5)", "ops.hypot({0}, {1} * {1} + 0.5)",
    ],
}  # fmt: skip

OPS = {
    "chains": [
        "ops.tanh({0})", "ops.sigmoid({0} * 2.0)", "ops.gelu({0})", "ops.sin({0})",
        "ops.log(ops.square({0}) + 0.5)", "ops.sqrt({0} * {0} + 0.1)", "ops.relu({0})",
        "ops.exp(-ops.abs({0}))", "ops.clip({0}, -0.7, 0.9)", "ops.silu({0})",
        "ops.erf({0})", "ops.expm1(-ops.abs({0}))", "ops.softplus({0})",
        "ops.power(ops.abs({0}) + 0.5, 1.3)", "ops.floor({0}) * 0.1 + {0}",
        "ops.arcsinh({0})", "ops.cbrt({0} * {0} + 0.5)",
        "({0} * ops.stop_gradient(ops.tanh({0})))",
    ],
    "folds": [
        *(f"ops.{name}({{0}}, axis={{some}}, keepdims={{keep}})" for name in
          ("sum", "mean", "max", "min", "var", "logsumexp", "amax")),
        *(f"ops.{name}({{0}}, axis={{axis}})" for name in
          ("softmax", "log_softmax", "cumsum", "sort", "normalize")),
        *(f"({{0}} - ops.{name}({{0}}, axis={{some}}, keepdims=True))" for name in
          ("sum", "mean", "max", "logsumexp")),
        "ops.prod(1.0 + 0.3 * ops.tanh({0}), axis={axis})",
        "ops.median({0}, axis={axis})",
        "ops.cumprod(1.0 + 0.3 * ops.tanh({0}), axis={axis})",
        "ops.std({0} + 0.3 * {z}, axis={axis})", "ops.cumsum({0}, axis={axis}) * 0.1",
        "ops.norm({0} + 0.1, axis={axis})",
        "ops.sum({0}, axis={axis}, keepdims=True) * ops.mean({0}, axis={axis2},"
        " keepdims=True)",
        "ops.associative_scan(ops.add, {0}, axis={axis})",
    ],
    "moves": [
        *["ops.transpose({0}, {turned})"] * 3, *["ops.reshape({0}, (-1, {shape}))"] * 3,
        "layers.Flatten()({0})", "layers.Permute({permuted})({0})",
        "ops.flip({0}, {axis})", "ops.roll({0}, {few}, {axis})",
        "ops.repeat({0}, 2, axis={axis})", "ops.tile({0}, {reps})",
        "ops.expand_dims({0}, {axis})", "ops.squeeze({0}, {unit})",
        *["ops.pad({0}, {pads})"] * 2, "ops.pad({0}, {pads}, 'reflect')",
        *["{0}[{index}]"] * 4, "ops.split({0}, [{k}], axis={axis})[1]",
        "ops.swapaxes({0}, {axis}, -1)", "ops.diff({0}, axis={axis})",
        "ops.concatenate([{0}[{index}], {0}], axis={axis})",
        "ops.broadcast_to({0}[:, :1], ops.shape({0}))",
        "layers.RepeatVector({few})({0})", "layers.Reshape(({shape},))({0})",
        "ops.tril(ops.expand_dims({0}, 1))",
        "ops.concatenate([{0}[:, :0], {0}], axis=1)",
    ],
    "picks": [
        "ops.take({0}, {indices}, axis={axis})", "ops.top_k({0}, {k1})[0]",
        "ops.take_along_axis({0}, ops.argsort({0}, axis={axis}), axis={axis})",
        "ops.cast(ops.argmax({0}, axis={axis}), {0}.dtype) * 0.1",
        "ops.one_hot(ops.argmax({0}, axis=-1), {n1}, dtype={0}.dtype) * {0}",
        "ops.where({0} > 0.1, {0}, -0.2)", "ops.where({0} > 0, ops.sqrt(ops.abs({0})"
        " + 0.1), ops.square({0}))",
        "ops.cast({0} > 0, {0}.dtype) * {0}",
        "ops.swapaxes(ops.segment_sum(ops.swapaxes({0}, 0, {axis}), {ids}, 3), 0,"
        " {axis})",
        "ops.swapaxes(ops.scatter_update(ops.swapaxes({0}, 0, {axis}), {rows},"
        " ops.take(ops.swapaxes({0}, 0, {axis}), {ids}, axis=0) * 0.5,"
        " reduction='add'), 0, {axis})",
        "ops.moveaxis(ops.scan(lambda c, x: (ops.tanh(c * 0.5 + x),) * 2,"
        " ops.zeros_like(ops.take({0}, 0, axis={axis})), ops.moveaxis({0}, {axis}, 0))"
        "[1], 0, {axis})",
        "ops.fori_loop(0, 3, lambda i, x: ops.sin(x) * 1.1, {0})",
        "ops.vectorized_map(lambda x: ops.tanh(x) * ops.mean(x), {0})",
        "ops.cond(ops.sum({0}) > 0.0, lambda: {0} * 2.0, lambda: ops.sin({0}))",
        "ops.matmul({0}, ops.swapaxes({0}, -1, -2)) / {n1}",
    ],
}  # fmt: skip
PARTS = {**LAYERS, **OPS}


def settings(random: Random, sizes: Sequence[int], wide: bool) -> dict[str, Any]:
    """What parts may name, for a value of these sizes behind the batch."""
    choice, last = random.choice, sizes[-1]
    rank = len(sizes)
    axis = random.randint(1, rank)
    n = sizes[axis - 1]
    divisors = [k for k in (1, 2, 3, 4, last) if k and last % k == 0] or [1]
    groups, widths = choice(divisors), WIDE if wide and choice((0, 1)) else WIDTHS
    found: dict[str, Any] = {
        "width": choice(widths), "units": choice(widths[:13]), "z": choice((0, 1)),
        "act": repr(choice(ACTS)), "keep": choice((True, False)), "axis": axis,
        "few": choice((1, 2, 3)), "few1": choice((2, 2, 3)), "kernel1": choice((2, 3)),
        "pad": repr(choice(("same", "valid"))), "stride": choice((1, 1, 2, 3)),
        "groups": groups, "grouped": groups * choice((1, 2, 5)), "n1": last,
        "merge": choice(("'concat'", "'sum'", "'mul'", "'ave'")),
        "axis2": random.randint(1, rank),
        "some": tuple(
            sorted(random.sample(range(1, rank + 1), random.randint(1, rank)))
        ),
        "turned": (0, *random.sample(range(1, rank + 1), rank)),
        "permuted": tuple(random.sample(range(1, rank + 1), rank)),
        "reps": (1, *(choice((1, 1, 2)) for _ in sizes)),
        "pads": [(0, 0), *((choice((0, 1)), choice((0, 1, 3))) for _ in sizes)],
        "index": ", ".join((":", *(piece(random, size) for size in sizes))),
        "shape": reshaped(random, sizes),
        "einsum": (*(None for _ in sizes[:-1]), choice(widths)),
    }  # fmt: skip
    if 2 <= rank <= 4:
        found["r"] = rank - 1
        found["kernel"] = tuple(choice((1, 2, 3, 3, 5)) for _ in range(rank - 1))
    if n:
        found["ids"] = [random.randrange(min(3, n)) for _ in range(n)]
        found["rows"] = [[i] for i in found["ids"]]
        found["indices"] = [random.randrange(n) for _ in range(random.randint(1, 5))]
        found["k"] = random.randrange(n)
    if last:
        found["k1"] = random.randint(1, min(last, 9))
    if 1 in sizes:
        found["unit"] = sizes.index(1) + 1
    return found


def piece(random: Random, size: int) -> str:
    """A part of an axis."""
    start = random.randint(0, max(size // 2, 0))
    texts = [":"] * 4 + [f"{start}:", "::2", "::-1", f":{size - start}"]
    return random.choice(texts if not size else [*texts, str(random.randrange(size))])


def reshaped(random: Random, sizes: Sequence[int]) -> str:
    """Other sizes for as many elements."""
    left, found = math.prod(sizes), []
    while left > 1 and len(found) < 3 and random.random() < 0.8:
        size = random.choice(
            [k for k in range(2, min(left, 130) + 1) if left % k == 0] or [left]
        )
        found.append(size)
        left //= size
    found.append(left)
    return ", ".join(map(str, random.sample(found, len(found))))
