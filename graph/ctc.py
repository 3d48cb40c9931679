"""The forward recursion of connectionist temporal classification, in logarithms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .control import scan
from .node import Node
from .registry import OPS, call
from .tensor import SymbolicTensor
from .types import I32

NEVER = -1e30  # the logarithm of no chance; finite, so that gradients are


def ctc_loss(nodes: Sequence[Node], blank: int) -> Node:
    """-log of the chance of each target, Graves et al. (2006), equations 6 and 7."""
    target, output, labels, frames = map(SymbolicTensor, nodes)
    logs = call("log_softmax", output)
    states = _states(target, blank)
    spread = (*output.type.shape[:2], states.type.shape[1])
    wide = call("broadcast_to", call("expand_dims", states, 1), spread)
    chances = call("take_along_axis", logs, wide, axis=2)
    before = call("pad", states[:, :-2], [[0, 0], [2, 0]], constant_values=-1)
    skip = call("logical_and", states != blank, states != before)
    place = _count(states.type.shape[1])
    start = call("where", place < 2, chances[:, 0], NEVER)

    def step(carry: Any, frame: Any) -> Any:
        alpha, time = carry
        two = call("where", skip, _shifted(alpha, 2), NEVER)
        total = (
            call("logaddexp", call("logaddexp", alpha, _shifted(alpha, 1)), two) + frame
        )
        going = call("expand_dims", time < frames, 1)
        return (call("where", going, total, alpha), time + 1), None

    rest = call("transpose", chances[:, 1:], (1, 0, 2))
    (alpha, _), _ = scan(step, (start, 1), rest)
    end = call("expand_dims", labels * 2, 1)
    last = call("take_along_axis", alpha, end, axis=1)
    near = call("take_along_axis", alpha, call("maximum", end - 1, 0), axis=1)
    near = call("where", end > 0, near, NEVER)
    found: Node = call("squeeze", -call("logaddexp", last, near), 1).as_node()
    return found


def _states(target: Any, blank: int) -> Any:
    """Labels with a blank before, between and behind them."""
    batch, count = target.type.shape
    blanks = call("full", (batch, count, 1), blank, target.dtype)
    wide = call("concatenate", [blanks, call("expand_dims", target, 2)], axis=2)
    flat = call("reshape", wide, (batch, 2 * count))
    return call("concatenate", [flat, blanks[:, :1, 0]], axis=1)


def _count(size: Any) -> Any:
    attributes = {"start": size * 0, "count": size, "step": 1, "dtype": I32}
    return SymbolicTensor(OPS["arange"].apply((), attributes))


def _shifted(alpha: Any, by: int) -> Any:
    return call("pad", alpha[:, :-by], [[0, 0], [by, 0]], constant_values=NEVER)
