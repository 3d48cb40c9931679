"""What holds for every layer: configuration, types, gradients, modes, both formats."""

import inspect

import numpy as np
import pytest
from layer_cases import (
    all_rows,
    arrays,
    called,
    labels,
    layer_of,
    mask_values,
    primes,
    run,
    shapes,
    smallest,
    symbols,
)

from tulle import GradientTape, Model, function, load_model
from tulle.graph.layers import LAYERS
from tulle.graph.network import Input
from tulle.graph.registry import call
from tulle.graph.tensor import convert_to_tensor
from tulle.graph.variable import set_random_seed

ROWS = all_rows()
LABELS = labels(ROWS)
FIRST = [
    (row, label) for row, label in zip(ROWS, LABELS, strict=True) if "-" not in label
]

every = pytest.mark.parametrize("row", ROWS, ids=LABELS)
SMOOTH = [
    (row, label) for row, label in zip(ROWS, LABELS, strict=True) if row.gradients
]
differentiable = pytest.mark.parametrize(
    "row", [row for row, _ in SMOOTH], ids=[label for _, label in SMOOTH]
)
once = pytest.mark.parametrize("row", [r for r, _ in FIRST], ids=[x for _, x in FIRST])


def values(results) -> list[np.ndarray]:
    return [result.numpy() for result in results]


def close(got, want, tolerance: float = 1e-5) -> None:
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def test_every_layer_has_a_row():
    assert set(LAYERS) - {row.name for row in ROWS} == set()


@every
def test_configuration(row):
    """`get_config` and `from_config` make a layer that computes the same."""
    set_random_seed(1)
    layer = layer_of(row)
    want = values(run(row, layer, primes(row)))
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config().keys() == config.keys()
    run(row, again, primes(row))
    again.set_weights(layer.get_weights())
    close(values(run(row, again, primes(row))), values(run(row, layer, primes(row))))
    assert [v.path for v in again.weights] == [v.path for v in layer.weights]
    assert len(want) > 0


@every
def test_types(row):
    """The type of a symbolic call is that of the run, at primes and at small sizes."""
    layer, dims = layer_of(row), symbols(row)
    dtype = "float32" if row.high is None else "int32"
    inputs = [Input(batch_shape=shape, dtype=dtype) for shape in shapes(row, dims)]
    types = [result.type for result in called(row, layer, inputs, {})]
    for sizes in (primes(row), smallest(row)):
        valuation = {dims[k].symbol: size for k, size in sizes.items()}
        found = run(row, layer, sizes)
        assert len(found) == len(types)
        for result, type in zip(found, types, strict=True):
            expected = tuple(dim.evaluate(valuation) for dim in type.shape)
            assert (result.shape, result.dtype) == (expected, type.dtype.name)


@differentiable
def test_gradients(row):
    """Reverse mode against central differences along a random direction."""
    for training in (False,) if row.random else (False, True):
        check_gradients(row, training)


