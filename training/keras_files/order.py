"""The order in which Keras counts the layers of a functional model.

Files name a layer by its class and its place in that order, which follows from the
calls as the file has them, without the masks that tensors carry: farthest from the
outputs first, then as a walk from there meets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Call = tuple[str, int]  # the name of a layer or operation, and which call of it


def order_of_calls(
    sources: Mapping[Call, Sequence[Call]],
    outputs: Iterable[Call],
    inputs: Iterable[str],
) -> list[str]:
    """Names of layers and operations in order, inputs that lead nowhere last.

    `sources` has the calls whose results each call takes.
    """
    finished, met = _walk(sources, outputs)
    depths: dict[Call, int] = {}
    deepest: dict[str, int] = {}
    for call in reversed(finished):
        depth = max(depths.get(call, 0), deepest.get(call[0], 0))
        depths[call] = deepest[call[0]] = depth
        for source in sources[call]:
            depths[source] = max(depths.get(source, 0), depth + 1)
    for name in inputs:
        if name not in deepest:
            deepest[name], met[name] = 0, -1
    # Python's sort keeps what is equal in place: inputs without use as they were met.
    return sorted(deepest, key=lambda name: (-deepest[name], met[name]))


def _walk(
    sources: Mapping[Call, Sequence[Call]], outputs: Iterable[Call]
) -> tuple[list[Call], dict[str, int]]:
    """Calls in the order in which they are finished, and when each layer was met."""
    finished: dict[Call, None] = {}
    met: dict[str, int] = {}
    for output in outputs:
        stack = [(output, iter(sources[output]))] if output not in finished else []
        if stack:
            met.setdefault(output[0], len(met))
        while stack:
            call, left = stack[-1]
            step = next((s for s in left if s not in finished), None)
            if step is None:
                finished[call] = None
                stack.pop()
            else:
                met.setdefault(step[0], len(met))
                stack.append((step, iter(sources[step])))
    return list(finished), met


def leaves_in_order(nest: Any) -> list[Any]:
    """The leaves of a nest as Keras lists them: dictionaries by their sorted keys."""
    if isinstance(nest, dict):
        return [leaf for key in sorted(nest) for leaf in leaves_in_order(nest[key])]
    if isinstance(nest, (list, tuple)):
        return [leaf for item in nest for leaf in leaves_in_order(item)]
    return [nest]
