"""What somebody from Keras or PyTorch gets wrong at first: told, with what to do."""

from __future__ import annotations

import numpy as np
import pytest

import tulle
from tulle import Input, Model, Sequential, layers, losses, optimizers
from tulle.callbacks import Callback, EarlyStopping
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


def hooked(hook):
    return type("Hooked", (Callback,), {"on_epoch_end": hook})()


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
            lambda: fitted(callbacks=[hooked(3)]),
            "T0204",
            "`on_epoch_end` of `Hooked` is a function, not 3",
            "",
        ),
        (
            lambda: fitted(callbacks=[hooked(lambda self, epoch: None)]),
            "T0202",
            "`on_epoch_end` of `Hooked` is called with epoch and logs",
            "let it take `epoch, logs`",
        ),
        (
            lambda: made(loss=lambda y: y).fit(X, Y),
            "T0202",
            "is called with y_true, y_pred",
            "let it take `y_true, y_pred`",
        ),
        (
            lambda: made(metrics=[lambda y: y]).fit(X, Y),
            "T0202",
            "is called with y_true, y_pred",
            "",
        ),
        (
            lambda: made(loss_weights=[float("nan")]),
            "T0204",
            "`loss_weights` holds finite numbers, and this is nan",
            "",
        ),
        (lambda: made().add_metric(), "T0202", "missing a required argument", "value"),
        (lambda: made().add_loss(), "T0202", "missing a required argument", "loss"),
        (
            lambda: made().add_metric(tulle.Input((3,)), name="mean"),
            "T0204",
            "`add_metric` measures what `call` computes, and this is a symbol",
            "within `call`",
        ),
        (lambda: made().freeze(3), "T0204", "a pattern is a text", ""),
        (
            lambda: layers.Dense(2).compute_output_shape(object()),
            "T0204",
            "a shape is a tuple of sizes",
            "",
        ),
        (
            lambda: tulle.Variable([1.0], aggregation="x"),
            "T0204",
            "`aggregation` is None or one of `none`, `mean`",
            "",
        ),
        (lambda: tulle.ops.zeros((2,), dtype={}), "T0401", "`{}` is no dtype", ""),
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


def test_a_model_compiled_without_an_optimizer_predicts():
    model = made(optimizer=None)
    for _ in range(2):
        assert model.predict(X, verbose=0).shape == (20, 3)
        assert model.evaluate(X, Y, verbose=0) > 0
