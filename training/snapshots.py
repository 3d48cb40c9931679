"""The state of a training: all that makes what comes next, bit for bit.

It holds values alone: what was loaded is put into a model that is there already.
`snapshot_files` writes and reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..graph import variable as randomness
from ..graph.diagnostics import DataError, Diagnostic
from ..graph.variable import SeedGenerator, Variable
from .notices import warn
from .optimizer import Optimizer

Arrays = dict[str, np.ndarray[Any, Any]]
Place = Path | str  # a file, or the argument that asks for what a model has kept
COUNTS = ("epoch", "epochs", "step", "done")
PLACE = {*COUNTS, "logs", "over", "stop", "told", "course", "validation", "steps"}
PLACE |= {"drawn", "callbacks"}
MOST = 2**53  # a number that has been counted to is smaller


@dataclass
class Snapshot:
    """Values of variables by name, and a nest of everything else."""

    config: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether the training had come to its end."""
        return (
            bool(self.config["over"]) or self.config["epoch"] >= self.config["epochs"]
        )

    @property
    def place(self) -> str:
        """Where the training was, in words."""
        return told_place(self.config["epoch"], self.config["step"])


def told_place(epoch: int, step: int) -> str:
    """A place in a training in words.

    >>> told_place(2, 0), told_place(2, 7)
    ('after epoch 2', 'after step 7 of epoch 3')
    """
    return f"after step {step} of epoch {epoch + 1}" if step else f"after epoch {epoch}"


def refuse(place: Place, reason: str, *advice: str) -> NoReturn:
    """Refuse a file, or what a model has kept, T0704."""
    raise DataError(
        Diagnostic(
            "T0704",
            f"`{place}` cannot be gone on from: {reason}",
            help=advice or (_begin_anew(place),),
        )
    )


def _begin_anew(place: Place) -> str:
    if isinstance(place, Path):
        return f"remove `{place}` to begin anew"
    return f"leave `{place}` out to begin anew"


def refuse_other_data(place: Place, what: str, before: Any, now: Any) -> NoReturn:
    """Refuse a state whose data were cut otherwise, T0704."""
    refuse(
        place,
        f"it was written in the middle of an epoch with {what} {before}, and now it is "
        f"{now}",
        f"take {what} {before}",
        f"or {_begin_anew(place)}",
    )


def checked_place(config: Any) -> dict[str, Any]:
    """The place of a training from a file; raises `ValueError` for what is none."""
    found: dict[str, Any] = config
    if not found.keys() >= PLACE:
        raise ValueError(f"it lacks {', '.join(sorted(PLACE - found.keys()))}")
    courses = [c for c in (found["course"], found["validation"]) if c is not None]
    counts = [found[name] for name in COUNTS]
    counts += [course[name] for course in courses for name in ("total", "before")]
    counts += [c["taken"] for c in courses if c["taken"] is not None]
    if not all(type(count) is int and 0 <= count < MOST for count in counts):
        raise ValueError("it does not say where the training was")
    logs = [found["logs"], found["steps"].get("logs")]
    figures = [figure for log in logs for figure in (log or {}).values()]
    if not all(isinstance(f, (int, float, np.ndarray)) for f in figures):
        raise ValueError("its figures are no numbers")
    return found


def variables_of(model: Any) -> dict[str, Variable]:
    """The weights, and the state of metrics, by name."""
    found = {f"model/{n}": v for n, v in model.named_variables().items()}
    return found | figures_of(model)


def figures_of(model: Any) -> dict[str, Variable]:
    """The state of metrics by name."""
    found: dict[str, Variable] = {}
    compiled = model.compiled
    for index, metric in enumerate([*compiled.all_metrics, *model.own_metrics()]):
        if hasattr(metric, "variables"):
            for number, variable in enumerate(metric.variables):
                found[f"metric/{index}/{number}"] = variable
    return found


def optimizers_of(model: Any) -> dict[str, Optimizer]:
    """The optimizer of `compile`, and those in the model's own attributes."""
    main = model.compiled.optimizer
    held = _held(vars(model))
    own = {n: x for n, x in held if isinstance(x, Optimizer) and x is not main}
    return {"": main, **own}


def rates_of(model: Any) -> dict[str, float]:
    """The learning rates that optimizers were made with, where they are numbers."""
    found: dict[str, float] = {}
    for prefix, optimizer in optimizers_of(model).items():
        made = getattr(optimizer, "inner_optimizer", optimizer)
        rate = made._given.get("learning_rate")
        if isinstance(rate, (int, float)):
            found[prefix] = float(rate)
    return found


