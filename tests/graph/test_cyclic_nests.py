"""Lists, tuples and dictionaries that hold themselves: refused, or looked through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tulle
from tulle import Input, Layer, Model, Sequential, TulleError, layers, losses, tree
from tulle.graph.cyclic_nests import holds_itself


def endless_list() -> Any:
    ring: list[Any] = [1.0]
    ring.append(ring)
    return ring


def endless_dict() -> Any:
    ring: dict[str, Any] = {"x": 1.0}
    ring["again"] = {"ring": ring}
    return ring


def endless_tuple() -> Any:
    inner: list[Any] = []
    ring = (inner, 1.0)
    inner.append(ring)
    return ring


class Giving(Layer):
    def __init__(self, found: Any):
        super().__init__()
        self.found = found

    def call(self, x: Any) -> Any:
        return self.found


class Keeping(Giving):
    def call(self, x: Any) -> Any:
        return x


def trained() -> Any:
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


ONES = np.ones((2, 2), "float32")
WALKS: list[Callable[[Any], Any]] = [
    tulle.function(lambda x: 1.0),
    lambda ring: tulle.function(lambda x: ring)(ONES),
    tree.flatten,
    lambda ring: tree.map_structure(lambda x: x, ring),
    lambda ring: tree.assert_same_structure(ring, ring),
    layers.Dense(2),
    layers.Add(),
    lambda ring: Giving(ring)(ONES),
    lambda ring: Giving(ring)(Input((2,))),
    lambda ring: trained().fit(ring, ring, verbose=0),
    lambda ring: trained().predict(ring, verbose=0),
    lambda ring: trained()(ring),
    lambda ring: trained().train_on_batch(ring, ring),
    lambda ring: tulle.grad(lambda x: x)(ring),
    lambda ring: losses.MeanSquaredError()(ring, ring),
    lambda ring: tulle.ops.zeros((2,), ring),
    lambda ring: Model(ring, ring),
]


@pytest.mark.parametrize("make", [endless_list, endless_dict, endless_tuple])
def test_what_has_no_end_is_refused(make: Callable[[], Any]) -> None:
    ring = make()
    assert holds_itself(ring)
    for walk in WALKS:
        with pytest.raises(TulleError):
            walk(ring)


@pytest.mark.parametrize("make", [endless_list, endless_dict, endless_tuple])
def test_an_attribute_without_an_end_is_no_obstacle(make: Callable[[], Any]) -> None:
    layer = Keeping(make())
    model = Sequential([Input((2,)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(ONES, ONES[:, :1], verbose=0)
    assert layer.variables == []


def test_what_stands_twice_beside_itself_has_an_end() -> None:
    shared = [1.0]
    nest = [shared, {"a": shared}, (shared, [shared])]
    assert not holds_itself(nest)
    assert tree.flatten(nest) == [1.0] * 4
