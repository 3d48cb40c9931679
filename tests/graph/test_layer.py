"""`Layer`: building, weights, names, nesting, sharing, freezing, losses, errors."""

from collections import namedtuple

import numpy as np
import pytest

from tulle.graph.diagnostics import DataError, TensorTypeError
from tulle.graph.layer import Layer
from tulle.graph.layers import (
    LSTM,
    Add,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    MultiHeadAttention,
)
from tulle.graph.network import Input, Network
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import SymbolicTensor
from tulle.graph.trace import Trace, tracing


class Scale(Layer):
    def __init__(self, start="ones", **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.builds = []

    def build(self, input_shape):
        self.builds.append(input_shape)
        self.factor = self.add_weight((input_shape[-1],), self.start)

    def call(self, inputs):
        return inputs * self.factor


class Block(Layer):
    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.inner = Dense(width, name="inner")
        self.parts = [Scale(), Scale()]
        self.table = {"last": Scale(name="given")}

    def call(self, inputs, training=False):
        x = self.inner(inputs)
        for part in (*self.parts, *self.table.values()):
            x = part(x)
        return x * 2 if training else x


DATA = np.arange(6, dtype="float32").reshape(2, 3)


def test_built_once_with_none_for_symbolic_sizes():
    layer = Scale()
    assert not layer.built
    x = Input((3,))
    y = layer(x)
    layer(x)
    layer(DATA)
    assert layer.built
    assert layer.builds == [(None, 3)]
    assert str(y.type) == "f32[batch, 3]"


def test_symbolic_call_is_one_node():
    x = Input((3,))
    layer = Block(4)
    y = layer(x)
    assert y.node.op is OPS["layer_call"]
    assert y.node.inputs == (x.node,)
    assert y.node.attributes["call"].layer is layer
    assert layer(x).node is not y.node


def test_eager_and_symbolic_agree():
    layer = Block(4)
    x = Input((3,))
    model = Network(x, layer(x))
    np.testing.assert_array_equal(model(DATA), layer(DATA))
    np.testing.assert_array_equal(
        model(DATA, training=True), 2 * layer(DATA, training=False).numpy()
    )


def test_weights_and_paths():
    layer = Block(4, name="block")
    layer(DATA)
    assert list(layer.named_variables()) == [
        "inner/kernel", "inner/bias", "parts_0/factor", "parts_1/factor",
        "given/factor",
    ]  # fmt: skip
    assert layer.weights[0].path == "block/inner/kernel"
    assert layer.count_params() == 3 * 4 + 4 + 3 * 4
    assert layer.sublayers == [layer.inner, *layer.parts, layer.table["last"]]
    values = [np.full(v.shape, 2.0, "float32") for v in layer.weights]
    layer.set_weights(values)
    for found, given in zip(layer.get_weights(), values, strict=True):
        np.testing.assert_array_equal(found, given)


def test_sharing_counts_once():
    shared = Dense(3)

    class Twice(Layer):
        def __init__(self):
            super().__init__()
            self.one = self.two = shared

        def call(self, x):
            return self.two(self.one(x))

    layer = Twice()
    layer(DATA)
    assert len(layer.weights) == 2
    assert len(layer.sublayers) == 1


def test_freezing():
    layer = Block(4)
    layer(DATA)
    layer.inner.trainable = False
    assert [v.name for v in layer.trainable_weights].count("kernel") == 0
    assert len(layer.non_trainable_weights) == 2
    layer.trainable = False
    assert layer.trainable_weights == []
    assert not layer.parts[0].trainable
    layer.trainable = True
    assert layer.non_trainable_weights == []


class Sparse(Layer):
    def __init__(self):
        super().__init__()
        self.below = Scale()

    def call(self, inputs):
        self.add_loss(call("sum", call("abs", inputs)))
        return self.below(inputs)


def test_losses_are_those_of_the_last_call():
    layer = Sparse()
    layer(DATA)
    layer(DATA)
    assert [float(loss) for loss in layer.losses] == [15.0]
    with tracing(Trace()) as trace:
        layer(SymbolicTensor(Input((3,)).node))
    assert len(trace.losses) == 1
    assert [float(loss) for loss in layer.losses] == [15.0]


def test_several_outputs_and_arguments():
    class Both(Layer):
        def call(self, pair, scale=1.0, *, other=None):
            left, right = pair
            result = {"sum": (left + right) * scale, "both": [left, right]}
            if other is not None:
                result["other"] = other
            return result

    layer = Both()
    x, y = Input((3,)), Input((3,))
    found = layer([x, y], 2.0, other=x)
    assert sorted(found) == ["both", "other", "sum"]
    assert [str(t.type) for t in found["both"]] == ["f32[batch, 3]"] * 2
    model = Network([x, y], found)
    value = model([DATA, DATA + 1])
    np.testing.assert_array_equal(value["sum"], (2 * DATA + 1) * 2)
    np.testing.assert_array_equal(value["other"], DATA)


def test_training_reaches_inner_layers():
    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.drop = Dropout(1.0)

        def call(self, x):
            return self.drop(x)

    layer = Outer()
    np.testing.assert_array_equal(layer(DATA), DATA)
    np.testing.assert_array_equal(layer(DATA, training=True), 0 * DATA)
    x = Input((3,))
    model = Network(x, layer(x))
    np.testing.assert_array_equal(model(DATA, training=True), 0 * DATA)


def test_config():
    layer = Block(4, name="b", trainable=False)
    again = Block.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.name, again.trainable) == ("b", False)


