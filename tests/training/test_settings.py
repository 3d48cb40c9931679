"""Wrong settings of optimizers, losses, metrics and the like: diagnostics alone."""

from __future__ import annotations

import inspect
import math
import typing

import numpy as np
import pytest

import tulle
from tulle import (
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from tulle.graph.diagnostics import TulleError
from tulle.graph.kinds import AXES, SETTINGS, kind_in, shown
from tulle.graph.tensor import Tensor
from tulle.graph.variable import Variable

schedules = optimizers.schedules
HUGE = 10**400
ANY = object()
WRONG = {
    "None": None,
    "text": "a",
    "-1": -1,
    "0": 0,
    "2": 2,
    "1.5": 1.5,
    "nan": math.nan,
    "inf": math.inf,
    "huge": HUGE,
    "list": [],
    "dictionary": {},
    "object": ANY,
    "True": True,
}
# What a constructor cannot be called without.
NEEDED = {
    "activation": "relu",
    "axes": -1,
    "bin_boundaries": [1.0],
    "cell": layers.LSTMCell(3),
    "cells": [layers.LSTMCell(3)],
    "dims": (2, 1),
    "factor": 0.2,
    "filters": 2,
    "group": 1,
    "head_dim": 2,
    "height": 2,
    "height_factor": 0.1,
    "input_dim": 4,
    "kernel_size": 2,
    "key_dim": 2,
    "layer": layers.LSTM(3),
    "n": 2,
    "num_heads": 2,
    "num_key_value_heads": 2,
    "num_query_heads": 2,
    "output_dim": 2,
    "output_size": 2,
    "rate": 0.5,
    "scale": 2.0,
    "stddev": 0.1,
    "target_shape": (2, 2),
    "units": 3,
    "width": 2,
    "width_factor": 0.1,
    "boundaries": [1, 2],
    "decay_rate": 0.5,
    "decay_steps": 10,
    "default_optimizer": "sgd",
    "filepath": "model.weights.h5",
    "filename": "log.csv",
    "first_decay_steps": 10,
    "fn": losses.mean_squared_error,
    "backup_dir": "backup",
    "initial_learning_rate": 0.1,
    "inner_optimizer": "sgd",
    "learning_rate": 0.1,
    "num_classes": 3,
    "precision": 0.5,
    "recall": 0.5,
    "schedule": lambda epoch, rate: rate,
    "sensitivity": 0.5,
    "specificity": 0.5,
    "target_class_ids": [0],
    "values": [1.0, 0.5, 0.2],
}
TARGET, SCORES = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.2, 0.8], [0.6, 0.4]])
LABELS = np.array([0, 1])


def used_optimizer(made):
    if isinstance(made, optimizers.OptimizerMap):
        return None
    variable = Variable([[1.0, 2.0], [3.0, 4.0]])
    for _ in range(2):
        made.apply([[[1.0, 1.0], [2.0, 1.0]]], [variable])
    return variable


def used_schedule(made):
    return np.array([float(made(step)) for step in (0, 1, 5, 1000)])


def used_loss(made):
    name = type(made).__name__
    if name == "CTC":
        return made(np.array([[1]]), np.zeros((1, 2, 3)))
    if name == "Circle":
        return made(LABELS, SCORES)
    sparse = "Sparse" in name or "Generalized" in name
    return made(LABELS if sparse else TARGET, SCORES)


def used_metric(made):
    name = type(made).__name__
    if name in ("Mean", "Sum"):
        return made(SCORES)
    if "IoU" in name and "OneHot" not in name:
        return made(LABELS, LABELS)
    return made(LABELS if "Sparse" in name else TARGET, SCORES)


def used_initializer(made):
    return made((4, 1, 3) if isinstance(made, initializers.STFT) else (2, 3))


def classes(module, base):
    found = [getattr(module, name) for name in dir(module) if not name.startswith("_")]
    kinds = [k for k in found if isinstance(k, type) and issubclass(k, base)]
    abstract = (base, losses.Loss, initializers.Initializer, callbacks.Callback)
    return sorted(set(kinds) - set(abstract), key=lambda kind: kind.__name__)


SCALAR = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")
GROUPS = {
    "optimizers": (
        [*classes(optimizers, optimizers.Optimizer), optimizers.OptimizerMap],
        used_optimizer,
    ),
    "schedules": (classes(schedules, schedules.LearningRateSchedule), used_schedule),
    "losses": (classes(losses, losses.Loss), used_loss),
    "metrics": (classes(metrics, metrics.Metric), used_metric),
    "regularizers": (
        classes(regularizers, regularizers.Regularizer),
        lambda made: made(SCALAR),
    ),
    "constraints": (
        classes(constraints, constraints.Constraint),
        lambda made: made(SCALAR),
    ),
    "initializers": (classes(initializers, initializers.Initializer), used_initializer),
    "callbacks": (classes(callbacks, callbacks.Callback), lambda made: None),
    "layers": (
        [k for k in classes(layers, layers.Layer) if not issubclass(k, layers.Lambda)],
        lambda made: None,
    ),
}
# Settings that are numbers, and no finite result is promised for.
WILD = {"muon_a", "muon_b", "muon_c", "value"}


