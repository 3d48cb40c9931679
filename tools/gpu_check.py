"""What a CUDA card has to show, in one run: `make gpu-check`.

It runs the tests for a card, some of them again under NVIDIA's compute-sanitizer,
trains the workloads of `benchmarks/` with and without CUDA graphs and beside PyTorch
and JAX where these see the card too, and prints tables to paste into docs/gpu.md.
Without a card it says so, and why none is seen, and does nothing.

Each part, each group of tests and each workload is a process of its own with a limit in
time: after an error of CUDA's every later call of a process fails. What goes wrong is
told where it does and once more at the end, and the exit status is 1 then.
"""

import argparse
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "benchmarks")]
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # room for others

from systems import Session, itself, tulle_model  # noqa: E402
from systems import jax as jax_session  # noqa: E402
from systems import torch as torch_session  # noqa: E402
from workloads import WORKLOADS, Workload  # noqa: E402

import tulle  # noqa: E402
from tulle.graph.device import device, to_numpy  # noqa: E402
from tulle.training.batches import prepare  # noqa: E402

TESTS = "tests/backend/test_on_gpu.py"
SANITIZED = """
    training or indices or draws or products or graphs or convolutions
    or test_attention
""".replace("\n", " ")
SANITIZERS = ("memcheck", "racecheck")
GRAPHS, CUDNN = "TULLE_CUDA_GRAPHS", "TULLE_CUDNN"
PACKAGES = """
    tulle cupy-cuda12x cupy-cuda13x nvmath-python cuda-toolkit nvidia-cublas
    nvidia-cublas-cu12 nvidia-cudnn-frontend nvidia-cudnn-cu13 nvidia-cudnn-cu12
    torch jax numpy
""".split()
EMPTY = 1000  # launches that are measured together
MOST_LINES = 20  # of what a process says on its second output; tests done once more
TEST_SECONDS = 1800.0  # a group of tests may take, also under the sanitizer
FAILING = re.compile(r"(?:FAILED|ERROR) (\S+::\w+(?:\[.*?\])?)(?: - |$)")
Batch = tuple[Any, Any]


def missing() -> str:
    """Why nothing can be checked here, or nothing."""
    try:
        import cupy

        count = cupy.cuda.runtime.getDeviceCount()
    except ModuleNotFoundError:
        return "CuPy is not installed: `pip install 'tulle[gpu13]'`"
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        return f"CuPy finds no CUDA device: {type(error).__name__}: {error}"
    return "" if count else "CuPy finds no CUDA device"


def versions() -> Iterator[str]:
    """The card, its driver and the packages that matter."""
    import cupy

    runtime = cupy.cuda.runtime
    card = runtime.getDeviceProperties(0)["name"].decode()
    capability = cupy.cuda.Device().compute_capability
    yield f"{card}, compute capability {capability}"
    yield f"driver {runtime.driverGetVersion()}, runtime {runtime.runtimeGetVersion()}"
    for name in PACKAGES:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue


# Processes.


def alone(command: Sequence[str], seconds: float) -> tuple[list[str], str]:
    """What another process prints, and what went wrong with it, or nothing."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or b""
        text = printed if isinstance(printed, str) else printed.decode()
        return filled(text), f"not done after {seconds:g} s"
    except OSError as error:
        return [], str(error)
    reason, words = "", filled(done.stderr)
    for line in words[-MOST_LINES:]:
        print(f"    {line}", flush=True)
    if done.returncode < 0:
        reason = f"ended by signal {-done.returncode}"
    elif done.returncode:
        reason = f"exit status {done.returncode}" + (f": {words[-1]}" if words else "")
    return filled(done.stdout), reason


def filled(text: str) -> list[str]:
    """The lines of a text that are not empty."""
    return [line for line in text.splitlines() if line.strip()]


class Report:
    """What was found to be wrong, in the order in which it was."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def add(self, where: str, reason: str) -> None:
        """Say that something is wrong, if there is a reason."""
        if reason:
            self.faults.append(f"{where}: {reason}")
            print(f"FAULT in {self.faults[-1]}", flush=True)

    def part(self, name: str, *options: str, seconds: float = 600) -> list[str]:
        """What a part of this program prints in a process of its own."""
        command = [sys.executable, str(Path(__file__)), "--part", name, *options]
        lines, reason = alone(command, seconds)
        for line in lines:
            print(line, flush=True)
        self.add(" ".join([name, *options[:2]]), reason)
        return lines

    def tests(self, prefix: Sequence[str], chosen: Sequence[str], title: str) -> None:
        """Tests for a card, run under another command or alone."""
        command = [*prefix, sys.executable, "-m", "pytest", "-q", "-m", "gpu", *chosen]
        lines, reason = alone(command, TEST_SECONDS)
        for line in lines:
            if line.startswith(("FAILED", "ERROR")):
                print(f"    {line}", flush=True)
        last = lines[-1] if lines else "nothing was printed"
        print(f"{title}: {last}", flush=True)
        if not reason and " passed" not in last:
            reason = f"no test passed ({last})"
        self.add(title, reason)
        failed = [found[1] for line in lines if (found := FAILING.match(line))]
        for name in failed[:MOST_LINES] if len(failed) > 1 and not prefix else ():
            _, reason = alone([*command[:-1], name], TEST_SECONDS)
            print(f"    by itself: {name}: {reason or 'passes'}", flush=True)


