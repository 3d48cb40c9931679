"""Rows of ops that spell what frames say, by all the ways to spell it."""

import collections
import itertools
from typing import Any

import numpy as np
from op_row import Row


def spelt(path: Any, blank: int, merge: bool = True) -> tuple[int, ...]:
    kept = [key for key, _ in itertools.groupby(path)] if merge else path
    return tuple(int(key) for key in kept if key != blank)


def filled(labels: Any, frames: int) -> Any:
    return [*labels, *[-1] * (frames - len(labels))]


def blank_of(x: Any, mask_index: int | None) -> int:
    return x.shape[-1] - 1 if mask_index is None else mask_index


def greedy(
    x: Any, ends: Any, merge_repeated: bool = True, mask_index: int | None = 0
) -> Any:
    blank = blank_of(x, mask_index)
    found = []
    for scores, end in zip(x, ends, strict=True):
        labels = spelt(scores[:end].argmax(-1), blank, merge_repeated)
        found.append(filled(labels, x.shape[1]))
    return np.array(found, "int32").reshape(x.shape[:2])


def best_scores(x: Any, ends: Any) -> Any:
    sums = [-scores[:end].max(-1).sum() for scores, end in zip(x, ends, strict=True)]
    return np.array(sums).reshape(-1, 1)


def beams(x: Any, ends: Any, top_paths: int, mask_index: int | None, **_: Any) -> Any:
    """The likeliest spellings, each with the sum over all paths that spell it."""
    chances = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    labels, logs = [], []
    for frames, end in zip(chances, ends, strict=True):
        total: Any = collections.Counter()
        count = max(end, 1)
        for path in itertools.product(range(x.shape[-1]), repeat=count):
            product = np.prod([frames[t, c] for t, c in enumerate(path)])
            total[spelt(path, blank_of(x, mask_index))] += product
        best = total.most_common(top_paths)
        labels.append([filled(path, x.shape[1]) for path, _ in best])
        logs.append([np.log(chance) for _, chance in best])
    return [np.swapaxes(np.array(labels), 0, 1), np.array(logs)]


def decode(x: Any, ends: Any, strategy: str = "greedy", **options: Any) -> Any:
    if strategy == "greedy":
        return [greedy(x, ends, **options)[None], best_scores(x, ends)]
    return beams(x, ends, **{"top_paths": 1, "mask_index": 0, **options})


def row(name: str, formula: Any, shape: str, options: Any) -> Row:
    return Row(
        name, formula, (shape, "A"), options, kinds="fi", below=5, nan=False,
        empty=False, domain=((-2.0, 2.0), (0.0, 4.0)),
    )  # fmt: skip


ROWS = (
    row("greedy_labels", greedy, "A B 3", {"merge_repeated": True, "mask_index": 0}),
    row("greedy_labels", greedy, "A B C",
        {"merge_repeated": False, "mask_index": None}),
    row("greedy_score", best_scores, "A B C", None),
    row("beam_labels", beams, "A 4 3",
        {"beam_width": 40, "top_paths": 2, "mask_index": 1}),
    row("ctc_decode", decode, "A 4 3", {"mask_index": 2}),
    row("ctc_decode", decode, "A 4 3", {"strategy": "beam_search"}),
    row("ctc_decode", decode, "A 4 3",
        {"strategy": "beam_search", "top_paths": 3, "mask_index": None}),
)  # fmt: skip
