"""Python values as the language writes them: numbers, sizes, settings, layers.

A value that no text can hold is refused by a `Fault` that says where it stands.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..graph import constraints, initializers, regularizers
from ..graph.configuration import default_float, image_data_format
from ..graph.diagnostics import Fault
from ..graph.dim import Compound, Dim, Symbol
from ..graph.layer import Layer
from ..graph.op import Op
from ..graph.types import DType
from . import library

MOST_DIGITS = 18
OF_WEIGHTS: tuple[tuple[type, Any], ...] = (
    (initializers.Initializer, initializers),
    (regularizers.Regularizer, regularizers),
    (constraints.Constraint, constraints),
)


class Phrases:
    """Writes values; `symbol` gives the name of a size."""

    def __init__(self, symbol: Callable[[Symbol], str]):
        self.symbol = symbol

    # Sizes.

    def dim(self, dim: Dim) -> str:
        """A size: `2 * T - 1`."""
        parts: list[str] = []
        for monomial, factor in sorted(dim.terms, key=lambda term: not term[0]):
            alone = len(monomial) == 1 and abs(factor) == 1
            factors = [self._power(atom, power, alone) for atom, power in monomial]
            if abs(factor) != 1 or not factors:
                factors.insert(0, str(abs(factor)))
            text = " * ".join(factors)
            sign = "-" if factor < 0 else "+"
            parts += [sign, text] if parts else [f"-{text}" if factor < 0 else text]
        return " ".join(parts) or "0"

    def _power(self, atom: Any, power: int, alone: bool) -> str:
        if not isinstance(atom, Compound):
            text = self.symbol(atom)
        elif atom.kind in ("min", "max"):
            text = f"{atom.kind}({self.dim(atom.left)}, {self.dim(atom.right)})"
        else:
            text = f"{self._inner(atom.left)} {atom.kind} {self._inner(atom.right)}"
            text = text if alone and power == 1 else f"({text})"
        return text if power == 1 else f"{text} ** {power}"

    def _inner(self, dim: Dim) -> str:
        text = self.dim(dim)
        return f"({text})" if " " in text else text

    # Settings.

    def value(self, value: Any, place: str) -> str:
        """Any setting; `place` says whose it is."""
        match value:
            case None:
                return "none"
            case bool() | np.bool_():
                return str(bool(value)).lower()
            case int() | np.integer():
                return self._whole(int(value), place)
            case float() | np.floating():
                return self._fraction(float(value), place)
            case str():
                return self._string(value, place)
            case Dim():
                return self.dim(value)
            case DType():
                return f'"{value.name}"'
            case list() | tuple() | np.ndarray():
                return f"[{', '.join(self.value(item, place) for item in value)}]"
            case Op():
                return value.name
            case Layer():
                return self.layer(value, named=value.given_name is not None)
        return self._object(value, place)

    def _whole(self, value: int, place: str) -> str:
        if len(str(abs(value))) > MOST_DIGITS:
            raise unwritten(place, f"{value} has more than {MOST_DIGITS} digits")
        return str(value)

    def number(self, array: Any, place: str) -> str:
        """A scalar with no more digits than its dtype tells apart, or lists of them."""
        if array.ndim:
            return f"[{', '.join(self.number(part, place) for part in array)}]"
        if array.dtype.kind == "f" and array.dtype.itemsize < 8:
            return self._fraction(float(str(array)), place)
        return self.value(array.item(), place)

    def _fraction(self, value: float, place: str) -> str:
        if math.isnan(value):
            raise unwritten(place, "a text has no number that is none")
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        text = repr(value)
        return text.replace("e+", "e")

    def _string(self, value: str, place: str) -> str:
        if any(char in value for char in '"\\\n') or not value.isprintable():
            raise unwritten(place, f"a string of a text cannot hold {value!r}")
        return f'"{value}"'

    def _object(self, value: Any, place: str) -> str:
        for base, module in OF_WEIGHTS:
            if isinstance(value, base) and hasattr(value, "get_config"):
                kind, known = type(value), module.BY_NAME.items()
                names = [name for name, made in known if made is kind]
                if names:
                    name = next((n for n in names if n.islower()), names[0])
                    return self.call(name, kind, value.get_config(), place)
        name = getattr(value, "__name__", None)
        if isinstance(name, str) and library.ops().get(name) is not None:
            if getattr(value, "__module__", "").partition(".")[0] == "tulle":
                return name
        if isinstance(value, dict):
            raise unwritten(place, "a text has no dictionaries")
        shown = f"the function `{name}`" if name else f"a `{type(value).__name__}`"
        raise unwritten(place, f"{shown} is Python code and no part of the library")

    def call(
        self,
        name: str,
        kind: type,
        config: Mapping[str, Any],
        place: str,
        before: tuple[str, ...] = (),
    ) -> str:
        """A constructor's call with the settings that differ from the defaults."""
        parts: list[str] = [*before]
        known = library.parameters(kind)
        leading = True
        for key, parameter in known.items():
            if key not in config:
                leading = False
                continue
            value, default = config[key], parameter.default
            if default is not inspect.Parameter.empty and same_setting(value, default):
                leading = False
                continue
            text = self.value(value, f"`{key}` of {place}")
            required = default is inspect.Parameter.empty and leading
            parts.append(text if required else f"{key} = {text}")
        return f"{name}({', '.join(parts)})"

    def layer(self, layer: Layer, named: bool) -> str:
        """A constructor's call that makes an equal layer of the library."""
        kind, place = type(layer), f"`{layer.name}`"
        if library.layers().get(kind.__name__) is None or (
            library.layers()[kind.__name__].target is not kind
        ):
            raise unwritten(place, f"`{kind.__name__}` is no layer of the library")
        config = dict(layer.get_config())
        if hidden := [key for key in config if key not in library.parameters(kind)]:
            if config[hidden[0]]:
                reason = f"`{kind.__name__}` has no argument `{hidden[0]}` in a text"
                raise unwritten(place, reason)
        config.pop("name", None)
        if config.get("dtype") == default_float().name:
            config.pop("dtype")
        if config.get("data_format") == image_data_format():
            config.pop("data_format")
        if named:
            config["name"] = layer.given_name
        return self.call(kind.__name__, kind, config, place)


def same_setting(value: Any, default: Any) -> bool:
    """Whether a setting is what its default means, written another way perhaps."""
    if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)):
        pairs = zip(value, default, strict=False)
        return len(value) == len(default) and all(same_setting(*two) for two in pairs)
    if isinstance(default, str) and not isinstance(value, str):
        for base, module in OF_WEIGHTS:
            if isinstance(value, base):
                meant = module.get(default)
                return type(meant) is type(value) and same_config(meant, value)
    if type(value) is not type(default):
        return value is default
    return bool(value == default)


def same_config(one: Any, two: Any) -> bool:
    """Whether two objects have equal settings."""
    left, right = one.get_config(), two.get_config()
    return left.keys() == right.keys() and all(
        same_setting(left[key], right[key]) for key in left
    )


INSTEAD = "save it as a file, `model.save(…)`, which holds arrays and names classes"


def unwritten(place: str, reason: str, advice: str = INSTEAD) -> Fault:
    """The refusal of what no text can say."""
    message = f"{place} cannot be written as a text: {reason}"
    return Fault("T0710", message, help=[advice])
