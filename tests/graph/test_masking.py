"""Masks: made, carried through models and programs, used by layers and losses."""

import numpy as np
import pytest

import tulle
from tulle import layers, ops

IDS = np.array([[1, 2, 0], [3, 0, 0]], "int32")
KEPT = (IDS != 0)[..., None]


def mean_of_kept(x):
    return (x * KEPT).sum(1) / KEPT.sum(1)


def runs(model):
    """A model eagerly, in a program of its own and in a function."""
    return (
        model(IDS),
        model.predict(IDS, verbose=0),
        tulle.function(lambda x: model(x))(IDS),
    )


def test_a_mask_reaches_the_layer_that_uses_it():
    inputs = tulle.Input((3,), dtype="int32")
    x = layers.Embedding(5, 2, mask_zero=True)(inputs)
    x = layers.Dense(2)(layers.Dropout(0.1)(x))
    assert str(tulle.utils.get_mask(x).type) == "bool[batch, 3]"
    model = tulle.Model(inputs, layers.GlobalAveragePooling1D()(x))
    table, kernel, bias = model.get_weights()
    for found in runs(model):
        wanted = mean_of_kept(table[IDS] @ kernel + bias)
        np.testing.assert_allclose(found, wanted, 1e-5, 1e-6)


@pytest.mark.parametrize("wrap", [tulle.Sequential, None])
def test_a_mask_out_of_an_inner_model(wrap):
    inputs = tulle.Input((3,), dtype="int32")
    embedding = layers.Embedding(5, 2, mask_zero=True)
    if wrap is None:
        inner = tulle.Model(inputs, embedding(inputs))
    else:
        inner = wrap([tulle.Input((3,), dtype="int32"), embedding])
    model = tulle.Model(inputs, layers.GlobalAveragePooling1D()(inner(inputs)))
    for found in runs(model):
        wanted = mean_of_kept(embedding.get_weights()[0][IDS])
        np.testing.assert_allclose(found, wanted, 1e-5, 1e-6)


def test_a_loss_leaves_masked_steps_out():
    inputs = tulle.Input((3,), dtype="int32")
    embedding = layers.Embedding(5, 1, mask_zero=True)
    model = tulle.Model(inputs, layers.Dense(1)(embedding(inputs)))
    model.compile("sgd", "mse")
    target = np.ones((2, 3, 1), "float32")
    found = model.evaluate(IDS, target, verbose=0)
    errors = (model(IDS).numpy() - target)[KEPT] ** 2
    np.testing.assert_allclose(found, errors.mean(), 1e-5)


def test_a_layer_of_ones_own():
    class Last(tulle.Layer):
        def call(self, x, mask=None):
            return x if mask is None else ops.where(mask[..., None], x, -1.0)

        def compute_mask(self, inputs, previous_mask=None):
            return None if previous_mask is None else previous_mask[:, :1]

    x = tulle.constant([[[1.0], [0.0]]])
    found = Last()(layers.Masking()(x))
    assert found.numpy().tolist() == [[[1.0], [-1.0]]]
    assert tulle.utils.get_mask(found).numpy().tolist() == [[True]]
    given = Last()(x, mask=tulle.constant([[False, True]]))
    assert given.numpy().tolist() == [[[-1.0], [0.0]]]
    assert tulle.utils.get_mask(layers.Flatten()(found)) is None
