"""`Network`: branches, sharing, nesting, structures of inputs, names, errors."""

import numpy as np
import pytest

from tulle import ops
from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.dim import minimum
from tulle.graph.evaluate import evaluate
from tulle.graph.layers import Add, Concatenate, Dense
from tulle.graph.network import Input, Network
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor, Tensor, input_node
from tulle.graph.trace import Trace, tracing

DATA = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


def dense(layer, x):
    return x @ layer.kernel.numpy() + layer.bias.numpy()


def expanded(model, *arrays):
    """The model's outputs by its graph of primitives."""
    with tracing(Trace()):
        symbols = [SymbolicTensor(input_node("x", Tensor(a).type)) for a in arrays]
        result = model(symbols if len(symbols) > 1 else symbols[0])
    values = {s.node: a for s, a in zip(symbols, arrays, strict=True)}
    return evaluate([result.node], values, {})[0]


def test_branches():
    x = Input((3,))
    left, right = Dense(4), Dense(4)
    model = Network(x, Add()([left(x), right(x)]) * 2)
    wanted = (dense(left, DATA) + dense(right, DATA)) * 2
    np.testing.assert_allclose(model(DATA), wanted, 1e-5, 1e-6)
    np.testing.assert_allclose(expanded(model, DATA), wanted, 1e-5, 1e-6)
    assert [layer.name for layer in model.called] == ["dense", "dense_1", "add"]


def test_shared_layer():
    x, y = Input((3,)), Input((3,))
    tower = Dense(2)
    model = Network([x, y], Concatenate()([tower(x), tower(y)]))
    assert len(model.weights) == 2
    wanted = np.hstack([dense(tower, DATA), dense(tower, -DATA)])
    np.testing.assert_allclose(model([DATA, -DATA]), wanted, 1e-5, 1e-6)
    np.testing.assert_allclose(expanded(model, DATA, -DATA), wanted, 1e-5, 1e-6)


def test_nested():
    x = Input((3,))
    inner = Network(x, Dense(3, name="core")(x), name="inner")
    outer = Network(x, inner(inner(x)), name="outer")
    core = inner.get_layer("core")
    np.testing.assert_allclose(outer(DATA), dense(core, dense(core, DATA)), 1e-4, 1e-5)
    assert outer.called == [inner]
    assert [v.path for v in outer.weights] == ["inner/core/kernel", "inner/core/bias"]


def test_structures():
    x, y = Input((3,), name="left"), Input((3,), name="right")
    named = Network({"a": x, "b": y}, {"sum": x + y, "pair": (x, y)})
    found = named({"b": 2 * DATA, "a": DATA})
    np.testing.assert_allclose(found["sum"], 3 * DATA, 1e-6)
    assert isinstance(found["pair"], tuple)
    plain = Network([x, y], x - y)
    by_name = plain({"right": DATA, "left": 3 * DATA})
    np.testing.assert_allclose(by_name, 2 * DATA, 1e-5, 1e-6)
    np.testing.assert_allclose(plain([3 * DATA, DATA]), 2 * DATA, 1e-5, 1e-6)


def test_other_sizes():
    """A model holds for every size of its symbols, and only for those."""
    x = Input(("T", 3))
    model = Network(x, call("reshape", x, (-1, 3)) * 2)
    assert model(np.ones((2, 7, 3), "float32")).shape == (14, 3)
    with pytest.raises(TensorTypeError) as error:
        model(np.ones((2, 7, 4), "float32"))
    assert error.value.diagnostics[0].code == "T0701"
    assert "axis 2 is 4 in place of 3" in str(error.value)


def test_data_in_another_dtype():
    """What loses nothing is taken as NumPy made it."""
    x = Input((3,), dtype="int32")
    model = Network(x, x * 2)
    for dtype in ("int64", "uint8", "float64"):
        assert model(np.ones((2, 3), dtype)).dtype == "int32"
    for wrong in (np.full((2, 3), 0.5), np.full((2, 3), 2**40)):
        with pytest.raises(TensorTypeError) as error:
            model(wrong)
        assert error.value.diagnostics[0].code == "T0702"
    y = Input((3,))
    assert Network(y, y * 2)(np.ones((2, 3), "int8")).dtype == "float32"


def test_same_string_is_the_same_size():
    x, y = Input(("T", 3)), Input(("T", 3))
    assert (x + y).type == x.type
    with pytest.raises(TensorTypeError):
        x + Input(("S", 3))
    with pytest.raises(TensorTypeError):
        x + Input((None, 3))


def test_names_are_unique_and_do_not_depend_on_history():
    for _ in range(2):
        x = Input((3,))
        y = Dense(3)(Dense(3, name="dense_1")(Dense(3)(x)))
        model = Network(x, y)
        names = [layer.name for layer in model.called]
        assert names == ["dense", "dense_1", "dense_2"]
    assert model.get_layer("dense_1") is model.get_layer(index=2)
    assert len({v.path for v in model.weights}) == 6


