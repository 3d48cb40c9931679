"""A column beside a vector: refused for symbols, warned of for values on a tape."""

import warnings

import numpy as np
import pytest

import tulle
from tulle import GradientTape, Input, layers, ops
from tulle.graph.notices import TulleWarning

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
Y = X[:, 0]


def test_values_on_a_tape_are_paired_with_a_warning():
    layer = layers.Dense(1)
    layer(X)
    with GradientTape() as tape, pytest.warns(TulleWarning, match="T0302") as told:
        loss = ops.mean(ops.square(layer(X) - Y))
    place = told[0].message.diagnostic
    assert place.severity == "warning"
    assert "ops.square(layer(X) - Y)" in place.span.source.line(place.span.line)
    predicted = X @ layer.kernel.numpy()
    np.testing.assert_allclose(loss, np.mean((predicted - Y) ** 2), rtol=1e-5)
    slope = 2 * np.mean(predicted - Y)
    found = tape.gradient(loss, layer.bias)
    np.testing.assert_allclose(found, [slope], rtol=1e-4, atol=1e-6)


def test_distances_of_all_pairs_are_nobodys_mistake():
    x = tulle.Variable(X)
    with warnings.catch_warnings(), GradientTape() as tape:
        warnings.simplefilter("error")
        square = ops.sum(ops.square(x), axis=1, keepdims=True)
        other = ops.sum(ops.square(x), axis=1)
        distances = square - 2 * x @ ops.transpose(x) + other
        loss = ops.sum(square - other) + ops.sum(distances)
    assert tape.gradient(loss, x).shape == (6, 3)


def test_symbols_are_refused():
    prediction, target = layers.Dense(1)(Input((3,))), Input(())
    with pytest.raises(tulle.TensorTypeError, match="T0302"):
        prediction - target
    pairs = ops.sum(Input((3,)), axis=1, keepdims=True) - target
    assert pairs.shape == (None, None)
