"""What is asked of a random model: each way to run it gives what op by op gives.

A check runs the model in two ways and names what must agree. Numbers may differ as
rounding lets them: where one differs by more, the model is run op by op on inputs and
weights that are off by a few roundings, and what moves there may move here.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import thread_counts
from random_models import Program

import tulle
from tulle import ops
from tulle.graph import programs
from tulle.graph.diagnostics import TulleError

Found = dict[str, np.ndarray]
SLACK = {"float64": 1e-9, "float32": 2e-4, "float16": 2e-2, "bfloat16": 0.15}
ROUNDING = {"float64": 1e-14, "float32": 1e-6, "float16": 1e-3, "bfloat16": 1e-2}
HALVES = ("float16", "bfloat16")
CALLS = 14  # after which all that is remembered is compiled


def weighted(program: Program, off: float = 0.0, number: int = 1) -> Any:
    """The model with weights of no initializer, off by a share of themselves."""
    model = program.build()
    if program.rounded:
        like = weighted(replace(program, policy=program.rounded, rounded=""))
        model.set_weights([wide(w) for w in like.get_weights()])
        return model
    numbers = np.random.default_rng(program.seed)
    noise = np.random.default_rng(number)
    trained = {id(v) for v in model.trainable_weights}
    for variable in model.weights:
        value = variable.numpy()
        if id(variable) in trained:
            near = value + 0.1 * numbers.standard_normal(value.shape)
            near = near * (1 + off * noise.uniform(-1, 1, value.shape))
            variable.assign(near.astype(value.dtype))
    return model


def batch(
    program: Program, model: Any, number: int, rows: int, off: float = 0.0
) -> tuple[list[Any], list[Any]]:
    x, y = program.batch(model, number, rows)
    if program.rounded:
        rough = replace(program, policy=program.rounded).batch(model, number, rows)[0]
        x = [a if a.dtype.kind == "i" else wide(a) for a in rough]
    if off:
        noise = np.random.default_rng(number)
        x = [a if a.dtype.kind == "i" else
             (a * (1 + off * noise.uniform(-1, 1, a.shape))).astype(a.dtype)
             for a in x]  # fmt: skip
    return x, y


# ---- ways to run


def trained(
    program: Program, eagerly: bool = False, off: float = 0.0, number: int = 1
) -> Found:
    """Losses of some steps, how far weights have gone, and figures after them."""
    model = weighted(program, off, number)
    compiled(program, model, eagerly)
    before, found = model.get_weights(), {}
    for k, rows in enumerate(program.batches):
        x, y = batch(program, model, k, rows, off)
        found[f"loss {k}"] = np.asarray(model.train_on_batch(x, y), "float64")
    after = model.get_weights()
    for v, old, new in zip(model.weights, before, after, strict=True):
        # A change is little beside the roundings of a weight of 16 bits.
        start = wide(old) if program.dtype not in HALVES else 0.0
        found[f"change of {v.path}"] = wide(new) - start
    found["evaluate"] = np.asarray(model.evaluate(x, y, verbose=0), "float64")
    return found | labelled("predict", model.predict(x, verbose=0))


def compiled(program: Program, model: Any, eagerly: bool) -> None:
    space = {"optimizers": tulle.optimizers, "losses": tulle.losses}
    losses = [eval(text, dict(space)) for text in program.outputs.values()]
    optimizer = eval("optimizers." + program.optimizer, dict(space))
    # A step that is left out because a scaled gradient overflows is no rounding.
    more = {"run_eagerly": eagerly, "auto_scale_loss": False}
    model.compile(optimizer, losses, **more)


def wide(x: Any) -> np.ndarray:
    found = np.asarray(x)
    return found.astype("float64") if found.dtype.kind not in "biu" else found


def labelled(what: str, values: Any) -> Found:
    values = values if isinstance(values, (list, tuple)) else [values]
    return {f"{what} {k}": wide(x) for k, x in enumerate(values)}


def gradients(
    program: Program,
    off: float = 0.0,
    number: int = 1,
    calls: int = 1,
    graph: bool = False,
) -> Found:
    """Results and all gradients of a call under a tape, the last of so many."""
    model = weighted(program, off, number)
    x, _ = batch(program, model, 0, program.batches[0], off)
    inputs = [tulle.convert_to_tensor(a) for a in x]
    training = not program.random
    kept = model.get_weights()

    def both(*inputs: Any) -> Any:
        floats = [a for a in inputs if "f" in a.type.dtype.name]
        with tulle.GradientTape() as tape:
            for a in floats:
                tape.watch(a)
            results = model(list(inputs), training=training)
            results = results if isinstance(results, (list, tuple)) else [results]
            wides = [ops.cast(r, "float64") for r in results]
            parts = [ops.sin(r * 0.7 + 0.3) / max(r.shape[0], 1) for r in wides]
            total = sum(ops.sum(part) for part in parts)
            total = total + sum(ops.cast(loss, "float64") for loss in model.losses)
        goals = [*floats, *model.trainable_weights]
        return results, tape.gradient(total, goals, unconnected_gradients="zero")

    run = tulle.function(both) if graph else both
    for _ in range(calls):
        model.set_weights(kept)
        results, slopes = run(*inputs)
    names = [k for k, g in program.inputs.items() if not g.high]
    names += [v.path for v in model.trainable_weights]
    found = labelled("result", results)
    pairs = zip(names, slopes, strict=True)
    return found | {f"gradient of {n}": wide(g) for n, g in pairs}


def predicted(
    program: Program, off: float = 0.0, number: int = 1, way: str = "call"
) -> Found:
    model = weighted(program, off, number)
    rows = program.batches[-1]
    x, _ = batch(program, model, 0, rows, off)
    if way == "call":
        return labelled("result", model(x))
    if way == "function":
        return labelled("result", tulle.function(lambda *a: model(list(a)))(*x))
    if way == "calls":
        for _ in range(CALLS):
            reset(model)
            found = model(x)
        return labelled("result", found)
    whole = program.stateful or "cond(" in program.source()
    size = rows if whole else max(1, rows // 2 + rows % 2)
    return labelled("result", model.predict(x, batch_size=size, verbose=0))


def reset(model: Any) -> None:
    for layer in model.layers:
        if getattr(layer, "stateful", False):
            layer.reset_state()


# ---- comparing


def differing(
    program: Program,
    found: Found,
    wanted: Found,
    again: Callable[..., Found],
    draws: bool = False,
) -> str:
    """What differs by more than rounding explains, in words.

    What draws random numbers draws others in double precision.
    """
    told = beyond(program, found, wanted, {})
    if not told:
        return ""
    noise: dict[str, float] = {}
    off = ROUNDING[program.dtype]
    ways = [partial(again, program, off=off, number=number) for number in (1, 2, 3)]
    if program.dtype != "float64" and not draws:
        exact = replace(program, policy="float64", rounded=program.policy)
        ways.append(partial(again, exact))
    for way in ways:
        moved = way()
        for key, value in moved.items():
            noise[key] = max(noise.get(key, 0.0), distance(value, wanted[key]))
    return beyond(program, found, wanted, noise)


def beyond(
    program: Program, found: Found, wanted: Found, noise: dict[str, float]
) -> str:
    """The first array that is further off than it may be, in words."""
    slack = SLACK[program.dtype]
    for kind in dict.fromkeys(key.split(" ")[0] for key in wanted):
        keys = [key for key in wanted if key.split(" ")[0] == kind]
        largest = max((extent(wanted[key]) for key in keys), default=0.0)
        for key in keys:
            x, y = found.get(key), wanted[key]
            if x is None or x.shape != y.shape:
                return f"{key}: {None if x is None else x.shape} and not {y.shape}"
            if not np.array_equal(np.isfinite(x), np.isfinite(y)):
                return f"{key}: other places are not finite"
            room = slack * (extent(y) + 1e-3 * largest + 1e-6)
            room += 30 * noise.get(key, 0.0)
            far = distance(x, y)
            if not far <= room:
                size = f"{extent(y):.3g}, allowed {room:.3g}"
                return f"{key}: differs by {far:.3g} of {size}"
    return ""


def distance(x: np.ndarray, y: np.ndarray) -> float:
    """How far numbers are apart where they are finite."""
    with np.errstate(all="ignore"):
        return extent(x - y)


def extent(x: np.ndarray) -> float:
    return float(np.max(np.abs(np.where(np.isfinite(x), x, 0)), initial=0))


def other_bits(found: Found, wanted: Found) -> str:
    for key, value in wanted.items():
        told = thread_counts.differing(found[key], value)
        if told:
            return f"{key}: other bits: {told}"
    return ""


# ---- checks


def tame(found: Found) -> bool:
    """Whether all numbers are finite, so that something can be told by comparing."""
    return all(np.isfinite(x).all() for x in found.values())


def check_training(program: Program) -> str:
    """A compiled step, several times and with another batch, does what ops do."""
    if program.random and program.dtype in HALVES:
        return ""  # nothing tells how far roundings reach
    again = partial(trained, eagerly=True)
    wanted = again(program)
    if not tame(wanted):
        return ""
    return differing(program, trained(program), wanted, again, program.random)


def check_bits(program: Program) -> str:
    """The same again, and on other numbers of threads."""
    wanted = trained(program)
    told = other_bits(trained(program), wanted)
    if told:
        return f"again, {told}"
    for way in ("1 threads", "2 threads"):
        with thread_counts.shared(int(way[0])):
            told = other_bits(trained(program), wanted)
        if told:
            return f"{way}, {told}"
    return ""


def check_tape(program: Program) -> str:
    """Gradients of calls, the first and a late one."""
    again = apart(gradients)
    wanted = again(program)
    if not tame(wanted):
        return ""
    for calls in (1, CALLS):
        told = differing(program, gradients(program, calls=calls), wanted, again)
        if told:
            return f"call {calls}, {told}"
    return ""


def check_function(program: Program) -> str:
    """Gradients within a compiled function."""
    again = apart(gradients)
    wanted = again(program)
    if not tame(wanted):
        return ""
    return differing(program, gradients(program, graph=True), wanted, again)


def check_calls(program: Program) -> str:
    """Calls on values, a function, `predict` in batches."""
    again = apart(predicted)
    wanted = again(program)
    if not tame(wanted):
        return ""
    for way in ("call", "calls", "function", "predict"):
        told = differing(program, predicted(program, way=way), wanted, again)
        if told:
            return f"{way}, {told}"
    if program.stateful:
        return ""
    nothing = replace(program, batches=(0,))
    found = predicted(nothing, way="function")
    told = beyond(nothing, found, again(nothing), {})
    return f"no rows, {told}" if told else ""


def check_saving(program: Program) -> str:
    """A model from a file goes on as the one that was saved, bit for bit."""
    model = weighted(program)
    compiled(program, model, eagerly=False)
    x, y = batch(program, model, 0, program.batches[0])
    model.train_on_batch(x, y)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tulle"
        model.save(path)
        other = tulle.saving.load_model(path)
    found = []
    for one in (model, other):
        tulle.utils.set_random_seed(program.seed)
        figures = labelled("predict", one.predict(x, verbose=0))
        if not program.random:
            figures |= labelled("loss", one.train_on_batch(x, y))
            pairs = enumerate(one.get_weights())
            figures |= {f"weight {k}": np.asarray(w) for k, w in pairs}
        found.append(figures)
    return other_bits(found[1], found[0])


def apart(run: Callable[..., Found]) -> Callable[..., Found]:
    """What runs op by op."""

    def alone(*given: Any, **more: Any) -> Found:
        with mock.patch.object(programs, "compiler", None):
            return run(*given, **more)

    return alone


CHECKS = {
    "training": check_training, "bits": check_bits, "tape": check_tape,
    "function": check_function, "calls": check_calls, "saving": check_saving,
}  # fmt: skip


def problem_of(program: Program, kind: str) -> str:
    """What a check finds, in words that begin with the kind of problem."""
    try:
        told = CHECKS[kind](program)
    except TulleError as error:
        if error.diagnostics[0].code == "T0602":  # logits that are probabilities
            return ""
        return f"refused {type(error).__name__}: {str(error)[:600]}"
    return f"{kind}: {told}" if told else ""
