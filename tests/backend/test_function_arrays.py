"""Arguments of `function` that hold arrays: dataclasses, other libraries', objects."""

from __future__ import annotations

import array
from dataclasses import InitVar, dataclass
from typing import Any

import numpy as np
import pytest

from tulle import TulleError, function, ops


@dataclass
class Sample:
    values: Any
    scale: float = 1.0
    more: Any = None


@dataclass(frozen=True, slots=True)
class Fixed:
    values: Any


@dataclass
class Weighed:
    values: Any
    weight: InitVar[float] = 1.0

    def __post_init__(self, weight: float) -> None:
        self.weighed, self.factor = self.values * np.float32(weight), weight


class Foreign:
    """An array of another library."""

    def __init__(self, values: Any):
        self.values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.values


class Plain:
    def __init__(self, values: Any):
        self.values, self.scale = values, 1.0


def test_fields_of_dataclasses_are_arguments() -> None:
    doubled = function(lambda s: s.values * s.scale * 2.0)
    sample = Sample(np.ones(2, "float32"))
    assert doubled(sample).numpy().tolist() == [2.0, 2.0]
    sample.values[:] = 3.0
    assert doubled(sample).numpy().tolist() == [6.0, 6.0]
    sample.values = np.full(2, 4.0, "float32")
    assert doubled(sample).numpy().tolist() == [8.0, 8.0]
    assert doubled.traces == 1
    sample.scale = 0.5
    assert doubled(sample).numpy().tolist() == [4.0, 4.0]
    frozen = function(lambda s: Fixed([s.values + 1.0, {"x": s.values}]))
    for start in (1.0, 5.0):
        found = frozen(Fixed(np.full(2, start, "float32"))).values
        assert found[0].numpy().tolist() == [start + 1.0] * 2
        assert found[1]["x"].numpy().tolist() == [start] * 2
    sample.more = [sample]
    with pytest.raises(TulleError, match="holds itself"):
        doubled(sample)


def test_what_else_is_set_on_a_dataclass_counts() -> None:
    added = function(lambda w: w.values + w.weighed * w.factor)
    for weight in (2.0, 10.0):
        found = added(Weighed(np.ones(2, "float32"), weight))
        assert found.numpy().tolist() == [1.0 + weight**2] * 2


def test_arrays_of_other_libraries_are_inputs() -> None:
    doubled = function(lambda x: x * 2.0)
    given = Foreign(np.ones(2, "float32"))
    assert doubled(given).numpy().tolist() == [2.0, 2.0]
    given.values = np.full(2, 3.0, "float32")
    assert doubled([given][0]).numpy().tolist() == [6.0, 6.0]
    assert doubled(memoryview(given.values)).numpy().tolist() == [6.0, 6.0]
    assert doubled(array.array("f", [1.0, 2.0])).numpy().tolist() == [2.0, 4.0]
    assert doubled.traces == 1


def test_settings_of_a_plain_object_are_followed() -> None:
    scaled = function(lambda item: ops.multiply(item.values, item.scale))
    item = Plain(np.ones(2, "float32"))
    assert scaled(item).numpy().tolist() == [1.0, 1.0]
    item.scale = 2.0
    assert scaled(item).numpy().tolist() == [2.0, 2.0]
    item.values = np.full(2, 3.0, "float32")
    assert scaled(item).numpy().tolist() == [6.0, 6.0]
    counted = function(lambda items: ops.convert_to_tensor(float(len(items))))
    items = {1}
    assert counted(items).item() == 1.0
    items.add(2)
    assert counted(items).item() == 2.0