@pytest.mark.parametrize(
    ("build", "code", "words"),
    [
        (lambda x, y: Network(x, Dense(2)(y)), "T0505", "needs the input `second`"),
        (lambda x, y: Network(x + y, x), "T0505", "comes from `Input`"),
        (lambda x, y: Network([], x), "T0505", "needs an input"),
        (lambda x, y: Network(x, []), "T0505", "needs an output"),
        (
            lambda x, y: Network(x, Dense(3, name="d")(Dense(3, name="d")(x))),
            "T0504",
            "two layers of this model are called `d`",
        ),
        (lambda x, y: Network(x, x).get_layer("no"), "T0201", "no layer"),
        (lambda x, y: Network([x, y], x + y)([DATA]), "T0203", "takes 2 inputs"),
        (lambda x, y: Network([x, y], x + y)({"first": DATA}), "T0203", "`second`"),
        (lambda x, y: Input((2.5,)), "T0204", "no size"),
        (lambda x, y: Input((-1,)), "T0204", "no size"),
        (lambda x, y: Input(("2 * T",)), "T0204", "bound it as well"),
        (lambda x, y: Input(("T in 9..3",)), "T0204", 'bound first: `"T in 3..9"`'),
        (lambda x, y: Input(("T in 1..9999999999",)), "T0907", "at most 2147483647"),
        (lambda x, y: Input((10**30,)), "T0907", "a size is at most"),
        (lambda x, y: Input(5.0), "T0204", "`shape` is a tuple of sizes, not 5.0"),
        (lambda x, y: Input({3}), "T0204", "`shape` is a tuple of sizes, not {3}"),
        (lambda x, y: Input((3,), name=3), "T0204", "`name` is text, not 3"),
        (lambda x, y: Input((3,), dtype=3), "T0401", "`3` is no dtype"),
        (lambda x, y: Input(), "T0203", "needs a `shape`"),
        (lambda x, y: Input((3,), dtype="f31"), "T0401", "no dtype"),
    ],
)
def test_errors(build, code, words):
    x, y = Input((3,), name="first"), Input((3,), name="second")
    with pytest.raises(TensorTypeError) as error:
        build(x, y)
    assert error.value.diagnostics[0].code == code
    assert words in str(error.value)
    assert "test_network.py" in str(error.value)


def test_symbols_have_no_values():
    x = Input((3,))
    for ask in (bool, float, np.asarray, lambda t: 1 if t else 0):
        with pytest.raises(TensorTypeError) as error:
            ask(x)
        assert error.value.diagnostics[0].code == "T0503"


def test_a_symbolic_size_is_no_length():
    for ask in (len, list, lambda x: dict.fromkeys(x)):
        with pytest.raises(TensorTypeError, match="no length before") as error:
            ask(Input((3,)))
        assert error.value.diagnostics[0].code == "T0503"


def test_deep_network():
    x = node = Input((3,))
    for _ in range(2_000):
        node = call("tanh", Dense(3)(node))
    model = Network(x, node)
    assert len(model.called) == 2_000
    assert len({layer.name for layer in model.called}) == 2_000
    assert np.isfinite(expanded(model, DATA)).all()


def test_sizes_with_names_and_bounds():
    short, again = Input(("T in 1..5", 3)), Input("T in 1..5")
    assert str(short.type) == "f32[batch, T, 3]"
    assert short.type.shape[1] == again.type.shape[1]
    assert short.type.shape[1] != Input("T").type.shape[1]
    assert short.type.shape[1].bounds() == (1, 5)
    assert minimum(short.type.shape[1], 5) == short.type.shape[1]


def two_lengths(first, second):
    one = Input((first, 3), name="one")
    return one, Input((second, 3), name="two")


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (("T", "T in 1..512"), ("at least 1 and in 1..512", '"T in 1..512"')),
        (("T in 1..64", "T in 1..512"), ("in 1..64 and in 1..512", '"T in 1..512"')),
    ],
)
def test_one_name_is_one_size_of_a_model(texts, told):
    one, two = two_lengths(*texts)
    with pytest.raises(TensorTypeError) as error:
        Network([one, two], [call("mean", x, axis=1) for x in (one, two)])
    (found,) = error.value.diagnostics
    assert found.code == "T0205"
    assert told[0] in found.message
    assert told[1] in found.help[0]
    assert [label.text[:8] for label in found.labels] == ["in `one`", "in `two`"]
    with pytest.raises(TensorTypeError) as error:
        one + two
    advice = error.value.diagnostics[0].help[-1]
    assert f"`T` are two, {told[0]}: write `T in 1..512` for both" in advice


def test_a_size_is_read_by_what_it_says():
    one, two = two_lengths("T in 1..5", " T  in 01 .. 5 ")
    assert str((one + two).type) == "f32[batch, T, 3]"
    assert Network([one, two], one + two).built
    # Sizes without a name of one's own may be called alike.
    first, second = Input((None,)), Input((None,))
    assert Network([first, second], [first, second]).built


def test_values_take_symbolic_sizes():
    size = ops.shape(Input(("T", 2)))[1]
    table = Tensor(np.ones((5, 2), "float32"))
    assert str(table[:size].type) == "f32[min(5, T), 2]"
    assert str(call("one_hot", np.array([1, 2]), size).type) == "f32[2, T]"
    assert str(call("pad", table, [(0, size), (0, 0)]).type) == "f32[T + 5, 2]"
    assert str(call("broadcast_to", table[:1], (size, 2)).type) == "f32[T, 2]"
