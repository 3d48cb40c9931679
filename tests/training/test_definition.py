"""What `compile` tells of a model before it has seen any data."""

from pathlib import Path

import pytest

from tulle import Input, Model, losses
from tulle.graph.notices import TulleWarning
from tulle.layers import Activation, Dense, Dropout


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        "binary_crossentropy",
        losses.CategoricalCrossentropy,
        losses.BinaryFocalCrossentropy(),
        losses.binary_crossentropy,
    ],
)
def test_scores_are_no_probabilities(loss):
    x = Input((2,))
    logits = Dropout(0.5)(Dense(3)(x))
    with pytest.warns(TulleWarning, match="no activation made these") as caught:
        Model(x, logits).compile("adam", loss)
    (told,) = caught
    assert told.message.diagnostic.code == "T0608"
    assert "(from_logits=True)`" in told.message.diagnostic.help[0]
    assert told.message.diagnostic.labels[0].span.line == logits_line()


def logits_line():
    return next(
        number
        for number, line in enumerate(Path(__file__).read_text("utf-8").splitlines(), 1)
        if line == "    logits = Dropout(0.5)(Dense(3)(x))"
    )


@pytest.mark.parametrize(
    "loss",
    [
        losses.BinaryCrossentropy(from_logits=False),
        losses.BinaryCrossentropy(from_logits=True),
        lambda y_true, y_pred: losses.binary_crossentropy(y_true, y_pred),
        "mse",
    ],
)
def test_scores_that_are_meant_to_be_what_they_are(loss, recwarn):
    x = Input((2,))
    Model(x, Dense(3)(x)).compile("adam", loss)
    model = Model(x, Activation("softmax")(Dense(3)(x)))
    model.compile("adam", "categorical_crossentropy")
    assert not recwarn.list
