"""A program that meets new sizes: bound anew, with the bits of a fresh one."""

import numpy as np
import pytest

import tulle
from tulle import layers, ops
from tulle.backend.cpu import engine
from tulle.backend.recorded import WORTH, Recipes
from tulle.backend.strided_arrays import FIRST, StridedArray
from tulle.graph.dim import Dim
from tulle.graph.node import resolve
from tulle.graph.ops.indexing import canonical_index
from tulle.graph.types import F32, TensorType
from tulle.training.batches import prepare

if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

from tulle.backend import Program
from tulle.backend.cpu.engine import engine as compiler
from tulle.backend.cpu.gemm import fragments
from tulle.backend.cpu.outline import Sized
from tulle.backend.cpu.pool import pool
from tulle.backend.cpu.scan import Scan

RANDOM = np.random.default_rng(0)
SIZES = [(5, 9), (11, 9), (2, 3), (64, 30), (1, 1), (11, 4), (3, 30), (65, 9)]

NESTED = [(3, 4, 5), (2, 4, 5), (2, 3, 4), (3, 3, 7), (1, 1, 1), (2, 1, 1), (7, 6, 1),
          (7, 1, 9), (8, 9, 64), (5, 5, 65), (6, 2, 31), (4, 7, 1)]  # fmt: skip


def dense(x):
    h = layers.Dense(7, activation="tanh")(x)
    return layers.Dense(2)(layers.LayerNormalization()(h))


def pooled(x):
    h = layers.Conv1D(8, 3, padding="same", activation="relu")(x)
    return layers.Dense(2)(layers.MaxPooling1D(2, padding="same")(h))


def recurrent(x):
    h = layers.GRU(6, return_sequences=True)(x)
    return layers.LSTM(5, go_backwards=True)(h)


def attention(x):
    h = layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    return layers.GlobalAveragePooling1D()(h + x)


NETWORKS = [dense, pooled, recurrent, attention]


def program_of(network):
    """A prediction whose batch and length are symbols."""
    x = tulle.Input((None, 4))
    model = tulle.Model(x, network(x))
    signature = prepare(model, batch(5, 9)[0], scored=False).signature
    return model.steps.program("predict", signature)


def batch(rows, length):
    return (RANDOM.standard_normal((rows, length, 4), np.float32),)


@pytest.mark.parametrize("network", NETWORKS)
def test_any_order_of_sizes_gives_the_bits_of_a_fresh_program(network):
    program = program_of(network)
    for sizes in [*SIZES, *SIZES[::-1]]:
        given = batch(*sizes)
        (found,) = program(given).values()
        (wanted,) = Program(program.graph)(given).values()
        assert found.tobytes() == wanted.tobytes()


def tiled(x):
    h = layers.Conv2D(8, 3, activation="relu")(x)
    h = layers.Conv2D(6, 3, activation="tanh")(layers.MaxPooling2D(2)(h))
    return layers.Dense(1)(layers.Flatten()(layers.AveragePooling2D(2)(h)))


def sequence(x):
    h = layers.Reshape((12, 24))(x)
    return layers.Dense(1)(layers.LSTM(5)(layers.GRU(6, return_sequences=True)(h)))


@pytest.mark.parametrize("network", [tiled, sequence])
def test_training_on_any_order_of_sizes_gives_the_bits_of_a_fresh_program(network):
    x = tulle.Input((12, 12, 2))
    model = tulle.Model(x, network(x))
    model.compile(optimizer=tulle.optimizers.SGD(0.1), loss="mse")

    def arrays(rows):
        shapes = (rows, 12, 12, 2), (rows, 1)
        return tuple(RANDOM.standard_normal(shape, np.float32) for shape in shapes)

    signature = prepare(model, *arrays(4), scored=True).signature
    program, start = model.steps.program("train", signature), model.get_weights()

    def trained(program, given):
        model.set_weights(start)
        loss = program(given)["loss"]
        return loss.tobytes(), [weight.tobytes() for weight in model.get_weights()]

    for rows in (4, 1, 33, 2, 64, 65, 3, 33, 4):
        given = arrays(rows)
        assert trained(program, given) == trained(Program(program.graph), given)


@pytest.mark.parametrize("network", NETWORKS)
def test_new_sizes_compile_nothing(network, monkeypatch):
    program = program_of(network)
    program(batch(*SIZES[0]))
    compiler().compile(fragments("f32"))  # once a process, for single rows

    def link(texts):
        raise AssertionError(f"compiled for new sizes: {list(texts.values())}")

    monkeypatch.setattr(compiler(), "_link", link)
    for sizes in SIZES[1:]:
        program(batch(*sizes))


