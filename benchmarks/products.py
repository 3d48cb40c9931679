"""Products and attention by themselves: `python benchmarks/products.py`.

Tulle, the BLAS of NumPy and PyTorch, where it is installed, take turns in one process,
so that a change of the machine's speed meets all of them. Nothing is copied in or out.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from tables import table

Run = Callable[[], Any]
ROUNDS = 15
SECONDS = 0.02  # of a turn
REST = 0.05  # seconds before it, in which the threads of others stop to spin


@dataclass(frozen=True)
class Product:
    """`count` products of m×k and k×n matrices; those named in `turned` lie turned."""

    words: str
    m: int
    n: int
    k: int
    turned: str = ""
    count: int = 1

    @property
    def flops(self) -> int:
        return 2 * self.count * self.m * self.n * self.k

    def operand(self, name: str, rows: int, columns: int) -> np.ndarray:
        shape = (columns, rows) if name in self.turned else (rows, columns)
        batch = (self.count,) if self.count > 1 else ()
        return np.random.default_rng(0).random((*batch, *shape), np.float32)

    def runs(self, torch: Any) -> dict[str, Run]:
        """The product by each system."""
        arrays = [self.operand("a", self.m, self.k), self.operand("b", self.k, self.n)]
        views = [
            np.swapaxes(array, -1, -2) if name in self.turned else array
            for name, array in zip("ab", arrays, strict=True)
        ]
        out = np.empty(np.matmul(*views).shape, np.float32)
        found: dict[str, Run] = {
            "tulle": self._tulle(arrays, out),
            "numpy": lambda: np.matmul(*views, out=out),
        }
        if torch is not None:
            given, target = map(torch.from_numpy, views), torch.from_numpy(out.copy())
            x, y = given
            found["torch"] = lambda: torch.matmul(x, y, out=target)
        return found

    def _tulle(self, arrays: list[np.ndarray], out: np.ndarray) -> Run:
        """A program that computes into a variable."""
        import tulle
        from tulle.backend import compile_graph
        from tulle.graph.graph import Graph

        sources = [tulle.Variable(array) for array in arrays]
        x, y = (
            tulle.ops.swapaxes(source.node, -1, -2)
            if name in self.turned
            else source.node
            for name, source in zip("ab", sources, strict=True)
        )
        target = tulle.Variable(out)
        program = compile_graph(Graph((), {}, ((target, tulle.ops.matmul(x, y)),)))

        def run() -> Any:
            program(())
            return target

        return run


@dataclass(frozen=True)
class Attention:
    """Attention, `backwards` with its gradients too."""

    batch: int
    length: int
    heads: int
    size: int
    causal: bool
    backwards: bool

    @property
    def words(self) -> str:
        sizes = f"{self.batch}×{self.length}, {self.heads} heads of {self.size}"
        return sizes + ", causal" * self.causal + ", gradients" * self.backwards

    @property
    def flops(self) -> int:
        """Of all pairs, hidden ones as well."""
        pairs = self.batch * self.heads * self.length**2
        return pairs * 2 * self.size * (7 if self.backwards else 2)

    def runs(self, torch: Any) -> dict[str, Run]:
        """Attention by each system."""
        shape = (self.batch, self.length, self.heads, self.size)
        random = np.random.default_rng(0)
        arrays = [random.standard_normal(shape, np.float32) for _ in range(4)]
        found = {"tulle": self._tulle(arrays)}
        if torch is not None:
            found["torch"] = self._torch(torch, arrays)
        return found

    def _tulle(self, arrays: list[np.ndarray]) -> Run:
        import tulle

        *given, weight = map(tulle.Variable, arrays)
        targets = [tulle.Variable(np.zeros_like(array)) for array in arrays]

        @tulle.function
        def attend() -> None:
            with tulle.GradientTape() as tape:
                found = tulle.ops.dot_product_attention(*given, is_causal=self.causal)
                total = tulle.ops.sum(found * weight)
            targets[-1].assign(found)
            if self.backwards:
                gradients = tape.gradient(total, given)
                for target, gradient in zip(targets, gradients, strict=False):
                    target.assign(gradient)

        def run() -> Any:
            attend()
            return targets[-1]

        return run

    def _torch(self, torch: Any, arrays: list[np.ndarray]) -> Run:
        *given, weight = (
            torch.from_numpy(np.ascontiguousarray(array.swapaxes(1, 2)))
            for array in arrays
        )
        attention = torch.nn.functional.scaled_dot_product_attention
        for one in given:
            one.requires_grad_(self.backwards)

        def attend() -> Any:
            found = attention(*given, is_causal=self.causal)
            if self.backwards:
                torch.autograd.grad(found, given, weight)
            return found

        return attend


PRODUCTS = (
    Product("dense layer", 256, 1024, 784),
    Product("to its input", 256, 1024, 1024, "b"),
    Product("its weights", 1024, 1024, 256, "a"),
    Product("projection", 1024, 128, 128),
    Product("its weights", 128, 128, 1024, "a"),
    Product("feed-forward", 1024, 512, 128),
    Product("to its input", 1024, 128, 512, "b"),
    Product("its weights", 128, 512, 1024, "a"),
    Product("a turn of an LSTM", 64, 512, 128),
    Product("its gradient", 64, 128, 512, "b"),
    Product("its weights", 128, 512, 1792, "a"),
    Product("small layer", 64, 32, 784),
    Product("deep layer", 16, 64, 64),
    Product("logits", 512, 1000, 64),
    Product("one row", 1, 1024, 784),
    Product("heads", 64, 64, 32, "b", count=64),
    Product("square", 512, 512, 512),
    Product("square", 1500, 1500, 1500),
)
ATTENTION = tuple(
    Attention(*sizes, causal, backwards)
    for sizes in ((16, 64, 4, 32), (8, 256, 8, 64), (1, 2048, 4, 64))
    for causal in (False, True)
    for backwards in (False, True)
)


def seconds(runs: dict[str, Run], rounds: int = ROUNDS) -> dict[str, float]:
    """The median time of each, by turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    repeats = {name: repeats_of(run) for name, run in runs.items()}
    for _ in range(rounds):
        for name, run in runs.items():
            time.sleep(REST)
            run()
            start = time.perf_counter()
            for _ in range(repeats[name]):
                run()
            times[name].append((time.perf_counter() - start) / repeats[name])
    return {name: median(found) for name, found in times.items()}


