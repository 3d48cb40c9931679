"""Files that import each other: found, read once, put in order, their names lent.

A file lends its `fn`, `layer`, `const` and `model`; sizes and settings are its own. An
imported file lies inside the root folder once links are resolved.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os.path import normpath, sep
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..graph.diagnostics import (
    DataError,
    Diagnostic,
    Label,
    LanguageError,
    Source,
    Span,
    TulleError,
)
from ..graph.files import PathLike, check_readable
from ..graph.nearest import nearest
from ..graph.synonyms import SYNONYMS
from . import library, parts
from . import syntax as s
from .arguments import replacement
from .parser import parse
from .scope import Scope, listed
from .tokens import MAX_BYTES
from .values import POISON, Namespace, Poison, Static, Tensor, Value, describe

if TYPE_CHECKING:
    from .checker import Checker
    from .expressions import Evaluator

MAX_FILES = 64
MAX_DEPTH = 16
SUFFIX = ".net"

LENT = (s.FunctionItem, s.LayerItem, s.ExternItem, s.ConstItem, s.ModelItem)
WORDS: Mapping[type[s.Syntax], str] = {s.DimItem: "dim", s.ConfigItem: "config"}


def read(path: PathLike, name: str | None = None) -> Source:
    """The text of a file; a file that cannot be read is a `DataError`.

    No more than the limit is read, however large the file is. Messages call it `name`.
    """
    place, name = check_readable(path), name or str(path)
    with place.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        size = max(place.stat().st_size, len(data))
        message = f"`{name}` has {size} bytes, more than the limit of {MAX_BYTES}"
        raise LanguageError(Diagnostic("T0901", message))
    return decoded(data, name, f"`{name}`")


def decoded(data: bytes, name: str, told: str) -> Source:
    """The text that bytes hold; a `DataError`, which calls them `told`, if none."""
    try:
        return Source(name, data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        message = f"{told} is not UTF-8 text: byte {error.start} does not fit"
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    help = ("it begins as UTF-16 does: save it as UTF-8",) if wide else ()
    raise DataError(Diagnostic("T0704", message, help=help))


class _Refused(Exception):
    """An import that cannot be followed."""

    def __init__(self, code: str, message: str, span: Span, **more: Any):
        super().__init__(message)
        self.fault = Diagnostic(code, message, span, **more)


@dataclass(eq=False)
class File:
    """One file of a check, and what it imports; None where that failed."""

    source: Source
    tree: s.File | None
    whole: bool  # without syntax errors, behind which names may hide
    folder: Path | None
    importer: Span | None = None
    imports: dict[s.Import, File | None] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    module: Scope = field(default_factory=Scope)

    @property
    def name(self) -> str:
        return self.source.name

    def imported_config(self) -> dict[str, Any]:
        """The settings of imported files, as `blocks.width`."""
        return {
            f"{item.alias.text}.{name}": value
            for item, file in self.imports.items()
            if file is not None and item.alias is not None
            for name, value in (file.config | file.imported_config()).items()
        }

    def items(self, *kinds: type[s.Syntax]) -> list[Any]:
        """The declarations of some kinds."""
        items = self.tree.items if self.tree else ()
        return [item for item in items if isinstance(item, kinds)]


class Files:
    """A first file and all that it needs; `order` has each behind what it imports."""

    def __init__(self, source: Source, folder: Path | None, root: Path | None):
        self.root = root or folder
        self.folder = folder or root
        self.faults: list[Diagnostic] = []
        self.order: list[File] = []
        self.known: dict[Path, File] = {}
        self.first = self._parsed(source, self.folder, None)

    def gather(self, place: Path | None) -> Files:
        """Read all that is imported, depth first."""
        self._visit(self.first, [(place or Path(self.first.name), self.first)])
        return self

    def _parsed(self, source: Source, folder: Path | None, by: Span | None) -> File:
        tree, faults = parse(source, rescue=True)
        file = File(source, tree, not faults, folder, by)
        self.faults += [told_by(fault, file) for fault in faults]
        return file

    def _visit(self, file: File, chain: list[tuple[Path, File]]) -> None:
        for item in file.items(s.Import):
            try:
                file.imports[item] = self._followed(file, item, chain)
            except _Refused as refused:
                file.imports[item] = None
                self.faults.append(told_by(refused.fault, file))
        self.order.append(file)

    def _followed(
        self, file: File, item: s.Import, chain: list[tuple[Path, File]]
    ) -> File:
        """The file that an import names; raises `_Refused`."""
        place = self._place(file, item)
        if place in [other for other, _ in chain]:
            raise _circle(item, place, chain)
        if place in self.known:
            return self.known[place]
        span = item.path.span
        if len(self.known) + 1 >= MAX_FILES or len(chain) >= MAX_DEPTH:
            message = f"imports lead more than {MAX_DEPTH} files deep"
            if len(chain) < MAX_DEPTH:
                message = f"there are more than {MAX_FILES} files"
            raise _Refused("T0908", message, span)
        name = normpath(Path(file.name).parent / str(item.path.value))
        try:
            source = read(place, name)
        except TulleError as error:
            fault = error.diagnostics[0]
            texts = [_seen_from(text, item, place) for text in fault.help]
            message = _seen_from(fault.message, item, place)
            raise _Refused(fault.code, message, span, help=tuple(texts)) from None
        found = self.known[place] = self._parsed(source, place.parent, span)
        self._visit(found, [*chain, (place, found)])
        return found

    def _place(self, file: File, item: s.Import) -> Path:
        """Where an imported file lies: inside the root, with links resolved."""
        text, span = str(item.path.value), item.path.span
        if file.folder is None or self.root is None:
            message = "an import needs a folder, and this text has none"
            help = ("load it from a file, or give the `root` to look in",)
            raise _Refused("T0221", message, span, help=help)
        if not text.endswith(SUFFIX):
            message = f"an import names a `{SUFFIX}` file, and `{text}` is none"
            raise _Refused("T0221", message, span)
        path = Path(text)
        try:
            place = (file.folder / path).resolve()
            inside = place.is_relative_to(self.root.resolve())
        except (OSError, RuntimeError, ValueError):
            raise _Refused("T0221", f"`{text}` is no path of a file", span) from None
        if path.is_absolute() or not inside:
            what = (
                "is absolute" if path.is_absolute() else "leads out of the root folder"
            )
            note = "the root is the folder of the first file unless the host gives one"
            help = ("move the file into it, or load with another `root`",)
            raise _Refused("T0221", f"`{text}` {what}", span, notes=(note,), help=help)
        return place

    # Settings from outside.

    def set(self, config: Mapping[str, Any]) -> None:
        """Hand settings to the files that they are for: `width`, or `blocks.width`."""
        for name, value in config.items():
            *aliases, own = name.split(".")
            file: File | None = self.first
            for alias in aliases:
                file = self._called(file, alias) if file else None
            if file is None:
                message = f"`{self.first.name}` imports nothing as `{aliases[0]}`"
                self.faults.append(Diagnostic("T0202", message))
                continue
            kept = file.settings.setdefault(own, value)
            if kept is not value and kept != value:  # nan differs from itself
                message = f"`{own}` of `{file.name}` is set twice"
                self.faults.append(Diagnostic("T0204", message))

    def _called(self, file: File, alias: str) -> File | None:
        for item, target in file.imports.items():
            if item.alias is not None and item.alias.text == alias:
                return target
        return None

    def told(self, faults: Sequence[Diagnostic]) -> list[Diagnostic]:
        """Faults of imported files with a label that says who imports them."""
        files = {file.source: file for file in self.order}
        return [
            told_by(fault, files[fault.span.source])
            if fault.span and fault.span.source in files
            else fault
            for fault in faults
        ]


def _circle(item: s.Import, place: Path, chain: list[tuple[Path, File]]) -> _Refused:
    places = [other for other, _ in chain]
    names = [file.name for _, file in chain[places.index(place) :]]
    told = " → ".join([*names, names[0]])
    message = "a file imports itself"
    if len(names) > 1:
        message = f"`{names[0]}` imports itself by way of `{names[-1]}`"
    help = ("move what both need into a file of its own",)
    return _Refused("T0222", message, item.path.span, notes=(told,), help=help)


def _seen_from(text: str, item: s.Import, place: Path) -> str:
    """A text about a place in the importing file's words."""
    folder, own = str(place.parent), str(Path(str(item.path.value)).parent)
    return text.replace(f"{folder}{sep}", "" if own == "." else f"{own}{sep}")