def all_tests(report: Report) -> None:
    """All tests for a card, each function of the file by itself."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", TESTS]
    lines, reason = alone(command, TEST_SECONDS)
    report.add("collecting tests", reason)
    found = (re.match(r"\S+::(\w+)", line) for line in lines)
    for name in dict.fromkeys(match[1] for match in found if match):
        report.tests((), [f"{TESTS}::{name}"], name)


def sanitized(report: Report) -> None:
    """What compute-sanitizer says of the kernels, a tool at a time."""
    found = shutil.which("compute-sanitizer")
    if found is None:
        print("compute-sanitizer is not there: skipped")
        return
    for tool in SANITIZERS:
        prefix = (found, "--tool", tool, "--error-exitcode", "9")
        report.tests(prefix, [TESTS, "-k", SANITIZED], tool)


# Time.


@contextmanager
def settings(**wanted: str) -> Iterator[None]:
    """What programs that are made within find in the environment."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            os.environ.update({} if value is None else {name: value})


class Trained:
    """A workload on the card: its session, why it is no graph, and its weights."""

    def __init__(self, workload: Workload, **wanted: str):
        tulle.utils.set_random_seed(7)
        with device("gpu:0"), settings(**wanted):
            self.model = tulle_model(workload)
            given = with_target(workload.batches(1)[0])
            signature = prepare(self.model, *given, scored=True).signature
            self.program = self.model.steps.program("train", signature)
        self.session = Session(lambda x, y: self.program(with_target((x, y)))["loss"])

    @property
    def refused(self) -> str:
        """Why its steps are no graphs, or nothing."""
        choice = getattr(self.program.code, "choice", None)
        return "kernels are not generated" if choice is None else choice.refused

    def bits(self, batches: Sequence[Batch]) -> bytes:
        """The losses of batches and the weights after them."""
        step = self.session.step
        losses = [to_numpy(step(x, y)).tobytes() for x, y in batches]
        return b"".join([*losses, *(w.tobytes() for w in self.model.get_weights())])


def with_target(batch: Batch) -> Batch:
    """A batch, in which the input may be the target."""
    return batch[0], itself(*batch)