def kept(kind, name):
    """The arguments that a constructor needs beside the one tried."""
    given = {
        other: NEEDED[other]
        for other, parameter in inspect.signature(kind).parameters.items()
        if other != name and parameter.default is parameter.empty and other in NEEDED
    }
    if kind is optimizers.MultiOptimizer and name != "optimizer_map":
        given["optimizer_map"] = optimizers.OptimizerMap("sgd")
    return given


def is_finite(value):
    return value is None or bool(np.isfinite(np.asarray(value, "float64")).all())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("group", GROUPS)
def test_any_value_for_any_argument_is_used_or_told(group, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kinds, use = GROUPS[group]
    assert len(kinds) > 3
    for kind in kinds:
        for name, parameter in inspect.signature(kind).parameters.items():
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            for told, value in WRONG.items():
                found, message = None, "used"
                try:
                    found = use(kind(**kept(kind, name), **{name: value}))
                except TulleError as error:
                    message = error.diagnostics[0].message
                except Exception as error:  # noqa: BLE001 - the test is about these
                    pytest.fail(f"{kind.__name__}({name}={told}): {error!r}")
                assert 0 < len(message) < 300, message
                assert name in WILD or is_finite(found), f"{kind}({name}={told})"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.Adam(HUGE), "from 0 on, not a number of 401 digits"),
        (lambda: optimizers.Adam("fast"), "`learning_rate` is a number, a schedule"),
        (lambda: optimizers.Adam(beta_1="a"), "`beta_1` is a finite number, not 'a'"),
        (lambda: optimizers.Adam(beta_1=True), "`beta_1` is a finite number, not True"),
        (lambda: optimizers.SGD(nesterov="yes"), "`nesterov` is true or false"),
        (lambda: optimizers.SGD(name=3), "`name` is text or None, not 3"),
        (lambda: optimizers.Muon(exclude_layers=3), "`exclude_layers` is a list"),
        (lambda: optimizers.Muon(exclude_layers="b"), "`exclude_layers` is a list"),
        (lambda: optimizers.get({}), "{} describes no optimizer"),
        (lambda: losses.get({"class_name": 3}), "describes no loss"),
        (lambda: metrics.get({"class_name": "AUC", "config": 3}), "describes no"),
        (lambda: initializers.get({}), "describes no initializer"),
        (lambda: regularizers.get({}), "describes no regularizer"),
        (lambda: schedules.LearningRateSchedule()(3), "has no `__call__`"),
        (
            lambda: schedules.PiecewiseConstantDecay(3, 4),
            "`boundaries` is a list of numbers, not 3",
        ),
        (
            lambda: schedules.PiecewiseConstantDecay([3], [0.1, "a"]),
            "`values` is a finite number, not 'a'",
        ),
        (
            lambda: schedules.PiecewiseConstantDecay([3], [0.1, -1.0]),
            "`values` is a number from 0 on, not -1.0",
        ),
        (
            lambda: schedules.CosineDecayRestarts(0.1, 10, t_mul=0.5),
            "`t_mul` is a number from 1 on, not 0.5",
        ),
        (
            lambda: losses.huber([1.0], [2.0], delta="a"),
            "`delta` is a finite number, not 'a'",
        ),
        (lambda: losses.BinaryCrossentropy("yes"), "`from_logits` is true or false"),
        (
            lambda: losses.BinaryCrossentropy(label_smoothing=2),
            "`label_smoothing` is a number from 0 to 1, not 2",
        ),
        (lambda: metrics.MeanMetricWrapper(3), "`fn` is a function, not 3"),
        (lambda: metrics.AUC(dtype=0), "`dtype` is a dtype"),
        (
            lambda: callbacks.EarlyStopping(patience=1.5),
            "`patience` is a whole number, not 1.5",
        ),
        (
            lambda: callbacks.EarlyStopping(patience=HUGE),
            "`patience` is a whole number of 64 bits, not a number of 401 digits",
        ),
        (lambda: callbacks.CSVLogger(3), "`filename` is a path, not 3"),
        (lambda: callbacks.BackupAndRestore(None), "`backup_dir` is a path, not None"),
        (
            lambda: initializers.RandomUniform(1.0, 0.0),
            "`maxval` is a number of at least 1, not 0.0",
        ),
        (
            lambda: constraints.MaxNorm(axis="a"),
            "`axis` is an integer or several, or None",
        ),
        (lambda: layers.Dense(3, use_bias="no"), "`use_bias` is true or false, not"),
        (lambda: layers.Dropout(0.5, seed="a"), "`seed` is a whole number or None"),
        (lambda: layers.Permute(3), "`Permute` cannot be made of these arguments"),
        (lambda: regularizers.L1(HUGE), "`l1` is a number of at least 0, not a number"),
    ],
)
def test_messages(make, message):
    with pytest.raises(TulleError) as caught:
        make()
    assert message in caught.value.diagnostics[0].message
    assert caught.value.diagnostics[0].span is not None


