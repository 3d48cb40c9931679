"""Functions of float64, Fourier sums and factors: `python benchmarks/numerics.py`.

Tulle, NumPy (SciPy for factors and what NumPy has not) and JAX, where it is installed,
take turns in one process. Nothing is copied in or out.
"""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from products import Run, seconds
from tables import table

Compute = Callable[..., Any]
ELEMENTS = 100_000


@dataclass(frozen=True)
class Case:
    """One computation by each system, which has a name for it or a function."""

    words: str
    arrays: tuple[np.ndarray, ...]
    tulle: Compute  # of `tulle.ops` and nodes
    numpy: Compute  # of arrays
    jax: Compute  # of the module `jax` and arrays

    def runs(self, jax: Any) -> dict[str, Run]:
        """The computation by each system, which gives its results."""
        found: dict[str, Run] = {
            "tulle": self._tulle(),
            "numpy": lambda: self.numpy(*self.arrays),
        }
        if jax is not None:
            given = [jax.numpy.asarray(array) for array in self.arrays]
            function = jax.jit(lambda *x: self.jax(jax, *x))
            found["jax"] = lambda: jax.block_until_ready(function(*given))
        return found

    def _tulle(self) -> Run:
        """A program that computes into variables."""
        import tulle
        from tulle.backend import compile_graph
        from tulle.graph.graph import Graph

        sources = [tulle.Variable(array) for array in self.arrays]
        nodes = self.tulle(tulle.ops, *(source.node for source in sources))
        nodes = nodes if isinstance(nodes, list) else [nodes]
        targets = [
            tulle.Variable(
                np.zeros([n.value for n in node.type.shape], node.dtype.numpy)
            )
            for node in nodes
        ]
        updates = tuple(zip(targets, nodes, strict=True))
        program = compile_graph(Graph((), {}, updates))

        def run() -> Any:
            program(())
            return targets

        return run


def functions() -> list[Case]:
    """Functions of float64 on elements."""
    from scipy import special

    random = np.random.default_rng(0)
    x = random.normal(size=ELEMENTS) * 3
    share = random.uniform(-0.99, 0.99, ELEMENTS)
    inputs = {
        "power": (np.abs(x), random.normal(size=ELEMENTS) * 3),
        "arctan2": (x, random.normal(size=ELEMENTS)),
        "hypot": (x, random.normal(size=ELEMENTS)),
        "mod": (x * 10, np.abs(x) + 0.1),
        **{name: (np.abs(x) + 1e-3,) for name in ("log", "log2", "log10", "log1p")},
        **{name: (share,) for name in ("arcsin", "arccos", "arctanh", "erfinv")},
        "arccosh": (np.abs(x) + 1,),
    }
    names = (
        "exp exp2 expm1 log log2 log10 log1p power sin cos tan arcsin arccos arctan "
        "arctan2 sinh cosh tanh arcsinh arccosh arctanh erf erfinv cbrt hypot mod"
    )
    return [
        Case(
            name,
            inputs.get(name, (x,)),
            lambda ops, *given, name=name: getattr(ops, name)(*given),
            getattr(np, name, None) or getattr(special, name),
            lambda jax, *given, name=name: (
                getattr(jax.numpy, name, None)(*given)
                if hasattr(jax.numpy, name)
                else getattr(jax.scipy.special, name)(*given)
            ),
        )
        for name in names.split()
    ]


def fourier() -> list[Case]:
    """Transforms of complex numbers in float32, given as two arrays."""
    random = np.random.default_rng(0)
    shapes = [(1, 1024), (1, 4096), (1, 65536), (1, 1 << 20), (2, 4096), (4, 1024),
              (4, 4096), (64, 256), (256, 1024), (1, 60000), (1, 10007)]  # fmt: skip
    found = []
    for shape in shapes:
        parts = [random.standard_normal(shape, np.float32) for _ in range(2)]
        whole = parts[0] + 1j * parts[1]
        found.append(
            Case(
                "fft " + "×".join(map(str, shape)),
                tuple(parts),
                lambda ops, *pair: list(ops.fft(pair)),
                lambda *_, whole=whole: np.fft.fft(whole),
                lambda jax, re, im: jax.numpy.fft.fft(jax.lax.complex(re, im)),
            )
        )
    return found


