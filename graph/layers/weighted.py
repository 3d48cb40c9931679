"""The base of layers whose arguments describe their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from .. import constraints, initializers, regularizers
from ..diagnostics import Fault
from ..dim import Dim
from ..layer import Layer
from ..layer_parts import signature
from ..types import TensorType
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

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            kind: Any = cls
            kind.__init__ = _noting_roles(kind.__init__)

    def add_role(
        self,
        role: str,
        shape: Sequence[int | Dim],
        *,
        trainable: bool = True,
        autocast: bool = True,
        name: str | None = None,
    ) -> Variable:
        """A new weight as its role's arguments describe it, named like the role."""
        return self.add_weight(
            tuple(shape),
            getattr(self, f"{role}_initializer"),
            trainable=trainable,
            autocast=autocast,
            name=name or role,
            regularizer=getattr(self, f"{role}_regularizer", None),
            constraint=getattr(self, f"{role}_constraint", None),
        )


def check_sizes(layer: Layer, type: TensorType, sizes: Mapping[int, int]) -> None:
    """Refuse an input whose axes have other sizes than weights were made for."""
    for axis, size in sizes.items():
        given = type.shape[axis].value if axis < type.rank else 0
        if given not in (None, size):
            raise Fault(
                "T0302",
                f"`{layer.name}` has weights for {size} elements along axis {axis}, "
                f"and its input is {type}",
                operands={0: str(type)},
            )


def _noting_roles(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that first makes attributes of the arguments about weights.

    Each class on the way notes its own, the innermost last: a subclass with another
    signature passes on what it likes.
    """
    roles = {
        name: meaning
        for name in signature(init).parameters
        if (meaning := MEANINGS.get(name.rpartition("_")[2])) is not None
        and name != "activity_regularizer"
    }
    if not roles:
        return init

    @wraps(init)
    def noting(self: Any, *args: Any, **kwargs: Any) -> None:
        given = signature(init).bind(self, *args, **kwargs)
        given.apply_defaults()
        for name, meaning in roles.items():
            try:
                setattr(self, name, meaning(given.arguments[name]))
            except Fault as fault:
                fault.argument = fault.argument or name
                raise
        init(self, *args, **kwargs)

    return noting
