"""Native Fourier sums beside NumPy's in float64, for lengths of all kinds."""

import numpy as np
import pytest
from native_calls import Call, native, node_of

from tulle.backend.cpu import special_fourier
from tulle.backend.cpu.special_fourier import LARGEST, radices_of, tables
from tulle.backend.strided_arrays import FIRST

DTYPES = {"float32": 4e-7, "float64": 4e-15}
# Powers of two, odd factors, primes with a pass and without one.
LENGTHS = [1, 2, 3, 4, 5, 8, 12, 16, 26, 30, 33, 64, 98, 100, 225, 17, 34, 97, 101, 202]


def numbers(shape, dtype, seed=0):
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape).astype(dtype) for _ in range(2)]


def agrees(shape, dtype, axes, inverse=False):
    real, imaginary = numbers(shape, dtype)
    found = native("fourier_sum", (real, imaginary), axes=axes, inverse=inverse)
    values = real.astype(np.float64) + 1j * imaginary
    if inverse:
        wanted = np.fft.ifftn(values, axes=axes, norm="forward")
    else:
        wanted = np.fft.fftn(values, axes=axes)
    close = DTYPES[dtype] * np.abs(wanted).max()
    for one, two in zip(found, (wanted.real, wanted.imag), strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(one, two, 0, close)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", LENGTHS)
def test_lengths(length, dtype, inverse):
    # Lines one after the other: fewer than lanes, whole vectors of them, and a rest.
    for lines in (1, 16, 37):
        agrees((lines, length), dtype, (1,), inverse)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(7,), (3, 20, 16), (2, 9, 5), (1, 6, 33), (4, 5, 1), (2, 3, 4, 32)]
)
def test_axes(shape, dtype):
    for axis in range(len(shape)):
        agrees(shape, dtype, (axis,))
    if len(shape) > 1:
        last = len(shape) - 2, len(shape) - 1
        agrees(shape, dtype, last)
        agrees(shape, dtype, last, inverse=True)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
def test_nothing_is_no_work(shape):
    operands = numbers(shape, "float32")
    node = node_of("fourier_sum", operands, axes=(0, 1), inverse=False)
    assert [work.total for work in Call(node, operands).works] == [0, 0]


def test_what_is_no_number_stays_in_its_line():
    real, imaginary = numbers((20, 12), "float32")
    real[3, 5], imaginary[17, 0] = np.nan, np.inf
    found = native("fourier_sum", (real, imaginary), axes=(1,), inverse=False)
    odd = ~(np.isfinite(found[0]) & np.isfinite(found[1]))
    np.testing.assert_array_equal(odd.all(1), np.isin(np.arange(20), [3, 17]))
    np.testing.assert_array_equal(odd.any(1), odd.all(1))


def test_a_line_has_the_same_bits_beside_any_others():
    real, imaginary = numbers((40, 60), "float32")
    whole = native("fourier_sum", (real, imaginary), axes=(1,), inverse=False)
    some = native(
        "fourier_sum", (real[5:8].copy(), imaginary[5:8].copy()), axes=(1,),
        inverse=False,
    )  # fmt: skip
    turned = native(
        "fourier_sum", (real.T.copy(), imaginary.T.copy()), axes=(0,), inverse=False
    )
    for place in (0, 1):
        np.testing.assert_array_equal(whole[place][5:8], some[place])
        np.testing.assert_array_equal(whole[place].T, turned[place])


# With numbers of a line in a vector: powers of two and others, with Bluestein's too.
ALONE = [
    16,
    32,
    64,
    96,
    128,
    160,
    480,
    1024,
    2048,
    5 * 2048,
    8192,
    11 * 1024,
    262,
    5003,
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", ALONE)
def test_a_line_alone_has_the_bits_that_it_has_among_others(length, dtype, monkeypatch):
    real, imaginary = numbers((20, length), dtype)
    agrees((1, length), dtype, (1,))
    agrees((length, 3), dtype, (0,), inverse=True)
    monkeypatch.setattr(special_fourier, "FAR", 1 << 60)
    many = native("fourier_sum", (real, imaginary), axes=(1,), inverse=False)
    monkeypatch.setattr(special_fourier, "FAR", 0)
    alone = native("fourier_sum", (real, imaginary), axes=(1,), inverse=False)
    for one, two in zip(many, alone, strict=True):
        np.testing.assert_array_equal(one, two)


def test_few_lines_are_units_of_their_own():
    """A vector of lines would leave most of its lanes and all other threads idle."""
    operands = numbers((2, 4096), "float32")
    node = node_of("fourier_sum", operands, axes=(1,), inverse=False)
    assert [work.total for work in Call(node, operands).works] == [2]


def test_factors():
    assert radices_of(1) == []
    assert radices_of(8) == [4, 2]
    assert radices_of(360) == [4, 2, 3, 3, 5]
    assert radices_of(34) == [2, 17]


@pytest.mark.parametrize("short", ["f32", "f64"])
@pytest.mark.parametrize("size", [1, 6, 17, 64, 97, 1009])
def test_tables_hold_no_word_that_may_be_an_address(size, short):
    made = tables(size, short)
    for words in (made.powers, made.chirp, made.response):
        assert (words < FIRST).all()
    large = max(radices_of(size), default=1) > LARGEST
    assert bool(made.chirp.size) == large
    assert made.length == size or made.length >= 2 * size - 1


@pytest.mark.parametrize("name", ["fft", "fft2", "rfft"])
def test_a_program_with_symbolic_sizes_has_no_step_of_numpy(name):
    from tulle.backend import compile_graph
    from tulle.graph.dim import Dim, Symbol
    from tulle.graph.graph import Graph
    from tulle.graph.registry import call
    from tulle.graph.tensor import input_node
    from tulle.graph.types import TensorType, dtype_of

    rows, length = (Dim.from_symbol(Symbol(one)) for one in ("rows", "length"))
    type = TensorType(dtype_of("f32"), (rows, length, Dim.of(6)))
    inputs = [input_node(one, type) for one in ("real", "imaginary")]
    given = inputs[:1] if name == "rfft" else [inputs]
    found = call(name, *given)
    graph = Graph(tuple(inputs), {"real": found[0], "imaginary": found[1]})
    program = compile_graph(graph)
    steps = program.schedule.steps
    assert all(s.copy or program.code.form(s.node) is not None for s in steps)
    for shape in ((2, 5, 6), (3, 19, 6)):
        arrays = numbers(shape, "float32")
        values = arrays[0] + 1j * arrays[1]
        wanted = getattr(np.fft, name)(arrays[0] if name == "rfft" else values)
        got = program(arrays)
        np.testing.assert_allclose(got["real"], wanted.real, 1e-5, 1e-5)
        np.testing.assert_allclose(got["imaginary"], wanted.imag, 1e-5, 1e-5)