def test_loops_are_laid_anew_for_few_sizes(monkeypatch):
    program, laid = program_of(recurrent), []

    def calls(self, place, calls=Scan.calls):
        laid.append(self)
        return calls(self, place)

    monkeypatch.setattr(Scan, "calls", calls)
    for sizes in SIZES:
        program(batch(*sizes))
    laid.clear()
    for rows in range(12, 60, 7):
        for length in (5, 8, 13):
            program(batch(rows, length))
    assert not laid


def nested(x):
    """A loop in a loop, over slices of it, which carries what the outer one does."""

    def inner(carry, row):
        carry = tulle.ops.tanh(carry + row)
        return carry, carry * 2.0

    def outer(carry, rows):
        last, steps = tulle.ops.scan(inner, carry, rows)
        return last, tulle.ops.sum(steps, axis=0)

    turns = tulle.ops.transpose(x, (1, 2, 0))
    last, found = tulle.ops.scan(outer, tulle.ops.zeros_like(turns[0, 0]), turns)
    return last + tulle.ops.sum(found, axis=0)


def test_loops_in_loops_have_the_bits_of_a_fresh_program():
    program = program_of(nested)
    for sizes in [*SIZES, (4, 6), (4, 7), *SIZES[::-1]]:
        given = batch(*sizes)
        (found,) = program(given).values()
        (wanted,) = Program(program.graph)(given).values()
        assert found.tobytes() == wanted.tobytes()
        carry = total = np.zeros(sizes[0], np.float32)
        for row in given[0].transpose(1, 2, 0).reshape(-1, sizes[0]):
            carry = np.tanh(carry + row)
            total = total + carry * 2.0
        np.testing.assert_allclose(found, carry + total, 1e-4, 1e-4)


