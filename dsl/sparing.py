"""`freeze` and `clip` of a `train` block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..graph.diagnostics import Fault, Label, TulleError, standing_at
from ..graph.nearest import nearest
from ..graph.network import Network
from ..graph.selecting import nearest_pattern, select
from ..graph.variable import Variable
from . import syntax as s
from .arguments import replacement
from .checker import WRONG_VALUES, Checker
from .expressions import Evaluator
from .scope import listed
from .values import Poison, Static, describe

if TYPE_CHECKING:
    from ..training.optimizers import Optimizer

MAX_PATTERNS = 100
CLIPS: Mapping[str, str] = {
    "norm": "clipnorm",
    "value": "clipvalue",
    "global_norm": "global_clipnorm",
}


# Freezing.


def freeze(
    checker: Checker, section: s.FreezeSection, model: Network
) -> tuple[int, int]:
    """Freeze what the patterns fit; how many parameters they froze, and of how many."""
    known = model.variables
    before = model.trainable_weights
    if len(section.patterns) > MAX_PATTERNS:
        message = f"these are {len(section.patterns)} patterns, {MAX_PATTERNS} at most"
        checker.error("T0604", message, section.span)
        return 0, len(before)
    chosen: set[Variable] = set()
    good = True
    for pattern in section.patterns:
        text = str(pattern.value)
        try:
            chosen.update(select(known, text, str(model.name)))
        except Fault as fault:
            good = False
            near = nearest_pattern(text, known)
            found = fault.diagnostic(pattern.span)
            fix = replacement(pattern.span, f'"{near}"') if near else None
            checker.add(replace(found, fix=fix))
    if good and before and chosen.issuperset(before):
        checker.error(
            "T0604",
            f"`freeze` leaves nothing to train: it froze {len(before)} of "
            f"{len(before)} parameters",
            section.span,
            notes=(f"they are {listed(v.path for v in before)}",),
        )
        return 0, len(before)
    for variable in chosen:
        variable.trainable = False
    return len(before) - len(model.trainable_weights), len(before)


# Clipping.


def clipped(
    checker: Checker, section: s.ClipSection, optimizer: Optimizer
) -> Optimizer | None:
    """The optimizer, told to clip gradients as a block says; None after a mistake."""
    found: dict[str, float] = {}
    places: dict[str, s.Argument] = {}
    good = True
    for entry in section.entries:
        setting = _bound(checker, entry, places)
        if setting is None:
            good = False
        else:
            found[CLIPS[setting[0]]] = setting[1]
    if not good:
        return None
    if len(found) != 1:
        message = "`clip` needs a bound" if not found else "`clip` has one bound only"
        checker.error(
            "T0604",
            message,
            section.span,
            notes=(f"there are {listed(CLIPS)}",),
            help=("for example `clip { norm = 1.0 }`",),
        )
        return None
    own = [name for name in CLIPS.values() if getattr(optimizer, name) is not None]
    (entry,) = section.entries
    if own:
        message = f"the optimizer clips already: it was given `{own[0]}`"
        checker.error("T0604", message, entry.span, help=("say it in one place",))
        return None
    config: dict[str, Any] = {**optimizer.get_config(), **found}
    try:
        with standing_at(entry.span):
            made: Optimizer = type(optimizer).from_config(config)
    except (Fault, TulleError, *WRONG_VALUES) as error:
        checker.failed(error, entry.span)
        return None
    return made


def _bound(
    checker: Checker, entry: s.Argument, places: dict[str, s.Argument]
) -> tuple[str, float] | None:
    assert entry.name is not None
    name, span = entry.name.text, entry.name.span
    if name not in CLIPS:
        near = nearest(name, CLIPS)
        checker.error(
            "T0202",
            f"`clip` has no bound `{name}`",
            span,
            notes=(f"there are {listed(CLIPS)}",),
            help=(f"did you mean `{near}`?",) if near else (),
            fix=replacement(span, near) if near else None,
        )
        return None
    if name in places:
        labels = (Label(places[name].span, "the first one"),)
        checker.error("T0604", f"`{name}` stands twice", span, labels=labels)
        return None
    places[name] = entry
    value = Evaluator(checker, checker.module).evaluate(entry.value)
    plain = value.value if isinstance(value, Static) else None
    if isinstance(plain, (int, float)) and not isinstance(plain, bool) and plain > 0:
        return name, float(plain)
    if not isinstance(value, Poison):
        message = f"`{name}` is a positive number, not {describe(value)}"
        checker.error("T0204", message, entry.value.span)
    return None
