"""The commands of `tulle` that look at texts, or write them."""

from __future__ import annotations

import difflib
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .graph.diagnostics import Diagnostic, LanguageError, Source
from .graph.files import write_atomically
from .graph.quote import escaped
from .printing import print_diagnostics, refuse, say

if TYPE_CHECKING:
    from .graph.diagnostics import Fix

STDIN = "-"


def read_text(path: str) -> Source:
    """A text by its path, or standard input for `-`."""
    from .dsl.imports import decoded, read

    if path != STDIN:
        return read(path)
    return decoded(sys.stdin.buffer.read(), "<stdin>", "this")


def run_check(options: Namespace) -> int:
    """Find mistakes in files, and mend those that have a fix."""
    from .dsl import check

    paths = dict.fromkeys(options.files)
    if options.fix or options.diff:
        for path in paths:
            _fix(path, options)
    if options.diff:
        return 0
    settings = dict(options.set) | {"root": options.root}
    found = {path: check(read_or_path(path), **settings) for path in paths}
    everything = [diagnostic for one in found.values() for diagnostic in one]
    print_diagnostics(everything, sys.stdout, options.format)
    if options.format == "full":
        if everything:
            say("")
        for path, one in found.items():
            say(f"{escaped(path)}: {_verdict(one)}")
    return int(any(diagnostic.severity == "error" for diagnostic in everything))


def read_or_path(path: str) -> str | Source:
    """What `check` takes: it tells of files that cannot be read."""
    return read_text(path) if path in (STDIN, "") else path


def _fix(path: str, options: Namespace) -> None:
    from .dsl.fixes import mended

    if path == STDIN:
        message = "standard input cannot be mended in place"
        raise refuse("T0705", message, "name a file")
    source = read_text(path)
    better, fixes = mended(source, Path(path).resolve().parent)
    if options.diff:
        show_difference(path, source.text, better.text)
    elif fixes:
        _write(path, better.text)
        _tell_fixes(path, fixes, options)


def _tell_fixes(path: str, fixes: Sequence[Fix], options: Namespace) -> None:
    if options.format == "full":
        for fix in fixes:
            say(f"{path}:{fix.edits[0].span.line}: {fix.title}")


def _verdict(diagnostics: Sequence[Diagnostic]) -> str:
    errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
    warnings = len(diagnostics) - errors
    counts = ((errors, "error"), (warnings, "warning"))
    told = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in counts if n]
    return ", ".join(told) or "no mistakes found"


def run_fmt(options: Namespace) -> int:
    """Write texts in the one style."""
    from .dsl.formatting import formatted

    faults: list[Diagnostic] = []
    changed = False
    for path in dict.fromkeys(options.files):
        source = read_text(path)
        try:
            text = formatted(source)
        except LanguageError as error:
            faults += error.diagnostics
            continue
        if options.check or options.diff:
            changed |= _tell_change(path, source.text, text, options)
        elif path == STDIN:
            sys.stdout.write(text)
        elif text != source.text:
            _write(path, text)
            say(f"formatted {path}")
    print_diagnostics(faults, sys.stderr, options.format)
    return int(bool(faults) or (options.check and changed))


def _tell_change(path: str, before: str, after: str, options: Namespace) -> bool:
    if before == after:
        return False
    if options.diff:
        show_difference(path, before, after)
    else:
        say(f"{path} is not formatted")
    return True


def show_difference(path: str, before: str, after: str) -> None:
    """Print what would change, as a patch."""
    lines: Iterable[str] = difflib.unified_diff(
        before.splitlines(), after.splitlines(), path, path, lineterm=""
    )
    for line in lines:
        say(line)


def run_types(options: Namespace) -> int:
    """Print the type of what stands at a place."""
    from .dsl.hover import type_at

    path, line, column = options.place
    for text in type_at(path, line, column, dict(options.set), options.root):
        say(text)
    return 0


def _write(path: str, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
