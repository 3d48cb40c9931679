"""Programs give the same bits on any number of threads; `make fuzz-threads` asks on."""

import numpy as np
import pytest
from convolution_geometries import CASES, PARTS, node_and_arrays
from thread_cases import KINDS, case
from thread_counts import differing, disagreement

from tulle.backend import compile_graph
from tulle.backend.cpu import engine, special_products
from tulle.backend.cpu.pool import pool
from tulle.graph.graph import Graph

if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

SOME = ("5 threads", "cut for 7 threads")
# Rows of the tables are far apart, so that each family has some.
NUMBERS = {
    "models": range(8),
    "layers": range(0, 468, 19),
    "ops": range(0, 600, 19),
    "programs": range(2),
}


@pytest.mark.parametrize(
    ("kind", "seed"), [(kind, seed) for kind in KINDS for seed in NUMBERS[kind]]
)
def test_any_number_of_threads_gives_the_same_bits(kind, seed):
    run, said = case(kind, seed)
    told = disagreement(run, SOME)
    assert not told, f"{told}\n{said}"


@pytest.mark.parametrize("images", [1, 5])
@pytest.mark.parametrize("name", CASES)
def test_convolution_on_any_number_of_threads(name, images):
    """Its three parts, whose memory is the most intricate."""
    told = disagreement(convolved(name, images), (*SOME, "cut for 20 threads"))
    assert not told


def convolved(name, images):
    """What runs the three parts of a convolution."""
    parts = [node_and_arrays(part, name, "float32", images)[:3] for part in PARTS]

    def run():
        return [
            compile_graph(Graph(tuple(inputs), {"out": node}))(arrays)["out"]
            for node, inputs, arrays in parts
        ]

    return run


def test_what_is_written_outside_is_told(monkeypatch):
    slot = special_products.Product.slot
    monkeypatch.setattr(
        special_products.Product, "slot", lambda *given: slot(*given) - 128
    )
    told = disagreement(convolved("padded", 5), ["cut for 7 threads"])
    assert told.startswith("cut for 7 threads: written behind array")


def test_what_depends_on_the_number_of_threads_is_told():
    told = disagreement(lambda: [np.arange(4) // pool().threads], ["3 threads"])
    assert told.endswith("int64 (4,): 3 elements, first 1: 0 not 1")


def test_numbers_that_are_none_are_alike_and_zeros_are_not():
    numbers = np.array([np.nan, 0.0, 1.0], "float32")
    assert differing(-numbers, np.array([np.nan, -0.0, -1.0], "float32")) == ""
    assert "first 1" in differing(numbers, np.array([np.nan, -0.0, 1.0], "float32"))
