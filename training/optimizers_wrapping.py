"""Optimizers made of optimizers: one that scales the loss, one for each variable."""

from __future__ import annotations

import re
from abc import ABCMeta
from collections.abc import (
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from ..graph.diagnostics import Fault
from ..graph.initializers import Constant
from ..graph.kinds import shown
from ..graph.registry import call
from ..graph.variable import Variable
from .bounds import ABOVE_0
from .configured import Configured, ConfiguredKind, told_to_caller
from .optimizer import Optimizer, Pairs, only_if
from .optimizer_names import get
from .optimizer_settings import pattern

if TYPE_CHECKING:
    from ..backend.arena import Arena


class Wrapping(Optimizer):
    """An optimizer whose steps are those of others, `optimizers`."""

    def __init__(self, loss_scale_factor: float | None, name: str | None):
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers within."""
        return list(self._inner().values())

    @property
    def members(self) -> list[Optimizer]:
        return self.optimizers

    def _inner(self) -> dict[str, Optimizer]:
        """The optimizers within, by their names in files."""
        return {}

    @property
    def revision(self) -> int:
        """Rises with those of the optimizers within."""
        return self._revision + sum(each.revision for each in self.optimizers)

    @property
    def variables(self) -> list[Variable]:
        """The state: its own, then that of the optimizers within."""
        inner = [v for optimizer in self.optimizers for v in optimizer.variables]
        return [*super().variables, *inner]

    def touched(self) -> list[Variable]:
        inner = [v for optimizer in self.optimizers for v in optimizer.touched()]
        return [*super().touched(), *inner]

    def named_variables(
        self, names: Mapping[Variable, str] | None = None
    ) -> dict[str, Variable]:
        found = super().named_variables(names)
        for prefix, inner in self._inner().items():
            own = inner.named_variables(names).items()
            found.update((f"{prefix}/{key}", variable) for key, variable in own)
        return found

    def restore(
        self,
        state: Mapping[str, np.ndarray[Any, Any]],
        names: Mapping[Variable, str] | None = None,
    ) -> None:
        super().restore(state, names)
        for prefix, inner in self._inner().items():
            start = f"{prefix}/"
            own = {
                key.removeprefix(start): value
                for key, value in state.items()
                if key.startswith(start)
            }
            inner.restore(own, names)


class LossScaleOptimizer(Wrapping):
    """An optimizer for 16 bits: scales the loss so that small gradients do not vanish.

    Where a gradient is no finite number the step is left out and the scale is halved;
    after `dynamic_growth_steps` good steps in a row it is doubled (Micikevicius et al.
    2018).

    >>> variable = Variable([1.0])
    >>> optimizer = LossScaleOptimizer(get("sgd"), initial_scale=4.0)
    >>> optimizer.apply([[float("inf")]], [variable])
    >>> float(variable[0]), float(optimizer.dynamic_scale)
    (1.0, 2.0)
    """

    argument_bounds: ClassVar = {
        "initial_scale": ABOVE_0,
        "dynamic_growth_steps": ABOVE_0,
    }

    def __init__(
        self,
        inner_optimizer: Any,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
    ):
        super().__init__(None, name)
        self.inner_optimizer = get(inner_optimizer)
        if not isinstance(self.inner_optimizer, Optimizer):
            raise Fault(
                "T0204",
                f"`inner_optimizer` is an optimizer, not {shown(inner_optimizer)}",
                argument="inner_optimizer",
            )
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        # Its gradients would be scaled down twice.
        self.inner_optimizer.loss_scale_factor = None

    def _inner(self) -> dict[str, Optimizer]:
        return {"inner_optimizer": self.inner_optimizer}

    def make_slots(self, variables: list[Variable]) -> None:
        start = Constant(self.initial_scale)
        self.step_counter = self.add_variable((), "zeros", "int64", name="step_counter")
        self.dynamic_scale = self.add_variable(
            (), start, "float32", name="dynamic_scale"
        )
        self.inner_optimizer.rebuild(variables)

    def packable(self, variables: Sequence[Variable]) -> list[list[Variable]]:
        return self.inner_optimizer.packable(variables)

    def pack(self, homes: Iterable[Arena]) -> None:
        homes = list(homes)
        self._packed.update((home.variable, home) for home in homes)
        self.inner_optimizer.pack(homes)

    @property
    def iterations(self) -> Any:
        """The number of steps done, without those left out."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The rate of the optimizer within."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    def scale_loss(self, loss: Any) -> Any:
        scale = self.dynamic_scale.value if self.built else self.initial_scale
        return loss * scale

    def take_step(self, pairs: Pairs) -> None:
        finite = _all_finite([gradient for gradient, _ in pairs])
        scale, count = self.dynamic_scale.value, self.step_counter.value
        inner = self.inner_optimizer
        down = [(g / call("cast", scale, g.dtype), v) for g, v in pairs]
        only_if(finite, lambda: inner.take_step(down), inner.touched())
        full = call("equal", count, self.dynamic_growth_steps - 1)
        grown = call("where", full, scale * 2.0, scale)
        self.dynamic_scale.assign(call("where", finite, grown, scale * 0.5))
        going = call("logical_and", finite, call("logical_not", full))
        none = call("zeros_like", count)
        self.step_counter.assign(call("where", going, count + 1, none))

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)