def repeats_of(run: Run) -> int:
    """How often it runs in a turn."""
    run()
    start = time.perf_counter()
    run()
    return max(1, int(SECONDS / (time.perf_counter() - start)))


def rates(cases: tuple[Product | Attention, ...], torch: Any) -> str:
    """GFLOP/s of all systems as a table, and Tulle's beside the best other one's."""
    lines, names = [], list[str]()
    for case in cases:
        found = seconds(case.runs(torch))
        names = list(found)
        cells = [f"{case.flops / time * 1e-9:.1f}" for time in found.values()]
        others = [time for name, time in found.items() if name != "tulle"]
        ratio = f"{min(others) / found['tulle']:.2f}" if others else "–"
        lines.append([label(case), *cells, ratio])
    return table(["GFLOP/s", *names, "tulle / best other"], lines)


def label(case: Product | Attention) -> str:
    if isinstance(case, Attention):
        return case.words
    sizes = f"{case.m}×{case.n}×{case.k}"
    return f"{case.words}, {sizes if case.count == 1 else f'{case.count} of {sizes}'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", choices=("products", "attention"))
    options = parser.parse_args()
    for system in ("OMP", "OPENBLAS", "MKL", "TULLE"):  # before any is loaded
        os.environ[f"{system}_NUM_THREADS"] = str(options.threads)
    from threadpoolctl import threadpool_limits

    try:
        import torch

        torch.set_num_threads(options.threads)
    except ImportError:
        torch = None
    with threadpool_limits(options.threads):
        print(f"threads: {options.threads}\n")
        if options.only != "attention":
            print(rates(PRODUCTS, torch), end="\n\n")
        if options.only != "products":
            print(rates(ATTENTION, torch))


if __name__ == "__main__":
    main()
