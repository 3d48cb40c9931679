"""Layers that turn text into numbers, on the host: tensors hold no text.

They are called on arrays of strings, before a model or in the `map` of a data set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..diagnostics import Fault, TensorTypeError, caller_span
from ..layer import Layer
from ..ops.windows import one_of
from ..tensor import SymbolicTensor, convert_to_tensor
from .categories import refuse_sparse
from .lookup import Vocabulary

__all__ = [
    "StringLookup",
    "TextVectorization",
]

Array = np.ndarray[Any, Any]
Rule = str | Callable[[str], Any] | None

PUNCTUATION = re.compile(r"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']")
SPACE = re.compile(r"[ \t\n\r\f\v]+")
UPPER = str.maketrans({chr(65 + i): chr(97 + i) for i in range(26)})
STANDARDS: dict[str, Callable[[str], str]] = {
    "lower_and_strip_punctuation": lambda text: PUNCTUATION.sub(
        "", text.translate(UPPER)
    ),
    "lower": lambda text: text.translate(UPPER),
    "strip_punctuation": lambda text: PUNCTUATION.sub("", text),
}
SPLITS: dict[str, Callable[[str], list[str]]] = {
    "whitespace": lambda text: [part for part in SPACE.split(text) if part],
    "character": list,
}


def strings_of(layer: Layer, value: Any) -> Array:
    """An array of Python strings; refuses symbols, T0503, and numbers, T0402."""
    if isinstance(value, SymbolicTensor):
        raise Fault(
            "T0503",
            f"`{layer.name}` works on strings, and tensors hold numbers",
            operands={0: str(value.type)},
            help=["call it on the strings themselves, or in `map` of a data set"],
        )
    array = np.asarray(value)
    flat = array.ravel().tolist() if array.dtype.kind in "OUS" else [None]
    if not all(isinstance(item, (str, bytes)) for item in flat):
        raise Fault(
            "T0402",
            f"`{layer.name}` works on strings, and was given "
            f"{'objects' if array.dtype.kind == 'O' else array.dtype.name}",
        )
    found = np.empty(len(flat), object)
    found[:] = [s.decode() if isinstance(s, bytes) else s for s in flat]
    return found.reshape(array.shape)


class Textual(Vocabulary):
    """The base of layers whose vocabulary is strings."""

    blank = ""
    counted = "int64"  # Keras's, where a layer is called before a model

    def tokens_of(self, values: Any) -> list[Any]:
        """The words of a vocabulary: a list, or a file with one a line."""
        if isinstance(values, str):
            try:
                return Path(values).read_text(encoding="utf-8").splitlines()
            except (OSError, ValueError) as error:
                raise Fault(
                    "T0204",
                    f"`{values}` is no file of words, one a line: {error}",
                    argument="vocabulary",
                ) from None
        found: list[Any] = strings_of(self, values).ravel().tolist()
        return found

    def __call__(self, inputs: Any) -> Any:
        """Numbers for strings, at once."""
        try:
            return self.numbered(inputs)
        except Fault as fault:
            raise TensorTypeError.of(
                fault, caller_span(), ("inputs",), (inputs,)
            ) from None

    def numbered(self, inputs: Any) -> Any:
        """What the layer gives for strings."""
        raise NotImplementedError

    def places_of(self, strings: Array, missing: int = -1) -> Array:
        """The place of each string; `missing` for one that has none."""
        start, spare = len(self.special), self.first
        table = {token: start + i for i, token in enumerate(self._known())}
        other = spare if self.num_oov_indices else missing
        if self.mask_token is not None:
            table[self.mask_token] = 0 if self.first else missing
        found = np.array([table.get(s, other) for s in strings.ravel()], np.int64)
        return found.reshape(strings.shape)


class StringLookup(Textual):
    """The place of strings in a vocabulary, or indicators of it.

    Strings of any shape, as an array or lists; what comes out is as `IntegerLookup`
    tells. `vocabulary` gives the strings, or names a file with one a line; else `adapt`
    learns them. With `invert` places become strings, as a NumPy array. All strings
    that are not known have one place. Indicators are i64.

    >>> import numpy as np
    >>> layer = StringLookup(vocabulary=["a", "b"])
    >>> layer([["b", "z"]]).numpy().tolist()
    [[2, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        refuse_sparse(self, sparse)
        one_of("StringLookup", "encoding", encoding, ("utf-8",))
        self.mask_token, self.oov_token = mask_token, oov_token
        if num_oov_indices not in (0, 1) or salt is not None:
            raise Fault(
                "T0204",
                "`num_oov_indices` is 0 or 1, and `salt` None: Keras spreads strings "
                "by TensorFlow's own hash function",
                argument="num_oov_indices" if salt is None else "salt",
            )
        self._settle(
            max_tokens, num_oov_indices, output_mode, invert, pad_to_max_tokens
        )
        self._begin_with(vocabulary, idf_weights)

    def samples_of(self, batch: Any) -> Iterable[list[Any]]:
        """The strings of each sample of a batch."""
        rows = strings_of(self, batch)
        found: list[list[Any]] = rows.reshape(
            len(rows) if rows.ndim else 1, -1
        ).tolist()
        return found

    def numbered(self, inputs: Any) -> Any:
        """Places of strings, or with `invert` strings of places."""
        if self.invert:
            self._known()
            table = np.array(self.get_vocabulary(), object)
            places = np.asarray(inputs)
            inside = (places >= 0) & (places < len(table))
            return np.where(inside, table[np.where(inside, places, 0)], self.oov_token)
        strings = strings_of(self, inputs)
        if self.num_oov_indices == 0:
            known = {*self._known(), self.mask_token}
            strange = [s for s in strings.ravel() if s not in known]
            if strange:
                raise Fault(
                    "T0311",
                    f"`{self.name}` has no place for {strange[0]!r}, and "
                    "`num_oov_indices` is 0",
                )
        return self._encoded(convert_to_tensor(self.places_of(strings)))


class TextVectorization(Textual):
    """Texts as the places of their words, or as indicators of them.

    Texts [batch] or [batch, 1], or one alone. `standardize`
    (`lower_and_strip_punctuation`, `lower`, `strip_punctuation`, None) prepares a text,
    `split` (`whitespace`, `character`, None) makes words of it; either may be your
    function of one text. `ngrams` puts words together, up to so many or as many as a
    tuple says. Output of `int` i64[batch, words], 0 behind the words of shorter texts,
    cut or filled to `output_sequence_length`; 1 is what the vocabulary has not. The
    other modes are those of `IntegerLookup`, without a place for the filling; their
    indicators are i64.

    >>> layer = TextVectorization(vocabulary=["the", "cat"])
    >>> layer(["The cat!", "a dog on the mat"]).numpy().tolist()
    [[2, 3, 0, 0, 0], [1, 1, 1, 2, 1]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Rule = "lower_and_strip_punctuation",
        split: Rule = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        refuse_sparse(self, sparse or ragged)
        one_of("TextVectorization", "encoding", encoding, ("utf-8",))
        self.standardize = _rule("standardize", standardize, STANDARDS)
        self.split = _rule("split", split, SPLITS)
        self.ngrams = _widths(ngrams)
        if output_sequence_length is not None and (
            type(output_sequence_length) is not int
            or output_sequence_length < 1
            or output_mode != "int"
        ):
            raise Fault(
                "T0204",
                "`output_sequence_length` is a positive integer, and goes with "
                "`output_mode` `int`",
                argument="output_sequence_length",
            )
        self.output_sequence_length = output_sequence_length
        self.mask_token, self.oov_token = "", "[UNK]"
        self._settle(max_tokens, 1, output_mode, False, pad_to_max_tokens)
        self._begin_with(vocabulary, idf_weights)

    def adapt(  # type: ignore[override]
        self, data: Any, batch_size: int | None = None, steps: int | None = None
    ) -> None:
        """Learn the words of texts, or of batches of them; `batch_size` is Keras's."""
        super().adapt(data, steps)

    def words_of(self, text: str) -> list[str]:
        """The words of a text, joined as `ngrams` says."""
        if self.standardize is not None:
            text = self.standardize(text)
        words = [text] if self.split is None else list(map(str, self.split(text)))
        if self.ngrams is None:
            return words
        return [
            " ".join(words[at : at + width])
            for width in self.ngrams
            for at in range(len(words) - width + 1)
        ]

    def samples_of(self, batch: Any) -> Iterable[list[Any]]:
        """The words of each text of a batch."""
        return map(self.words_of, self._texts(batch).ravel())

    def _texts(self, inputs: Any) -> Array:
        texts = strings_of(self, inputs)
        if texts.ndim == 2 and texts.shape[1] == 1:
            texts = texts[:, 0]
        if texts.ndim > 1:
            raise Fault(
                "T0303",
                f"`{self.name}` takes texts [batch] or [batch, 1], not {texts.shape}",
            )
        return texts

    def numbered(self, inputs: Any) -> Any:
        """The places of words, or indicators of them."""
        texts = self._texts(inputs)
        rows = [self.words_of(text) for text in texts.reshape(-1)]
        longest = max(map(len, rows), default=0)
        length = self.output_sequence_length or longest
        filled = self.output_mode == "int"
        places = np.full((len(rows), length), 0 if filled else -1, np.int64)
        for place, row in zip(places, rows, strict=True):
            kept = row[:length]
            place[: len(kept)] = self.places_of(np.array(kept, object))
        if filled and self.split is None:  # each text is one word
            places = places[:, 0]
        alone = places if texts.ndim else places[0]
        return self._encoded(convert_to_tensor(alone))


def _rule(name: str, given: Any, known: dict[str, Any]) -> Any:
    """The function of a rule by name; a function as it is."""
    if given is None or callable(given):
        return given
    return known[one_of("TextVectorization", name, given, tuple(known))]


def _widths(ngrams: Any) -> tuple[int, ...] | None:
    """How many words are put together, from `ngrams`."""
    if ngrams is None:
        return None
    widths = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else tuple(ngrams)
    if not widths or any(type(width) is not int or width < 1 for width in widths):
        raise Fault(
            "T0204",
            f"`ngrams` is a positive integer, or several, not {ngrams!r}",
            argument="ngrams",
        )
    return widths


TEXT: dict[str, type[Layer]] = {
    "StringLookup": StringLookup,
    "TextVectorization": TextVectorization,
}
