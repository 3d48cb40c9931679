"""What somebody from Keras or PyTorch gets wrong at first: told, with what to do."""

from __future__ import annotations

import numpy as np
import pytest

import tulle
from tulle import Input, Model, Sequential, layers, losses, optimizers
from tulle.callbacks import EarlyStopping
from tulle.graph.diagnostics import TulleError

X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
Y = np.arange(20) % 3


def made(**settings):
    model = Sequential([Input((4,)), layers.Dense(3)])
    told = {
        "optimizer": "adam",
        "loss": losses.SparseCategoricalCrossentropy(from_logits=True),
    }
    model.compile(**{**told, **settings})
    return model


def fitted(x=X, y=Y, **settings):
    made().fit(x, y, verbose=0, **settings)


@pytest.mark.parametrize(
    ("attempt", "code", "message", "advice"),
    [
        (lambda: fitted(X[:, :3]), "T0701", "axis 1 is 3 in place of 4", "give 4"),
        (
            lambda: made().predict(X[0]),
            "T0701",
            "2 axes against 1",
            "an axis of samples",
        ),
        (lambda: fitted(y=Y + 5), "T0708", "holds the class 5", "count classes from 0"),
        (lambda: fitted(y=Y[:10]), "T0701", "`x` has 20, `y` has 10", "sample i"),
        (
            lambda: fitted(y=np.array(["a", "b"] * 10)),
            "T0702",
            "`y` holds text",
            "np.unique(y, return_inverse=True)[1]",
        ),
        (lambda: fitted([[1, 2], [3]]), "T0702", "`x` is no array", "pad_sequences"),
        (lambda: fitted({1, 2}), "T0702", "`x` holds Python objects", "one array"),
        (lambda: fitted(y=None), "T0703", "`y` is missing", "`(x, y)`"),
        (
            lambda: fitted(validation_data=X),
            "T0204",
            "`validation_data` is a tuple",
            "validation_data=(x, y)",
        ),
        (
            lambda: fitted(validation_data=(X, Y), validation_freq="a"),
            "T0204",
            "`validation_freq` is a whole number from 1 on, not 'a'",
            "",
        ),
        (
            lambda: fitted(callbacks=[EarlyStopping]),
            "T0204",
            "the class `EarlyStopping` is no callback",
            "`EarlyStopping(…)`",
        ),
        (lambda: fitted(epochs="3"), "T0204", "`epochs` is a whole number", ""),
        (
            lambda: made(optimizer=None).fit(X, Y),
            "T0606",
            "compiled without an optimizer",
            "optimizer='adam'",
        ),
        (
            lambda: made(optimizer=None).train_on_batch(X, Y),
            "T0606",
            "compiled without an optimizer",
            "optimizer='adam'",
        ),
        (
            lambda: made(jit_compile="yes"),
            "T0204",
            "`jit_compile` is one of True, False",
            "",
        ),
        (
            lambda: Sequential([layers.Dense]),
            "T0204",
            "the class `Dense`",
            "`Dense(…)`",
        ),
        (lambda: Sequential(3), "T0204", "takes a list of layers", "Sequential([…])"),
        (lambda: Sequential().add(3), "T0204", "made of layers, and this is 3", ""),
        (lambda: Model(Input((4,))), "T0203", "wrong call of `Model`", "`Model` takes"),
        (lambda: made().save(None), "T0204", "`filepath` is a path, not None", ""),
        (lambda: made().save_weights(3), "T0204", "`filepath` is a path, not 3", ""),
        (lambda: made().load_weights(""), "T0204", "`filepath` is a path, not ''", ""),
        (lambda: tulle.load_model(3), "T0204", "`filepath` is a path, not 3", ""),
        (lambda: tulle.load(3), "T0204", "`path` of `load` is a path, not 3", ""),
        (
            lambda: made().parameters(),
            "T0201",
            "`Sequential` has no `parameters`",
            "trainable_weights",
        ),
        (lambda: layers.Dense(3).train(), "T0201", "no `train`", "training=True"),
        (
            lambda: tulle.ops.ones(3).backward(),
            "T0201",
            "no `backward`",
            "GradientTape",
        ),
        (lambda: Input((3,)).view(3), "T0201", "no `view`", "ops.reshape"),
        (lambda: tulle.Variable([1.0]).detach(), "T0201", "`Variable` has no", "stop_"),
        (lambda: optimizers.SGD().step(), "T0201", "no `step`", "optimizer.apply("),
    ],
)
def test_mistakes(attempt, code, message, advice):
    with pytest.raises(TulleError) as caught:
        attempt()
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert message in found.message
    assert advice in " ".join(found.help)


def test_names_of_other_frameworks_are_free():
    tensor, layer = tulle.ops.ones(3), layers.Dense(3)
    assert not hasattr(tensor, "backward")
    assert not hasattr(layer, "parameters")
    layer.parameters = 3
    assert layer.parameters == 3

    class Mine(layers.Layer):
        def forward(self, x):
            return x

        def call(self, x):
            return self.forward(x)

    assert Mine()(tensor).shape == (3,)


def test_epochs_that_are_validated_may_be_listed():
    model = made()
    history = model.fit(
        X, Y, validation_data=(X, Y), validation_freq=[2, 3], epochs=3, verbose=0
    )
    assert len(history.history["val_loss"]) == 2