def _all_finite(gradients: Sequence[Any]) -> Any:
    flags = [call("all", call("isfinite", gradient)) for gradient in gradients]
    return call("all", call("stack", flags))


class MapKind(ConfiguredKind, ABCMeta):
    """Makes a mapping that its constructor's arguments describe."""


class OptimizerMap(Configured, MutableMapping[str, Optimizer], metaclass=MapKind):
    """Which optimizer moves a variable: by its path, or by a pattern of whole paths.

    A path that nothing fits goes to `default_optimizer`.

    >>> chosen = OptimizerMap(get("sgd"), {".*/bias": get("adam")})
    >>> chosen["dense/bias"].name, chosen["dense/kernel"].name
    ('adam', 'sgd')
    """

    def __init__(
        self,
        default_optimizer: Any,
        optimizer_map: Mapping[str, Any] | None = None,
    ):
        self._default = _single("default_optimizer", get(default_optimizer))
        self._by_path: dict[str, Optimizer] = {}
        if optimizer_map is not None and not isinstance(optimizer_map, Mapping):
            raise Fault(
                "T0204",
                f"`optimizer_map` is a dictionary of paths, not {shown(optimizer_map)}",
                argument="optimizer_map",
            )
        for path, optimizer in (optimizer_map or {}).items():
            self._put(path, get(optimizer))

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of variables that no entry fits."""
        return self._default

    def _put(self, path: str, optimizer: Any) -> None:
        if not isinstance(path, str):
            raise Fault(
                "T0204", f"a path is text, not {shown(path)}", argument="optimizer_map"
            )
        pattern("optimizer_map", path)
        if path in self._by_path:
            raise Fault(
                "T0204", f"`{path}` has its optimizer already", argument="optimizer_map"
            )
        self._by_path[path] = _single("optimizer_map", optimizer)

    @told_to_caller
    def __setitem__(self, key: str, optimizer: Any) -> None:
        self._put(key, optimizer)

    @told_to_caller
    def __getitem__(self, key: str) -> Optimizer:
        if key in self._by_path:
            return self._by_path[key]
        fitting = [p for p in self._by_path if re.fullmatch(p, key)]
        if len(fitting) > 1:
            raise Fault(
                "T0204",
                f"the variable `{key}` fits several entries: "
                f"{', '.join(f'`{p}`' for p in fitting)}",
                help=["make the patterns narrower, or give its own path an optimizer"],
            )
        return self._by_path[fitting[0]] if fitting else self._default

    def __delitem__(self, key: str) -> None:
        del self._by_path[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_path)

    def __len__(self) -> int:
        return len(self._by_path)

    def __call__(self, variable: Variable) -> Optimizer:
        """The optimizer of a variable."""
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        return {
            "default_optimizer": self._default,
            "optimizer_map": dict(self._by_path),
        }


def _single(argument: str, optimizer: Any) -> Optimizer:
    """An optimizer that moves variables itself; refuses others."""
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, Wrapping):
        kind = type(optimizer).__name__
        what = kind if isinstance(optimizer, Wrapping) else repr(optimizer)
        raise Fault(
            "T0204",
            f"an optimizer that moves variables itself belongs here, not {what}",
            argument=argument,
        )
    return optimizer


class MultiOptimizer(Wrapping):
    """Several optimizers, each for its own variables: so each has its own rate.

    `optimizer_map` is an `OptimizerMap` or a function from a variable to its optimizer.

    >>> from tulle.training.optimizers import SGD
    >>> slow, fast = Variable([1.0], name="slow"), Variable([1.0], name="fast")
    >>> rates = OptimizerMap(SGD(0.25), {"fast": SGD(0.5)})
    >>> MultiOptimizer(rates).apply([[1.0], [1.0]], [slow, fast])
    >>> float(slow[0]), float(fast[0])
    (0.75, 0.5)
    """

    def __init__(
        self,
        optimizer_map: Any,
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ):
        if isinstance(optimizer_map, dict) and "config" in optimizer_map:
            optimizer_map = OptimizerMap.from_config(optimizer_map["config"])
        if not callable(optimizer_map):
            raise Fault(
                "T0204",
                "`optimizer_map` is an OptimizerMap or a function of a variable, not "
                f"{shown(optimizer_map)}",
                argument="optimizer_map",
            )
        super().__init__(loss_scale_factor, name)
        self._map = optimizer_map
        self._owners: dict[Variable, Optimizer] = {}
        self._members: list[Optimizer] = []
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._enter(optimizer)

    def _enter(self, optimizer: Optimizer) -> None:
        if all(optimizer is not known for known in self._members):
            optimizer.loss_scale_factor = None  # scaled down here, once for all
            self._members.append(optimizer)

    def _inner(self) -> dict[str, Optimizer]:
        return {f"optimizers/{i}": member for i, member in enumerate(self._members)}

    def make_slots(self, variables: list[Variable]) -> None:
        self._owners = {v: _single("optimizer_map", self._map(v)) for v in variables}
        for optimizer in self._owners.values():
            self._enter(optimizer)
        for optimizer in self._members:
            own = [v for v in variables if self._owners[v] is optimizer]
            if own:
                optimizer.rebuild(own)

    def packable(self, variables: Sequence[Variable]) -> list[list[Variable]]:
        groups = []
        for optimizer in self._members:
            own = [v for v in variables if self._owners[v] is optimizer]
            groups += optimizer.packable(own) if own else []
        return groups

    def pack(self, homes: Iterable[Arena]) -> None:
        for home in homes:
            owner = self._owners[home.variables[0]]
            self._packed[home.variable], self._owners[home.variable] = home, owner
            owner.pack([home])

    def take_step(self, pairs: Pairs) -> None:
        if self.loss_scale_factor is not None:
            pairs = [(g / self.loss_scale_factor, v) for g, v in pairs]
        for optimizer in self._members:
            own = [(g, v) for g, v in pairs if self._owners[v] is optimizer]
            if own:
                optimizer.take_step(own)
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        variables = list(var_list)
        self._check_known(variables)
        for variable in variables:
            self._owners[variable].finalize_variable_values([variable])

    @property
    def learning_rate(self) -> Any:
        """Refused: each of `optimizers` has its own."""
        self._refuse_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._refuse_rate()

    @told_to_caller
    def _refuse_rate(self) -> NoReturn:
        raise Fault(
            "T0204",
            "a MultiOptimizer has no learning rate of its own",
            help=["read or set it on one of `optimizer.optimizers`"],
        )
