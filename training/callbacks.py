"""Callbacks: code that runs at the marked points of a training, by Keras's names.

Nothing is read from the device for a hook that nobody overrides. A hook marked by
`deferring` gets a function in place of the figures, and calls it only when it needs
them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from ..graph.constructing import uncalled
from ..graph.diagnostics import Fault
from ..graph.kinds import shown
from ..graph.nearest import nearest_of
from .configured import Configured
from .hooks import BatchHooks

Logs = dict[str, Any]


def steps_together(model: Any) -> int:
    """How many steps are one batch for the callbacks of a model."""
    return int(getattr(model, "steps_per_execution", 1))


class Callback(Configured):
    """The base of callbacks: override what you need.

    `logs` maps the names of losses and metrics to their running values. `params` has
    `epochs`, `steps`, `batch_size` and `verbose`. `state_attributes` names what a
    training that `BackupAndRestore` resumes has to find again: attributes of numbers,
    texts, arrays, and of lists and dictionaries of these.

    >>> class Count(Callback):
    ...     state_attributes = ("epochs",)
    ...
    ...     def on_train_begin(self, logs=None):
    ...         self.epochs = 0
    ...
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.epochs += 1
    >>> Count().state_attributes
    ('epochs',)
    """

    state_attributes: ClassVar[tuple[str, ...]] = ()
    late: ClassVar[bool] = False  # whether it comes after all others
    saves: ClassVar[bool] = False  # whether it can `save` the training
    model: Any = None
    params: Any = None
    _training: Any = None  # the call of `fit` that is under way

    def set_params(self, params: dict[str, Any]) -> None:
        """Take note of `epochs`, `steps`, `batch_size` and `verbose`."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take note of the model."""
        self.model = model

    @property
    def averaged(self) -> bool:
        """Whether it has put the moving averages into the model already."""
        return False

    def get_state(self) -> dict[str, Any]:
        """What a resumed training has to find again."""
        return {name: getattr(self, name) for name in self.state_attributes}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on as `get_state` told; called after `on_train_begin`."""
        for name in self.state_attributes:
            if name in state:
                setattr(self, name, state[name])

    def release(self) -> None:
        """Close files; called when `fit` is over, also if it ends with an error."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """The older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """The older name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch; overriding it costs time in every batch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch; overriding it reads all figures after every batch."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation or validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation or validation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of an evaluation; reads all figures."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of a prediction; `logs` has its `outputs`."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


def deferring(hook: Any) -> Any:
    """A batch hook that takes a function in place of `logs`, see `resolved`."""
    hook.defers = True
    return hook


def resolved(logs: Any) -> Logs:
    """The figures that a deferring hook was handed, read if need be."""
    return (logs() if callable(logs) else logs) or {}


def _overrides(callback: Callback, hook: str) -> bool:
    """Whether a callback has a hook of its own, or the older name of it."""
    names = [hook]
    if hook.startswith("on_train_batch_"):
        names.append(hook.replace("train_", ""))
    own, kind = vars(callback), type(callback)
    return any(
        name in own or getattr(kind, name) is not getattr(Callback, name)
        for name in names
    )


class CallbackList(Callback):
    """Callbacks called together, each hook in their order.

    `add_history` and `add_progbar` add a `History` and a `ProgbarLogger` where there is
    none. Raises T0204 for what is no callback.

    >>> found = CallbackList([History()], epochs=3)
    >>> found.callbacks[0].params
    {'epochs': 3}
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        self.callbacks = [*_flat(callbacks)]
        if add_history and not self.has(History):
            self.callbacks.append(History())
        if add_progbar:
            from .callbacks_logging import ProgbarLogger

            if not self.has(ProgbarLogger):
                self.callbacks.append(ProgbarLogger())
        self.callbacks.sort(key=lambda callback: callback.late)
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def has(self, kind: type) -> bool:
        """Whether there is a callback of a class."""
        return any(isinstance(callback, kind) for callback in self.callbacks)

    def append(self, callback: Callback) -> None:
        """Add a callback."""
        self.callbacks += _flat(callback)
        self.callbacks.sort(key=lambda item: item.late)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def set_training(self, training: Any) -> None:
        """Let the callbacks know the call of `fit` that is under way."""
        for callback in self.callbacks:
            callback._training = training

    def release(self) -> None:
        self._call("release")

    def _call(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def around(
        self, kind: str, figures: Callable[[], Logs] | None
    ) -> BatchHooks | None:
        """What runs a program between the hooks of a batch; None if nobody listens.

        Without `figures` the logs of a batch are its outputs.
        """
        begins = self._listening(f"on_{kind}_batch_begin")
        ends = self._listening(f"on_{kind}_batch_end")
        if not begins and not ends:
            return None
        return BatchHooks(begins, ends, figures, steps_together(self.model))

    def _listening(self, hook: str) -> list[tuple[Callable[..., Any], bool]]:
        """The hooks of those that have one, and whether it is a deferring one."""
        found = [getattr(c, hook) for c in self.callbacks if _overrides(c, hook)]
        return [(bound, getattr(bound, "defers", False)) for bound in found]


def _forwarding(hook: str) -> Any:
    def call(self: CallbackList, *args: Any, **kwargs: Any) -> None:
        arguments = [*args, *kwargs.values()]
        wanted = 2 if "batch" in hook or "epoch" in hook else 1
        if len(arguments) < wanted or arguments[-1] is None:
            arguments = [*arguments[: wanted - 1], {}]
        self._call(hook, *arguments)

    call.__name__, call.__doc__ = hook, getattr(Callback, hook).__doc__
    return call


for _hook in HOOKS:
    setattr(CallbackList, _hook, _forwarding(_hook))


def _flat(given: Any) -> list[Callback]:
    """The callbacks in a nest of lists."""
    if given is None:
        return []
    if isinstance(given, CallbackList):
        return list(given.callbacks)
    if isinstance(given, Callback):
        _check_hooks(given)
        return [given]
    if isinstance(given, Iterable) and not isinstance(given, (str, Mapping)):
        return [callback for item in given for callback in _flat(item)]
    raise Fault(
        "T0204",
        f"{shown(given)} is no callback",
        argument="callbacks",
        help=uncalled(given, Callback)
        or ["make a subclass of `Callback`, and pass an object of it"],
    )


def _check_hooks(callback: Callback) -> None:
    """Refuse hooks that cannot be called as they will be."""
    for hook in HOOKS:
        found, usual = getattr(callback, hook), getattr(Callback, hook)
        if getattr(found, "__func__", None) is usual:
            continue
        name, passed = f"`{hook}` of `{type(callback).__name__}`", _passed(usual)
        if not callable(found):
            told = f"{name} is a function, not {shown(found)}"
            raise Fault("T0204", told, argument="callbacks")
        try:
            signature = inspect.signature(found)
        except (TypeError, ValueError):  # of some functions in C nothing is known
            continue
        try:
            signature.bind(*passed)
        except TypeError as wrong:
            told = f"{name} is called with {' and '.join(passed)}: {wrong}"
            help = [f"let it take `{', '.join(passed)}`"]
            raise Fault("T0202", told, argument="callbacks", help=help) from None


def _passed(hook: Any) -> list[str]:
    """The names of what a hook is called with."""
    return list(inspect.signature(hook).parameters)[1:]


class History(Callback):
    """The figures of all epochs: `history` by name, `epoch` their numbers.

    `fit` gives one back, which is `model.history` as well. After a resumed training it
    has the epochs from before too.
    """

    state_attributes = ("history", "epoch")

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if model is not None:
            model.history = self

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        return f"<History of {len(self.epoch)} epochs: {', '.join(self.history)}>"


class LambdaCallback(Callback):
    """Functions as hooks, each by the name of its hook.

    >>> from tulle.training.callbacks import CallbackList
    >>> epochs = []
    >>> told = LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    >>> CallbackList([told]).on_epoch_end(0)
    >>> epochs
    [0]
    """

    def __init__(
        self,
        on_epoch_begin: Any = None,
        on_epoch_end: Any = None,
        on_train_begin: Any = None,
        on_train_end: Any = None,
        on_train_batch_begin: Any = None,
        on_train_batch_end: Any = None,
        **kwargs: Any,
    ):
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in given.items():
            if name not in HOOKS:
                near = nearest_of(name, HOOKS)
                raise Fault(
                    "T0202",
                    f"there is no hook `{name}`",
                    argument=name,
                    help=[f"did you mean `{hook}`?" for hook in near],
                )
            if function is not None:
                setattr(self, name, _checked(name, function))


def _checked(name: str, function: Any) -> Any:
    if not callable(function):
        raise Fault(
            "T0204", f"`{name}` is a function, not {shown(function)}", argument=name
        )
    return function