@pytest.mark.parametrize(
    "rate", [np.array(0.5), np.float32(0.5), Tensor(np.array(0.5, "float32"))]
)
def test_arrays_without_axes_are_numbers(rate):
    variable = Variable([1.0])
    optimizer = optimizers.SGD(rate, momentum=np.array(0.5))
    assert optimizer.momentum == 0.5
    assert type(optimizer.momentum) is float
    optimizer.apply([[1.0]], [variable])
    assert variable.numpy().tolist() == [0.5]
    assert optimizers.deserialize(optimizers.serialize(optimizer)).momentum == 0.5
    assert optimizer.get_config()["learning_rate"] == 0.5
    with pytest.raises(TulleError, match=r"from 0 on, not -0\.5"):
        optimizers.SGD(np.array(-0.5))


def test_what_keras_takes_is_taken():
    assert optimizers.Adam(use_ema=1).use_ema is True
    assert optimizers.Adam(gradient_accumulation_steps=4.0).get_config()[
        "gradient_accumulation_steps"
    ] in (4,)
    assert float(schedules.ExponentialDecay(0.5, 1.5, 0.5)(3)) == 0.125
    assert callbacks.EarlyStopping(verbose=True, baseline=math.inf).baseline == math.inf
    assert losses.Huber(name=None).name == "huber"
    assert schedules.CosineDecay(0.1, 1e3, name=None).name == "CosineDecay"
    one = initializers.RandomNormal(seed=-1)((2,)).numpy()
    assert (one == initializers.RandomNormal(seed=-1)((2,)).numpy()).all()
    assert (one != initializers.RandomNormal(seed=1)((2,)).numpy()).all()


def test_annotations_of_a_users_class_are_not_held():
    class Mine(optimizers.SGD):
        def __init__(self, momentum: int = 0, speed: int = 1, **kwargs):
            super().__init__(0.5, float(momentum), **kwargs)
            self.speed = speed

    assert Mine(0.5, "fast").speed == "fast"
    with pytest.raises(TulleError, match="`nesterov` is true or false"):
        Mine(nesterov="a")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("beta_1", 3, "`beta_1` is a number from 0 to below 1, not 3"),
        ("beta_1", "a", "`beta_1` is a finite number, not 'a'"),
        ("epsilon", None, "`epsilon` is a finite number, not None"),
        ("clipnorm", -1, "`clipnorm` is a number above 0, not -1"),
        ("use_ema", "a", "`use_ema` is true or false, not 'a'"),
        ("learning_rate", -1, "`learning_rate` is a number from 0 on, not -1"),
        ("learning_rate", [], "`learning_rate` is a number, a schedule or a function"),
    ],
)
def test_settings_are_held_to_their_bounds_later_too(name, value, message):
    optimizer = optimizers.Adam()
    before = getattr(optimizer, name)
    with pytest.raises(TulleError) as caught:
        setattr(optimizer, name, value)
    assert message in caught.value.diagnostics[0].message
    assert getattr(optimizer, name) is before


def test_a_setting_that_is_changed_later_counts_in_fit():
    def weight(change):
        tulle.utils.set_random_seed(3)
        model = tulle.Sequential(
            [tulle.Input((1,)), tulle.layers.Dense(1, kernel_initializer="ones")]
        )
        model.compile(optimizers.SGD(0.125), loss="mse")
        x = np.ones((4, 1), "float32")
        for momentum in (0.0, change):
            model.optimizer.clipvalue = momentum or None
            model.fit(x, 3 * x, batch_size=4, epochs=1, verbose=0)
        return float(model.layers[0].kernel.numpy()[0, 0])

    # Steps of 0.125 * 4 = 0.5, and 0.125 * 2 = 0.25 or 0.125 * 1.
    assert weight(0.0) == 1.75
    assert weight(1.0) == 1.625


def test_a_setting_that_comes_too_late_is_told():
    variable, optimizer = Variable([1.0]), optimizers.SGD(0.5)
    optimizer.apply([[1.0]], [variable])
    optimizer.momentum = 0.5
    with pytest.raises(TulleError, match="has made no `momentum`"):
        optimizer.apply([[1.0]], [variable])


def test_kinds_of_values():
    for told in ("Any", "int | Sequence[int]", "Unknown | None"):
        assert kind_in(told, SETTINGS, vars(typing)) is None
    one = kind_in("int | str | None", SETTINGS)
    assert one.words == "a whole number, text or None"
    assert [one.read("x", value) for value in (3.0, "a", None)] == [3, "a", None]
    assert kind_in("bool | None", SETTINGS).words == "true or false, or None"
    for axes in ((0, 1), [0, 1], range(2), np.array([0, 1])):
        assert AXES.read("axis", axes) == (0, 1)
    with pytest.raises(TulleError, match="an integer of 64 bits, not a number of 401"):
        tulle.ops.sum([1.0], HUGE)
    assert shown(list(range(100))).endswith("…")
    assert shown(-HUGE) == "a number of 401 digits"
