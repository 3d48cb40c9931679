"""Steps bound a kind at a time: as many kinds as layers differ, and the same words."""

import numpy as np
import pytest

import tulle
from tulle import layers, losses, optimizers
from tulle.backend.cpu import engine
from tulle.backend.recorded import Recipes
from tulle.backend.strided_arrays import (
    OWN,
    ROOM,
    WITHIN,
    Placeholders,
    StridedArray,
    find_placeholders,
    operand_placeholder,
    placeholder_at,
    within,
)
from tulle.graph.diagnostics import InternalError
from tulle.training.batches import prepare

if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

from tulle.backend.cpu.command_table import Block, Order, laid_out, moved
from tulle.backend.cpu.forms import Place
from tulle.backend.cpu.outline import Bound, Sized

RANDOM = np.random.default_rng(0)


def dense(depth):
    x = h = tulle.Input((16,))
    for _ in range(depth):
        h = layers.LayerNormalization()(layers.Dense(16, activation="tanh")(h) + h)
    return tulle.Model(x, layers.Dense(1)(h)), (16,)


def attention(depth):
    x = h = tulle.Input((6, 8))
    for _ in range(depth):
        h = h + layers.Dropout(0.1)(layers.MultiHeadAttention(2, 4)(h, h))
    return tulle.Model(x, layers.Dense(1)(layers.Flatten()(h))), (6, 8)


def convolution(depth):
    x = h = tulle.Input((8, 8, 4))
    for _ in range(depth):
        y = layers.Conv2D(4, 3, padding="same", activation="relu")(h)
        h = layers.BatchNormalization()(y) + h
    return tulle.Model(x, layers.Dense(1)(layers.Flatten()(h))), (8, 8, 4)


def recurrent(depth):
    x = h = tulle.Input((5, 4))
    for _ in range(depth):
        h = layers.GRU(4, return_sequences=True)(h)
    return tulle.Model(x, layers.Dense(1)(layers.Flatten()(h))), (5, 4)


NETWORKS = {"dense": dense, "attention": attention, "convolution": convolution,
            "recurrent": recurrent}  # fmt: skip


def program_of(name, depth):
    """A training step, run for some rows, and what makes arrays for it."""
    model, shape = NETWORKS[name](depth)
    model.compile(optimizer=optimizers.Adam(), loss=losses.MeanSquaredError())

    def arrays(rows):
        shapes = (rows, *shape), (rows, 1)
        return tuple(RANDOM.standard_normal(s, np.float32) for s in shapes)

    signature = prepare(model, *arrays(7), scored=True).signature
    return model.steps.program("train", signature), arrays


@pytest.mark.parametrize("name", ["dense", "attention", "convolution"])
def test_more_layers_make_hardly_more_kinds(name):
    found = []
    for depth in (3, 6):
        program, arrays = program_of(name, depth)
        program(arrays(7))
        outline = program.code.outline
        found.append((len(outline.kinds), len(outline.order)))
    (few, short), (same, long) = found
    assert same <= few + 2
    assert long >= short + 9


@pytest.mark.parametrize("rows", [1, 7, 64])
@pytest.mark.parametrize("name", NETWORKS)
def test_steps_have_the_words_that_they_would_have_alone(name, rows):
    program, arrays = program_of(name, 3)
    given = arrays(rows)
    program(given)
    code, (symbol,) = program.code, program._symbols
    found = program.plan([array.shape for array in given])
    memory = 1 << 40  # nothing runs
    scratch = memory + found.scratch
    place = Place((), (), scratch, {symbol: rows}, 2, code._compiled, Placeholders(),
                  [])  # fmt: skip
    bound = Bound(Sized(code.outline, place), found, memory, scratch)
    laid = bound.laid_out()
    native = [s for s in program.schedule.steps if code.step_form(s) is not None]
    ends = [*laid.starts[1:].tolist(), len(laid.words)]
    compared = 0
    for step, start, end in zip(native, laid.starts, ends, strict=False):
        form = code.step_form(step)
        sources, targets = (
            [bound.array_of(value.name) for value in values]
            for values in (step.sources, step.targets)
        )
        alone = form.calls(place._replace(sources=sources, targets=targets))
        if all(array.dense for array in sources):  # else copies have memory
            wanted = laid_out([Block.of(alone)], Order([0])).words[: end - start]
            inner = wanted >= within(0)
            wanted[inner] += laid.words[start:].ctypes.data - within(0)
            np.testing.assert_array_equal(laid.words[start:end], wanted)
            compared += 1
    assert compared > len(native) // 2


@pytest.mark.parametrize("name", NETWORKS)
def test_recorded_sorts_have_the_words_that_they_are_bound_to(name, monkeypatch):
    program, arrays = program_of(name, 2)
    program(arrays(7))
    code, (symbol,) = program.code, program._symbols
    outline = code.outline
    calls = {kind.first: 0 for kind in outline.kinds}

    def sized(rows):
        place = Place((), (), 0, {symbol: rows}, 2, code._compiled, Placeholders(),
                      [])  # fmt: skip
        return Sized(outline, place)

    def counted(self, kind, recording, recorded=Sized._recorded):
        calls[kind.first] += 1
        return recorded(self, kind, recording)

    monkeypatch.setattr(Sized, "_recorded", counted)
    many = [8, 1, 6, 2, 33, 34, 64, 65, 129, 130, 500, 31, 7, 9, 3]
    recipes = outline.recipes
    found = [sized(rows) for rows in many]
    assert sum(calls.values()) < len(many) * len(calls) / 4
    for one, rows in zip(found, many, strict=True):
        outline.recipes = [Recipes() for _ in recipes]
        for each in outline.recipes:
            each._patience = 0
        wanted = sized(rows)
        assert one.scratch == wanted.scratch
        for ours, plain in zip(numbers_of(one), numbers_of(wanted), strict=True):
            np.testing.assert_array_equal(ours, plain)


def numbers_of(sized):
    """The words and rows of each block, with the gaps filled."""
    filling = iter(sized.filling)
    for block in sized.blocks:
        numbers = block.numbers.copy()
        numbers[block.gaps] = [next(filling) for _ in block.gaps]
        yield numbers
    assert list(filling) == []


def test_words_that_point_elsewhere():
    placeholders = Placeholders()
    one, two = (
        placeholders.place(StridedArray(0, (3,), np.dtype("f4"))) for _ in range(2)
    )
    words = np.array([7, two.address + 8, -1, one.address - 4, 1 << 61], np.int64)
    places, numbers, offsets = (found.tolist() for found in find_placeholders(words))
    assert (places, numbers, offsets) == ([1, 3], [1, 0], [8, -4])


def test_kinds_of_placeholders_are_told_apart():
    """By size alone: those of a program, of a step's operands, of words beside them."""
    placeholders = Placeholders()
    placeholders.count = OWN - 1
    like = StridedArray(0, (3,), np.dtype("f4"))
    far = ROOM // 2 - 1
    last = placeholders.place(like).address + far
    words = [operand_placeholder(0) - far, operand_placeholder(WITHIN - OWN - 1) + far]
    assert last < words[0] < words[1] < within(0) < within(far) <= np.iinfo("i8").max
    assert placeholder_at(last) == OWN - 1
    with pytest.raises(InternalError, match="elsewhere"):
        placeholders.place(like)
    others = [0, -1, last, *words, (1 << 62) - 1, -(1 << 63)]
    assert moved([*others, within(0), within(24)], 5) == [
        *others,
        within(40),
        within(64),
    ]