def check_gradients(row, training: bool) -> None:
    set_random_seed(2)
    layer, random = layer_of(row, dtype="float64"), np.random.default_rng(3)
    sizes = primes(row)
    inputs = arrays(row, sizes, "float64")
    masks = {k: convert_to_tensor(m) for k, m in mask_values(row, sizes).items()}
    extra = {"training": True} if training and layer.wants_training else {}
    results = called(row, layer, list(map(convert_to_tensor, inputs)), masks, **extra)
    cotangents = [random.uniform(-1, 1, result.shape) for result in results]
    state = [variable.numpy() for variable in layer.weights]

    def score(points):
        for variable, value in zip(layer.weights, state, strict=True):
            variable.assign(value)
        for variable, value in zip(weights, points[len(floats) :], strict=True):
            variable.assign(value)
        given = list(inputs)
        for place, value in zip(floats, points, strict=False):
            given[place] = value
        tensors = list(map(convert_to_tensor, given))
        with GradientTape() as tape:
            tape.watch([tensors[place] for place in floats])
            found = called(row, layer, tensors, masks, **extra)
            parts = [
                call("sum", r * c) for r, c in zip(found, cotangents, strict=True)
                if r.type.dtype.is_float
            ]  # fmt: skip
            total = sum(parts[1:], parts[0])
        sources = [*(tensors[place] for place in floats), *weights]
        return total, lambda: tape.gradient(total, sources)

    floats = [i for i, x in enumerate(inputs) if x.dtype.kind == "f"]
    weights = layer.trainable_weights
    points = [*(inputs[place] for place in floats), *(w.numpy() for w in weights)]
    directions = [random.standard_normal(point.shape) for point in points]
    found = score(points)[1]()
    slope = sum(
        float((g.numpy() * d).sum())
        for g, d in zip(found, directions, strict=True)
        if g is not None
    )
    step = 1e-6
    ahead, behind = (
        float(score([p + s * d for p, d in zip(points, directions, strict=True)])[0])
        for s in (step, -step)
    )
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), 1e-4, 1e-6)


@every
def test_modes(row):
    """Compiled gives what eager gives, in both modes."""
    sizes = primes(row)
    masks = list(mask_values(row, sizes).values())

    for training in (False, True):
        set_random_seed(4)
        layer = layer_of(row)
        extra = {"training": training} if layer.wants_training else {}
        run(row, layer, sizes, **extra)  # makes the weights
        before = layer.get_weights()
        eager = values(run(row, layer, sizes, **extra))
        after = layer.get_weights()
        layer.set_weights(before)

        @function
        def compiled(tensors, masks, layer=layer, extra=extra):
            carried = dict(zip(row.masks, masks, strict=True))
            return called(row, layer, list(tensors), carried, **extra)

        found = values(compiled(arrays(row, sizes), masks))
        if training and row.random:
            assert [x.shape for x in found] == [x.shape for x in eager]
        else:
            close(found, eager, 1e-4)
            close(layer.get_weights(), after, 1e-4)


@once
def test_saved(row, tmp_path):
    """A model of the layer survives a file."""
    set_random_seed(5)
    dtype = "float32" if row.high is None else "int32"
    given = symbols(row)
    inputs = [
        Input(batch_shape=shape, dtype=dtype, name=f"x{i}")
        for i, shape in enumerate(shapes(row, given))
    ]
    model = Model(inputs, called(row, layer_of(row), inputs, {}))
    batch = arrays(row, primes(row))
    want = values(flat(model(batch if len(batch) > 1 else batch[0], training=False)))
    model.save(tmp_path / "model.tulle")
    again = load_model(tmp_path / "model.tulle")
    found = again(batch if len(batch) > 1 else batch[0], training=False)
    close(values(flat(found)), want)
    assert [v.path for v in again.weights] == [v.path for v in model.weights]


def flat(results) -> list:
    return list(results) if isinstance(results, (list, tuple)) else [results]


WITH_FORMAT = [
    (row, label)
    for row, label in zip(ROWS, LABELS, strict=True)
    if "data_format" in inspect.signature(LAYERS[row.name].__init__).parameters
    and "data_format" not in row.config
    and row.name != "Flatten"  # its output has no channels
    and not row.name.startswith("ConvLSTM")  # steps come before the channels
]


@pytest.mark.parametrize(
    "row", [r for r, _ in WITH_FORMAT], ids=[x for _, x in WITH_FORMAT]
)
def test_formats(row):
    """Channels first is channels last with the axes turned."""
    set_random_seed(6)
    last = layer_of(row)
    want = run(row, last, primes(row))[0].numpy()
    first = layer_of(row, data_format="channels_first")
    moved = [np.moveaxis(x, -1, 1) for x in arrays(row, primes(row))]
    first(*moved)
    first.set_weights(last.get_weights())
    got = first(*moved).numpy()
    close([np.moveaxis(got, 1, -1) if got.ndim == want.ndim > 2 else got], [want])
