"""How layers are made: what a class of layers does beside calling `__init__`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from . import policies
from .calling import misused
from .constructing import arguments_of, guarded, guarded_build, plain_settings
from .diagnostics import Fault, TensorTypeError, caller_span
from .layer_parts import (
    announced_shape,
    argument_fault,
    refuse_operands,
    signature,
)
from .layer_programs import LayerPrograms
from .watching import Patched


class LayerKind(Patched, type):
    """Makes layers: notes arguments and place, refuses wrong arguments in our words."""

    __init__: Any

    def __new__(
        mcs, name: str, bases: tuple[type, ...], names: dict[str, Any], **options: Any
    ) -> Any:
        if callable(names.get("build")):
            names = {**names, "build": _building(names["build"])}
        return super().__new__(mcs, name, bases, names, **options)

    def __call__(cls: Any, *args: Any, **kwargs: Any) -> Any:
        span, start = caller_span(), announced_shape(cls, kwargs)
        try:
            bound = signature(cls.__init__).bind(None, *args, **kwargs)
        except TypeError as error:
            fault = argument_fault(cls, kwargs, error)
            raise TensorTypeError.of(fault, span) from None
        names = list(signature(cls.__init__).parameters)[1:]
        layer: Any = object.__new__(cls)
        given = arguments_of(bound)
        layer.__dict__.update(
            built=False, auto_name=None, given_name=None, span=span, argument_spans={},
            _weights=[], _losses=[], _trainable=True, _given=given, _named=False,
            _policy=policies.dtype_policy(), autocast=True, activity_regularizer=None,
            _building=False, _build_shapes=None, _first_call=None, announced=start,
            _call_programs=LayerPrograms())  # fmt: skip
        try:
            tensors = "inputs" in names or "input_tensor" in names
            if not tensors and not layer.foreign:
                refuse_operands(cls, {**dict(zip(names, args, strict=False)), **kwargs})
            guarded(cls, given, lambda: layer.__init__(*args, **kwargs))
        except Fault as fault:
            raise TensorTypeError.of(fault, span, names) from None
        layer.__dict__["_as_made"] = plain_settings(layer, (*names, *given))
        return layer


def _building(build: Callable[..., None]) -> Callable[..., None]:
    """`build` such that a call of it by hand leaves the layer built."""

    @functools.wraps(build)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        if self._building:  # called by a `build` of a subclass
            build(self, *args, **kwargs)
            return
        try:
            bound = signature(build).bind(self, *args, **kwargs).arguments
        except TypeError as wrong:
            fault = misused("build", signature(build), kwargs, wrong)
            raise TensorTypeError.of(fault, caller_span()) from None
        given = dict(list(bound.items())[1:])
        guarded_build(given, lambda: self.build_now(build, given))

    return wrapper
