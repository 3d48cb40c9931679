"""Layers against Keras's numbers: values, gradients, state; and their arguments."""

import numpy as np
import pytest
from oracle_cases import case, each

from tulle.graph import activations, layers
from tulle.graph.diagnostics import DataError, TensorTypeError
from tulle.graph.differentiate import gradients
from tulle.graph.evaluate import evaluate
from tulle.graph.layer import Layer
from tulle.graph.layers import ALIASES, LAYERS, functions
from tulle.graph.masking import get_mask, set_mask
from tulle.graph.network import Input, Network
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import SymbolicTensor, Tensor, constant_node, input_node
from tulle.graph.trace import Trace, tracing
from tulle.graph.variable import set_random_seed


def filled(value, arrays):
    """A call's arguments with arrays in place of their names."""
    if isinstance(value, str) and value.startswith("@"):
        return arrays[value[1:]]
    if isinstance(value, list):
        return [filled(item, arrays) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, arrays) for key, item in value.items()}
    return value


def configured(value):
    """A setting; an object is given by its class and configuration."""
    if not isinstance(value, dict):
        return value
    return {"class_name": value["class"], "config": value["config"]}


def masked(found) -> dict:
    """The arrays of a case as tensors, with the masks that they carry."""
    tensors = {key: Tensor(array) for key, array in found.given.items()}
    for key, mask in found.entry["call"].get("input_masks", {}).items():
        set_mask(tensors[key], tensors[mask])
    return tensors


def made(found) -> Layer:
    """The layer of a case, built, with the weights of the case."""
    layer = LAYERS[found.name](**{k: configured(v) for k, v in found.config.items()})
    first = filled(found.entry["call"]["args"][0], found.given)
    several = isinstance(first, list)
    layer.build([a.shape for a in first] if several else first.shape)
    layer.built = True
    for role in weights_of(found):
        getattr(layer, role).assign(found.given[f"weight.{role}"])
    return layer


def weights_of(found) -> list[str]:
    return [weight["role"] for weight in found.entry["weights"]]


def leaves(found) -> dict:
    """The float inputs as symbols, the rest as values."""
    made = {}
    for key, array in found.given.items():
        if key.startswith("in.") and array.dtype.kind == "f":
            made[key] = SymbolicTensor(input_node(key, Tensor(array).type))
        elif key.startswith(("in.", "mask.")):
            made[key] = Tensor(array)
    return made


@each("layer", names=LAYERS)
def test_eager(case_id):
    found = case(case_id)
    layer = made(found)
    tensors = masked(found)
    kwargs = filled(found.entry["call"]["kwargs"], tensors)
    result = layer(*filled(found.entry["call"]["args"], tensors), **kwargs)
    found.check("out.0", result)
    if "out_mask.0" in found.want:
        found.check("out_mask.0", get_mask(result))
    if "reg_loss" in found.want:
        found.check("reg_loss", sum(layer.losses))
    for key in found.want:
        if key.startswith("after."):
            found.check(key, getattr(layer, key.removeprefix("after.")))


@each("layer", names=LAYERS)
def test_traced(case_id):
    """The layer as a graph: value, gradients of inputs and weights, updates."""
    found = case(case_id)
    layer, symbols = made(found), leaves(found)
    kwargs = filled(found.entry["call"]["kwargs"], symbols)
    trace = Trace()
    with tracing(trace):
        result = layer(*filled(found.entry["call"]["args"], symbols), **kwargs)
    values = {
        symbol.node: found.given[key]
        for key, symbol in symbols.items()
        if isinstance(symbol, SymbolicTensor)
    }
    total = call("sum", result.as_node() * constant_node(found.given["cot.0"]))
    wanted = {"out.0": result.as_node()}
    for key in found.want:
        role = key.rpartition(".")[2]
        if key.startswith("grad.in."):
            wanted[key] = gradients(total, [symbols[key[5:]].node])[0]
        elif key.startswith("grad.weight."):
            wanted[key] = gradients(total, [getattr(layer, role).node])[0]
        elif key.startswith("after."):
            variable = getattr(layer, role)
            wanted[key] = trace.updates.get(variable, variable.node)
    for key, array in zip(wanted, evaluate(wanted.values(), values, {}), strict=True):
        found.check(key, array)
    assert set(wanted) == set(found.want) - {"reg_loss", "out_mask.0"}


@each("layer", names=LAYERS)
def test_weights(case_id):
    found = case(case_id)
    layer = made(found)
    assert [
        {
            "role": v.name,
            "shape": list(v.shape),
            "trainable": v in layer.trainable_weights,
        }
        for v in layer.weights
    ] == found.entry["weights"]
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@each("layer_sequence", names=LAYERS)
def test_sequence(case_id):
    found = case(case_id)
    entry = {**found.entry, "call": {"args": ["@in.0"]}}
    layer = made(type(found)(entry, found.given, found.want, found.rtol, found.atol))
    for index in range(3):
        result = layer(found.given[f"in.{index}"], **found.entry["call_kwargs"])
        found.check(f"out.{index}", result)
        for key in found.want:
            if key.startswith(f"after.{index}."):
                found.check(key, getattr(layer, key.rpartition(".")[2]))


@each("initial_weights", names=LAYERS)
def test_first_weights(case_id):
    found = case(case_id)
    layer = LAYERS[found.name](**found.config)
    layer.build(tuple(found.entry["input_shape"]))
    for key in found.want:
        found.check(key, getattr(layer, key.removeprefix("init.")))


@each("activation")
def test_activation(case_id):
    found = case(case_id)
    plain = getattr(activations, found.name, None) or activations.get(found.name)
    x = SymbolicTensor(input_node("x", Tensor(found.given["in.0"]).type))
    found.check("out.0", plain(Tensor(found.given["in.0"]), **found.config))
    result = plain(x, **found.config).node
    total = call("sum", result * constant_node(found.given["cot.0"]))
    nodes = [result, *gradients(total, [x.node])]
    values = evaluate(nodes, {x.node: found.given["in.0"]}, {})
    for key, array in zip(("out.0", "grad.in.0"), values, strict=True):
        found.check(key, array)


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
