"""The data of the command line: by name, the part for tests apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from .graph.diagnostics import DataError, RunShapeError
from .printing import refuse

TEST = "test_"  # before the names of the arrays that training leaves alone


@contextmanager
def target_called(names: Sequence[str]) -> Iterator[None]:
    """Let refusals of the target, which `fit` calls `y`, name its array."""
    try:
        yield
    except (DataError, RunShapeError) as error:
        if len(names) != 1:
            raise
        raise type(error)(
            *(
                replace(told, message=told.message.replace("`y`", f"`{names[0]}`"))
                for told in error.diagnostics
            )
        ) from None


def part_of(
    path: Any, asked: str | None, inputs: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """What stands before the names of a part's arrays, and the names themselves.

    There is a test part if there is a `test_` array for every input.
    """
    from .training.data_files import array_names

    names = array_names(path)
    test = [name for name in names if name.startswith(TEST)]
    missing = [TEST + name for name in inputs if TEST + name not in test]
    if asked == "test" and missing:
        message = f"`{path}` has no test part: there is no array `{missing[0]}`"
        raise refuse("T0703", message, "leave `--part` out, or use `--part train`")
    if not missing and asked != "train":
        return TEST, tuple(name.removeprefix(TEST) for name in test)
    return "", tuple(name for name in names if name not in test)


def targets_among(
    model: Any, names: Sequence[str], part: str, path: Any
) -> tuple[str, ...]:
    """The arrays that are no input, if they are as many as the outputs."""
    known = target_names(model)
    if model.demand_compiled().joint is not None and set(known) <= set(names):
        return known
    rest = tuple(name for name in names if name not in model.input_names)
    if not rest:
        raise refuse(
            "T0703",
            f"`{path}` does not hold both the inputs and the expected outputs",
            "put the arrays into one `.npz` file: `numpy.savez(path, name=array, …)`",
        )
    if len(rest) == len(model.output_types):
        return rest
    told = ", ".join(f"`{part}{name}`" for name in rest) or "none"
    raise refuse(
        "T0703",
        f"it is not clear which array of `{path}` holds the expected outputs: besides "
        f"the inputs there are {told}",
        "name it: `--target NAME`",
    )


def target_names(model: Any) -> tuple[str, ...]:
    """The names of the targets, where a loss of everything tells them."""
    joint = model.demand_compiled().joint
    return () if joint is None else tuple(name for name, _ in joint.targets)


def as_y(model: Any, targets: Mapping[str, Any]) -> Any:
    """The targets as `evaluate` takes them: by name where the model knows the names."""
    if len(targets) == 1:
        return next(iter(targets.values()))
    known = {*target_names(model), *model.output_names}
    return (
        dict(targets) if known.issuperset(targets) else list(targets.values()) or None
    )