def differing(workload: Workload) -> str:
    """Whether steps with and without graphs give the same bits, in two sizes."""
    few = max(1, workload.batch // 2)
    batches = [*workload.batches(4), *workload.batches(4, few), *workload.batches(2)]
    one, other = (
        Trained(workload, **{GRAPHS: wanted}).bits(batches) for wanted in ("1", "0")
    )
    return "same bits" if one == other else "DIFFERENT BITS"


def turn(step: Callable[..., Any], batches: Sequence[Batch], count: int) -> Any:
    """Seconds a step until all is done, and those until the host is."""
    start = time.perf_counter()
    for number in range(count):
        loss = step(*batches[number % len(batches)])
    enqueued = time.perf_counter()
    waited(loss)
    return (time.perf_counter() - start) / count, (enqueued - start) / count


def waited(loss: Any) -> float:
    """The number, once it is there."""
    return float(to_numpy(loss) if type(loss).__module__.startswith("cupy") else loss)


def peers(workload: Workload) -> Iterator[tuple[str, Session]]:
    """PyTorch and JAX, where they are installed and see the card."""
    for peer in (_torch, _jax):
        try:
            yield from peer(workload)
        except (ImportError, RuntimeError, OSError, MemoryError) as error:
            print(f"{peer.__name__}: {error}", file=sys.stderr)


def _torch(workload: Workload) -> Iterator[tuple[str, Session]]:
    if importlib.util.find_spec("torch"):
        import torch

        if torch.cuda.is_available():
            with torch.device("cuda"):
                yield "torch", torch_session(workload, place="cuda")


def _jax(workload: Workload) -> Iterator[tuple[str, Session]]:
    if importlib.util.find_spec("jax") and importlib.util.find_spec("optax"):
        import jax

        if jax.default_backend() == "gpu":
            yield "jax", jax_session(workload)


def times(workload: Workload, rounds: int, count: int) -> dict[str, Any]:
    """Median seconds of a step for each way, by turns, and those of the host alone."""
    graph, pieces = (Trained(workload, **{GRAPHS: wanted}) for wanted in ("1", "0"))
    without = Trained(workload, **{GRAPHS: "1", CUDNN: "0"})
    ours = {"graph": graph, "without cuDNN": without, "pieces": pieces}
    ways = {name: one.session for name, one in ours.items()} | dict(peers(workload))
    batches = workload.batches(8)
    found: dict[str, list[Any]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, session in ways.items():
            measured = turn(session.step, batches, count)
            found[name] += [measured] if number else []  # the first warms up
    rows = {
        name: tuple(map(median, zip(*all, strict=True))) for name, all in found.items()
    }
    return {"refused": graph.refused, **rows}


HEADS = ("graph", "without cuDNN", "pieces", "torch", "jax")
TABLE = [f"| workload | {' | '.join(HEADS)} | graphs and pieces |", "|---" * 7 + "|"]


def row(name: str, rounds: int = 5, count: int = 50) -> str:
    """A row of docs/gpu.md: milliseconds a step, those of the host in brackets."""
    workload = WORKLOADS[name]
    found = times(workload, rounds, count)
    cells = [
        f"{1e3 * found[head][0]:.3f} ({1e3 * found[head][1]:.3f})"
        if head in found and not (head == "graph" and found["refused"])
        else "–"
        for head in HEADS
    ]
    told = found["refused"] or differing(workload)
    return f"| `{name}` | {' | '.join(cells)} | {told} |"


def table(report: Report, options: argparse.Namespace) -> None:
    """The rows of docs/gpu.md, each from a process of its own."""
    print("\n".join(TABLE), flush=True)
    given = ["--rounds", str(options.rounds), "--count", str(options.count)]
    for name in options.workload or WORKLOADS:
        lines = report.part("steps", "--workload", name, *given)
        if any("DIFFERENT BITS" in line for line in lines):
            report.add(f"steps of {name}", "different bits with and without graphs")


def overhead() -> Iterator[str]:
    """What a launch of nothing takes the host, by itself and in a graph."""
    import cupy

    from tulle.backend.gpu.code import OPTIONS
    from tulle.backend.gpu.graphs import Choice, Replayed
    from tulle.backend.loops.cuda import entry_head, module_source

    text = f"{module_source([])}\n{entry_head('nothing')} {{}}\n"
    module = cupy.RawModule(code=text, options=OPTIONS)
    module.compile()
    function, words = module.get_function("nothing"), cupy.zeros(1, np.int64)
    given = (words, np.int64(1), np.int32(1), np.uint64(0))

    def work() -> None:
        for _ in range(EMPTY):
            function((1,), (256,), given)

    for name, choice in (("pieces", Choice("as asked")), ("a graph", Choice())):
        replayed = Replayed(cupy, choice, work, (RuntimeError,))
        for _ in range(3):
            replayed()
        cupy.cuda.get_current_stream().synchronize()
        start = time.perf_counter()
        replayed()
        enqueued = time.perf_counter()
        cupy.cuda.get_current_stream().synchronize()
        host, whole = enqueued - start, time.perf_counter() - start
        each = (
            f"{1e6 * host / EMPTY:.2f} µs of the host, {1e6 * whole / EMPTY:.2f} in all"
        )
        yield f"{EMPTY} empty launches as {name}: {each}, each"


def part(options: argparse.Namespace) -> None:
    """One part in this process."""
    lines: Iterator[str]
    if options.part == "steps":
        names = options.workload
        lines = (row(name, options.rounds, options.count) for name in names)
    else:
        lines = {"versions": versions, "launches": overhead}[options.part]()
    for line in lines:
        print(line, flush=True)


def everything(options: argparse.Namespace) -> int:
    """All parts, and the exit status."""
    report = Report()
    parts: dict[str, Callable[[], Any]] = {
        "Versions": lambda: report.part("versions"),
        "Launches": lambda: report.part("launches"),
    }
    if not options.no_tests:
        parts |= {
            "Tests": lambda: all_tests(report),
            "Sanitizer": lambda: sanitized(report),
        }
    parts["Steps"] = lambda: table(report, options)
    for title, work in parts.items():
        print(f"\n## {title}\n", flush=True)
        work()
    print(f"\n## Faults\n\n{chr(10).join(report.faults) or 'none'}", flush=True)
    return int(bool(report.faults))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", action="append", choices=WORKLOADS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=50, help="steps of a turn")
    parser.add_argument("--no-tests", action="store_true")
    parser.add_argument("--part", choices=("versions", "launches", "steps"))
    options = parser.parse_args()
    if options.part:
        part(options)
        return 0
    reason = missing()
    if reason:
        print(f"skipped: {reason}")
        return 0
    return everything(options)


if __name__ == "__main__":
    sys.exit(main())
