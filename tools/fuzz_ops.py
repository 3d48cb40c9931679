"""Random programs in Tulle and in JAX or PyTorch: `make fuzz-ops`.

Each program runs eagerly, compiled and in the peer, in float64 and float32 by turns;
results and gradients for all inputs are compared. How far float32 may be off is read
from the peer itself, which runs in both. A program that fails is shrunk and printed.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import random_programs as programs
from random_programs import Answer, Program

# What Tulle says of [n, 1] beside [n] under a tape; the peers make [n, n] of it.
COLUMN = "each of"

Run = Callable[[Program], Answer]


def with_torch() -> Run:
    import torch
    import torch.nn.functional

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Using padding='same' with even")
    names = {"torch": torch, "F": torch.nn.functional, "accumulate": accumulate}

    def run(program: Program) -> Answer:
        inputs, weights = program.arrays()
        tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
        function = program.compiled("torch", names)
        results, total = function(*tensors, weights=[torch.tensor(w) for w in weights])
        found = torch.autograd.grad(total, tensors, allow_unused=True)
        zeros = [torch.zeros_like(x) for x in tensors]
        found = [z if g is None else g for g, z in zip(found, zeros, strict=True)]
        return [r.detach().numpy() for r in results], [g.numpy() for g in found]

    return run


def with_jax() -> Run:
    import jax
    import jax.numpy as jnp
    import jax.scipy.special

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    names = {"jax": jax, "jnp": jnp, "lax": jax.lax}

    def run(program: Program) -> Answer:
        inputs, weights = program.arrays()
        function = program.compiled("jax", names)

        def total(*arrays: Any) -> Any:
            results, value = function(*arrays, weights=weights)
            return value, results

        wanted = tuple(range(len(inputs)))
        both = jax.jit(jax.value_and_grad(total, argnums=wanted, has_aux=True))
        (_, results), found = both(*inputs)
        return [np.asarray(r) for r in results], [np.asarray(g) for g in found]

    return run


PEERS = {"torch": with_torch, "jax": with_jax}


def problem_of(program: Program, peer: Run) -> str:
    """What disagrees, in words; nothing if all agree."""
    try:
        exact = peer(program.cast("float64"))
        rough = peer(program.cast("float32"))
    except Exception as mistake:  # noqa: BLE001
        return f"peer: {type(mistake).__name__}: {mistake}"
    off = [
        [np.max(np.abs(x - y), initial=0) for x, y in zip(a, b, strict=True)]
        for a, b in zip(exact, rough, strict=True)
    ]
    single = program.dtype == "float32"
    slack, share = (1e-4, 20.0) if single else (1e-9, 1e-6)
    noise = [[share * x for x in part] for part in off]
    for name, run in (
        ("eager", programs.run_eagerly),
        ("compiled", programs.run_compiled),
    ):
        try:
            found = run(program)
        except Exception as mistake:  # noqa: BLE001
            return f"{name}: {type(mistake).__name__}: {mistake}"
        told = programs.difference(found, exact, slack, noise)
        if told:
            return f"{name}: {told}"
    return ""


def same_kind(peer: Run, kind: str) -> Callable[[Program], str]:
    """The problem of a smaller program, if it is of the kind that the whole has."""

    def problem(program: Program) -> str:
        told = problem_of(program, peer)
        return told if told.split(":")[0] == kind else ""

    return problem


def report(seed: int, program: Program, told: str, name: str, peer: Run) -> None:
    print(f"\nseed {seed}: {told}")
    small = programs.shrunk(program, same_kind(peer, told.split(":")[0]))
    print(f"shrunk to {len(small.steps)} ops: {problem_of(small, peer)}")
    with np.printoptions(threshold=100):
        print("\nfrom numpy import array, float32  # noqa")
        for key, value in small.inputs.items():
            print(f"{key} = array({value.tolist()}, dtype='{small.dtype}')")
    print(f"# Tulle\n{small.source()}\n# {name}\n{small.source(name)}", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--ops", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peer", choices=sorted(PEERS), default="torch")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    peer, failed, columns = PEERS[given.peer](), 0, 0
    used = Counter[str]()
    start = time.perf_counter()
    for seed in range(given.seed, given.seed + given.programs):
        dtype = "float32" if seed % 2 else "float64"
        try:
            program = programs.random_program(seed, given.ops, given.peer, dtype)
        except Exception:  # noqa: BLE001
            failed += 1
            print(
                f"\nseed {seed}: refused\n{traceback.format_exc(limit=1)}", flush=True
            )
            continue
        used.update(step.rule.tulle for step in program.steps)
        told = problem_of(program, peer)
        if COLUMN in told:
            columns += 1
        elif told:
            failed += 1
            report(seed, program, told, given.peer, peer)
    seconds = time.perf_counter() - start
    agreed = given.programs - failed - columns
    print(
        f"{agreed} of {given.programs} programs of {given.ops} ops agree with"
        f" {given.peer}, gradients included; {len(used)} ways to call ops,"
        f" seeds from {given.seed}, {seconds:.0f} s; {columns} pair a column with a"
        " vector, which Tulle refuses where it differentiates"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
