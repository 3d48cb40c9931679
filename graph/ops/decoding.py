"""What a connectionist temporal classification read: the best way to spell frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..conversion import unpack
from ..diagnostics import Fault
from ..dim import Dim
from ..kinds import Count
from ..node import Node
from ..op import Op, Results, register
from ..registry import call
from ..types import I32, TensorType, TupleType
from .formula import (
    Refusal,
    Several,
    along,
    chosen,
    counted,
    derived,
    floats,
    part,
    place_at,
    size_node,
    type_of,
    whole,
)
from .windows import per_axis

Array = np.ndarray[Any, Any]
WORDS = "it chooses labels, and choices have no slope"
STRATEGIES = ("greedy", "beam_search")


def _check(name: str, inputs: TensorType, lengths: TensorType) -> None:
    if inputs.rank != 3 or lengths.rank != 1:
        raise Fault(
            "T0306",
            f"`{name}` takes scores [batch, frames, classes] and lengths [batch], not "
            f"{inputs} and {lengths}",
            operands={0: str(inputs), 1: str(lengths)},
        )
    if not lengths.dtype.is_integer:
        raise Fault(
            "T0402",
            f"`{name}` counts frames with integers, not {lengths}",
            operands={1: str(lengths)},
        )


def _blank(name: str, mask_index: Any, classes: Dim) -> int | None:
    """The class of no label; refuses one that is not there."""
    if mask_index is None:
        return None
    blank = whole(name, mask_index, "mask_index")
    if blank < 0 or (classes.value is not None and blank >= classes.value):
        raise Refusal(
            name,
            "T0204",
            f"`mask_index` of `{name}` is one of {classes} classes, counted from 0, "
            f"not {blank}",
            argument="mask_index",
            help=["None means the last class"],
        )
    return blank


def _late(inputs: Node, lengths: Node) -> Node:
    """Which frames [batch, frames] lie behind the end."""
    places = along(counted(inputs.shape[1]), 1, 2)
    found: Node = places >= call("expand_dims", call("cast", lengths, I32), 1)
    return found


@derived(2, public=False, no_gradient=WORDS)
def greedy_labels(
    inputs: Any, sequence_lengths: Any, merge_repeated: bool, mask_index: int | None
) -> Any:
    """The best class of each frame i32[batch, frames], blanks left out, -1 behind."""
    frames = inputs.shape[1]
    blank = size_node(inputs.shape[2] - 1) if mask_index is None else mask_index
    best = call("cast", call("argmax", inputs, -1), I32)
    best = call("where", _late(inputs, sequence_lengths), blank, best)
    silent = call("equal", best, blank)
    if merge_repeated:
        before = call("pad", best, ((0, 0), (1, 0)), constant_values=-1)
        again = call("equal", best, part(before, 1, 0, frames))
        silent = call("logical_or", silent, again)
    place = along(counted(frames), 1, 2)
    order = call("argsort", call("where", silent, place + size_node(frames), place), 1)
    return call("take_along_axis", call("where", silent, -1, best), order, 1)


@derived(2, public=False)
def greedy_score(inputs: Any, sequence_lengths: Any) -> Any:
    """Less the sum [batch, 1] of the best score of each frame."""
    best = call("max", inputs, -1)
    read = call("where", _late(inputs, sequence_lengths), 0.0, best)
    return -call("sum", read, 1, keepdims=True)


@register
class BeamSearch(Op):
    """The likeliest labels of frames, and the logarithms of their chances.

    Paths of frames that spell the same are added up, in two sums: those that end with
    a label and those that end with a blank (Graves et al. 2006; Hannun et al. 2014).
    """

    name = "beam_labels"
    public = False

    def infer(
        self, inputs: TensorType, lengths: TensorType, top_paths: int, **_: Any
    ) -> TupleType:
        batch, frames, _classes = inputs.shape
        labels = TensorType(I32, (Dim.of(top_paths), batch, frames))
        return TupleType((labels, inputs.with_shape((batch, Dim.of(top_paths)))))

    def vjp(self, node: Node, cotangent: Any) -> Results:
        """The gradient of all the ways to spell the labels that were found."""
        from ..differentiate import gradients

        (inputs, lengths), options = node.inputs, node.attributes
        (labels, _), blank = unpack(node, None), options["mask_index"]
        if blank is None:
            classes = inputs.shape[2].value
            if classes is None:
                told = f"how many classes {inputs.tensor_type} has is not known"
                raise Fault("T0502", told, help=["give `mask_index`"])
            blank = classes - 1
        ends = call("maximum", lengths, 1)
        total: Any = 0.0
        for number in range(options["top_paths"]):
            path = place_at(labels, 0, number)
            count = call("sum", call("cast", path >= 0, I32), 1)
            target = call("maximum", path, 0)
            loss = call("ctc_loss", target, inputs, count, ends, mask_index=blank)
            total = total - call("sum", loss * place_at(cotangent[1], 1, number))
        return (*gradients(total, [inputs]), None)

    def run(
        self,
        xp: Any,
        inputs: Any,
        lengths: Any,
        *,
        beam_width: int,
        top_paths: int,
        mask_index: int | None,
        **_: Any,
    ) -> Any:
        batch, frames, classes = inputs.shape
        scores, ends = (x.get() if hasattr(x, "get") else x for x in (inputs, lengths))
        scores = scores.astype(np.float64)
        high = scores.max(-1, keepdims=True, initial=-np.inf)
        logs = scores - high - np.log(np.exp(scores - high).sum(-1, keepdims=True))
        labels = np.full((top_paths, batch, frames), -1, np.int32)
        chances = np.full((batch, top_paths), -np.inf, inputs.dtype)
        blank = classes - 1 if mask_index is None else mask_index
        for item in range(batch):
            # The first frame counts even where the length is 0, as in Keras.
            read = logs[item, : max(int(ends[item]), 1)]
            paths, totals = _searched(read, beam_width, blank)
            for place, path in enumerate(paths[:top_paths]):
                labels[place, item, : len(path)] = path
                chances[item, place] = totals[place]
        return xp.asarray(labels), xp.asarray(chances)


def _searched(logs: Array, width: int, blank: int) -> tuple[Any, Array]:
    """The `width` likeliest paths of frames [frames, classes], the best first."""
    paths: list[tuple[int, ...]] = [()]
    emitted, silent = np.full(1, -np.inf), np.zeros(1)
    for frame in logs:
        paths, emitted, silent = _extended(paths, emitted, silent, frame, width, blank)
    return paths, np.logaddexp(emitted, silent)


def _extended(
    paths: list[tuple[int, ...]],
    emitted: Array,
    silent: Array,
    frame: Array,
    width: int,
    blank: int,
) -> tuple[list[tuple[int, ...]], Array, Array]:
    """The likeliest paths one frame later: those that stay and those that grow."""
    total = np.logaddexp(emitted, silent)
    grown = total[:, None] + frame
    grown[:, blank] = -np.inf
    stays = np.full(len(paths), -np.inf)
    places = {path: place for place, path in enumerate(paths)}
    for place, path in enumerate(paths):
        if not path:
            continue
        label = path[-1]
        grown[place, label] = silent[place] + frame[label]
        stays[place] = np.logaddexp(stays[place], emitted[place] + frame[label])
    for place, path in enumerate(paths):
        shorter = places.get(path[:-1]) if path else None
        if shorter is not None:
            label = path[-1]
            stays[place] = np.logaddexp(stays[place], grown[shorter, label])
            grown[shorter, label] = -np.inf
    rests = total + frame[blank]
    every = np.concatenate([np.logaddexp(stays, rests), grown.ravel()])
    best = np.argsort(-every, kind="stable")[:width]
    best = best[np.isfinite(every[best])]
    count, classes = len(paths), len(frame)
    found = [
        paths[at]
        if at < count
        else (*paths[(at - count) // classes], (at - count) % classes)
        for at in best.tolist()
    ]
    none = np.full(grown.size, -np.inf)
    return (
        found,
        np.concatenate([stays, grown.ravel()])[best],
        np.concatenate([rests, none])[best],
    )


@derived(2, kind=Several, domain=((-2.0, 2.0), ()))
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: Count = 100,
    top_paths: Count = 1,
    merge_repeated: bool = True,
    mask_index: int | None = 0,
) -> list[Any]:
    """The labels that frames spell, and scores of them.

    Inputs f32[batch, frames, classes] before softmax, lengths i32[batch]; `mask_index`
    is the class of no label, None for the last. `greedy` takes the best class of each
    frame: labels i32[1, batch, frames] with -1 behind the last, and less the sum of
    their scores, f32[batch, 1]. `beam_search` follows the `beam_width` likeliest
    spellings: i32[top_paths, batch, frames] and the logarithms of their chances,
    f32[batch, top_paths]; it merges repeated labels always.

    >>> frames = [[[0.0, 3.0], [0.0, 3.0], [4.0, 0.0]]]
    >>> [x.numpy().tolist() for x in call("ctc_decode", frames, [3])]
    [[[[1, -1, -1]]], [[-10.0]]]
    """
    name = "ctc_decode"
    chosen(name, strategy, "strategy", STRATEGIES)
    _check(name, type_of(inputs), type_of(sequence_lengths))
    blank = _blank(name, mask_index, type_of(inputs).shape[2])
    x = floats(inputs)
    if type_of(x).dtype.size == 2:
        x = call("cast", x, "float32")
    if strategy == "greedy":
        labels = call("greedy_labels", x, sequence_lengths, merge_repeated, blank)
        score = call("greedy_score", x, sequence_lengths)
        return [call("expand_dims", labels, 0), score]
    found = call(
        "beam_labels",
        x,
        sequence_lengths,
        beam_width=per_axis(name, "beam_width", beam_width, 1)[0],
        top_paths=per_axis(name, "top_paths", top_paths, 1)[0],
        mask_index=blank,
    )
    return list(found)
