"""Values of a wrong kind where makers of tensors, inputs and the like want others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tulle
from tulle import (
    Input,
    TulleError,
    config,
    function,
    initializers,
    layers,
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
