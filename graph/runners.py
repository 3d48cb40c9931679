"""What computes a call of an op on values: its body, its steps or, later, a program."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .evaluate import expansion, on_inputs
from .node import resolve
from .op import Op
from .op_programs import Repeated, is_large
from .quiet import quietly, ufunc_of
from .remembered import Run
from .tensor import Tensor
from .types import TupleType


def runner(
    op: Op,
    xp: Any,
    operands: tuple[Any, ...],
    attributes: dict[str, Any],
    often: bool,
) -> Run:
    """What computes tensors of arrays like those of the operands, or a `Fault`.

    What will be asked for `often` may become a program.
    """
    types = tuple(tensor.type for tensor in operands)
    fixed = op.canonical(types, attributes)
    if op.level != "function":
        several = isinstance(op.infer(*types, **fixed), TupleType)
    if op.level in ("composite", "function"):
        straight = expansion(op, types, fixed)
        steps = partial(straight.run, xp)
        if not often:
            return steps
        nodes = straight.inputs, straight.found, straight.plain
        large = is_large(straight.inputs, straight.plain)
        return Repeated(steps, lambda: nodes, large)
    plain = {key: resolve(value, {}) for key, value in fixed.items()}
    run = _body(op, xp, plain, several, often)
    if not often or op.view:
        return run
    return Repeated(run, lambda: (*on_inputs(op, types, fixed), None))


def _body(
    op: Op, xp: Any, attributes: dict[str, Any], several: bool, often: bool
) -> Run:
    ufunc = ufunc_of(op, attributes) if xp is np else None
    if ufunc is not None:
        return lambda arrays: Tensor(quietly(ufunc, *arrays))
    if op.view and not several:  # computes nothing that could be warned of
        return lambda arrays: Tensor(xp.asarray(op.run(xp, *arrays, **attributes)))
    if xp is np and often:  # what else there is may run code of a user's
        body = partial(quietly, op.rounded, np)
    else:
        body = partial(op.run_rounding, xp)
    if several:
        return lambda arrays: tuple(
            [Tensor(xp.asarray(item)) for item in body(arrays, attributes)]
        )
    return lambda arrays: Tensor(xp.asarray(body(arrays, attributes)))
