"""Batches of no samples: results of no rows, zero gradients, no training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tulle import (
    GradientTape,
    Input,
    Model,
    Sequential,
    TulleError,
    function,
    layers,
    ops,
)

NONE = np.zeros((0, 4), "float32")
NO_TARGETS = np.zeros((0, 1), "float32")


def model_of() -> Any:
    dropped = [layers.BatchNormalization(), layers.Dropout(0.5)]
    model = Sequential([Input((4,)), layers.Dense(3), *dropped, layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


class Subclassed(Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return {"a": self.dense(x), "b": ops.sum(x, axis=-1)}

    def predict_step(self, data: Any) -> Any:
        return self(data)["a"]


def gradients(model: Any, x: Any) -> Any:
    with GradientTape() as tape:
        loss = ops.sum(model(x, training=True))
    return tape.gradient(loss, model.trainable_variables)


def test_what_a_model_gives_for_nothing_has_no_rows() -> None:
    model = model_of()
    assert model(NONE).shape == (0, 1)
    assert model.predict(NONE, verbose=0).shape == (0, 1)
    assert model.predict_on_batch(NONE).shape == (0, 1)
    parts = iter([np.ones((2, 4), "float32"), NONE])
    assert model.predict(parts, verbose=0).shape == (2, 1)
    assert function(lambda x: model(x))(NONE).shape == (0, 1)
    own = Subclassed()
    assert {k: v.shape for k, v in own(NONE).items()} == {"a": (0, 2), "b": (0,)}
    assert own.predict(NONE, verbose=0).shape == (0, 2)
    series = Input((None, 2))
    sums = Model(series, ops.sum(layers.Dense(3)(series), 1))
    assert (
        sums.predict(np.zeros((2, 0, 2), "float32"), verbose=0).tolist()
        == [[0] * 3] * 2
    )


def test_gradients_of_nothing_are_zeros_and_averages_stay() -> None:
    model = model_of()
    model(np.ones((2, 4), "float32"), training=True)
    before = [value.copy() for value in model.get_weights()]
    for found in (
        gradients(model, NONE),
        function(lambda x: gradients(model, x))(NONE),
    ):
        for gradient, weight in zip(found, model.trainable_variables, strict=True):
            np.testing.assert_array_equal(gradient, np.zeros(weight.shape))
    for value, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, kept)


def test_nothing_is_no_data_to_train_on_or_to_measure() -> None:
    model = model_of()
    for use in (model.fit, model.evaluate):
        with pytest.raises(TulleError, match="there are no samples"):
            use(NONE, NO_TARGETS, verbose=0)
    for use in (model.train_on_batch, model.test_on_batch):
        with pytest.raises(TulleError, match="there are no samples"):
            use(NONE, NO_TARGETS)


def test_bounds_that_were_given_hold_for_nothing_too() -> None:
    model = Sequential([Input(("T in 1..8", 2)), layers.Dense(1)])
    with pytest.raises(TulleError, match="T0701"):
        model(np.zeros((2, 0, 2), "float32"))


def test_a_free_size_follows_from_a_sample_where_there_is_none() -> None:
    x = np.zeros((0, 4, 6), "float32")
    assert layers.Reshape((-1, 3))(x).shape == (0, 8, 3)
    assert ops.reshape(x, (0, 4, -1, 2)).shape == (0, 4, 3, 2)
    with pytest.raises(TulleError, match="T0304"):
        ops.reshape(x, (0, 5, -1))
    with pytest.raises(TulleError, match="has none along axis 1"):
        ops.image.resize(np.zeros((1, 0, 3, 1), "float32"), (2, 2))
