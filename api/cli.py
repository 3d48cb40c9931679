"""The command `tulle`: arguments in, exit code out, and no traceback on the way.

0 is fine, 1 is a mistake that was told, 2 is a wrong call, 130 is Ctrl-C. The commands
themselves are in `commands`, which is imported when one of them runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from .cli_parser import EXAMPLES, Parser
from .streams import OutputLost, watched

EPILOG = """\
examples:
  tulle check digits.net                                 find mistakes
  tulle fmt digits.net                                   write it in the one style
  tulle render digits.net -o digits.svg                  draw the model
  tulle train digits.net --data digits.npz -o d.tulle    train it
  tulle evaluate d.tulle --data digits.npz               measure it
  tulle predict d.tulle images.npy                       use it

Data files are .npz, .csv or .parquet (or .npy for a single array); arrays are bound by
the names of the model's inputs and targets. Arrays whose names begin with `test_` are
the test part: `train` leaves them alone, `evaluate` and `predict` use them where there
are any. Ctrl-C keeps a training, and `--resume` goes on with it.
"""


DIGITS = 18
OPTIONS = ("root", "extern")  # what `load` takes besides the settings of a file


def parser() -> Parser:
    """The grammar of the command line."""
    root = Parser(
        prog="tulle",
        description="A small typed language for neural networks, with a compiler.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="store_true", help="print the version")
    commands = root.add_subparsers(dest="command", metavar="command")
    _looking(commands)
    _running(commands)
    return root


def _looking(commands: Any) -> None:
    check = _command(commands, "check", "find mistakes in .net files")
    _texts(check)
    _loading(check)
    check.add_argument("--fix", action="store_true", help="mend what has a fix")
    check.add_argument(
        "--diff", action="store_true", help="show what `--fix` would change"
    )

    fmt = _command(commands, "fmt", "write .net files in the one style")
    _texts(fmt)
    fmt.add_argument(
        "--check", action="store_true", help="write nothing; 1 if a file would change"
    )
    fmt.add_argument("--diff", action="store_true", help="show what would change")

    summary = _command(commands, "summary", "print layers, types and parameters")
    _model_argument(summary)
    summary.add_argument("--expand", action="store_true", help="show nested layers")
    _numbers(summary)

    render = _command(commands, "render", "draw the model as a graph")
    _model_argument(render)
    _output(render, "the picture: .svg, .png, .pdf or .dot", required=True)
    nested = render.add_mutually_exclusive_group()
    nested.add_argument(
        "--expand",
        action="store_true",
        default=None,
        help="draw what nested models consist of (default: while the picture is small)",
    )
    nested.add_argument(
        "--no-expand",
        action="store_false",
        dest="expand",
        help="draw each nested model as one box",
    )

    types = _command(commands, "types", "print the type of what stands at a place")
    types.add_argument(
        "place", type=_place, metavar="FILE:LINE:COLUMN", help="as diagnostics tell it"
    )
    _loading(types)

    export = _command(commands, "export", "write a model as a .net text")
    _model_argument(export)
    _output(export, "the text, a .net file (default: print it)", required=False)

    dump = _command(commands, "dump", "print what the compiler makes of a model")
    _model_argument(dump)
    dump.add_argument(
        "--stage", default="program", help="a pass, or `program` (default), or `list`"
    )
    dump.add_argument(
        "--train", action="store_true", help="the training step, not the prediction"
    )
    _numbers(dump)

    explain = _command(commands, "explain", "explain the code of a diagnostic")
    explain.add_argument(
        "code", nargs="?", metavar="CODE", help="for example T0301; all if left out"
    )


def _numbers(parser: Any) -> None:
    parser.add_argument(
        "--sizes",
        type=_sizes,
        metavar="NAME=SIZE,…",
        help="numbers for the sizes of the inputs, as B=32,T=128, to count with",
    )


def _running(commands: Any) -> None:
    train = _command(commands, "train", "train a model as its `train` block says")
    _model_argument(train, saved=False)
    _data(train)
    _output(train, "the trained model, a .tulle file", required=True)
    _training(train)

    evaluate = _command(commands, "evaluate", "print loss and metrics on data")
    _model_argument(evaluate)
    _data(evaluate)
    _part(evaluate)
    evaluate.add_argument(
        "--target",
        metavar="NAME",
        help="the array of expected outputs, if there are several candidates",
    )

    predict = _command(commands, "predict", "print or write the outputs for data")
    _model_argument(predict)
    predict.add_argument(
        "file_of_data",
        nargs="?",
        metavar="DATA",
        help="a .npz, .npy, .csv or .parquet file; or say `--data`",
    )
    _data(predict, required=False)
    _part(predict)
    _output(predict, "write the outputs to a .npz, .npy or .csv file", required=False)
    form = predict.add_mutually_exclusive_group()
    form.add_argument(
        "--classes",
        action="store_true",
        default=None,
        help="the number of the class with the largest output; the default for a "
        "model that was trained to classify",
    )
    form.add_argument(
        "--values", dest="classes", action="store_false", help="the outputs themselves"
    )
    for command in (evaluate, predict):
        command.add_argument("--batch", type=_count, help="samples at once (32)")
    for command in (train, evaluate, predict):
        command.add_argument("--device", default="cpu", help="cpu (default) or gpu:0")
        command.add_argument(
            "--json",
            action="store_true",
            help="print the outcome as JSON, and it alone",
        )


def _training(train: Any) -> None:
    train.add_argument("--epochs", type=_count, help="in place of the file's `epochs`")
    train.add_argument("--batch", type=_count, help="in place of the file's `batch`")
    train.add_argument("--seed", type=_seed, help="in place of the file's `seed`")
    validation = train.add_mutually_exclusive_group()
    validation.add_argument(
        "--validation-data",
        action=_Places,
        metavar="DATA",
        help="measure on these data after each epoch; given as `--data` is",
    )
    validation.add_argument(
        "--validation-split",
        type=_share,
        metavar="SHARE",
        help="measure on the last part of the data, as 0.2, which is not trained on",
    )
    train.add_argument(
        "--checkpoint",
        metavar="FOLDER",
        help="keep what is needed to go on there, after each epoch (default: only "
        "when the training is stopped, beside the output)",
    )
    train.add_argument(
        "--save-every",
        type=_count,
        metavar="N",
        help="keep it after every N batches, not after each epoch",
    )
    train.add_argument(
        "--resume",
        action="store_true",
        help="go on from the checkpoint, if there is one",
    )
    train.add_argument(
        "--log", metavar="FILE", help="the figures of each epoch: .jsonl or .csv"
    )
    train.add_argument(
        "--plot", metavar="FILE", help="a picture of the figures: .svg, .png or .pdf"
    )
    train.add_argument("--quiet", action="store_true", help="show no progress")


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}."
    )
    made.set_defaults(parser=made)
    if isinstance(made, Parser):
        made.example = EXAMPLES.get(name, "net.net")
    made.add_argument(
        "--format",
        choices=("full", "concise", "json", "github"),
        default="full",
        help="how to print mistakes (default: full)",
    )
    return made


def _texts(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "files", nargs="+", metavar="FILE", help="a .net file, or - for standard input"
    )


def _model_argument(command: argparse.ArgumentParser, saved: bool = True) -> None:
    kinds = "a .net file or a saved .tulle model" if saved else "a .net file"
    command.add_argument("file", metavar="FILE", help=kinds)
    command.add_argument(
        "--model", metavar="NAME", help="which model, if the file has several"
    )
    _loading(command)


def _loading(command: argparse.ArgumentParser) -> None:
    """The options of whatever reads a .net file and checks it."""
    command.add_argument(
        "--set",
        action=_Once,
        default=[],
        metavar="NAME=VALUE",
        type=_setting,
        help="override a `config` of the file, or of one that it imports: "
        "`blocks.width=64`; may be repeated",
    )
    command.add_argument(
        "--root",
        metavar="FOLDER",
        help="where imported files may lie (default: the folder of the file)",
    )


def _data(command: argparse.ArgumentParser, required: bool = True) -> None:
    command.add_argument(
        "--data",
        required=required,
        action=_Places,
        metavar="DATA",
        help="a .npz, .csv or .parquet file, or name=FILE (also .npy) for each array",
    )


class _Places(argparse.Action):
    """Collects the files of data, each given by an option of its own."""

    def __call__(self, parser: Any, options: Any, value: Any, flag: Any = None) -> None:
        from .training.data_files import Places

        before = getattr(options, self.dest) or ()
        setattr(options, self.dest, Places((*before, value)))


def _part(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--part",
        choices=("train", "test"),
        help="the arrays without or with `test_` before their names "
        "(default: test, where there are any)",
    )


def _output(command: argparse.ArgumentParser, text: str, required: bool) -> None:
    command.add_argument("-o", "--output", required=required, metavar="OUT", help=text)


def _count(text: str) -> int:
    return _whole(text, 1)


def _seed(text: str) -> int:
    return _whole(text, 0)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number between 0 and 1")
    return share


def _whole(text: str, least: int) -> int:
    """A whole number as the language takes it: of at most 18 digits."""
    digits = text.isascii() and text.isdigit()
    if not digits or len(text) > DIGITS or int(text) < least:
        what = f"a whole number from {least} on, of at most {DIGITS} digits"
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return int(text)


def _place(text: str) -> tuple[str, int, int]:
    """A place as diagnostics tell it."""
    path, *numbers = text.rsplit(":", 2)
    if len(numbers) < 2 or not path:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not of the form FILE:LINE:COLUMN"
        )
    return path, _whole(numbers[0], 1), _whole(numbers[1], 1)


def _sizes(text: str) -> dict[str, int]:
    """Sizes by name."""
    found = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name.isidentifier():
            raise argparse.ArgumentTypeError(f"{part!r} is not of the form NAME=SIZE")
        if name in found:
            raise argparse.ArgumentTypeError(f"{name!r} is given twice")
        found[name] = _whole(value, 0)
    return found


class _Once(argparse.Action):
    """Appends settings; one that is given twice is a mistake."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        found = getattr(namespace, self.dest)
        if values[0] in dict(found):
            raise argparse.ArgumentError(self, f"{values[0]!r} is given twice")
        setattr(namespace, self.dest, [*found, values])