def tell_rates(model: Any, snapshot: Snapshot, place: Path) -> None:
    """Warn of learning rates that were changed and that a state brings back."""
    before = snapshot.config.get("rates", {})
    for prefix, rate in rates_of(model).items():
        start = f"optimizer/{prefix}/"
        kept = [
            float(array)
            for name, array in snapshot.arrays.items()
            if name.startswith(start) and name.endswith("learning_rate")
        ]
        if before.get(prefix, rate) == rate or len(kept) != 1:
            continue
        warn(
            f"the learning rate is {rate:g} now, and the training goes on with "
            f"{kept[0]:.6g}, which `{place}` keeps",
            f"remove `{place}` to begin anew with {rate:g}",
            "`callbacks.LearningRateScheduler` changes the rate within a training",
        )


def generators_of(model: Any) -> list[SeedGenerator]:
    """What layers draw random numbers from, each once, and the one for everything."""
    found = {id(randomness.DEFAULT_GENERATOR): randomness.DEFAULT_GENERATOR}
    for layer in [model, *model.sublayers]:
        for _, item in _held(vars(layer)):
            if isinstance(item, SeedGenerator):
                found[id(item)] = item
    return list(found.values())


def _held(
    values: Mapping[str, Any], above: tuple[int, ...] = ()
) -> Iterator[tuple[str, Any]]:
    """The attributes, and what lists and dictionaries among them hold.

    One that is in itself, among those `above`, is not looked into again.
    """
    for name, item in values.items():
        yield name, item
        if not isinstance(item, (list, tuple, dict)) or id(item) in above:
            continue
        parts = item.items() if isinstance(item, dict) else enumerate(item)
        inside = {f"{name}/{key}": part for key, part in parts}
        yield from _held(inside, (*above, id(item)))


def drawn_of(model: Any) -> dict[str, Any]:
    """The randomness of a training."""
    return {
        "generators": [[g.seed, g.count] for g in generators_of(model)],
        "seed": [randomness._Global.seed, randomness._Global.drawn],
    }


def values_of(model: Any) -> tuple[dict[str, Any], Arrays]:
    """The randomness of a training, and its arrays."""
    arrays = {name: v.numpy() for name, v in variables_of(model).items()}
    arrays |= model.compiled.pending_figures
    names = model.variable_names()
    for prefix, optimizer in optimizers_of(model).items():
        pending = model.compiled.pending if not prefix else None
        state = optimizer.state(names)
        if pending is not None and not optimizer.built:
            state = pending
        for name, array in state.items():
            arrays[f"optimizer/{prefix}/{name}"] = array
    return drawn_of(model), arrays


def lacking(model: Any, arrays: Mapping[str, Any]) -> bool:
    """Whether there are values of variables that the first step has to make yet."""
    known = variables_of(model)
    if any(n not in known for n in arrays if n.startswith(("model/", "metric/"))):
        return True
    return any(
        not optimizer.built
        and any(n.startswith(f"optimizer/{prefix}/") for n in arrays)
        for prefix, optimizer in optimizers_of(model).items()
        if prefix
    )


def assign_values(
    model: Any, drawn: Mapping[str, Any], arrays: Mapping[str, Any], place: Place
) -> None:
    """Give everything its value, after all names and shapes were compared."""
    known = variables_of(model)
    given = {n: a for n, a in arrays.items() if n.startswith(("model/", "metric/"))}
    other = "it belongs to another model: "
    for name, variable in known.items():
        if name.startswith("model/") and name not in given:
            refuse(place, f"{other}it has no weight `{name.removeprefix('model/')}`")
        if name in given and given[name].shape != variable.shape:
            refuse(
                place,
                f"{other}its `{name.partition('/')[2]}` has shape {given[name].shape}, "
                f"and here it is {variable.shape}",
            )
    strange = next((name for name in given if name not in known), None)
    if strange is not None:
        told = strange.partition("/")[2]
        refuse(
            place,
            f"{other}it has `{told}`, which is not here",
            "a layer that is built in its first step has to be built before `fit`",
            f"or {_begin_anew(place)}",
        )
    generators = generators_of(model)
    if len(generators) != len(drawn["generators"]):
        refuse(place, f"{other}its random numbers are drawn elsewhere")
    for name, array in given.items():
        known[name].assign(array)
    _assign_optimizers(model, arrays)
    for generator, (seed, count) in zip(generators, drawn["generators"], strict=True):
        generator.seed, generator.count = int(seed), int(count)
    randomness._Global.seed, randomness._Global.drawn = map(int, drawn["seed"])


def _assign_optimizers(model: Any, arrays: Mapping[str, Any]) -> None:
    names = model.variable_names()
    for prefix, optimizer in optimizers_of(model).items():
        start = f"optimizer/{prefix}/"
        state = {
            name.removeprefix(start): array
            for name, array in arrays.items()
            if name.startswith(start)
        }
        if optimizer.built or prefix:
            optimizer.restore(state, names)
        else:
            model.compiled.pending = state