def test_config_of_a_class_that_tells_its_own():
    class Own(Layer):
        def __init__(self, units, activation=None, **kwargs):
            super().__init__(**kwargs)
            self.units, self.activation = units, activation

        def get_config(self):
            return dict(units=self.units, activation="relu", **super().get_config())

    class Wider(Dense):
        def __init__(self, units, factor, **kwargs):
            super().__init__(units, **kwargs)
            self.factor = factor

        def get_config(self):
            return dict(factor=self.factor, **super().get_config())

    found = Own(4, name="b").get_config()
    assert found == {
        "units": 4, "activation": "relu", "name": "b", "trainable": True,
        "dtype": "float32",
    }  # fmt: skip
    again = Wider.from_config(Wider(4, 2, use_bias=False).get_config())
    assert (again.units, again.factor, again.use_bias) == (4, 2, False)


def test_output_shapes():
    assert Dense(4).compute_output_shape((None, 3)) == (None, 4)
    spec = Block(5).compute_output_spec(Input((3,)))
    assert str(spec.type) == "f32[batch, 5]"


def test_floats_follow_the_layer():
    assert Scale()(DATA.astype("float64")).dtype == "float32"
    assert Scale(dtype="float64")(DATA).dtype == "float64"


def wrong(code, *words):
    """The error, checked for its code, its words and the line of this file."""
    return pytest.raises(TensorTypeError, match="(?s)" + ".*".join([code, *words]))


def test_arrays_in_a_named_tuple_are_tensors_of_the_layer():
    pair = namedtuple("Pair", "x y")

    class Joined(Layer):
        def call(self, given):
            return given.x * 2 + given.y

    ones = np.ones((2, 3), "float64")
    found = Joined()(pair(ones, ones))
    assert str(found.type) == "f32[2, 3]"
    x, y = Input((3,)), Input((3,))
    assert Network([x, y], x - y)(pair(ones, ones)).numpy().tolist() == [[0] * 3] * 2


def test_errors_name_the_users_line():
    x = Input((3,))
    with wrong("T0202", "no argument `strat`", "did you mean `start`") as error:
        Scale(strat="ones")
    assert 'Scale(strat="ones")' in str(error.value)
    with wrong("T0301", "3 and batch") as error:
        call("matmul", x, Input((4,)))
    assert 'call("matmul", x, Input((4,)))' in str(error.value)
    with wrong("T0501", "`scale` is a layer|is a layer"):
        Dense(3)(Scale())
    with wrong("T0204", "has no `call`"):
        Layer()(x)


def test_error_inside_a_users_call():
    class Broken(Layer):
        def call(self, inputs):
            return inputs @ inputs  # the mistake

    with wrong("T0301") as error:
        Broken()(Input((3,)))
    assert "the mistake" in str(error.value)


def test_an_unknown_argument_of_a_weight_is_refused():
    class Wrong(Layer):
        def build(self, shape):
            self.w = self.add_weight((3,), initialiser="zeros")

        def call(self, x):
            return x * self.w

    with pytest.raises(TensorTypeError, match="did you mean `initializer`"):
        Wrong()(np.ones((2, 3), "float32"))


def test_a_call_without_a_tensor_says_which_one_is_missing():
    with pytest.raises(TensorTypeError) as caught:
        MultiHeadAttention(2, 3)(np.ones((2, 3, 4), "float32"))
    (told,) = caught.value.diagnostics
    assert told.code == "T0203"
    assert told.message == "`multi_head_attention` needs `value`"
    assert told.help == ("write `multi_head_attention(query, value)`",)
    assert told.span.source.name == __file__


@pytest.mark.parametrize(
    ("made", "given", "words"),
    [
        (lambda: Dense(2), None, "its input is None"),
        (Flatten, 3.0, "its input is 3.0"),
        (lambda: LSTM(2), [], "its input holds nothing"),
        (Add, [call("ones", (2, 3)), None], "its input holds None"),
    ],
)
def test_what_is_no_tensor_is_told_as_such(made, given, words):
    layer = made()
    if not isinstance(given, list):
        layer(call("ones", (2, 3)))
    with pytest.raises(TensorTypeError, match=f"T0401.*takes tensors, and {words}"):
        layer(given)


def test_mistakes_in_a_users_call_on_no_tensor_stay_what_they_are():
    class Asks(Layer):
        def call(self, x):
            return x.nothing

    with pytest.raises(AttributeError, match="nothing"):
        Asks()(None)


def test_data_that_a_layer_cannot_use_are_told_at_its_call():
    with pytest.raises(DataError) as caught:
        Embedding(3, 2)(np.array([[7]]))
    (told,) = caught.value.diagnostics
    assert "index 7" in told.message
    assert told.notes == ("in `embedding`",)
    assert told.span.source.name == __file__
