"""Examples of diagnostic codes, run as an author runs them: texts, Python, commands."""

import runpy
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

from tulle.dsl import check
from tulle.graph.codes import CODES
from tulle.graph.diagnostics import Source, TulleError
from tulle.graph.report import render_all

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
# What the machine lacks in an example: a package, and every device but the processor.
LACKS = {"T0802": ("pygraphviz",), "T0801": ("cupy",)}


def reported(code, text, folder):
    """What is told of an example, as its author sees it; "" where all is well."""
    form = CODES[code].form
    if form == "net":
        found = check(Source("example.net", text))
        return f"{render_all(found)}\n" if found else ""
    return {"python": _by_python, "shell": _by_shell}[form](code, text, folder)


def _by_python(code, text, folder):
    path = folder / "example.py"
    path.write_text(text, "utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            runpy.run_path(str(path))
        except TulleError as error:
            told = render_all(error.diagnostics)
            return told.replace(f"{folder}/", "") + "\n"
    return ""


def _by_shell(code, text, folder):
    shutil.copy(EXAMPLES / "digits.npz", folder)
    long = (EXAMPLES / "digits.net").read_text("utf-8")
    (folder / "digits.net").write_text(long.replace("epochs = 40", "epochs = 1"))
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    lacks = LACKS.get(code, ()) if text == CODES[code].failing else ()
    for name in lacks:
        missing = f"raise ModuleNotFoundError(\"No module named '{name}'\")"
        (folder / f"{name}.py").write_text(missing, "utf-8")
    script = f"""
    export PYTHONPATH="{folder}"
    tulle() {{ "{sys.executable}" -P -m tulle.cli "$@"; }}
    pip() {{ :; }}  # nothing is installed by a test
    {text}
    """
    options = {"capture_output": True, "text": True, "check": False}
    ended = subprocess.run(["sh", "-ec", script], cwd=folder, **options)
    # `check` tells of a text on the standard output, the other commands beside it.
    return f"{ended.stdout}{ended.stderr}" if ended.returncode else ""
