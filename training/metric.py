"""The base of metrics: state in variables, what changes it, what is made of it.

The state lies in variables, so that inside a compiled step an update is an effect of
the program and nothing has to be read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ..graph import configuration, policies
from ..graph.call_programs import keep_with
from ..graph.diagnostics import Fault, TensorTypeError, caller_span
from ..graph.initializers import Zeros, snake_case
from ..graph.sizes import as_shape
from ..graph.tensor import Tensor
from ..graph.types import DType, dtype_of
from ..graph.variable import Variable
from ..graph.variable_substitution import replacing
from ..graph.watching import is_of_library
from .arguments import checked_items
from .configured import Configured, told_to_caller
from .data import counted
from .metric_programs import programmed
from .operands import as_tensor


class Metric(Configured):
    """The base of metrics: variables, `update_state(…)`, `result()`, `reset_state()`.

    A subclass makes its state with `add_variable`, changes it in `update_state` and
    reckons a tensor from it, or a dictionary of tensors, in `result`. `dtype` is that
    of the figures, `config.floatx()` unless given; a policy stands for its
    `compute_dtype`.

    >>> from tulle import ops
    >>> class Largest(Metric):
    ...     def __init__(self, name="largest"):
    ...         super().__init__(name=name)
    ...         self.seen = self.add_variable((), "zeros", name="seen")
    ...
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.seen.assign(ops.maximum(self.seen, ops.max(y_pred)))
    ...
    ...     def result(self):
    ...         return self.seen.value
    >>> float(Largest()([0.0, 1.0], [0.25, 0.75]))
    0.75
    """

    usual_dtype: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("update_state", "result"):
            if name in vars(cls) and is_of_library(cls):
                setattr(cls, name, programmed(vars(cls)[name]))

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name = name or snake_case(type(self).__name__)
        usual = self.usual_dtype or configuration.floatx()
        wanted = usual if dtype is None else dtype
        self.dtype = dtype_of(policies.get(wanted).compute_dtype).name
        self._variables: list[Variable] = []
        keep_with(self)

    @told_to_caller
    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """State of the metric, which `reset_state` brings back to its first value.

        `dtype` is `config.floatx()` unless given. `aggregation` is Keras's word for how
        replicas of a model are joined; there is one here.
        """
        if "_variables" not in self.__dict__:
            raise self._without_super()
        variable = Variable(
            "zeros" if initializer is None else initializer,
            as_shape(shape, "add_variable"),
            configuration.floatx() if dtype is None else dtype,
            trainable=False,
            name=name,
        )
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """The older name of `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def _without_super(self) -> TensorTypeError:
        kind = type(self).__name__
        fault = Fault(
            "T0204",
            f"`{kind}` adds state before the base class is ready for it",
            help=[f"begin `{kind}.__init__` with `super().__init__()`"],
        )
        return TensorTypeError.of(fault, caller_span())

    @property
    def variables(self) -> list[Variable]:
        """The state of the metric, and that of metrics in its attributes."""
        if "_variables" not in self.__dict__:
            raise self._without_super()
        found = list(self._variables)
        for item in self._inside():
            found += item.variables if isinstance(item, Metric) else [item]
        return list({id(variable): variable for variable in found}.values())

    @property
    def measuring(self) -> list[Metric]:
        """The metric, and the metrics in its attributes."""
        inner = [item for item in self._inside() if isinstance(item, Metric)]
        return [self, *(one for item in inner for one in item.measuring)]

    def _inside(self) -> Iterator[Any]:
        return _held([v for k, v in self.__dict__.items() if k != "_given"])

    def reset_state(self) -> None:
        """Bring the state back to its first value."""
        for variable in self.variables:
            shape, dtype = variable.shape, variable.type.dtype
            if variable.initializer is None or type(variable.initializer) is Zeros:
                variable.assign(_zeros(shape, dtype))
            else:
                variable.assign(variable.initializer.values(shape, dtype, 0))

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Take further values into account."""
        fault = Fault("T0204", f"`{type(self).__name__}` has no `update_state`")
        raise TensorTypeError.of(fault, caller_span())

    def result(self) -> Any:
        """The figure so far."""
        fault = Fault("T0204", f"`{type(self).__name__}` has no `result`")
        raise TensorTypeError.of(fault, caller_span())

    @told_to_caller
    def merge_state(self, metrics: Sequence[Metric]) -> None:
        """Add the state of other metrics of this kind, as if all had been seen here.

        Raises T0204 if the state of one has other shapes.

        >>> from tulle.metrics import Mean
        >>> first, second = Mean(), Mean()
        >>> first.update_state([1.0]), second.update_state([4.0, 4.0])
        (None, None)
        >>> first.merge_state([second])
        >>> float(first.result())
        3.0
        """
        for metric in checked_items("metrics", metrics, Metric, "a list of metrics"):
            own, more = self.variables, metric.variables
            if [v.shape for v in own] != [v.shape for v in more]:
                fault = Fault(
                    "T0204",
                    f"the state of `{metric.name}` is {_listed(more)}, and that of "
                    f"`{self.name}` is {_listed(own)}",
                    argument="metrics",
                    help=["merge metrics of one kind and setting that have seen data"],
                )
                raise TensorTypeError.of(fault, caller_span())
            for variable, further in zip(own, more, strict=True):
                variable.assign_add(further.value)

    # The same without side effects: the state comes in and goes out.

    @told_to_caller
    def stateless_update_state(
        self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any
    ) -> list[Any]:
        """What `update_state` makes of a state, a list like `variables`."""
        values = self._state(metric_variables)
        with replacing(values):
            self.update_state(*args, **kwargs)
        return [values[variable] for variable in self.variables]

    @told_to_caller
    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """What `result` makes of a state, a list like `variables`."""
        with replacing(self._state(metric_variables)):
            return self.result()

    def stateless_reset_state(self) -> list[Any]:
        """The first values of `variables`."""
        values = self._state([variable.value for variable in self.variables])
        with replacing(values):
            self.reset_state()
        return [values[variable] for variable in self.variables]

    def _state(self, given: Sequence[Any]) -> dict[Variable, Any]:
        own, words = self.variables, "a list of the values of `variables`"
        given = checked_items("metric_variables", given, object, words)
        if len(given) != len(own):
            fault = Fault(
                "T0204",
                f"`{self.name}` has {counted(len(own), 'variable')}, and the state "
                f"given has {counted(len(given), 'value')}",
                argument="metric_variables",
                help=["give one value for each of `metric.variables`, in their order"],
            )
            raise TensorTypeError.of(fault, caller_span())
        pairs = zip(own, given, strict=True)
        return {variable: as_tensor(value, variable.dtype) for variable, value in pairs}

    def reading(self) -> Any:
        """The figure so far as a Python number, or an array if it is no scalar.

        Of a `result` that is a dictionary, a dictionary of these.
        """
        found = self.result()
        if isinstance(found, Mapping):
            return {name: plain(value) for name, value in found.items()}
        return plain(found)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, from which `from_config` makes an equal one."""
        config = super().get_config()
        return {**config, "dtype": self.dtype} if "dtype" in config else config

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _held(items: Iterable[Any]) -> Iterator[Any]:
    """The variables and metrics in attributes, also those in lists and dictionaries."""
    for item in items:
        if isinstance(item, (Variable, Metric)):
            yield item
        elif isinstance(item, (list, tuple)):
            yield from _held(item)
        elif isinstance(item, dict):
            yield from _held(item.values())


def plain(value: Any) -> Any:
    """A scalar as a Python number, anything else as an array."""
    array = np.asarray(value)
    return array.item() if array.ndim == 0 else array


@lru_cache(maxsize=64)
def _zeros(shape: tuple[int, ...], dtype: DType) -> Any:
    """Zeros as a tensor, which a variable copies: much is set to 0 at each batch."""
    return Tensor(np.zeros(shape, dtype.numpy))


def _listed(variables: Sequence[Variable]) -> str:
    return ", ".join(f"{v.name} {v.type}" for v in variables) or "empty"
