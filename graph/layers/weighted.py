"""The base of layers whose arguments describe their weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import constraints, initializers, regularizers
from ..dim import Dim
from ..layer import Layer
from ..layer_parts import signature
from ..variable import Variable

# What the end of an argument's name says that the argument is.
MEANINGS: dict[str, Callable[[Any], Any]] = {
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraints.get,
}


class Weighted(Layer):
    """A layer with a weight for each role that its constructor's arguments name.

    Arguments `<role>_initializer`, `<role>_regularizer` and `<role>_constraint` become
    attributes by themselves, and `add_role(role, shape)` makes the weight that they
    describe.

    >>> class Scale(Weighted):
    ...     def __init__(self, factor_initializer="ones", **kwargs):
    ...         super().__init__(**kwargs)
    ...
    ...     def build(self, input_shape):
    ...         self.factor = self.add_role("factor", input_shape[-1:])
    ...
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale(factor_initializer="zeros").factor_initializer
    Zeros()
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        for parameter in signature(type(self).__init__).parameters.values():
            meaning = MEANINGS.get(parameter.name.rpartition("_")[2])
            if meaning is not None and parameter.name != "activity_regularizer":
                value = self._given.get(parameter.name, parameter.default)
                setattr(self, parameter.name, meaning(value))

    def add_role(
        self,
        role: str,
        shape: Sequence[int | Dim],
        *,
        trainable: bool = True,
        name: str | None = None,
    ) -> Variable:
        """A new weight as its role's arguments describe it, named like the role."""
        return self.add_weight(
            tuple(shape),
            getattr(self, f"{role}_initializer"),
            trainable=trainable,
            name=name or role,
            regularizer=getattr(self, f"{role}_regularizer", None),
            constraint=getattr(self, f"{role}_constraint", None),
        )
