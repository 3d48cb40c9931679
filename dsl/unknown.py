"""Names that mean nothing: what was probably meant, and what a text has instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..graph.nearest import nearest
from ..graph.types import DTYPES
from . import library
from . import syntax as s
from .arguments import replacement
from .values import POISON, Poison

if TYPE_CHECKING:
    from .expressions import Evaluator

WORDS = ("true", "false", "none", "inf")  # values that are no names

# What Python has a name for and a text another form.
_NOISE = "what is random is a layer: `zeros_like(x) |> GaussianNoise(1.0)`, in training"
_IN_QUOTES = (
    "same", "valid", "causal", "bilinear", "nearest", "bicubic",
    "channels_first", "channels_last",
)  # fmt: skip
OTHERWISE = {
    **{word: f'a word stands in quotes: `"{word}"`' for word in _IN_QUOTES},
    **{
        word: f"there are `{word}_uniform()` and `{word}_normal()`"
        for word in ("glorot", "he", "lecun")
    },
    "xavier": "it is `glorot_uniform()`, or `glorot_normal()`",
    "kaiming": "it is `he_uniform()`, or `he_normal()`",
    "GradientTape": "`grad(f)` is the derivative of a function",
    "Input": "the inputs of a model are its parameters: `model M(x: f32[B, 4]) -> …`",
    "Model": "a model is declared: `model M(x: f32[B, 4]) -> f32[B, 2] { … }`",
    "Sequential": "stages behind each other are a pipe: `x |> Dense(64) |> Dense(10)`",
    "Variable": "a body declares its variables: `param`, `state`",
    "len": "a size has a name: declare it with `dim`",
    "newaxis": "`x[:, none]` adds an axis",
    "normal": _NOISE,
    "rand": _NOISE,
    "randn": _NOISE,
    "randn_like": _NOISE,
    "random_normal": _NOISE,
    "random_uniform": _NOISE,
    "training": "layers such as `Dropout(0.2)` know by themselves whether they train",
    "shape": "a size has a name: declare it with `dim`, or in brackets: `fn f[N](…)`",
}


def unknown(evaluator: Evaluator, name: s.Name) -> Poison:
    """Tell of a name that neither the file nor the library knows."""
    text, fix = name.text, None
    other, near = library.elsewhere(text), _near(evaluator, text)
    notes = (f"`{text}` is {other} of the library",) if other else ()
    help = (OTHERWISE[text],) if text in OTHERWISE else ()
    if near and not other and not help:
        help, fix = (f"did you mean `{near}`?",), replacement(name.span, near)
    if fix is None and not evaluator.checker.first_use(text):
        return POISON
    message = f"`{text}` is not defined"
    return evaluator.checker.error(
        "T0201", message, name.span, notes=notes, help=help, fix=fix
    )


def _near(evaluator: Evaluator, name: str) -> str | None:
    known = [*evaluator.scope, *DTYPES, *WORDS]
    for table in library.tables(evaluator.kinds):
        known += table
    trained = tuple(kind for kind in evaluator.kinds if kind in library.TRAINING)
    return library.alias(name, trained) or nearest(name, known)
