"""What a layer says of itself: name, dtypes, configuration, the shapes of `build`."""

from __future__ import annotations

from typing import Any

from . import policies
from .calling import told_with
from .constructing import settings_now
from .initializers import snake_case
from .kinds import CALLS
from .layer_parts import signature
from .types import DType


class LayerConfiguration:
    """A layer's name and dtype policy, and all that makes an equal layer."""

    auto_name: str | None
    given_name: str | None
    _given: dict[str, Any]
    _as_made: dict[str, Any]
    _trainable: bool
    _policy: policies.DTypePolicy
    _build_shapes: dict[str, Any] | None
    build: Any

    @property
    def name(self) -> str:
        """The name: the given one, else made from the class, unique within a model."""
        return self.given_name or self.auto_name or snake_case(type(self).__name__)

    # Dtypes.

    @property
    def policy(self) -> policies.DTypePolicy:
        """The dtype policy."""
        return self._policy

    @property
    def dtype_policy(self) -> policies.DTypePolicy:
        """The dtype policy; it may be set, to a name as well, before the first call."""
        return self._policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._policy = policies.get(value)

    @property
    def compute_dtype(self) -> str:
        """The dtype of inputs and weights within `call`."""
        return self.policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype that weights are kept in."""
        return self.policy.variable_dtype

    dtype = variable_dtype

    @property
    def input_dtype(self) -> DType:
        """What floats are cast to before `call`."""
        return self.policy.compute

    # Configuration.

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; `from_config` makes an equal layer.

        A class of yours that overrides this gets those of the library's class that it
        is made of, and adds its own.
        """
        parameters = signature(type(self).__init__).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        every = any(p.kind is p.VAR_KEYWORD for p in parameters)
        base = {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": self.policy.shown(),
        }
        taken = {key: base[key] for key in base if every or key in defaults}
        found = {**taken, **defaults, **settings_now(self), **taken}
        beneath = _beneath(type(self))
        if beneath is None:
            return found
        known = {*base, *signature(beneath.__init__).parameters}
        return {key: value for key, value in found.items() if key in known}

    @classmethod
    @told_with(CALLS)
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new layer from a configuration; layers that it holds are made anew too.

        Only models made of symbols stay the ones that they are.
        """
        return cls(**{key: _anew(value) for key, value in config.items()})

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the layer was built for; None before."""
        shapes = self._build_shapes
        if shapes is None:
            return None
        if len(shapes) == 1:
            return {"input_shape": next(iter(shapes.values()))}
        return {"shapes_dict": shapes}

    @told_with(CALLS)
    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Make the weights for the shapes that `get_build_config` gave."""
        if config:
            if "input_shape" in config:
                self.build(config["input_shape"])
            elif "shapes_dict" in config:
                self.build(**config["shapes_dict"])


def _beneath(kind: type) -> type[Any] | None:
    """The library's class below one that tells its configuration itself, else None."""
    own = next(k for k in kind.__mro__ if "get_config" in k.__dict__)
    if own.__module__.startswith("tulle."):
        return None
    return next(k for k in kind.__mro__ if k.__module__.startswith("tulle."))


def _anew(value: Any) -> Any:
    """A setting with each layer in it replaced by a new one of its configuration."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(map(_anew, value))
    if isinstance(value, LayerConfiguration) and not hasattr(value, "output_nodes"):
        config = value.get_config()
        if value.given_name is None:  # so that the new one is named by where it stands
            config.pop("name", None)
        return type(value).from_config(config)
    return value