def told_by(fault: Diagnostic, file: File) -> Diagnostic:
    """A fault of an imported file, with the place that imports it."""
    if file.importer is None:
        return fault
    label = Label(file.importer, f"`{file.name}` is imported here")
    if label in fault.labels:
        return fault
    return replace(fault, labels=(*fault.labels, label))


# Names lent.


def lent(file: File) -> dict[str, Value]:
    """What a file lends, by name."""
    found: dict[str, Value] = {}
    for item in file.items(*LENT):
        value = file.module.get(item.name.text)
        found[item.name.text] = POISON if value is None else value
    return found


def taken(checker: Checker, file: File, item: s.Import) -> Iterator[tuple[s.Name, Any]]:
    """The names that an import brings into a file, and what they stand for.

    Those behind `as` have a dot; the alias itself stands for the file.
    """
    target = file.imports.get(item)
    broken = target is None or not target.whole
    values = {} if target is None else lent(target)
    title = target.name if target else str(item.path.value)
    if item.alias is not None:
        yield item.alias, Namespace(title, tuple(values), broken)
        for name, value in values.items():
            whole = f"{item.alias.text}.{name}"
            yield s.Name(item.alias.span, whole), _own_sizes(value)
    for one in item.names:
        if one.text in values:
            yield one, _lent_here(checker, one, values[one.text], title)
        elif broken or target is None:
            yield one, POISON
        else:
            _not_lent(checker, one, target, values)
            yield one, POISON


