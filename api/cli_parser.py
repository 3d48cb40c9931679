"""The parser of the command line, which tells a wrong call in the words of `tulle`."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

WRONG = re.compile(
    r"unrecognized arguments: (-\S+)|invalid choice: '([^']*)' \(choose from (.*)\)"
)
EXAMPLES = {
    "train": "net.net --data data.npz -o net.tulle",
    "evaluate": "net.tulle --data data.npz",
    "predict": "net.tulle data.npz",
    "render": "net.net -o net.svg",
}
# What the text of a model says, and no flag.
IN_THE_TEXT = {
    "--lr": "optimizer adam(1e-3)",
    "--learning-rate": "optimizer adam(1e-3)",
    "--optimizer": "optimizer adam(1e-3)",
    "--loss": "loss mean_squared_error(target, output)",
    "--metrics": "metrics { error = mean_absolute_error(target, output) }",
}


class Parser(argparse.ArgumentParser):
    """Tells a wrong call in one line, with the word that was probably meant."""

    example = ""  # of a right call

    def error(self, message: str) -> NoReturn:
        from .graph.nearest import nearest

        told = f"{self.prog}: error: {message}\n"
        if wrong := WRONG.search(message):
            word = wrong[1] or wrong[2]
            known = [choice.strip("'") for choice in (wrong[3] or "").split(", ")]
            flags = [*self._option_string_actions]
            near = nearest(word.partition("=")[0], flags if wrong[1] else known)
            if text := IN_THE_TEXT.get(word.partition("=")[0]):
                told += f"  = help: the `train` block says it: `{text}`\n"
            elif near:
                told += f"  = help: did you mean `{near}`?\n"
        elif "are required" in message and self.example:
            told += f"  = help: for example `{self.prog} {self.example}`\n"
        self.exit(2, f"{told}  = `{self.prog} --help` says more\n")