def test_loops_in_loops_of_any_length_and_what_they_find_at_fault():
    """How many turns are odd says which place is the first one, of both loops."""
    w = RANDOM.standard_normal((4, 4), np.float32)

    @tulle.function
    def run(start, blocks, table, index):
        def inner(h, row):
            h = ops.tanh(ops.matmul(h, w) + row + ops.take(table, index, axis=0))
            return h, ops.sum(h, axis=-1)

        def outer(h, block):
            h, first = ops.scan(inner, h, block)
            h, second = ops.scan(inner, ops.flip(h, 0), block, reverse=True)
            return h / 2, (first, ops.cumsum(second, 0))

        return ops.scan(outer, start, blocks)

    def by_hand(h, blocks, table, index):
        found = []
        for block in blocks:
            sums = np.zeros((2, *block.shape[:2]), np.float32)
            for k, row in enumerate(block):
                h = np.tanh(h @ w + row + table[index])
                sums[0, k] = h.sum(-1)
            h = h[::-1]
            for k in range(len(block))[::-1]:
                h = np.tanh(h @ w + block[k] + table[index])
                sums[1, k] = h.sum(-1)
            h = h / 2
            found.append((sums[0], sums[1].cumsum(0)))
        return h, *zip(*found, strict=True)

    table = RANDOM.standard_normal((6, 4), np.float32)
    for turns, length, rows in NESTED:
        blocks = RANDOM.standard_normal((turns, length, rows, 4), np.float32)
        start = np.zeros((rows, 4), np.float32)
        index = RANDOM.integers(0, 6, rows, np.int32)
        wrong = np.append(index[1:], np.int32(6))
        with pytest.raises(tulle.DataError, match="index 6"):
            run(start, blocks, table, wrong)
        last, sums = run(start, blocks, table, index)
        wanted = by_hand(start, blocks, table, index)
        for one, other in zip((last, *sums), wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_steps_that_ask_for_no_size_are_bound_once():
    x = tulle.Input((6,))
    model = tulle.Model(x, layers.Dense(3)(x))
    model.compile(optimizer="adam", loss="mse")

    def arrays(rows):
        return np.ones((rows, 6), np.float32), np.ones((rows, 3), np.float32)

    signature = prepare(model, *arrays(4), scored=True).signature
    program = model.steps.program("train", signature)
    program(arrays(4))
    outline = program.code.outline
    kept = dict(outline.blocks)
    assert kept  # Adam's update, at least
    asked = []
    for kind in outline.kinds:
        calls = kind.form.calls

        def counted(place, kind=kind, calls=calls):
            asked.append(kind)
            return calls(place)

        kind.form.calls = counted
    outline.recipes = [Recipes() for _ in outline.kinds]
    program(arrays(9))
    assert program.code.outline is outline
    assert all(outline.blocks[index] is block for index, block in kept.items())
    assert asked
    assert not any(kind.stands for kind in asked)
    asked.clear()
    program(arrays(10))
    assert not asked  # what was recorded for 9 rows tells it


def test_products_tiles_and_copies_of_all_sizes_are_bound_by_one_recording():
    x = tulle.Input((8, 8, 1))
    h = layers.Conv2D(32, 3, activation="relu")(x)
    h = layers.MaxPooling2D(2)(layers.Conv2D(64, 3, activation="relu")(h))
    h = layers.Dense(30)(layers.Flatten()(h))
    h = layers.Concatenate()([h, layers.Dense(70, activation="relu")(h)])
    model = tulle.Model(x, layers.Dense(1)(h))
    model.compile(optimizer="sgd", loss="mse")

    def arrays(rows):
        return np.ones((rows, 8, 8, 1), np.float32), np.ones((rows, 1), np.float32)

    signature = prepare(model, *arrays(32), scored=True).signature
    program = model.steps.program("train", signature)
    program(arrays(32))
    pairs = zip(program.code.outline.kinds, program.code.outline.recipes, strict=True)
    recipes = [recipes for kind, recipes in pairs if not kind.stands]
    for rows in (33, 65, 16, 9, 129, 300, 7):
        program(arrays(rows))
        assert [one._missed for one in recipes] == [0] * len(recipes)


def test_what_one_row_has_told_is_recorded_again_over_several_sizes(monkeypatch):
    """Products of one row are matrices times vectors: most answers are others."""
    x = h = tulle.Input((6,))
    for width in range(7, 13):
        h = layers.Dense(width, activation="tanh")(h)
    model = tulle.Model(x, h)
    rows, recorded = [np.ones((n, 6), np.float32) for n in range(1, 12)], []

    def record(self, kind, recording, record=Sized._recorded):
        recorded.append(kind)
        return record(self, kind, recording)

    monkeypatch.setattr(Sized, "_recorded", record)
    signature = prepare(model, rows[0], scored=False).signature
    program, counts = model.steps.program("predict", signature), []
    for given in rows:
        recorded.clear()
        program((given,))
        counts.append(len(recorded))
    first, *others = counts
    assert sum(others) >= 6
    assert max(others) <= sum(others) / 2 < first
    assert not any(others[WORTH + 1 :])


def test_layers_of_like_windows_are_all_recorded():
    def network(x):
        h = layers.Conv1D(8, 3, padding="same", activation="relu")(x)
        for activation in ("relu", "tanh", None):
            h = layers.Conv1D(8, 3, padding="same", activation=activation)(h)
        return layers.GlobalAveragePooling1D()(h)

    program = program_of(network)
    program(batch(8, 40))
    program(batch(8, 41))
    outline = program.code.outline
    assert sum(kind.form.has_scratch for kind in outline.kinds) > 2
    assert all(recipes._known for recipes in outline.recipes)


def lines(x):
    h = layers.Conv1D(32, 3, padding="same", activation="relu")(x)
    h = layers.Conv1D(32, 5, padding="causal", dilation_rate=2)(h)
    h = layers.Conv1D(16, 3, strides=2, activation="relu")(h)
    return layers.Conv1DTranspose(8, 3, strides=2)(layers.DepthwiseConv1D(3)(h))


def images(x):
    h = layers.Conv2D(16, 3, padding="same", use_bias=False)(x)
    h = layers.Conv2D(32, 3, padding="same", use_bias=False)(h)  # Winograd's
    return layers.Conv2D(8, (2, 3), use_bias=False)(h)


@pytest.mark.parametrize(
    ("network", "shape", "sizes"),
    [
        (lines, (None, 4), [(64,), (65,), (66,), (67,), (80,), (91,), (130,)]),
        (images, (None, None, 3), [(20, 30), (21, 33), (24, 24), (40, 28), (33, 51)]),
    ],
)
def test_convolutions_of_all_sizes_of_space_are_bound_by_one_recording(
    network, shape, sizes
):
    x = tulle.Input(shape)
    model = tulle.Model(x, network(x))
    model.compile(optimizer=tulle.optimizers.SGD(0.1), loss="mse")

    def arrays(size):
        x = RANDOM.standard_normal((2, *size, shape[-1]), np.float32)
        y = np.zeros((2, *model.compute_output_shape(x.shape)[1:]), np.float32)
        return x, y

    first, *others = sizes
    signature = prepare(model, *arrays(first), scored=True).signature
    program, start = model.steps.program("train", signature), model.get_weights()

    def trained(program, given):
        model.set_weights(start)
        loss = program(given)["loss"]
        return loss.tobytes(), [weight.tobytes() for weight in model.get_weights()]

    program(arrays(first))
    pairs = zip(program.code.outline.kinds, program.code.outline.recipes, strict=True)
    recipes = [recipes for kind, recipes in pairs if not kind.stands]
    for size in others:
        given = arrays(size)
        assert trained(program, given) == trained(Program(program.graph), given)
        assert [one._missed for one in recipes] == [0] * len(recipes)


def test_pooling_is_recorded_for_images_of_all_sizes():
    x = tulle.Input((None, None, 3))
    pooled = layers.MaxPooling2D(2)(x), layers.AveragePooling2D(3, 1)(x)
    model = tulle.Model(x, pooled)
    images = [
        RANDOM.standard_normal((2, *size, 3), np.float32)
        for size in ((12, 14), (20, 31), (9, 40), (33, 5))
    ]
    signature = prepare(model, images[0], scored=False).signature
    program = model.steps.program("predict", signature)
    program((images[0],))
    outline = program.code.outline
    pairs = zip(outline.kinds, outline.recipes, strict=True)
    pooling = [one for kind, one in pairs if kind.form.key[0].startswith("window_")]
    assert len(pooling) == 2
    for image in images[1:]:
        program((image,))
        assert not any(recipes._missed for recipes in pooling)


def test_tiles_of_several_images_and_some_of_their_rows(monkeypatch):
    """As there are for three threads and four images; results lie apart then."""
    x = tulle.Input((13, 8, 16))
    model = tulle.Model(x, layers.Conv2D(32, 3, padding="same", activation="relu")(x))
    images = RANDOM.standard_normal((4, 13, 8, 16), np.float32)
    signature = prepare(model, images, scored=False).signature
    program = model.steps.program("predict", signature)
    (wanted,) = program((images,)).values()
    monkeypatch.setattr(pool(), "threads", 3)
    (found,) = Program(program.graph)((images,)).values()
    assert found.tobytes() == wanted.tobytes()


def test_variables_that_move_are_found_again():
    x = tulle.Input((6,))
    model = tulle.Model(x, layers.Dense(3)(x))
    model.compile(optimizer="sgd", loss="mse")

    def loss(rows):
        ones = np.ones((rows, 6), np.float32), np.ones((rows, 3), np.float32)
        return model.train_on_batch(*ones)

    loss(4), loss(7)
    for variable in model.variables:
        variable.rehome(variable.array.copy())
    before = [variable.numpy().copy() for variable in model.trainable_variables]
    loss(5)
    for old, variable in zip(before, model.trainable_variables, strict=True):
        assert not np.array_equal(old, variable.numpy())


@pytest.mark.parametrize(
    "index",
    [
        0, -1, slice(None), slice(1, 3), slice(None, None, -1), slice(4, 1),
        slice(-2, None), (slice(None), 2), (1, slice(None, None, 2)), None,
        (slice(0, 2), slice(3, None), -1), (0, 1, 2), (slice(5, 0, -2), None, 3),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_part_lies_where_numpy_has_it(index, order):
    array = np.arange(5 * 6 * 7, dtype="f4").reshape(5, 6, 7).transpose(order)
    seen = array[index]
    entries = canonical_index(TensorType(F32, tuple(map(Dim.of, array.shape))), index)
    part = StridedArray.of(array).part(resolve(entries, {}))
    wanted = StridedArray.of(np.asarray(seen))
    assert part.shape == wanted.shape
    assert part.dense == wanted.dense
    if seen.size:
        found = StridedArray(part.address, part.shape, part.dtype, part.steps)
        assert np.array_equal(found.array(), seen)


@pytest.mark.parametrize("entry", [("at", -1), ("slice", 0, -1, 1)])
def test_what_sizes_leave_nothing_of_is_no_part(entry):
    assert StridedArray(FIRST, (5, 6, 7), np.dtype("f4")).part((entry,)) is None


def test_data_at_fault_are_told_for_other_sizes():
    x = tulle.Input((6,))
    model = tulle.Model(x, layers.Dense(3)(layers.Embedding(5, 4)(x)[:, 0]))
    loss = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="sgd", loss=loss)

    def train(rows, row=0, word=0, label=0):
        x, y = np.zeros((rows, 6), np.int32), np.zeros(rows, np.int32)
        x[row], y[row] = word, label
        model.train_on_batch(x, y)

    train(4)
    for rows in (9, 10):
        train(rows)
        with pytest.raises(tulle.TulleError, match=r"(?s)the id 5.*\[7, 0\]"):
            train(rows, 7, word=5)
        with pytest.raises(tulle.TulleError, match=r"(?s) 7.*\[8\]"):
            train(rows, 8, label=7)
        train(rows)