def _own_sizes(value: Value) -> Value:
    """A constant that depends on a size stays in its file."""
    if isinstance(value, Static) and not isinstance(value.value, (int, float, str)):
        return POISON
    return value


def _lent_here(checker: Checker, name: s.Name, value: Value, title: str) -> Value:
    found = _own_sizes(value)
    if isinstance(found, Poison) and not isinstance(value, Poison):
        message = f"`{name.text}` depends on a size of `{title}`, which keeps its sizes"
        return checker.error("T0223", message, name.span)
    return found


def _not_lent(
    checker: Checker, name: s.Name, file: File, values: Mapping[str, Value]
) -> None:
    message, notes, help = _reason(name.text, file, values)
    near = None if help else nearest(name.text, values)
    if near:
        help = (f"did you mean `{near}`?",)
    fix = replacement(name.span, near) if near else None
    checker.error("T0223", message, name.span, notes=notes, help=help, fix=fix)


def _instead(word: str, name: str) -> tuple[str, ...]:
    """What to do about a name that its file keeps."""
    if word == "dim":
        return (f"declare `dim {name}` in this file too",)
    if word == "config":
        return (f"make it a `const` there, or declare a `config {name}` here",)
    return ()


def _reason(
    name: str, file: File, values: Mapping[str, Any]
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Why a file does not lend a name."""
    for item in file.items(*WORDS):
        if item.name.text == name:
            word = WORDS[type(item)]
            message = f"`{name}` is a `{word}` of `{file.name}`, which keeps it"
            note = "files lend `fn`, `layer`, `const` and `model`"
            return message, (note,), _instead(word, name)
    for item in file.items(s.Import):
        target = file.imports.get(item)
        if target and name in [n.text for n in item.names]:
            message = f"`{name}` is not of `{file.name}`, which imports it itself"
            return message, (), (f"import it from `{target.name}`",)
    note = f"it has {listed(values)}" if values else "it has nothing to import"
    return f"`{file.name}` has no `{name}`", (note,), ()


def not_lent(evaluator: Evaluator, name: s.Name) -> Poison:
    """Tell why `blocks.Mlp`, or `blocks` alone, stands for nothing."""
    first, _, part = name.text.partition(".")
    known = evaluator.scope.get(first)
    match known:
        case Poison() | Namespace(broken=True):
            return POISON
        case Namespace(title, names) if not part:
            help = (f"name something of it: `{first}.{names[0]}`",) if names else ()
            message = f"`{first}` is {describe(known)}"
            return evaluator.checker.error("T0501", message, name.span, help=help)
        case Namespace(title, names):
            near = nearest(part, names)
            note = f"it has {listed(names)}" if names else "it has nothing to lend"
            return evaluator.checker.error(
                "T0223",
                f"`{title}` lends no `{part}`",
                name.span,
                notes=(note,),
                help=(f"did you mean `{first}.{near}`?",) if near else (),
                fix=replacement(name.span, f"{first}.{near}") if near else None,
            )
    if known is not None:
        message = f"`{first}` is {describe(known)}, and only imported files have parts"
        told = _in_place_of(evaluator, name.text, known)
        return evaluator.checker.error("T0201", message, name.span, help=told)
    last = name.text.rpartition(".")[2]
    meant = last if library.find(last, evaluator.kinds) else None
    if meant is None and first in parts.MODULES:
        meant = library.near(last, evaluator.kinds)
    alone = parts.ALONE if first in parts.MODULES else ""
    advice = (f"{alone}write `{meant}`",) if meant else ()
    return evaluator.checker.error(
        "T0201",
        f"no imported file is called `{first}`",
        name.span,
        help=(parts.SELF,) if first == "self" else advice,
        fix=replacement(name.span, meant) if meant else None,
    )


def _in_place_of(evaluator: Evaluator, text: str, known: Value) -> tuple[str, ...]:
    """What to write where a value has no part: `x.T`, `x.mean`."""
    before, _, last = text.rpartition(".")
    type = known.type if isinstance(known, Tensor) and "." not in before else None
    if isinstance(known, Tensor) and (told := parts.part_of(last, before, type)):
        return (told,)
    meant = last if library.find(last, evaluator.kinds) else None
    if meant is None and isinstance(known, Tensor) and last.lower() in SYNONYMS:
        meant = library.near(last, evaluator.kinds)
    return (f"write `{meant}({before}, …)`",) if meant and "." not in before else ()
