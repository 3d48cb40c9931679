"""How each system trains and uses a network: a `Session` for a workload.

A system's packages are imported when its session is made, in a process of its own.
"""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from workloads import Workload, itself


class Session(NamedTuple):
    """What a system is asked for. `float(loss)` and `numpy.asarray` wait for results.

    A session that trains by epochs has `fit(x, y, rows)` in the place of `step`.
    """

    step: Callable[[Any, Any], Any] | None
    predict: Callable[[Any], Any] | None = None
    fit: Callable[[Any, Any, int], float] | None = None


@dataclass(frozen=True)
class System:
    """A way to train; those that are not `usual` run when they are named."""

    name: str
    packages: tuple[str, ...]  # which it needs; the first is the one that is imported
    open: Callable[[Any], Session]
    words: str
    usual: bool = True


def made_by(kind: str, network: Any, *arguments: Any) -> Any:
    """The network of a workload, or a chain of a depth, in Keras, JAX or PyTorch."""
    usual, further = (
        importlib.import_module(f"{name}_{kind}") for name in ("networks", "further")
    )
    if isinstance(network, int):
        return usual.chain(*arguments, network)
    return {**usual.NETWORKS, **further.NETWORKS}[network.name](*arguments)


def tulle_model(network: Workload | int, policy: str = "float32") -> Any:
    import tulle

    tulle.config.set_dtype_policy(policy)
    task = made_by("keras", network, tulle)
    task.model.compile(optimizer=task.optimizer, loss=task.loss)
    return task.model


def tulle(network: Workload | int, policy: str = "float32") -> Session:
    """The compiled step, called with arrays; layers compute as a policy says."""
    from tulle.training.batches import prepare

    model, programs = tulle_model(network, policy), {}

    def program(kind: str, *arrays: Any) -> Any:
        # What `prepare` finds out does not depend on the number of rows.
        if kind not in programs:
            signature = prepare(model, *arrays, scored=kind == "train").signature
            programs[kind] = model.steps.program(kind, signature)
        return programs[kind]

    def step(x: Any, y: Any) -> Any:
        arrays = (x, itself(x, y))
        return program("train", *arrays)(arrays)["loss"]

    return Session(step, lambda x: program("predict", x)((x,))["output_0"])


def tulle_on_batch(network: Workload | int) -> Session:
    model = tulle_model(network)
    return Session(
        lambda x, y: model.train_on_batch(x, itself(x, y)), model.predict_on_batch
    )


def tape_step(model: Any, task: Any, tape: Any) -> Callable[[Any, Any], Any]:
    """One step written by hand, for `function` of Tulle or TensorFlow."""

    def step(x: Any, y: Any) -> Any:
        with tape() as recorded:
            loss = task.loss(itself(x, y), model(x, training=True))
            for own in model.losses:
                loss = loss + own
        weights = model.trainable_variables
        gradients = recorded.gradient(loss, weights)
        task.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return loss

    return step


def tulle_function(network: Workload | int) -> Session:
    import tulle

    task = made_by("keras", network, tulle)
    step = tulle.function(tape_step(task.model, task, tulle.GradientTape))
    predict = tulle.function(lambda x: task.model(x, training=False))
    return Session(step, predict)


def fitted(model: Any) -> Session:
    def fit(x: Any, y: Any, rows: int) -> float:
        found = model.fit(x, itself(x, y), batch_size=rows, verbose=0)
        return float(found.history["loss"][-1])

    return Session(None, fit=fit)


def tulle_fit(network: Workload | int) -> Session:
    return fitted(tulle_model(network))


def keras_task(network: Workload | int) -> Any:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    return made_by("keras", network, keras)


def keras(network: Workload | int, jit_compile: bool = False) -> Session:
    """Keras on TensorFlow: a step with a tape, compiled by `tf.function`."""
    task = keras_task(network)
    import tensorflow

    compiled = partial(tensorflow.function, jit_compile=jit_compile)
    inside = tape_step(task.model, task, tensorflow.GradientTape)
    if not task.model.built:
        task.model(network.batches(1)[0][0])
    task.optimizer.build(task.model.trainable_variables)
    return Session(compiled(inside), compiled(lambda x: task.model(x, training=False)))


def keras_fit(network: Workload | int) -> Session:
    task = keras_task(network)
    task.model.compile(task.optimizer, task.loss)
    return fitted(task.model)


