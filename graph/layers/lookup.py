"""Layers that number the values of a vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import numpy as np

from ..calling import told_with
from ..configuration import default_float
from ..diagnostics import Fault, TensorTypeError, caller_span
from ..kinds import CALLS
from ..layer import Layer
from ..ops.windows import one_of
from ..registry import call
from .categories import ENCODINGS, as_ids, refuse_sparse
from .preprocessing import adapted_batches

__all__ = [
    "IntegerLookup",
]

Array = np.ndarray[Any, Any]
MOST_TOKENS = 2**24
MODES = ("int", *ENCODINGS, "tf_idf")
OLD = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class Vocabulary(Layer):
    """The base of layers that know the places of values: learned or given.

    A class says what a value is (`tokens_of`), and what the values of samples are.
    """

    mask_token: Any
    oov_token: Any
    blank: Any = 0  # what stands at the place of the mask where there is none
    counted: str | None = None  # the dtype of indicators; None is the usual float

    def tokens_of(self, values: Any) -> list[Any]:
        """The values of a vocabulary, one after the other."""
        return [int(value) for value in np.asarray(values).ravel()]

    def samples_of(self, batch: Any) -> Iterable[list[Any]]:
        """The values of each sample of a batch."""
        rows = np.asarray(batch).astype(np.int64)
        rows = rows.reshape(len(rows), -1) if rows.ndim else rows.reshape(1, 1)
        found: list[list[Any]] = rows.tolist()
        return found

    def _settle(
        self, most: Any, count: Any, mode: str, invert: Any, padded: Any
    ) -> None:
        """Take the arguments; refuses what does not go together, T0204."""
        name = type(self).__name__
        self.output_mode = one_of(name, "output_mode", OLD.get(mode, mode), MODES)
        self.max_tokens, self.num_oov_indices = most, count
        self.invert, self.pad_to_max_tokens = bool(invert), bool(padded)
        self.vocabulary: list[Any] | None = None
        self.idf_weights: list[float] | None = None
        self.given = False
        self._check()

    def _begin_with(self, vocabulary: Any, weights: Any) -> None:
        """Take a vocabulary that the constructor was given."""
        self.given = vocabulary is not None
        if weights is not None and self.output_mode != "tf_idf":
            told = (
                f"`idf_weights` of `{type(self).__name__}` goes with `output_mode` "
                "`tf_idf`"
            )
            raise Fault("T0204", told, argument="idf_weights")
        if vocabulary is not None:
            self._set(vocabulary, weights)

    def _check(self) -> None:
        count, most = self.num_oov_indices, self.max_tokens
        wrong = None
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            wrong = "num_oov_indices", f"is an integer from 0 on, not {count!r}"
        elif max(count, most if isinstance(most, int) else 0) > MOST_TOKENS:
            argument = "num_oov_indices" if count > MOST_TOKENS else "max_tokens"
            wrong = argument, f"is at most {MOST_TOKENS}"
        elif most is not None and (not isinstance(most, int) or most <= 1):
            wrong = "max_tokens", f"is an integer above 1 or None, not {most!r}"
        elif self.pad_to_max_tokens and most is None:
            wrong = "pad_to_max_tokens", "needs `max_tokens`, the size to fill up to"
        elif self.invert and self.output_mode != "int":
            wrong = "invert", f"goes with `output_mode` `int`, not `{self.output_mode}`"
        if wrong is not None:
            argument, told = wrong
            text = f"`{argument}` of `{type(self).__name__}` {told}"
            raise Fault("T0204", text, argument=argument)

    @property
    def first(self) -> int:
        """The place of the first value that is not known."""
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def special(self) -> list[Any]:
        """What stands before the vocabulary: the mask and the unknown."""
        return [self.mask_token or self.blank] * self.first + (
            [self.oov_token] * self.num_oov_indices
        )

    def vocabulary_size(self) -> int:
        """How many places there are, those of the mask and the unknown included."""
        return len(self.special) + len(self.vocabulary or ())

    @told_with(CALLS)
    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The values by their places.

        >>> IntegerLookup(vocabulary=[12, 36]).get_vocabulary()
        [-1, 12, 36]
        """
        special = self.special if include_special_tokens else []
        return special + (self.vocabulary or [])

    @told_with(CALLS)
    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take another vocabulary; `idf_weights` goes with `output_mode` `tf_idf`.

        Raises T0204 for values that come twice, or that are more than `max_tokens`.

        >>> layer = IntegerLookup()
        >>> layer.set_vocabulary([5, 6])
        >>> layer.vocabulary_size()
        3
        """
        try:
            self._set(vocabulary, idf_weights)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None

    def _set(self, vocabulary: Any, weights: Any) -> None:
        values = self.tokens_of(vocabulary)
        count = len(self.special)
        headed = bool(count) and values[:count] == self.special
        tokens = values[count:] if headed else values
        twice = [value for value, count in Counter(tokens).items() if count > 1]
        size = count + len(tokens)
        reason = None
        if not values:
            reason = "has at least one value"
        elif twice:
            reason = f"has each value once, and {sorted(twice)} come again"
        elif self.mask_token is not None and self.mask_token in tokens:
            reason = (
                f"holds `mask_token={self.mask_token!r}`, which has a place already"
            )
        elif self.max_tokens is not None and size > self.max_tokens:
            reason = f"has at most `max_tokens={self.max_tokens}` places, not {size}"
        elif (self.output_mode == "tf_idf") != (weights is not None):
            reason = "comes with `idf_weights` for `output_mode` `tf_idf` and only then"
        elif weights is not None and len(weights) != len(values):
            reason = f"has {len(values)} values, and there are {len(weights)} weights"
        if reason is not None:
            told = f"the vocabulary of `{type(self).__name__}` {reason}"
            raise Fault("T0204", told, argument="vocabulary")
        self.vocabulary = tokens
        if weights is not None:
            numbers = [float(weight) for weight in weights]
            mean = float(np.mean(numbers))
            self.idf_weights = numbers if headed else [mean] * count + numbers

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, with the vocabulary that was learned."""
        learned = self.vocabulary and self.get_vocabulary()
        return {
            **super().get_config(),
            "vocabulary": learned,
            "idf_weights": self.idf_weights,
        }

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put `idf_weights` into `store`, where there are any."""
        if self.idf_weights is not None:
            store["idf_weights"] = np.array(self.idf_weights, np.float32)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the weights that `save_own_variables` stored."""
        if self.idf_weights is None:
            return
        count, found = self.vocabulary_size(), np.asarray(store.get("idf_weights", ()))
        if found.ndim != 1 or len(found) < count:
            told = f"`{self.name}` has {count} weights, and there are {found.size}"
            fault = Fault("T0204", told, argument="store")
            raise TensorTypeError.of(fault, caller_span())
        self.idf_weights = [float(weight) for weight in found[:count]]

    @told_with(CALLS)
    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary from an array, or from batches of one.

        Of an iterable of batches the first `steps` are used. Values that are equally
        frequent stand from the largest on. What was learned before is forgotten. Raises
        T0204 for other data, and where `vocabulary` was given.

        >>> layer = IntegerLookup()
        >>> layer.adapt(np.array([7, 9, 9]))
        >>> layer.get_vocabulary()
        [-1, 9, 7]
        """
        try:
            self._learn(data, steps)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None

    def _learn(self, data: Any, steps: int | None) -> None:
        if self.given:
            told = f"`{self.name}` was given `vocabulary` and cannot learn it"
            raise Fault("T0204", told, help=["leave `vocabulary` out"])
        counts: Counter[Any] = Counter()
        samples: Counter[Any] = Counter()
        total = 0
        for number, batch in enumerate(adapted_batches(data)):
            if steps is not None and number >= steps:
                break
            for row in self.samples_of(batch):
                total += 1
                found = Counter(row)
                counts.update(found)
                samples.update(found.keys())
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        tokens = sorted(counts, key=lambda value: (counts[value], value), reverse=True)
        if self.max_tokens is not None:
            tokens = tokens[: max(self.max_tokens - len(self.special), 0)]
        weights = None
        if self.output_mode == "tf_idf":
            weights = [np.log(1 + total / (1 + samples[value])) for value in tokens]
        self._set(tokens, weights)

    def _known(self) -> list[Any]:
        """The vocabulary; refuses to work without one, T0606."""
        if self.vocabulary is None:
            raise Fault(
                "T0606",
                f"`{self.name}` has no vocabulary yet",
                help=["let it learn one: `layer.adapt(data)`; or give `vocabulary`"],
            )
        return self.vocabulary

    def _encoded(self, places: Any) -> Any:
        """Places, i64, in the form that `output_mode` asks for."""
        if self.output_mode == "int":
            return places
        depth = self.vocabulary_size()
        if self.pad_to_max_tokens and self.max_tokens is not None:
            depth = self.max_tokens
        dtype = default_float().name
        if self.output_mode != "tf_idf":
            kind = self.counted or dtype
            return ENCODINGS[self.output_mode](as_ids(places), depth, kind)
        found = ENCODINGS["count"](as_ids(places), depth, dtype)
        weights = np.zeros(depth, np.float32)
        weights[: len(self.idf_weights or ())] = self.idf_weights
        return found * call("cast", weights, dtype)


class IntegerLookup(Vocabulary):
    """The place of integers in a vocabulary, or indicators of it.

    Input integers of any shape. With `output_mode` `int` output i64 of that shape: 0
    for `mask_token` if there is one, then `num_oov_indices` places for what the
    vocabulary has not, by their remainder, then the vocabulary. `one_hot`, `multi_hot`
    and `count` give indicators of these places without that of the mask, see
    `CategoryEncoding`, and `tf_idf` counts times `idf_weights`; they have the size of
    the vocabulary, or `max_tokens` with `pad_to_max_tokens`. With `invert` places
    become values, `oov_token` where there is none. `vocabulary` gives the values, or
    `adapt` learns them: the most frequent first, at most `max_tokens` places.

    >>> import numpy as np
    >>> IntegerLookup(vocabulary=[12, 36])(np.array([36, 7, 12])).numpy().tolist()
    [2, 0, 1]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        refuse_sparse(self, sparse)
        one_of("IntegerLookup", "oov_method", oov_method, ("floormod",))
        one_of("IntegerLookup", "vocabulary_dtype", vocabulary_dtype, ("int64",))
        self.mask_token, self.oov_token = mask_token, oov_token
        if salt is not None:
            told = "`salt` of `IntegerLookup` goes with hashes of strings"
            raise Fault("T0204", told, argument="salt")
        self._settle(
            max_tokens, num_oov_indices, output_mode, invert, pad_to_max_tokens
        )
        self._begin_with(vocabulary, idf_weights)

    def call(self, inputs: Any) -> Any:
        self._known()
        if inputs.type.dtype.is_float:
            raise Fault(
                "T0402",
                f"`{self.name}` looks up integers, not {inputs.type}",
                operands={0: str(inputs.type)},
            )
        values = call("cast", inputs, "int64")
        if self.invert:
            return self._values(values)
        places = self._places(values)
        return self._encoded(places)

    def _places(self, values: Any) -> Any:
        """The place of each value; -1 for one that has none."""
        tokens = np.asarray(self.vocabulary, np.int64)
        order = np.argsort(tokens)
        near = call("searchsorted", tokens[order], values)
        near = call("minimum", call("cast", near, "int64"), len(tokens) - 1)
        known = call("equal", call("take", tokens[order], near), values)
        places = call("take", order.astype(np.int64), near) + len(self.special)
        other: Any = -1
        if self.num_oov_indices:
            other = call("mod", values, self.num_oov_indices) + self.first
        found = call("where", known, places, other)
        if self.mask_token is not None:
            masked = 0 if self.output_mode == "int" else -1
            hidden = call("equal", values, self.mask_token)
            found = call("where", hidden, masked, found)
        return call("cast", found, "int64")

    def _values(self, places: Any) -> Any:
        """The value at each place; `oov_token` where there is none."""
        table = np.asarray(self.get_vocabulary(), np.int64)
        inside = call("logical_and", places >= 0, places < len(table))
        safe = call("where", inside, places, 0)
        found = call("where", inside, call("take", table, safe), self.oov_token)
        return call("cast", found, "int64")
