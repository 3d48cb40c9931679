"""Codes of files that import each other, and of what the host gives: T0221 on."""

from .code import entry

entry(
    "T0221",
    "an import that leads nowhere, or out of the folder",
    """An import names a `.net` file by its path from the importing file. Links are
    followed first; then the file has to lie in the folder of the first file, or in the
    `root` that the host gives, so that a text from a stranger reads nothing else.""",
    'import "/home/me/blocks.net" as blocks',
    'dim B  # with blocks.net beside this file: import "blocks.net" as blocks',
)
entry(
    "T0222",
    "files that import each other in a circle",
    """Each file is checked once, after all that it imports. The note shows the way
    round. What both files need belongs into a third one.""",
    "tulle check model.net  # which imports blocks.net, which imports model.net",
    "tulle check model.net  # model.net and blocks.net import common.net",
    form="shell",
)
entry(
    "T0223",
    "a name that an imported file does not lend",
    """A file lends its `fn`, `layer`, `extern layer`, `const` and `model`. Sizes and
    settings are its own, and so is what it imports itself.""",
    'tulle check model.net  # import "blocks.net" (width), where width is a config',
    'tulle check model.net  # import "blocks.net" (Mlp), where Mlp is a layer',
    form="shell",
)
entry(
    "T0908",
    "too many files",
    "A file and what it imports are at most 64 files, and imports go at most 16 deep.",
    "tulle check model.net  # 65 files in a row, each importing the next",
    "tulle check model.net  # what belongs together stands in one file",
    form="shell",
)