def jax(network: Workload | int, dtype: str = "float32") -> Session:
    """One jitted function, its state donated; floats are cast to a dtype in it."""
    import jax
    import networks_jax
    import optax

    net = made_by("jax", network)
    mode = networks_jax.Mode
    optimizer = net.optax()
    held = (net.weights, net.state, optimizer.init(net.weights), jax.random.key(0))

    def cast(values: Any, to: str = dtype) -> Any:
        def one(x: Any) -> Any:
            real = jax.numpy.issubdtype(jax.numpy.result_type(x), jax.numpy.floating)
            return jax.numpy.asarray(x, to) if real else x

        return jax.tree.map(one, values)

    @partial(jax.jit, donate_argnums=(0, 1, 2, 3))
    def update(weights, state, slots, key, x, y):
        key, drawn = jax.random.split(key)

        def loss_of(weights):
            given = cast((weights, state, x))
            output, own, after = net.apply(*given, mode(True, drawn))
            output, own, after = cast((output, own, after), "float32")
            return net.loss(output, itself(x, y)) + own, after

        (loss, state), found = jax.value_and_grad(loss_of, has_aux=True)(weights)
        changes, slots = optimizer.update(found, slots, weights)
        return (optax.apply_updates(weights, changes), state, slots, key), loss

    def step(x: Any, y: Any) -> Any:
        nonlocal held
        held, loss = update(*held, x, y)
        return loss

    @jax.jit
    def forward(weights, state, key, x):
        key, drawn = jax.random.split(key)
        output = net.apply(*cast((weights, state, x)), mode(False, drawn))[0]
        return cast(output, "float32")

    return Session(step, lambda x: forward(held[0], held[1], held[3], x))


def torch(
    network: Workload | int, compiled: bool = False, place: str = "cpu", half: str = ""
) -> Session:
    """PyTorch, eager or by `torch.compile`, with fused optimizers.

    `half` is "autocast", or "bfloat16" for weights of that dtype.
    """
    import torch

    task = made_by("torch", network)
    if half == "bfloat16":
        task.module.bfloat16()
    module = torch.compile(task.module) if compiled else task.module
    task.module.train()
    casting = partial(torch.autocast, "cpu", torch.bfloat16, enabled=half == "autocast")

    def given(array: Any) -> Any:
        found = torch.from_numpy(array).to(place)
        wanted = half == "bfloat16" and found.is_floating_point()
        return found.bfloat16() if wanted else found

    def step(x: Any, y: Any) -> Any:
        task.optimizer.zero_grad(set_to_none=True)
        if not task.module.training:
            task.module.train()
        x = given(x)
        y = x if y is None else given(y)
        with casting():
            output = module(x)
        loss = task.loss(output.float() if half else output, y)
        loss.backward()
        task.optimizer.step()
        return loss.detach()

    def predict(x: Any) -> Any:
        if task.module.training:
            task.module.eval()
        with torch.inference_mode(), casting():
            found = module(given(x))
        found = found[0] if isinstance(found, tuple) else found
        return found.float() if half else found

    return Session(step, predict)


OWN, OURS = ("tulle",), ("keras", "tensorflow")
POLICIES = "mixed_bfloat16", "bfloat16", "mixed_float16", "float16"
TORCH_HALVES = {
    "autocast": "`autocast` to bfloat16",
    "bfloat16": "weights of bfloat16 as well",
}

SYSTEMS = {
    system.name: system
    for system in (
        System("tulle", OWN, tulle, "the compiled step of a model"),
        System("tulle on batch", OWN, tulle_on_batch, "`train_on_batch`"),
        System("tulle function", OWN, tulle_function, "a tape in `function`", False),
        System("tulle fit", OWN, tulle_fit, "`Model.fit`, a step of it"),
        System("jax", ("jax", "optax"), jax, "`jit`, donated buffers, optax"),
        System("torch", ("torch",), torch, "eager, fused optimizer"),
        System(
            "torch.compile",
            ("torch",),
            partial(torch, compiled=True),
            "`torch.compile`",
            False,
        ),
        System("keras", OURS, keras, "Keras on TensorFlow, a tape in `tf.function`"),
        System(
            "keras xla",
            OURS,
            partial(keras, jit_compile=True),
            "the same with `jit_compile`",
            False,
        ),
        System("keras fit", OURS, keras_fit, "`Model.fit`, a step of it"),
        *(
            System(
                f"tulle {policy}",
                OWN,
                partial(tulle, policy=policy),
                "with that dtype policy",
                False,
            )
            for policy in POLICIES
        ),
        System(
            "jax bfloat16",
            ("jax", "optax"),
            partial(jax, dtype="bfloat16"),
            "weights of float32, cast in the step",
            False,
        ),
        *(
            System(
                f"torch {half}",
                ("torch",),
                partial(torch, half=half),
                words,
                False,
            )
            for half, words in TORCH_HALVES.items()
        ),
    )
}
