"""Losses, activations, regularizers, constraints and exact initializers beside Keras's.

Each case is one random configuration on random data: values, gradients by the
prediction or the operand, and the signature's defaults.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import jax
import keras
import numpy as np

import tulle

Array = np.ndarray[Any, Any]
Random = np.random.Generator
Case = tuple[str, Callable[[], list[str]]]
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


def cases(random: Random, count: int) -> Iterator[Case]:
    """`count` labels, each with a function that says where Tulle and Keras disagree."""
    kinds = (_loss, _loss, _loss, _loss_function, _activation, _regularizer)
    kinds += (_constraint, _initializer)
    for index in range(count):
        yield kinds[index % len(kinds)](random)


def differences(what: str, ours: Any, theirs: Any, rtol: float = 1e-4) -> list[str]:
    """In words, how an array is not the one wanted."""
    found, want = np.asarray(ours), np.asarray(theirs)
    if found.shape != want.shape:
        return [f"{what}: shape {found.shape}, Keras {want.shape}"]
    bad = ~np.isclose(found, want, rtol, 1e-5, equal_nan=True)
    if not bad.any():
        return []
    place = tuple(int(i[0]) for i in np.nonzero(bad)) if found.ndim else ()
    told = f"{found[place]:.7g}, Keras {want[place]:.7g}"
    return [f"{what}: {int(bad.sum())} of {bad.size} differ, at {place} {told}"]


def defaults(ours: Any, theirs: Any) -> list[str]:
    """In words, how the arguments of two callables differ."""
    one, two = (
        [(p.name, p.default) for p in inspect.signature(each).parameters.values()]
        for each in (ours, theirs)
    )
    return [] if one == two else [f"signature {one}, Keras {two}"]


def gradients(
    ours: Callable[..., Any], theirs: Callable[..., Any], x: Array, seed: Array
) -> tuple[Any, Any]:
    """The gradients of the sum of each result times a fixed array."""
    found = tulle.grad(lambda v: tulle.ops.sum(ours(v) * seed))(tulle.constant(x))
    want = jax.grad(lambda v: (theirs(v) * seed).sum())(jax.numpy.asarray(x))
    return found, want


def compared(
    ours: Callable[..., Any], theirs: Callable[..., Any], x: Array, random: Random
) -> list[str]:
    """Values and gradients of two functions of one array."""
    want = np.asarray(theirs(jax.numpy.asarray(x)))
    found = differences("value", ours(tulle.constant(x)), want)
    if found or not want.size:
        return found
    seed = random.normal(size=want.shape).astype("float32")
    return differences("gradient", *gradients(ours, theirs, x, seed))


# Losses.


def _targets(name: str, random: Random) -> tuple[Array, Array, dict[str, Any]]:
    """Target, prediction and what the loss takes beside."""
    rank = int(random.integers(2, 5))
    shape = tuple(int(n) for n in random.integers(2, 5, rank))
    config: dict[str, Any] = {}
    y_pred = random.normal(size=shape)
    y_true = random.normal(size=shape)
    if "Crossentropy" in name or "CrossEntropy" in name or name == "KLDivergence":
        y_true = random.random(shape)
        y_pred = random.random(shape) * 0.9 + 0.05
    if name.startswith(("Binary", "Hinge", "Squared")):
        y_true = random.integers(0, 2, shape) * 1.0
        if random.random() < 0.3 and not name.startswith("Binary"):
            y_true = 2 * y_true - 1
    if name in ("Dice", "Tversky"):
        y_true, y_pred = random.integers(0, 2, shape) * 1.0, random.random(shape)
        axes = [None, -1, tuple(range(1, rank)), list(range(1, rank))]
        config["axis"] = axes[random.integers(4)]
    if name == "CategoricalHinge":
        y_true = np.eye(shape[-1])[random.integers(0, shape[-1], shape[:-1])]
    if name == "Poisson":
        y_true = random.integers(0, 5, shape) * 1.0
        y_pred = random.random(shape) + 0.1
    if name.startswith("Mean") and random.random() < 0.5:
        y_true, y_pred = np.abs(y_true), np.abs(y_pred)
    return y_true.astype("float32"), y_pred.astype("float32"), config


def _labelled(name: str, random: Random) -> tuple[Array, Array, dict[str, Any]]:
    """Class numbers and scores for the losses that take them."""
    batch, steps, classes = (int(n) for n in random.integers(2, 6, 3))
    if name == "CTC":
        long = 2 * steps + 1
        y_pred = random.normal(size=(batch, long, classes + 1))
        y_true = random.integers(1, classes + 1, (batch, steps))
        y_true[np.arange(steps) >= random.integers(1, steps + 1, (batch, 1))] = 0
        return y_true.astype("int32"), y_pred.astype("float32"), {}
    if name == "Circle":
        y_pred = random.normal(size=(batch + 2, 4))
        y_pred /= np.linalg.norm(y_pred, axis=1, keepdims=True)
        y_true = random.integers(0, 3, batch + 2)
        config = {
            "gamma": float(random.uniform(1, 90)),
            "margin": float(random.uniform(0.1, 0.5)),
            "remove_diagonal": bool(random.integers(2)),
        }
        return y_true.astype("int32"), y_pred.astype("float32"), config
    deep = name.startswith("Sparse") and random.random() < 0.6
    lead = (batch, steps) if deep else (batch,)
    y_true = random.integers(0, classes, lead).astype("int32")
    y_pred = (random.random((*lead, classes)) + 0.05).astype("float32")
    config = {}
    if name.startswith("Sparse"):
        config["from_logits"] = bool(random.integers(2))
        if random.random() < 0.5:
            ignored = int(random.integers(-1, classes))
            config["ignore_class"] = ignored
            y_true = np.where(random.random(lead) < 0.3, ignored, y_true)
        # On JAX Keras takes the classes along the last axis alone.
        if random.random() < 0.3:
            y_true = y_true[..., None]
    else:
        config["q"] = float(random.uniform(0.05, 0.95))
    return y_true.astype("int32"), y_pred, config


def _settings(name: str, rank: int, classes: int, random: Random) -> dict[str, Any]:
    """Random arguments of a loss of floats."""
    config: dict[str, Any] = {}
    if "Crossentropy" in name and random.random() < 0.8:
        config["from_logits"] = bool(random.integers(2))
        config["label_smoothing"] = float(random.choice([0.0, 0.1, 0.3]))
        # Smoothed along another axis than the last Keras counts the wrong classes.
        if not (config["label_smoothing"] and name.startswith("Categorical")):
            config["axis"] = int(random.integers(-rank + 1, 0))
    if "Focal" in name and random.random() < 0.8:
        config["gamma"] = float(random.uniform(1, 3))
        config["alpha"] = float(random.random())
        if name.startswith("Binary"):
            config["apply_class_balancing"] = bool(random.integers(2))
        elif config.get("axis", -1) == -1 and random.random() < 0.5:
            config["alpha"] = random.random(classes).tolist()
    if name == "Huber":
        config["delta"] = float(random.uniform(0.2, 2))
    if name == "CosineSimilarity":
        config["axis"] = int(random.integers(-rank + 1, 0))
    if name == "Tversky":
        config["alpha"], config["beta"] = random.random(2).tolist()
    return config


def _drawn(
    name: str, random: Random, uneven: float
) -> tuple[Array, Array, dict[str, Any]]:
    """Operands and arguments; at times one of the two lacks a last axis of size 1."""
    by_class = name in ("CTC", "Circle", "CategoricalGeneralizedCrossEntropy")
    if by_class or name.startswith("Sparse"):
        return _labelled(name, random)
    y_true, y_pred, config = _targets(name, random)
    config |= _settings(name, y_pred.ndim, y_pred.shape[-1], random)
    if random.random() < uneven and "axis" not in config and "Focal" not in name:
        y_true, y_pred = y_true[..., :1], y_pred[..., :1]
        if random.random() < 0.5:
            y_true = y_true[..., 0]
        else:
            y_pred = y_pred[..., 0]
    return y_true, y_pred, config


def _names() -> list[str]:
    listed = (n for n in tulle.losses.__all__ if n[0].isupper() and n != "Loss")
    return sorted(listed)


def _loss(random: Random) -> Case:
    name = str(random.choice(_names()))
    y_true, y_pred, config = _drawn(name, random, 0.15)
    config["reduction"] = str(random.choice(REDUCTIONS))
    ours, theirs = getattr(tulle.losses, name), getattr(keras.losses, name)
    plain = np.asarray(theirs(**{**config, "reduction": "none"})(y_true, y_pred))
    weight = mask = None
    if plain.ndim and random.random() < 0.5:
        some = plain.shape if random.random() < 0.7 else (plain.shape[-1],)
        weight = random.random(some).astype("float32")
        if plain.ndim == 1 and random.random() < 0.3:
            weight = weight[:, None]
    simple = plain.shape == y_pred.shape[: plain.ndim] and "ignore_class" not in config
    if plain.ndim and simple and name != "Circle" and random.random() < 0.4:
        mask = random.random(plain.shape) < 0.7
        weight = None if weight is None or weight.ndim != plain.ndim else weight

    def check() -> list[str]:
        def call_ours(v: Any) -> Any:
            v = v * 1.0
            if mask is not None:
                tulle.utils.set_mask(v, tulle.constant(mask))
            return ours(**config)(y_true, v, sample_weight=weight)

        def call_theirs(v: Any) -> Any:
            if mask is not None:
                keras.src.backend.set_keras_mask(v, jax.numpy.asarray(mask))
            return theirs(**config)(y_true, v, sample_weight=weight)

        if mask is None:
            return defaults(ours, theirs) + compared(
                call_ours, call_theirs, y_pred, np.random.default_rng(0)
            )
        want = call_theirs(jax.numpy.asarray(y_pred))
        return differences("value", call_ours(tulle.constant(y_pred)), want)

    shapes = [a.shape for a in (y_true, y_pred, weight, mask) if a is not None]
    return f"losses.{name} {config} {shapes}", check


def _loss_function(random: Random) -> Case:
    name = str(random.choice(_names()))
    y_true, y_pred, config = _drawn(name, random, 0.0)
    lower = str(getattr(keras.losses, name)(**config).fn.__name__)
    ours, theirs = getattr(tulle.losses, lower), getattr(keras.losses, lower)

    def check() -> list[str]:
        return defaults(ours, theirs) + compared(
            lambda v: ours(y_true, v, **config),
            lambda v: theirs(jax.numpy.asarray(y_true), v, **config),
            y_pred,
            np.random.default_rng(0),
        )

    return f"losses.{lower} {config} {y_true.shape} {y_pred.shape}", check


# The other functions.

ACTIVATIONS: dict[str, Callable[[Random], dict[str, Any]]] = {
    "celu": lambda r: {"alpha": float(r.uniform(0.2, 2))},
    "elu": lambda r: {"alpha": float(r.uniform(0.2, 2))},
    "gelu": lambda r: {"approximate": bool(r.integers(2))},
    "glu": lambda r: {"axis": int(r.integers(-2, 2))},
    "hard_shrink": lambda r: {"threshold": float(r.uniform(0.1, 1))},
    "leaky_relu": lambda r: {"negative_slope": float(r.uniform(0, 1))},
    "log_softmax": lambda r: {"axis": int(r.integers(-2, 2))},
    "relu": lambda r: {
        "negative_slope": float(r.choice([0.0, 0.3])),
        "max_value": [None, 0.7, 6.0][r.integers(3)],
        "threshold": float(r.choice([0.0, 0.4])),
    },
    "soft_shrink": lambda r: {"threshold": float(r.uniform(0.1, 1))},
    "softmax": lambda r: {"axis": int(r.integers(-2, 2))},
    "squareplus": lambda r: {"b": float(r.uniform(0.5, 5))},
    "threshold": lambda r: {
        "threshold": float(r.normal()),
        "default_value": float(r.normal()),
    },
}


def _activation(random: Random) -> Case:
    # What this version of Keras gives for `sparsemax` does not sum to one.
    known = [n for n in tulle.activations.NAMES if n != "sparsemax"]
    name = str(random.choice(known))
    ours, theirs = getattr(tulle.activations, name), getattr(keras.activations, name)
    make = ACTIVATIONS.get(name)
    wanted = name == "threshold" or random.random() < 0.7
    config = make(random) if make and wanted else {}
    x = (random.normal(size=(4, 6)) * random.choice([0.5, 2, 20])).astype("float32")

    def check() -> list[str]:
        return compared(
            lambda v: ours(v, **config),
            lambda v: theirs(v, **config),
            x,
            np.random.default_rng(0),
        )

    return f"activations.{name} {config}", check


def _regularizer(random: Random) -> Case:
    name = str(random.choice(["L1", "L2", "L1L2", "OrthogonalRegularizer"]))
    rank = 2 if name.startswith("Orth") else int(random.integers(1, 4))
    x = random.normal(size=tuple(random.integers(2, 6, rank))).astype("float32")
    config: dict[str, Any] = {
        "L1": {"l1": float(random.random())},
        "L2": {"l2": float(random.random())},
        "L1L2": {"l1": float(random.integers(2)) * 0.3, "l2": float(random.random())},
        "OrthogonalRegularizer": {
            "factor": float(random.random()),
            "mode": str(random.choice(["rows", "columns"])),
        },
    }[name]
    return _of_one("regularizers", name, config, x)


def _constraint(random: Random) -> Case:
    name = str(random.choice(["MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"]))
    shape = tuple(int(n) for n in random.integers(2, 5, int(random.integers(2, 5))))
    x = random.normal(size=shape).astype("float32")
    axes: list[Any] = [0, 1, -1, (0, 1), [0, 1]]
    config: dict[str, Any] = {}
    if name != "NonNeg":
        config["axis"] = axes[random.integers(5)]
    if name == "MaxNorm":
        config["max_value"] = float(random.uniform(0.1, 3))
    if name == "MinMaxNorm":
        low, more = random.uniform(0.1, 2, 2).tolist()
        config |= {"min_value": low, "max_value": low + more, "rate": random.random()}
    return _of_one("constraints", name, config, x)


def _of_one(module: str, name: str, config: dict[str, Any], x: Array) -> Case:
    ours = getattr(getattr(tulle, module), name)
    theirs = getattr(getattr(keras, module), name)

    def check() -> list[str]:
        return defaults(ours, theirs) + compared(
            ours(**config), theirs(**config), x, np.random.default_rng(0)
        )

    return f"{module}.{name} {config} {x.shape}", check


def _initializer(random: Random) -> Case:
    name = str(random.choice(["Constant", "Identity", "Ones", "STFT", "Zeros"]))
    shape = tuple(int(n) for n in random.integers(1, 6, 2))
    config: dict[str, Any] = {}
    if name == "Constant":
        config["value"] = float(random.normal())
    if name == "Identity":
        config["gain"] = float(random.normal())
    if name == "STFT":
        shape = (int(random.integers(3, 9)), 1, int(random.integers(2, 7)))
        windows = ["hann", "hamming", "blackman", "boxcar", "bartlett", None]
        config = {
            "side": str(random.choice(["real", "imag"])),
            "window": windows[random.integers(6)],
            "scaling": [None, "density", "spectrum"][random.integers(3)],
            "periodic": bool(random.integers(2)),
        }
    ours = getattr(tulle.initializers, name)
    theirs = getattr(keras.initializers, name)

    def check() -> list[str]:
        found, want = ours(**config)(shape), theirs(**config)(shape, "float32")
        return defaults(ours, theirs) + differences("value", found, want)

    return f"initializers.{name} {config} {shape}", check