def _setting(text: str) -> tuple[str, Any]:
    """A name and its value as the language writes it."""
    name, equals, value = text.partition("=")
    if not equals or not all(part.isidentifier() for part in name.split(".")):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    if name in OPTIONS:
        raise argparse.ArgumentTypeError(f"{name!r} is no setting of a file")
    if value in ("true", "false"):
        return name, value == "true"
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; gives the exit code.

    >>> main(["explain", "no such code"])
    1
    """
    try:
        with watched():
            return _called(arguments)
    except OutputLost:
        return 1


def _called(arguments: Sequence[str] | None) -> int:
    root = parser()
    try:
        options, rest = root.parse_known_args(arguments)
        if options.version:
            return _print_version()
        if options.command is None:
            root.error("a command is missing")
        if rest:
            options.parser.error(f"unrecognized arguments: {' '.join(rest)}")
        options.called = list(sys.argv[1:] if arguments is None else arguments)
        if options.command == "predict":
            _choose_data(options)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    except KeyboardInterrupt as stop:
        return _interrupted(stop)
    return _guarded(options)


def _interrupted(stop: KeyboardInterrupt) -> int:
    if not str(stop):  # else it was told what was saved
        print("\ninterrupted; nothing was saved", file=sys.stderr)
    return 130


def _choose_data(options: argparse.Namespace) -> None:
    """The data of `predict`, given by one of two ways."""
    if (options.file_of_data is None) == (options.data is None):
        options.parser.error("give the data once, as `DATA` or with `--data`")
    if options.data is None:
        from .training.data_files import Places

        options.data = Places((options.file_of_data,))


def _print_version() -> int:

    from . import __version__

    print(f"tulle {__version__}")
    return 0


def _guarded(options: argparse.Namespace) -> int:
    """Run a command; whatever goes wrong becomes a message and a code."""
    try:
        from .commands import COMMANDS

        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _show_warning
            code = COMMANDS[options.command](options)
    except KeyboardInterrupt as stop:
        return _interrupted(stop)
    except OutputLost:
        raise
    except Exception as error:  # noqa: BLE001 - the last place before the user
        return _told(error, options.format)
    return code


def _show_warning(message: Any, *place: Any, **more: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)


def _told(error: Exception, format: str) -> int:
    from .graph.diagnostics import TulleError

    if os.environ.get("TULLE_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    elif isinstance(error, TulleError):
        from .printing import print_diagnostics

        print_diagnostics(error.diagnostics, sys.stderr, format)
    elif isinstance(error, MemoryError):
        what = str(error).replace("Unable", "unable") or "the machine has no more"
        print(f"error: there is not enough memory: {what}", file=sys.stderr)
        advice = "`tulle summary` tells what a model takes; try a smaller one, or batch"
        print(f"  = help: {advice}", file=sys.stderr)
    else:
        what = " ".join(str(error).split()) or "no message"
        print(f"internal error: {type(error).__name__}: {what}", file=sys.stderr)
        print(
            "This is a fault of Tulle: please report it, with what "
            "`TULLE_TRACEBACK=1` before the same command prints.",
            file=sys.stderr,
        )
    return 1


if __name__ == "__main__":
    sys.exit(main())
