"""Native factors and solutions: NumPy's to rounding, NaN for what is refused alone."""

import numpy as np
import pytest
from native_calls import Call, close, native, node_of, reference

from tulle import function
from tulle.backend import factors
from tulle.backend.cpu.special import SPECIAL
from tulle.graph.registry import OPS

assert factors  # the ops are entered when it is imported

DTYPES = ["float32", "float64"]
SIZES = [1, 2, 3, 4, 5, 8, 15, 16, 17, 33, 64, 65, 100, 150]
SHAPES = [*((size, size) for size in SIZES), (3, 7, 7), (2, 3, 20, 20)]
TALL = [(5, 3), (40, 17), (100, 70), (2, 3, 9, 4), (2, 141, 19)]
WIDE = [(*batch, columns, rows) for *batch, rows, columns in TALL]
LARGE = [(384, 384), (2, 397, 397), (520, 390), (390, 530)]
COLUMNS = [1, 3, 16, 64, 65, 150]


def eps(dtype, size=1):
    return 16 * size * float(np.finfo(dtype).eps)


def numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def positive(shape, dtype):
    x = numbers(shape, "float64")
    return (x @ x.swapaxes(-1, -2) + shape[-1] * np.eye(shape[-1])).astype(dtype)


def far_from_singular(shape, dtype):
    return numbers(shape, dtype) + np.dtype(dtype).type(4 * shape[-1]) * np.eye(
        shape[-1], dtype=dtype
    )