def factors() -> list[Case]:
    """Factors of one matrix in float32, and systems of a triangle."""
    from scipy import linalg

    random = np.random.default_rng(0)
    found = []
    for size in (32, 128, 512, 1024):
        square = random.standard_normal((size, size), np.float32)
        definite = square @ square.T + size * np.eye(size, dtype=np.float32)
        lower = np.linalg.cholesky(definite)
        found += [
            Case(
                f"cholesky {size}",
                (definite,),
                lambda ops, x: ops.cholesky(x),
                lambda x: linalg.cholesky(x, lower=True, check_finite=False),
                lambda jax, x: jax.numpy.linalg.cholesky(x),
            ),
            Case(
                f"inv {size}",
                (definite,),
                lambda ops, x: ops.inv(x),
                lambda x: linalg.inv(x, check_finite=False),
                lambda jax, x: jax.numpy.linalg.inv(x),
            ),
        ]
        for columns in (1, 4, size):
            b = random.standard_normal((size, columns), np.float32)
            found += [triangle(lower, b), triangle(lower, b, turned=True)]
    for shape in ((8, 8), (100, 8, 8), (32, 32), (100, 32, 32)):
        found.append(
            Case(
                "qr " + "×".join(map(str, shape)),
                (random.standard_normal(shape, np.float32),),
                lambda ops, x: list(ops.qr(x)),
                np.linalg.qr,
                lambda jax, x: jax.numpy.linalg.qr(x),
            )
        )
    return found


def triangle(a: np.ndarray, b: np.ndarray, turned: bool = False) -> Case:
    """A system of a lower triangle, or of that turned, which is an upper one."""
    from scipy import linalg

    def by_jax(jax: Any, a: Any, b: Any) -> Any:
        solve = jax.scipy.linalg.solve_triangular
        return solve(a, b, lower=True, trans=int(turned))

    return Case(
        f"triangle {len(a)}, columns {b.shape[1]}" + ", transposed" * turned,
        (a, b),
        lambda ops, a, b: ops.solve_triangular(
            ops.transpose(a) if turned else a, b, lower=not turned
        ),
        lambda a, b: linalg.solve_triangular(
            a, b, lower=True, trans=int(turned), check_finite=False
        ),
        by_jax,
    )


GROUPS = {"functions": functions, "fourier": fourier, "factors": factors}


def ratios(cases: list[Case], jax: Any, rounds: int) -> str:
    """Times of the others over that of Tulle: above 1 Tulle is faster."""
    lines, others = [], list[str]()
    for case in cases:
        times = seconds(case.runs(jax), rounds)
        own, others = times["tulle"], list(times)[1:]
        lines.append([case.words, *(f"{times[name] / own:.2f}" for name in others)])
    return table(["time over Tulle's", *others], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", choices=GROUPS)
    parser.add_argument("--case", default="", help="words that a case has")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    for system in ("OMP", "OPENBLAS", "MKL", "TULLE"):  # before any is loaded
        os.environ[f"{system}_NUM_THREADS"] = str(options.threads)
    from threadpoolctl import threadpool_limits

    try:
        import jax

        jax.config.update("jax_enable_x64", True)
    except ImportError:
        jax = None
    with threadpool_limits(options.threads):
        print(f"threads: {options.threads}")
        for name, make in GROUPS.items():
            if options.only in (None, name):
                cases = [case for case in make() if options.case in case.words]
                if cases:
                    print("\n" + ratios(cases, jax, options.rounds))


if __name__ == "__main__":
    main()
