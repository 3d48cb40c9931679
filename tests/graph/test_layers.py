"""Layers against Keras's numbers: values, gradients, state; and their arguments."""

import numpy as np
import pytest

from tulle.graph import activations, layers
from tulle.graph.diagnostics import DataError, TensorTypeError
from tulle.graph.evaluate import evaluate
from tulle.graph.layer import Layer
from tulle.graph.layers import ALIASES, LAYERS, functions
from tulle.graph.network import Input, Network
from tulle.graph.registry import OPS
from tulle.graph.tensor import SymbolicTensor, Tensor, input_node
from tulle.graph.trace import Trace, tracing
from tulle.graph.variable import set_random_seed


def test_activation_names():
    for name in activations.NAMES:
        assert (
            activations.get(name) is None
            if name == "linear"
            else callable(activations.get(name))
        )
    assert activations.get("swish") is OPS["silu"]
    assert activations.serialize(activations.get("gelu")) == "gelu"
    with pytest.raises(TensorTypeError) as error:
        layers.Dense(3, activation="rely")
    assert "did you mean `relu`?" in str(error.value)


def test_registry():
    assert {*LAYERS, *ALIASES, *functions.__all__} == set(layers.__all__)
    assert all(getattr(layers, a) is LAYERS[name] for a, name in ALIASES.items())
    assert all(issubclass(kind, Layer) for kind in LAYERS.values())


def test_dropout():
    set_random_seed(3)
    layer = layers.Dropout(0.25, seed=5)
    x = np.ones((200, 100), "float32")
    np.testing.assert_array_equal(layer(x), x)
    first, second = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert set(np.unique(first)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((first == 0).mean() - 0.25) < 0.01
    assert (first != second).any()
    again = layers.Dropout(0.25, seed=5)
    np.testing.assert_array_equal(again(x, training=True), first)
    shared = layers.Dropout(0.5, noise_shape=(None, 1), seed=1)(x, training=True)
    assert (np.ptp(shared.numpy(), axis=1) == 0).all()
    everything = layers.Dropout(1.0)(x, training=True).numpy()
    np.testing.assert_array_equal(everything, 0 * x)
    with pytest.raises(TensorTypeError, match="from 0 to 1"):
        layers.Dropout(1.5)


def test_dropout_in_a_network():
    """Traced and eager draws are the same; each draw of a trace is its own."""
    layer = layers.Dropout(0.5, seed=9)
    x = Input((50,))
    y = layer(layer(x))
    model = Network(x, y)
    data = np.ones((4, 50), "float32")
    np.testing.assert_array_equal(model(data), data)
    trace = Trace(training=True)
    symbol = SymbolicTensor(input_node("x", Tensor(data).type))
    with tracing(trace):
        out = model(symbol)
    assert trace.draws == {layer.seed_generator: 2}
    (found,) = evaluate([out.node], {symbol.node: data}, {})
    assert set(np.unique(found)) == {0.0, 4.0}
    np.testing.assert_array_equal(model(data, training=True), found)
    assert layer.seed_generator.count == 2


def test_gaussian_noise():
    layer = layers.GaussianNoise(0.5, seed=1)
    x = np.zeros((300, 100), "float32")
    noise = layer(x, training=True).numpy()
    assert abs(noise.std() - 0.5) < 0.01
    assert abs(noise.mean()) < 0.01
    with pytest.raises(TensorTypeError, match="at least 0"):
        layers.GaussianNoise(-1.0)


def test_embedding():
    layer = layers.Embedding(5, 3)
    rows = layer(np.array([[0, 4]])).numpy()
    np.testing.assert_array_equal(rows[0], layer.embeddings.numpy()[[0, 4]])
    np.testing.assert_array_equal(layer(np.array([[0.0, 4.0]])).numpy(), rows)
    with pytest.raises(DataError, match="index 5 for an axis of size 5"):
        layer(np.array([5]))


def test_frozen_inside():
    """Freezing a model freezes the statistics of the layers inside."""
    x = Input((2,))
    inner = layers.BatchNormalization()
    model = Network(x, inner(x))
    model.trainable = False
    model(np.ones((4, 2), "float32"), training=True)
    np.testing.assert_array_equal(inner.moving_mean, [0.0, 0.0])
    model.trainable = True
    model(np.ones((4, 2), "float32"), training=True)
    np.testing.assert_allclose(inner.moving_mean, [0.01, 0.01], 1e-5)


@pytest.mark.parametrize(
    ("make", "shape", "code", "words"),
    [
        (lambda: layers.Dense(0), None, "T0204", "positive integer"),
        (lambda: layers.Dense("4"), None, "T0204", "positive integer"),
        (lambda: layers.Dense(4, unit=3), None, "T0202", "did you mean `units`?"),
        (lambda: layers.Dense(), None, "T0203", "units"),
        (lambda: layers.Dense(2), (None,), "T0306", "a number"),
        (lambda: layers.Permute((1, 1)), None, "T0303", "each axis"),
        (lambda: layers.Permute((2, 1)), (3,), "T0303", "2 axes"),
        (lambda: layers.Reshape((4,)), (3,), "T0304", "elements"),
        (lambda: layers.LayerNormalization(axis=3), (3,), "T0303", "no axis 3"),
        (lambda: layers.BatchNormalization(), (None,), "T0306", "a number"),
        (lambda: layers.Flatten("first"), None, "T0204", "channels_first"),
        (lambda: layers.GlobalAveragePooling1D(), (3,), "T0306", "3 axes"),
        (lambda: layers.Add(), (3,), "T0203", "list of at least 1"),
        (lambda: layers.Subtract(), (3,), "T0203", "list of at least 2"),
    ],
)
def test_wrong(make, shape, code, words):
    with pytest.raises(TensorTypeError) as error:
        make()(Input(shape))
    assert error.value.diagnostics[0].code == code
    assert words in str(error.value)
    assert "test_layers.py" in str(error.value)


def test_wrong_lists():
    x, y = Input((2,)), Input((3,))
    with pytest.raises(TensorTypeError) as error:
        layers.Subtract()([x, x, x])
    assert error.value.diagnostics[0].code == "T0203"
    with pytest.raises(TensorTypeError) as error:
        layers.Add()([x, y])
    assert error.value.diagnostics[0].code == "T0302"
    with pytest.raises(TensorTypeError) as error:
        layers.Concatenate(axis=0)([x, y])
    assert error.value.diagnostics[0].code == "T0305"


def test_a_subclass_passes_on_what_it_likes():
    class Zeroed(layers.Dense):
        def __init__(self, size, **kwargs):
            super().__init__(size, kernel_initializer="zeros", **kwargs)

    result = Zeroed(3, name="zeroed")(np.ones((2, 4), "float32"))
    assert result.numpy().tolist() == [[0.0] * 3] * 2
