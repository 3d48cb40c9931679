"""Values of a wrong kind where makers of tensors, inputs and the like want others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tulle
from tulle import (
    GradientTape,
    Input,
    TulleError,
    config,
    function,
    initializers,
    layers,
    metrics,
    ops,
    optimizers,
    regularizers,
    utils,
)
from tulle.graph.tensor import KerasTensor, Tensor

JUNK: list[Any] = [
    object(), lambda: 0, type, np, {1, 2}, {"a": 1}, ..., slice(1), 1j, b"x", 2.5,
    np.zeros(2), np.array("a"), 10**30,
]  # fmt: skip
NO_FUNCTIONS = [item for item in JUNK if not callable(item)]
MAKERS: dict[str, Callable[[Any], Any]] = {
    "Input": lambda junk: Input([junk]),
    "batch_size": lambda junk: Input((2,), batch_size=junk),
    "to_networkx": utils.to_networkx,
    "image_data_format": config.set_image_data_format,
    "KerasTensor": KerasTensor,
    "initializer": lambda junk: initializers.VarianceScaling()([junk]),
    "mode": lambda junk: initializers.VarianceScaling(mode=junk),
    "side": lambda junk: initializers.STFT(side=junk),
    "scaling": lambda junk: initializers.STFT(scaling=junk),
    "rows": lambda junk: regularizers.OrthogonalRegularizer(mode=junk),
    "input_signature": lambda junk: function(lambda x: x, input_signature=[junk]),
    "source": lambda junk: function(lambda x: x).source(junk),
    "load": tulle.load,
}


@pytest.mark.parametrize("name", MAKERS)
def test_junk_is_refused(name: str) -> None:
    for junk in JUNK:
        with pytest.raises(TulleError):
            MAKERS[name](junk)


def test_what_is_no_array_makes_no_tensor_and_what_is_no_function_no_function() -> None:
    for junk in NO_FUNCTIONS:
        if not isinstance(junk, np.ndarray) or junk.dtype.kind == "U":
            with pytest.raises(TulleError):
                Tensor(junk)
        with pytest.raises(TulleError, match="a function is compiled"):
            function(junk)


@pytest.mark.parametrize("junk", [layers.Dense(2), np.array("a"), b"x"])
def test_what_is_no_shape_makes_no_input(junk: Any) -> None:
    with pytest.raises(TulleError, match="T0204"):
        Input(junk)


@pytest.mark.parametrize("value", [float("nan"), 2.5, 1j, "x", None, 2**40])
def test_padding_is_what_the_dtype_holds(value: Any) -> None:
    with pytest.raises(TulleError, match="fills no array of int32"):
        utils.pad_sequences([[1, 2], [3]], value=value)
    padded = utils.pad_sequences([[1.0], [2.0, 3.0]], dtype="float32", value=np.inf)
    assert padded.tolist() == [[np.inf, 1.0], [2.0, 3.0]]


def compiled() -> Any:
    model = tulle.Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


X = np.ones((2, 2), "float32")
USES: dict[str, Callable[[Any, Any], Any]] = {
    "compile_from_config": lambda model, junk: model.compile_from_config([junk]),
    "from_config": lambda model, junk: model.from_config([junk]),
    "y_pred": lambda model, junk: model.compute_metrics(X, X, {"a": X, "b": X}),
    "steps_per_execution": lambda m, junk: setattr(m, "steps_per_execution", [junk]),
    "trainable": lambda model, junk: setattr(model, "trainable", junk),
    "run_eagerly": lambda model, junk: setattr(model, "run_eagerly", junk),
    "verbose": lambda model, junk: model.predict(X, verbose=[junk]),
    "jit_compile": lambda model, junk: model.compile("sgd", jit_compile=junk),
    "Sequential": lambda model, junk: tulle.Sequential(junk),
}


@pytest.mark.parametrize("name", USES)
def test_junk_is_refused_by_a_model(name: str) -> None:
    for junk in JUNK:
        with pytest.raises(TulleError):
            USES[name](compiled(), junk)


def test_a_class_and_a_layer_are_no_loss_and_no_data() -> None:
    model = compiled()
    for use in (
        lambda: model.compile(loss=type),
        lambda: model.predict(layers.Dense(1)),
    ):
        with pytest.raises(TulleError):
            use()
    figures = model.compute_metrics(X, X[:, :1], X[:, :1] * 0.5)
    assert "loss" in figures
    empty = tulle.Sequential([Input((2,))])
    with pytest.raises(TulleError, match="no layer to take away"):
        empty.pop()


def optimizer() -> Any:
    made = optimizers.SGD(0.1)
    made.build([tulle.Variable(np.ones(2, "float32"))])
    return made


def tape_of(use: Callable[[Any, Any], Any]) -> Any:
    x = ops.convert_to_tensor(np.ones(2, "float32"))
    with GradientTape() as tape:
        tape.watch(x)
        y = x * x
    return use(tape, (y, x))


SELDOM: dict[str, Callable[[Any], Any]] = {
    "metric shape": lambda junk: metrics.Mean().add_variable([junk]),
    "metric dtype": lambda junk: metrics.Mean().add_variable((), dtype=[junk]),
    "merge_state": lambda junk: metrics.Mean().merge_state([junk]),
    "stateless": lambda junk: metrics.Mean().stateless_result([junk]),
    "grads": lambda junk: optimizer().apply(junk),
    "pairs": lambda junk: optimizer().apply_gradients([junk]),
    "slots": lambda junk: optimizer().add_optimizer_variables([junk], "m"),
    "reference": lambda junk: optimizer().add_variable_from_reference(junk),
    "var_list": lambda junk: optimizer().exclude_from_weight_decay([junk]),
    "var_names": lambda junk: optimizer().exclude_from_weight_decay(var_names=[junk]),
    "apply": lambda junk: tulle.data.Dataset.range(3).apply([junk]),
    "range": lambda junk: tulle.data.Dataset.range(3, output_type=[junk]),
    "unconnected": lambda junk: tape_of(lambda t, yx: t.gradient(*yx, None, junk)),
    "jacobian": lambda junk: tape_of(lambda t, yx: t.jacobian(junk, yx[1])),
    "source": lambda junk: tape_of(lambda t, yx: t.batch_jacobian(yx[0], junk)),
    "build": lambda junk: layers.Dense(2).build([junk]),
    "steps": lambda junk: layers.StringLookup().adapt(np.array(["a"]), steps=[junk]),
    "vocabulary": lambda junk: layers.StringLookup(vocabulary="no such file"),
}


@pytest.mark.parametrize("name", SELDOM)
def test_junk_is_refused_where_it_is_seldom_seen(name: str) -> None:
    for junk in JUNK:
        with pytest.raises(TulleError):
            SELDOM[name](junk)
