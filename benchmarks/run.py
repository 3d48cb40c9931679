"""Tulle beside its peers: `make bench`, or `python benchmarks/run.py --help`.

Every system has to learn, and Tulle has to give JAX's losses from equal weights;
otherwise this ends with status 1, after the tables.
"""

import argparse
import compileall
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import measures
import tables
from systems import SYSTEMS
from turns import Options, compare
from workloads import EIGHT, HALVES, OTHERS, WORKLOADS

LISTS = {"eight": EIGHT, "others": OTHERS, "halves": HALVES}
OF_OPS = ("ops", "compiled ops")  # which `ops.py` measures
PLAIN = ("tulle", "jax", "torch")  # what the others are compared with
HALF = (
    *("tulle", "tulle mixed_bfloat16", "tulle bfloat16"),
    *("tulle mixed_float16", "tulle float16"),
    *("jax bfloat16", "torch autocast", "torch bfloat16"),
)
# Weights of bfloat16 have no bits for the steps of Adam.
FORGETFUL = ("tulle bfloat16", "torch bfloat16")
DISTRIBUTIONS = "tulle numpy scipy llvmlite jax optax torch keras tensorflow-cpu"


def installed(systems: list[str]) -> list[str]:
    """The systems whose packages are there; says which are not."""
    found = []
    for name in systems:
        missing = [
            package
            for package in SYSTEMS[name].packages
            if importlib.util.find_spec(package) is None
        ]
        if missing:
            print(f"{name} is left out: {' and '.join(missing)} not installed")
        else:
            found.append(name)
    return found


def machine() -> str:
    """The processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def about(options: Options) -> dict[str, Any]:
    versions = {}
    for name in DISTRIBUTIONS.split():
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "threads": options.threads,
        "rounds": options.rounds,
        "python": platform.python_version(),
        "versions": versions,
    }


def workloads(
    part: str, chosen: argparse.Namespace, options: Options, keep: Callable[..., None]
) -> Any:
    """Rows of figures for the workloads of a list, shown and kept as they come."""
    usual = [name for name, system in SYSTEMS.items() if system.usual or chosen.slow]
    measured = {"eight": usual, "others": PLAIN, "halves": HALF}[part]
    systems = installed(chosen.system or list(measured))
    rows = {}
    for workload in LISTS[part]:
        if chosen.workload and workload.name not in chosen.workload:
            continue
        rows[workload.name] = row = compare(workload.name, systems, options)
        shown = [f"{n} {r.get('us', 0):.0f}" for n, r in row.items()]
        print(f"{workload.name}, {workload.words}: {', '.join(shown)} µs", flush=True)
        keep(part, rows)
    return rows


def checked(names: list[str]) -> Any:
    """The comparison with JAX, in a process of its own."""
    script = Path(__file__).with_name("check.py")
    found = subprocess.run(
        [sys.executable, str(script), "--json", *names],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(found.stdout)


def faults(results: dict[str, Any]) -> list[str]:
    """What makes a run worthless: systems that do not learn, losses that differ."""
    found = []
    for part in LISTS:
        for workload, row in results.get(part, {"rows": {}})["rows"].items():
            for name, one in row.items():
                if "error" in one:
                    found.append(f"{name} failed at {workload}: {one['error']}")
                elif name not in FORGETFUL and not one["after"] < one["before"]:
                    found.append(f"{name} did not learn {workload}")
    for workload, row in results.get("check", {"rows": {}})["rows"].items():
        if not row["agree"]:
            found.append(f"Tulle's losses at {workload} are not JAX's")
    return found


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    add = parser.add_argument
    parts = [part for part in tables.PARTS if part not in OF_OPS]
    add("--part", choices=parts, action="append", help="measure this only")
    add("--workload", choices=WORKLOADS, action="append")
    add("--system", choices=SYSTEMS, action="append")
    add("--slow", action="store_true", help="torch.compile and the like as well")
    add("--threads", type=int, default=cores, help="of each system")
    add("--rounds", type=int, default=Options.rounds, help="of turns")
    add("--seconds", type=float, default=Options.seconds, help="of a turn")
    add("--patience", type=float, default=Options.patience, help="seconds a first step")
    add("--json", type=Path, help="keep the results, beside other parts found there")
    return parser.parse_args()


def translate_tulle() -> None:
    """Make byte code of Tulle.

    pip makes it of each package that it installs, the peers among them, but not of a
    folder that is installed as editable.
    """
    spec = importlib.util.find_spec("tulle.backend")
    if spec is None or not spec.submodule_search_locations:
        return
    root = Path(spec.submodule_search_locations[0]).parent
    for folder in ("api", "backend", "dsl", "graph", "training"):
        compileall.compile_dir(root / folder, quiet=1)


def main() -> None:
    chosen = parsed()
    translate_tulle()
    options = Options(chosen.threads, chosen.rounds, chosen.seconds, chosen.patience)
    options.keep_to_cores()
    kept, results = {}, {}
    if chosen.json and chosen.json.exists():
        kept = json.loads(chosen.json.read_text(encoding="utf-8"))

    def keep(part: str, rows: Any) -> None:
        results[part] = {"about": about(options), "rows": rows}
        if chosen.json:
            chosen.json.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(kept | results, indent=1)
            chosen.json.write_text(text, encoding="utf-8")

    measure = {
        "check": lambda: checked(chosen.workload or []),
        "eight": lambda: workloads("eight", chosen, options, keep),
        "others": lambda: workloads("others", chosen, options, keep),
        "halves": lambda: workloads("halves", chosen, options, keep),
        "imports": lambda: measures.imports(options),
        "sizes": measures.sizes,
        "scaling": lambda: measures.scaling(options),
    }
    for part in chosen.part or measure:
        print(f"measuring: {tables.PARTS[part][0].lower()}", flush=True)
        keep(part, measure[part]())
    print(f"\n{tables.render(results)}")
    if found := faults(results):
        sys.exit("\n".join(["", *found]))


if __name__ == "__main__":
    main()
