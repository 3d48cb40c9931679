"""What is known of a model, for as long as the model is as it was.

A step on a single batch asks here what an earlier one found out: for batches whose
arrays have the same dtypes and shapes only their values are looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import chain
from operator import attrgetter
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.layer_metrics import Measuring
from ..graph.layer_state import LayerState
from ..graph.settings import Settings
from ..graph.watching import hold_the_same, is_of_library
from .loss import Loss
from .metric import Metric
from .schedules import LearningRateSchedule

if TYPE_CHECKING:
    from .model import Model

FOLLOWING = ("called_with", "_output_structure")  # what a model was last called with
HOLDERS = (Settings, Loss, Metric, LearningRateSchedule)
PASSED_BY = (LayerState, type, FunctionType)
OF_PASSES = (*FOLLOWING, "history", "stop_training")  # no program depends on these
KEPT = 64  # the oldest goes first
NOTES = ("argument_spans", "_as_made", "_build_shapes", "_first_call", "_given")
of_variable = attrgetter("trainable", "constraint", "regularizer")


class Watched:
    """A cheap answer to whether what a model is made of may have changed.

    It follows from the attributes of the layers and from what lists and dictionaries
    among these hold; `settings` are objects that are functions with settings, such as
    constraints, losses and schedules. What the library notes of a layer is not looked
    into, since a program does not depend on it.
    """

    def __init__(self, model: Model):
        self.model, self.layers = model, model.sublayers
        self.variables = model.variables
        self.containers: list[Any] = []
        self.settings: list[Any] = []
        self.kept = self._kept()
        objects = [item for view in self._attributes() for item in view]
        objects += self.kept
        held = (layer.__dict__.get(name) for layer in self.layers for name in NOTES)
        seen = set(map(id, held))
        for item in objects:  # grows on the way
            view = self._held(item)
            if view is not None and id(item) not in seen:
                seen.add(id(item))
                self.containers.append(view)
                objects += view
        self.objects = objects
        self.sizes = list(map(len, self._views()))

    def _held(self, item: Any) -> Any:
        """What an object holds that may be changed, None if that is of no interest."""
        if isinstance(item, (list, tuple)):
            return item
        if isinstance(item, dict):
            return item.values()
        if isinstance(item, HOLDERS) or _is_foreign_function(item):
            self.settings.append(item)
            return vars(item).values()
        return None

    def _kept(self) -> list[Any]:
        """What is watched besides the attributes of the layers."""
        found = list(chain.from_iterable(map(of_variable, self.variables)))
        compiled = self.model.compiled
        if compiled is not None:
            for goal in compiled.goals:
                found += goal.loss, *goal.metrics, *goal.weighted_metrics
            optimizer = compiled.optimizer
            if optimizer is not None:
                found += [one.schedule for one in (optimizer, *optimizer.members)]
        return found

    @cached_property
    def measured(self) -> list[Any]:
        """The metrics that the model and its layers hold, each once."""
        found: list[Any] = Measuring.metrics.fget(self.model)  # type: ignore[attr-defined]
        return found

    def _attributes(self) -> list[Any]:
        own = [v for k, v in self.model.__dict__.items() if k not in OF_PASSES]
        return [own, *[layer.__dict__.values() for layer in self.layers]]

    def unchanged(self) -> bool:
        """Whether everything is as it was."""
        return hold_the_same(self._views(), self.sizes, self.objects)

    def _views(self) -> list[Any]:
        return [*self._attributes(), self._kept(), *self.containers]


def _is_foreign_function(item: Any) -> bool:
    """Whether an object of a user's is a function, with settings in attributes."""
    kind = type(item)
    return (
        callable(item)
        and hasattr(item, "__dict__")
        and not isinstance(item, PASSED_BY)
        and not is_of_library(kind)
        and not kind.__module__.startswith("builtins")
    )


class Kept:
    """Values by key, each forgotten when the model is no longer what it was."""

    def __init__(self, model: Model):
        self.model = model
        self._watched: Watched | None = None
        self._values: dict[Any, tuple[Any, dict[str, Any]]] = {}

    def now(self) -> Watched:
        """The model as it is: the same object until something changes."""
        if self._watched is None or not self._watched.unchanged():
            self._watched = Watched(self.model)
            self._values.clear()
        return self._watched

    @property
    def latest(self) -> Watched | None:
        """The model as it was when last asked for."""
        return self._watched

    def keep(self, key: Any, value: Any) -> None:
        """Keep a value, and what the model was last called with."""
        self.now()
        if len(self._values) >= KEPT:
            del self._values[next(iter(self._values))]
        own = self.model.__dict__
        following = {name: own[name] for name in FOLLOWING if name in own}
        self._values[key] = value, following

    def recall(self, key: Any) -> Any:
        """The value kept under a key, or None."""
        self.now()
        value, following = self._values.get(key, (None, {}))
        self.model.__dict__.update(following)
        return value


def form_of(nest: Any, arrays: list[Any]) -> Any:
    """What decides how a nest of NumPy arrays is prepared, None if there is more.

    The arrays themselves are added to a list. Integers of 64 bits are more: their
    values decide their type.
    """
    if type(nest) is np.ndarray:
        arrays.append(nest)
        dtype = nest.dtype
        return (
            None if dtype.kind in "iu" and dtype.itemsize == 8 else (dtype, nest.shape)
        )
    if nest is None:
        return ()
    if isinstance(nest, Mapping):
        forms = [(key, form_of(item, arrays)) for key, item in nest.items()]
        known = all(form is not None for _, form in forms)
        return (type(nest), *forms) if known else None
    if isinstance(nest, (list, tuple)):
        found = [type(nest)]
        for item in nest:
            form = form_of(item, arrays)
            if form is None:
                return None
            found.append(form)
        return tuple(found)
    return None
