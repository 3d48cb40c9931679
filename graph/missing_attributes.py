"""Attributes of other frameworks that Tulle does not have, told with what it has.

For `hasattr` they are missing; a subclass or an object may have its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from .diagnostics import Diagnostic, caller_span
from .naming import UnknownNameError

TAPE = "gradients come from a tape: `with tulle.GradientTape() as tape: …`, then "
DEVICE = 'a device is chosen around code: `with tulle.device("gpu:0"): …`'
OF_TENSORS: Mapping[str, str] = {
    "backward": f"{TAPE}`tape.gradient(loss, weights)`",
    "grad": f"{TAPE}`tape.gradient(loss, x)`",
    "requires_grad": f"{TAPE}`tape.watch(x)` follows a tensor",
    "requires_grad_": f"{TAPE}`tape.watch(x)` follows a tensor",
    "detach": "write `ops.stop_gradient(x)`",
    "clone": "tensors do not change, so none need be copied",
    "cuda": DEVICE,
    "cpu": f"{DEVICE}; `x.numpy()` is the value on the host",
    "to": f"{DEVICE}; `ops.cast(x, dtype)` gives another dtype",
    "T": "write `ops.transpose(x)`",
    "view": "write `ops.reshape(x, shape)`",
    "permute": "write `ops.transpose(x, axes)`",
    "unsqueeze": "write `ops.expand_dims(x, axis)`",
    "float": 'write `ops.cast(x, "float32")`',
    "long": 'write `ops.cast(x, "int64")`',
    **{
        name: f"write `ops.{name}(x, …)`"
        for name in (
            "argmax argmin clip cumsum flatten max mean min prod reshape squeeze std "
            "sum transpose var"
        ).split()
    },
    "astype": "write `ops.cast(x, dtype)`",
}
OF_LAYERS: Mapping[str, str] = {
    "parameters": "they are `trainable_weights`, and `weights` with the rest",
    "named_parameters": "they are `trainable_weights`, each with its `path`",
    "forward": "call it: `model(x)`; a layer of your own defines `call`",
    "train": "the mode is an argument of the call: `model(x, training=True)`",
    "eval": "the mode is an argument of the call: `model(x, training=False)`",
    "zero_grad": "gradients are not kept, so none need be cleared",
    "cuda": DEVICE,
    "cpu": DEVICE,
    "to": DEVICE,
    "state_dict": "write `get_weights()`, or `save_weights(path)` into a file",
    "load_state_dict": "write `set_weights(arrays)`, or `load_weights(path)`",
    "register_buffer": "write `add_weight(…, trainable=False)`",
    "requires_grad_": "set `layer.trainable = False`",
    "quantize": "weights are not quantized to integers; the policy `mixed_bfloat16` "
    "computes with 16 bits",
}
BY_HAND = (
    "`train_step(data)` and `test_step(data)` are there to override, and "
    "`train_on_batch` runs one of them"
)
OF_MODELS: Mapping[str, str] = {
    "export": "no other formats are there to serve a model in: `model.save(path)` "
    "keeps it, and `tulle.load_model(path)` with `predict` serves it",
    "fit_generator": "write `model.fit(generator)`",
    "evaluate_generator": "write `model.evaluate(generator)`",
    "predict_generator": "write `model.predict(generator)`",
    "predict_classes": "write `model.predict(x).argmax(axis=-1)`",
    "predict_proba": "write `model.predict(x)`",
    "to_yaml": "write `model.to_json()`",
    "make_train_function": BY_HAND,
    "make_test_function": BY_HAND,
    "make_predict_function": BY_HAND,
    "train_function": BY_HAND,
    "get_state_tree": "`weights`, `optimizer.variables` and `metrics_variables` are "
    "the state, each variable with its `path`",
    "set_state_tree": "variables take values one by one: `variable.assign(value)`",
}
OF_OPTIMIZERS: Mapping[str, str] = {
    "step": "write `optimizer.apply(gradients, weights)`",
    "zero_grad": "gradients are not kept, so none need be cleared",
    "param_groups": "the rate is `optimizer.learning_rate`",
}


class MissingAttribute:
    """A missing name; asking for it says what takes its place."""

    def __init__(self, kind: str, name: str, advice: str):
        self.kind, self.name, self.advice = kind, name, advice

    def __get__(self, instance: Any, owner: type | None = None) -> NoReturn:
        kind = type(instance).__name__ if instance is not None else self.kind
        message = f"`{kind}` has no `{self.name}`"
        told = Diagnostic("T0201", message, caller_span(), help=(self.advice,))
        raise UnknownNameError(told)


def explain_missing(kind: type, names: Mapping[str, str]) -> None:
    """Let a class tell what takes the place of names that it does not have."""
    for name, advice in names.items():
        if not hasattr(kind, name):
            setattr(kind, name, MissingAttribute(kind.__name__, name, advice))
