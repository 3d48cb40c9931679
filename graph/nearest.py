"""The name that was probably meant: by the number of slips between two words."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache

from .synonyms import SYNONYMS

LONGEST = 80  # letters of a word that is looked at
FEW = 2  # slips that hardly anything else explains
ALIKE = 0.65  # what words share that differ by more than slips


def slips(one: str, two: str, most: int) -> int:
    """Letters added, left out, replaced or swapped; at most `most` + 1.

    >>> slips("adma", "adam", 3), slips("rellu", "relu", 3)
    (1, 1)
    """
    letters = set(one), set(two)
    if len(letters[0] - letters[1]) > most or len(letters[1] - letters[0]) > most:
        return most + 1
    if abs(len(one) - len(two)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(two) + 1))
    for i, left in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, right in enumerate(two, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == two[j - 2] and right == one[i - 2]:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word with the fewest slips, or none if all are other words.

    What differs in case or underscores alone is one word; so is what goes on behind it,
    if only one does, what it is the initials of, and what it means elsewhere.

    >>> nearest("adma", ["adamax", "adam", "sgd"]), nearest("x", ["adam"])
    ('adam', None)
    >>> nearest("lr", ["learning_rate", "beta_1"])
    'learning_rate'
    >>> nearest("unsqueeze", ["squeeze", "expand_dims"])
    'expand_dims'
    >>> nearest("sparse_entropy", ["binary_entropy", "sparse_cross_entropy"])
    'sparse_cross_entropy'
    """
    return _nearest(word[:LONGEST], tuple(dict.fromkeys(known)))


@lru_cache(64)  # a file may have one mistake many times
def _nearest(word: str, names: tuple[str, ...]) -> str | None:
    folded = _folded(word)
    same = [name for name in names if _folded(name) == folded]
    if same:
        return same[0]
    for meant in SYNONYMS.get(word.lower(), ()):
        if meant in names:
            return meant
    most = 0 if len(folded) < 2 else max(1, len(folded) // 3)
    found: list[tuple[int, float, int, int, str]] = []
    for place, name in enumerate(names):
        count = slips(folded, _folded(name)[:LONGEST], most)
        if count <= most:
            alike = SequenceMatcher(None, word, name).ratio()
            begins = sum(name.startswith(word[: i + 1]) for i in range(len(word)))
            found.append((count, -alike, -begins, place, name))
    if found and min(found)[0] <= FEW:
        return min(found)[-1]
    if fuller := [name for name in names if _left_out(word, name)]:
        return min(fuller, key=len)
    if found:
        return min(found)[-1]
    short = [name for name in names if "_" in name and _initials(name) == folded]
    if len(short) == 1:
        return short[0]
    longer = [name for name in names if _folded(name).startswith(folded)]
    shortest = min(longer, key=len, default="")
    if len(folded) > 2 and longer and all(n.startswith(shortest) for n in longer):
        return shortest
    return next(iter(get_close_matches(word, names, 1, ALIKE)), None)


def nearest_of(word: str, known: Iterable[str]) -> list[str]:
    """The nearest word in a list, which is empty if there is none."""
    found = nearest(word, known)
    return [] if found is None else [found]


def _left_out(word: str, name: str) -> bool:
    """Whether a name has all words of another one in their order, and more."""
    parts, rest = word.lower().split("_"), iter(name.lower().split("_"))
    return len(parts) > 1 and all(part in rest for part in parts)


def _initials(name: str) -> str:
    return "".join(part[:1] for part in name.lower().split("_"))


def _folded(name: str) -> str:
    return name.lower().replace("_", "")