def parts(lu, pivots):
    """Both factors in float64, and the order of the rows."""
    rows, columns = lu.shape[-2:]
    count = min(rows, columns)
    wide = lu.astype("float64")
    lower = np.tril(wide, -1)[..., :count] + np.eye(rows, count)
    order = np.broadcast_to(np.arange(rows), lu.shape[:-1]).copy()
    for place in np.ndindex(lu.shape[:-2]):
        for row, other in enumerate(pivots[place]):
            order[place][[row, other]] = order[place][[other, row]]
    return lower, np.triu(wide)[..., :count, :], order


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [*SHAPES, *TALL, *((s[:-2] + s[:-3:-1]) for s in TALL)]
)
def test_lu(shape, dtype):
    x = numbers(shape, dtype)
    lu, pivots = native("lu_factor", (x,))
    lower, upper, order = parts(lu, pivots)
    assert pivots.dtype == np.int32
    assert np.abs(lower).max() <= 1 + eps(dtype)
    moved = np.take_along_axis(x, order[..., None], axis=-2)
    np.testing.assert_allclose(lower @ upper, moved, rtol=0, atol=eps(dtype, shape[-1]))
    if dtype == "float64":
        np.testing.assert_array_equal(pivots, reference("lu_factor", (x,))[1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", LARGE)
def test_large_matrices_are_shared_by_threads(shape, dtype):
    x = numbers(shape, dtype)
    assert len(Call(node_of("lu_factor", (x,)), (x,)).rounds) > 2
    lu, pivots = native("lu_factor", (x,))
    lower, upper, order = parts(lu, pivots)
    moved = np.take_along_axis(x, order[..., None], axis=-2)
    np.testing.assert_allclose(lower @ upper, moved, rtol=0, atol=eps(dtype, shape[-1]))
    if shape[-1] != shape[-2]:
        return
    x = positive(shape, dtype)
    (found,) = native("lower_factor", (x,))
    wanted = np.linalg.cholesky(x.astype("float64"))
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=eps(dtype) * scale)
    if len(shape) > 2:
        x[1, -1, -1] = -1
        (refused,) = native("lower_factor", (x,))
        assert np.isnan(refused[1]).all()
        np.testing.assert_array_equal(refused[0], found[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_lu_of_singular_matrices(dtype):
    """A column without a pivot is left as it is; of equal ones the first is chosen."""
    x = np.ones((3, 3), dtype)
    x[2, 2] = 2
    lu, pivots = native("lu_factor", (x,))
    assert lu.tolist() == [[1, 1, 1], [1, 0, 0], [1, 0, 1]]
    assert pivots.tolist() == [0, 1, 2]
    zero, pivots = native("lu_factor", (np.zeros((20, 20), dtype),))
    assert not zero.any()
    assert pivots.tolist() == [*range(20)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_cholesky(shape, dtype):
    x = positive(shape, dtype)
    (found,) = native("lower_factor", (x,))
    wanted = np.linalg.cholesky(x.astype("float64"))
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=eps(dtype) * scale)
    assert not np.triu(found, 1).any()
    other = x + np.triu(numbers(shape, dtype, 1), 1)
    np.testing.assert_array_equal(native("lower_factor", (other,))[0], found)


QR_SHAPES = [(1, 1), (4, 4), (3, 17, 17), (32, 32), (9, 5), (5, 9), (2, 3, 32, 7),
             (40, 6, 3), (1, 8), (8, 1)]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["reduced", "complete"])
@pytest.mark.parametrize("shape", QR_SHAPES)
def test_qr(shape, mode, dtype):
    x = numbers(shape, dtype)
    q, r = native("qr", (x,), mode=mode)
    wanted = np.linalg.qr(x.astype("float64"), mode=mode)
    for one, two in zip((q, r), wanted, strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=eps(dtype, max(shape)))
    assert not np.tril(r, -1).any()
    product = q.swapaxes(-1, -2).astype("float64") @ q
    unit = np.broadcast_to(np.eye(q.shape[-1]), product.shape)
    np.testing.assert_allclose(product, unit, rtol=0, atol=eps(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_qr_of_what_has_zeros_or_large_numbers(dtype):
    """Nothing below the diagonal is nothing to reflect; squares may be too large."""
    info = np.finfo(dtype)
    triangle = np.triu(numbers((6, 6), dtype))
    q, r = native("qr", (triangle,), mode="reduced")
    np.testing.assert_array_equal(q, np.eye(6))
    np.testing.assert_array_equal(r, triangle)
    exchange = np.eye(4, dtype=dtype)[::-1].copy()
    for x in (np.zeros((5, 3), dtype), np.ones((4, 4), dtype), exchange):
        q, r = native("qr", (x,), mode="reduced")
        np.testing.assert_allclose(r, np.linalg.qr(x)[1], rtol=0, atol=eps(dtype, 4))
        np.testing.assert_allclose(q @ r, x, rtol=0, atol=eps(dtype))
    for factor in (info.max / 8, info.tiny * 2**30):
        x = numbers((7, 5), dtype) / 8 * factor
        q, r = native("qr", (x,), mode="reduced")
        np.testing.assert_allclose(q @ (r / factor), x / factor, atol=eps(dtype))
    x = numbers((2, 4, 4), dtype)
    x[1, 2:, 0] = np.nan, 0
    q, r = native("qr", (x,), mode="reduced")
    assert np.isfinite(r[0]).all()
    assert np.isnan(r[1]).any()


def test_qr_of_sizes_known_to_be_small_alone():
    for shape, small in (((2, 32, 32), True), ((33, 4), False), ((4, 33), False)):
        node = node_of("qr", (numbers(shape, "float32"),), mode="reduced")
        assert SPECIAL["qr"].accepts(node) == small


@pytest.mark.parametrize("size", [64, 256, 512])
def test_errors_of_cholesky_do_not_grow_with_size(size):
    """One sum of all terms would have two to four times this error."""
    x = numbers((size, size), "float64")
    x = (x @ x.T / size + np.eye(size) / 10).astype("float32")
    (found,) = native("lower_factor", (x,))
    wanted = np.linalg.cholesky(x.astype("float64"))
    assert np.linalg.norm(found - wanted) <= 1.4e-7 * np.linalg.norm(wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 3, 4, 6, 21])
def test_cholesky_refuses_alone(size, dtype):
    x = np.stack([positive((size, size), dtype)] * 5)
    for number, value in ((1, -1e9), (2, 0), (3, np.nan)):
        x[number, -1, -1] = value
        x[number, -1, :-1] = 0
    (found,) = native("lower_factor", (x,))
    assert np.isnan(found[1:4]).all()
    assert np.isfinite(found[[0, 4]]).all()
    np.testing.assert_array_equal(found[0], found[4])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("unit", [False, True])
def test_triangles(shape, dtype, unit):
    a = far_from_singular(shape, dtype)
    if unit:
        a /= a[..., :1, :1] * 2
    for number, columns in enumerate(COLUMNS):
        b = numbers((*shape[:-1], columns), dtype, 1)
        options = {"lower": number % 2 == 0, "transposed": number % 3 == 0}
        close("triangular_solve", (a, b), eps(dtype), unit=unit, **options)
        options["transposed"] ^= True
        close("triangular_solve", (a, b), eps(dtype), unit=unit, **options)


@pytest.mark.parametrize("columns", [63, 67, 130])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_strips_of_large_systems(lower, transposed, columns):
    """Those of 64 columns lie apart; the last one may be narrower."""
    a = far_from_singular((2, 387, 387), "float64")
    b = numbers((2, 387, columns), "float64", 1)
    options = {"lower": lower, "transposed": transposed}
    for unit in (False, True):
        scaled = a / 387 if unit else a
        close("triangular_solve", (scaled, b), eps("float64", 4), unit=unit, **options)
    if lower:
        return
    a = a + numbers(a.shape, "float64", 3)
    lu, pivots = native("lu_factor", (a[:, ::-1].copy(),))
    (x,) = native("lu_solve", (lu, pivots, b), transposed=transposed)
    turned = a[:, ::-1].swapaxes(-1, -2) if transposed else a[:, ::-1]
    np.testing.assert_allclose(turned @ x, b, rtol=0, atol=eps("float64", 9))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_one_column(lower, transposed, dtype):
    """Along rows and along columns, up and down, in blocks and without whole ones."""
    options = {"lower": lower, "transposed": transposed}
    for size in (*range(1, 20), 31, 32, 33, 63, 100, 129, 200):
        a = far_from_singular((2, size, size), dtype)
        b = numbers((2, size, 1), dtype, 1)
        close("triangular_solve", (a, b), eps(dtype), unit=False, **options)
        close("triangular_solve", (a / size, b), eps(dtype, 4), unit=True, **options)


@pytest.mark.parametrize("columns", [1, 70])
@pytest.mark.parametrize("size", [9, 37])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_triangle_reads_its_half_alone(lower, transposed, size, columns):
    a = far_from_singular((size, size), "float32")
    b = numbers((size, columns), "float32")
    options = {"lower": lower, "transposed": transposed}
    (wanted,) = native("triangular_solve", (a, b), unit=False, **options)
    half = (np.triu if lower else np.tril)(np.full(a.shape, np.nan, "float32"), 0)
    other = a + (np.triu(half, 1) if lower else np.tril(half, -1))
    (found,) = native("triangular_solve", (other, b), unit=False, **options)
    np.testing.assert_array_equal(found, wanted)
    unit = a / (4 * size)
    unit[range(size), range(size)] = 0
    (found,) = native("triangular_solve", (unit, b), unit=True, **options)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_solutions_and_inverses(shape, dtype):
    a = far_from_singular(shape, dtype) + numbers(shape, dtype, 3)
    a = a[..., np.random.default_rng(0).permutation(shape[-1]), :].copy()
    lu, pivots = native("lu_factor", (a,))
    for columns in COLUMNS:
        b = numbers((*shape[:-1], columns), dtype, 1)
        for transposed in (False, True):
            (x,) = native("lu_solve", (lu, pivots, b), transposed=transposed)
            turned = a.swapaxes(-1, -2) if transposed else a
            wanted = np.linalg.solve(turned.astype("float64"), b.astype("float64"))
            np.testing.assert_allclose(x, wanted, rtol=0, atol=eps(dtype))
    (found,) = native("lu_inverse", (lu, pivots))
    wanted = np.linalg.inv(a.astype("float64"))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=eps(dtype))
    close("lu_inverse", (lu, pivots), eps(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_quotients_are_rounded_once(dtype):
    """Of numbers whose inverse is below all others too, which may count as 0."""
    top = 0.9 * np.finfo(dtype).max
    diagonal = np.array([49.0, top, -3.0, top / 2, 7e-20], dtype)
    a, b = np.diag(diagonal), np.repeat(diagonal[:, None], 70, 1)
    lu, pivots = native("lu_factor", (a,))
    options = {"lower": True, "transposed": False, "unit": False}
    for (found,) in (
        native("triangular_solve", (a, b), **options),
        native("lu_solve", (lu, pivots, b), transposed=False),
    ):
        np.testing.assert_array_equal(found, np.ones_like(b))
    roots = np.array([7.0, 3.0, 13.0, 49.0, 1e3], dtype)
    (found,) = native("lower_factor", (np.diag(roots**2),))
    np.testing.assert_array_equal(found, np.diag(roots))


def test_what_is_no_number_is_refused_on_values_too():
    x = np.stack([positive((3, 3), "float32")] * 2)
    x[1, 1, 1] = np.nan
    (code,) = native("lower_factor", (x,))
    for found in (code, reference("lower_factor", (x,))):
        assert np.isnan(found[1]).all()
        assert np.isfinite(found[0]).all()
    for found in (OPS["slogdet"](x), function(OPS["slogdet"])(x)):
        for part in found:
            assert np.isnan(part.numpy()).tolist() == [False, True]


def test_a_singular_matrix_gives_nan_alone():
    a = np.stack([np.eye(4), np.diag([1.0, 1.0, 0.0, 1.0]), 2 * np.eye(4)])
    b = np.ones((3, 4, 70))
    lu, pivots = native("lu_factor", (a,))
    for name, operands, options in (
        ("lu_solve", (lu, pivots, b), {"transposed": False}),
        ("lu_solve", (lu, pivots, b), {"transposed": True}),
        ("lu_inverse", (lu, pivots), {}),
        ("triangular_solve", (a, b), dict.fromkeys(("lower", "transposed", "unit"), 0)),
    ):
        (found,) = native(name, operands, **options)
        assert np.isnan(found[1]).all(), name
        assert np.isfinite(found[[0, 2]]).all(), name


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3), (2, 0, 0), (3, 0), (0, 3)])
def test_no_elements(shape):
    x = np.zeros(shape, np.float32)
    lu, pivots = native("lu_factor", (x,))
    assert lu.shape == shape
    assert pivots.shape == (*shape[:-2], min(shape[-2:]))
    if shape[-1] == shape[-2]:
        assert native("lower_factor", (x,))[0].shape == shape
        assert native("lu_inverse", (x, pivots))[0].shape == shape
        for columns in (0, 2):
            b = np.zeros((*shape[:-1], columns), np.float32)
            assert (
                native("lu_solve", (x, pivots, b), transposed=False)[0].size == b.size
            )


def test_halves_are_not_taken():
    from tulle.backend.cpu.special import SPECIAL

    x = np.eye(2, dtype=np.float16)
    for name in ("lu_factor", "lower_factor"):
        assert not SPECIAL[name].accepts(node_of(name, (x,)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [2, 3, 60])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_factors_found_by_turns_are_nan_where_a_matrix_has_what_is_no_number(
    size, dtype, value
):
    x = np.stack([positive((size, size), dtype)] * 3)
    x[1, 1, 0] = x[1, 0, 1] = value
    x[2, 0, 1] = value  # not read by `eigh`
    for name, whole in (("eigh", [0, 2]), ("svd", [0])):
        alone = OPS[name](x[0])
        for part, one in zip(OPS[name](x), alone, strict=True):
            found = part.numpy()
            assert np.isnan(found[1]).all(), name
            for index in whole:
                np.testing.assert_array_equal(found[index], one.numpy())
    assert np.isnan(OPS["svd"](x)[1].numpy()[2]).all()
