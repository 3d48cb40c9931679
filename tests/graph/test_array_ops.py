"""What the rows of the op table cannot say: factors of matrices, windows, refusals."""

import math

import numpy as np
import pytest

import tulle
from tulle import grad, layers, ops
from tulle.graph.diagnostics import DataError, TulleError
from tulle.graph.differentiate import gradients
from tulle.graph.dim import Dim, Symbol
from tulle.graph.node import topological
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor, Tensor, input_node
from tulle.graph.types import TensorType, dtype_of

NAN = math.nan
RANDOM = np.random.default_rng(3)
SHAPES = [(4, 4), (5, 3), (3, 5), (2, 4, 3)]


def symbolic(*shape: object, dtype: str = "float32") -> SymbolicTensor:
    dims = tuple(Dim.from_symbol(Symbol(s)) if isinstance(s, str) else s for s in shape)
    type = TensorType(dtype_of(dtype), tuple(map(Dim.of, dims)))
    return SymbolicTensor(input_node("x", type))


def positive(size: int) -> np.ndarray:
    x = RANDOM.normal(size=(size, size))
    return x @ x.T + np.eye(size)


def swapped(x: np.ndarray) -> np.ndarray:
    return np.swapaxes(x, -1, -2)


def slopes(function, x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """The gradient of a scalar function by central differences."""
    found = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[place] += step
        behind[place] -= step
        found[place] = (float(function(ahead)) - float(function(behind))) / (2 * step)
    return found


def check_gradient(function, x: np.ndarray) -> None:
    found = grad(function)(Tensor(x)).numpy()
    np.testing.assert_allclose(found, slopes(function, x), 1e-5, 1e-6)


def test_cholesky():
    x = positive(4)
    lower = call("cholesky", x).numpy()
    np.testing.assert_allclose(lower @ lower.T, x)
    assert np.array_equal(lower, np.tril(lower))
    assert np.array_equal(call("cholesky", x, upper=True).numpy(), lower.T)
    assert np.isnan(call("cholesky", -np.eye(3)).numpy()).all()
    two = call("cholesky", np.stack([np.eye(2), -np.eye(2)])).numpy()
    assert np.isfinite(two[0]).all()
    assert np.isnan(two[1]).all()


def test_cholesky_gradient():
    weights = RANDOM.normal(size=(4, 4))

    def objective(x):
        x = call("add", x, call("transpose", x))
        return call("sum", call("multiply", call("cholesky", x), weights))

    check_gradient(objective, positive(4))


def test_cholesky_gradient_solves_by_triangles():
    x = symbolic(4, 4).as_node()
    (found,) = gradients(call("sum", call("cholesky", x)), [x])
    names = {node.op.name for node in topological([found])}
    assert "triangular_solve" in names
    assert not names & {"inv", "solve", "solve_matrix"}


def test_a_triangle_with_zero_gives_nan_alone():
    a = np.stack([np.eye(3), np.diag([1.0, 0.0, 1.0]), np.eye(3)])
    b = np.ones((3, 3, 2))
    for lower in (True, False):
        found = call("triangular_solve", a, b, lower=lower).numpy()
        assert np.isnan(found[1]).all()
        assert (found[[0, 2]] == 1).all()
        whole = call("triangular_solve", a, b, lower=lower, unit=True).numpy()
        assert (whole == 1).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("full", [True, False])
def test_svd(shape, full):
    x = RANDOM.normal(size=shape)
    u, s, vt = (part.numpy() for part in call("svd", x, full_matrices=full))
    count = min(shape[-2:])
    near = (u[..., :count] * s[..., None, :]) @ vt[..., :count, :]
    np.testing.assert_allclose(near, x, atol=1e-12)
    np.testing.assert_allclose(
        swapped(u) @ u, np.eye(u.shape[-1]) + 0 * swapped(u) @ u, atol=1e-12
    )
    np.testing.assert_allclose(call("svd", x, compute_uv=False).numpy(), s)


@pytest.mark.parametrize("shape", SHAPES)
def test_svd_gradient(shape):
    """Of something that does not depend on the signs of the vectors."""
    weights = RANDOM.normal(size=shape)

    def objective(x):
        u, s, vt = call("svd", x, full_matrices=False)
        scaled = call("multiply", u, call("expand_dims", call("square", s), -2))
        return call("sum", call("multiply", call("matmul", scaled, vt), weights))

    check_gradient(objective, RANDOM.normal(size=shape))


def test_svd_gradient_needs_reduced_vectors():
    def objective(x):
        return call("sum", call("svd", x)[0])

    with pytest.raises(TulleError, match="full_matrices=False"):
        grad(objective)(Tensor(RANDOM.normal(size=(3, 2))))


def test_eigh():
    x = positive(4)
    values, vectors = (part.numpy() for part in call("eigh", x))
    np.testing.assert_allclose(vectors @ np.diag(values) @ vectors.T, x)
    assert np.all(np.diff(values) > 0)
    weights = RANDOM.normal(size=(4, 4))

    def objective(x):
        x = call("add", x, call("transpose", x))
        values, vectors = call("eigh", x)
        scaled = call("multiply", vectors, call("exp", call("multiply", values, 0.1)))
        whole = call("matmul", scaled, call("transpose", vectors))
        return call("sum", call("multiply", whole, weights))

    check_gradient(objective, x)


@pytest.mark.parametrize("shape", SHAPES)
def test_lu_factor(shape):
    x = RANDOM.normal(size=shape)
    lu, pivots = (part.numpy() for part in call("lu_factor", x))
    count = min(shape[-2:])
    lower = np.tril(lu, -1)[..., :count] + np.eye(shape[-2], count)
    found = lower @ np.triu(lu)[..., :count, :]
    for place in np.ndindex(shape[:-2]):
        moved = x[place].copy()
        for row, other in enumerate(pivots[place]):
            moved[[row, other]] = moved[[other, row]]
        np.testing.assert_allclose(found[place], moved, atol=1e-12)


def test_lstsq_of_wide_matrix():
    a, b = RANDOM.normal(size=(2, 4)), RANDOM.normal(size=2)
    wanted = np.linalg.lstsq(a, b)[0]
    np.testing.assert_allclose(call("lstsq", a, b).numpy(), wanted)


def test_singular_matrices_give_nan():
    zero = np.zeros((2, 2))
    assert np.isnan(call("inv", zero).numpy()).all()
    assert np.isnan(call("solve", zero, np.ones(2)).numpy()).all()


def test_nan_in_a_batch_stays_with_its_matrix():
    x = np.stack([np.eye(2), np.full((2, 2), np.nan)])
    for name in ("svd", "eigh"):
        good, bad = call(name, x)[1].numpy()
        assert np.isfinite(good).all()
        assert np.isnan(bad).all()


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "qr", "svd", "eigh"])
def test_half_precision(name):
    x = (np.eye(3) * 2).astype("float16")
    found = call(name, x)
    several = isinstance(found, (list, tuple))
    for half, full in zip(
        found if several else [found],
        call(name, x.astype("float64")) if several else [call(name, x.astype(float))],
        strict=True,
    ):
        assert half.dtype == "float16"
        np.testing.assert_allclose(half.numpy(), full.numpy(), 1e-3)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_windows(size):
    for name in ("bartlett", "blackman", "hamming", "hanning"):
        wanted = getattr(np, name)(size)
        np.testing.assert_allclose(call(name, size).numpy(), wanted, atol=1e-6)
    wanted = np.kaiser(size, 3.0)
    np.testing.assert_allclose(call("kaiser", size, 3.0).numpy(), wanted, atol=1e-6)


@pytest.mark.parametrize("window", ["hann", "hamming", None])
def test_istft_undoes_stft(window):
    x = RANDOM.normal(size=(2, 24))
    options = {"sequence_length": 8, "sequence_stride": 2, "fft_length": 8}
    pair = call("stft", x, **options, window=window)
    found = call("istft", pair, **options, window=window).numpy()
    np.testing.assert_allclose(found, x, atol=1e-10)


def test_bincount():
    assert call("bincount", [1, 4, 1]).numpy().tolist() == [0, 2, 0, 0, 1]
    found = call("bincount", [1, 0], weights=[0.5, 2.0], minlength=3)
    assert found.numpy().tolist() == [2.0, 0.5, 0.0]
    with pytest.raises(TulleError, match="depends on values"):
        call("bincount", symbolic("n", dtype="int32"))


def test_unique_of_values():
    x = np.array([[2.0, math.nan, 1.0], [2.0, 2.0, math.nan]])
    options = {"return_index": True, "return_inverse": True, "return_counts": True}
    wanted = np.unique(x, **options)
    for one, two in zip(call("unique", x, **options), wanted, strict=True):
        np.testing.assert_array_equal(one.numpy(), two)
    assert call("unique", np.zeros(0)).shape == (0,)
    with pytest.raises(TulleError, match="depends on values"):
        call("unique", symbolic("n"))
    with pytest.raises(TulleError, match="elements, not rows"):
        call("unique", x, axis=0)


@pytest.mark.parametrize(("x", "values"), [([5, 3, 5], [3, 5, 9]), ([], [9, 9, 9])])
def test_unique_fills_what_is_left(x, values):
    found = call("unique", np.array(x, "int64"), size=3, fill_value=9)
    assert found.numpy().tolist() == values
    _, index, counts = call(
        "unique", np.array(x), size=3, return_index=True, return_counts=True
    )
    there = len(set(x))
    assert index.numpy().tolist() == [1, 0, 0][:there] + [0] * (3 - there)
    assert counts.numpy().tolist() == [1, 2, 0][:there] + [0] * (3 - there)


@pytest.mark.parametrize("fill_value", [2.5, NAN, "a"])
def test_unique_refuses_a_filler_of_another_kind(fill_value):
    with pytest.raises(TulleError, match="`fill_value` of `unique` is a number of i32"):
        call("unique", [3, 1], size=4, fill_value=fill_value)


def test_unique_refuses_a_negative_size():
    told = "`size` of `unique` is an integer from 0 to 2147483647"
    with pytest.raises(TulleError, match=told):
        call("unique", [3, 1], size=-1)


HOLED = np.array([[3.0, NAN, 1.0, 2.0], [NAN, NAN, 4.0, 0.5], [1.0, 5.0, 2.0, 2.0]])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("nanvar", {"axis": 1}),
        ("nanstd", {"axis": 0, "keepdims": True}),
        ("nanmedian", {"axis": 1}),
        ("nanmedian", {}),
        ("nanquantile", {"q": [0.25, 0.7], "axis": 1}),
        ("nanpercentile", {"q": 30, "axis": 0, "method": "higher"}),
        ("nancumsum", {"axis": 1}),
        ("nancumprod", {}),
        ("nanargmax", {"axis": 1}),
        ("nanargmin", {}),
        ("nanargmin", {"axis": 0, "keepdims": True}),
    ],
)
def test_nan_is_left_out(name, options):
    found = call(name, HOLED, **options).numpy()
    np.testing.assert_allclose(found, getattr(np, name)(HOLED, **options), rtol=1e-12)


def test_where_all_are_nan():
    assert call("nanargmax", [[NAN, NAN], [0.0, 1.0]], 1).numpy().tolist() == [-1, 1]
    assert math.isnan(call("nanmedian", [NAN, NAN]))


def test_nan_beside_a_number():
    assert call("fmax", [1.0, NAN, 3.0], [2.0, 2.0, NAN]).numpy().tolist() == [2, 2, 3]
    assert call("fmin", [1.0, NAN, 3.0], [2.0, 2.0, NAN]).numpy().tolist() == [1, 2, 3]


@pytest.mark.parametrize("name", ["fmax", "fmin"])
def test_gradient_beside_nan(name):
    def objective(x, y):
        return call("sum", call(name, x, y))

    first, second = grad(objective, argnums=(0, 1))(
        np.array([1.0, NAN, 3.0]), np.array([NAN, 2.0, 3.0])
    )
    assert first.numpy().tolist() == [1.0, 0.0, 0.5]
    assert second.numpy().tolist() == [0.0, 1.0, 0.5]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "uint64"])
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("sum", [2.0, 2.0, 3.0]),
        ("max", [2.0, 0.0, 3.0]),
        ("min", [0.0, 2.0, 3.0]),
        ("prod", [4.0, 10.0, 3.0]),
    ],
)
def test_segment_gradients_for_ids_of_any_dtype(name, wanted, dtype):
    """Also where the number of segments is beyond what the dtype holds."""
    weights = np.zeros(300)
    weights[:3] = 1.0, 2.0, 3.0

    def objective(data):
        found = call(f"segment_{name}", data, np.array([1, 1, 2], dtype), 300)
        return call("sum", call("multiply", found, weights))

    found = grad(objective)(np.array([5.0, 2.0, 4.0]))
    assert found.numpy().tolist() == wanted


@pytest.mark.parametrize(
    ("name", "empty"),
    [("sum", 0.0), ("max", -math.inf), ("min", math.inf), ("prod", 1.0)],
)
def test_ids_outside_of_the_segments_are_left_out(name, empty):
    ids = np.array([0, 5, -1, 2**40])
    found = call(f"segment_{name}", [1.0, 2.0, 4.0, 8.0], ids, 2)
    assert found.numpy().tolist() == [1.0, empty]


@pytest.mark.parametrize("name", ["argmax", "argmin", "nanargmax", "nanargmin"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_places_in_all_elements_keep_every_axis(name, shape):
    found = call(name, np.ones(shape), keepdims=True)
    assert found.shape == (1,) * len(shape)
    assert call(name, np.ones(shape)).shape == ()


@pytest.mark.parametrize("name", ["std", "nanstd"])
def test_gradient_of_the_deviation_of_equal_numbers(name):
    found = grad(lambda x: call(name, x))(np.array([3.0, 3.0]))
    assert found.numpy().tolist() == [0.0, 0.0]


def test_gradient_of_the_deviation_of_one_number_beside_nan():
    found = grad(lambda x: call("nanstd", x))(np.array([3.0, NAN]))
    assert found.numpy().tolist() == [0.0, 0.0]


def test_segments_without_rows():
    assert call("segment_min", [5, 3], [0, 0], 2).numpy()[1] == np.iinfo("int32").max
    assert call("segment_max", [5, 3], [0, 0], 2).numpy()[1] == np.iinfo("int32").min
    assert call("segment_prod", [5.0, 3.0], [0, 0], 2).numpy().tolist() == [15.0, 1.0]


def test_geomspace_below_zero():
    found = call("geomspace", -1.0, -1000.0, 4).numpy()
    np.testing.assert_allclose(found, [-1, -10, -100, -1000], rtol=1e-5)


@pytest.mark.parametrize("ends", [(1.0, -8.0), (-1.0, 8.0), (0.0, 8.0), (8.0, 0.0)])
def test_no_geometric_row_leads_over_zero(ends):
    assert np.isnan(call("geomspace", *ends, 4).numpy()).all()


def test_erfc_far_out():
    x = np.array([-3.0, 0.5, 5.0, 26.0])
    wanted = [math.erfc(value) for value in x]
    np.testing.assert_allclose(call("erfc", x).numpy(), wanted, rtol=1e-13)


@pytest.mark.parametrize("x", [np.eye(4), np.ones((3, 5)), np.zeros((2, 2))])
def test_rank_and_pseudoinverse_of_poor_matrices(x):
    assert int(call("matrix_rank", x)) == np.linalg.matrix_rank(x)
    np.testing.assert_allclose(call("pinv", x).numpy(), np.linalg.pinv(x), atol=1e-12)


def test_percents_beyond_a_hundred():
    with pytest.raises(TulleError, match="between 0 and 100: 101"):
        call("percentile", [1.0], 101)


def test_select():
    x = np.array([-2.0, -0.5, 0.5, 2.0])
    found = call("select", [x < -1, x < 1], [x * 10, np.float64(7)], default=0.0)
    assert found.numpy().tolist() == [-20.0, 7.0, 7.0, 0.0]

    def objective(x):
        return call("sum", call("select", [call("greater", x, 0.0)], [x], default=1.0))

    assert grad(objective)(Tensor(x)).numpy().tolist() == [0.0, 0.0, 1.0, 1.0]


def test_cumprod_gradient_at_zeros():
    for x in ([2.0, 0.0, 3.0, 4.0], [2.0, 0.0, 3.0, 0.0], [0.0, 0.0, 1.0, 2.0]):
        check_gradient(lambda x: call("sum", call("cumprod", x)), np.array(x))


def test_norm_gradient_at_zero():
    found = grad(lambda x: call("norm", x))(Tensor(np.zeros(3))).numpy()
    assert found.tolist() == [0.0, 0.0, 0.0]


def test_ties_of_a_segment_share_the_gradient():
    def total(data):
        found = call("segment_max", data, [1, 1, 0, 1, 5], 2)
        return call("sum", found * np.array([10.0, 6.0], "float32"))

    found = grad(total)(np.array([2.0, 2.0, 1.0, 0.0, 9.0], "float32"))
    assert found.numpy().tolist() == [3.0, 3.0, 10.0, 0.0, 0.0]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("index", [[1, 5], [0, 7], [0, -6], [-3, 0], [2, 1]])
def test_values_for_no_place_go_to_no_other(index, dtype):
    ones, indices = np.ones((2, 5), "float32"), np.array([index, [1, -1]], dtype)
    found = call("scatter", indices, np.ones(2, "float32"), (2, 5))
    assert np.argwhere(found.numpy()).tolist() == [[1, 4]]
    for reduction in ("add", "max", "min", "mul"):
        values = np.array([9, 1], "float32") * (1 if reduction != "min" else -1)
        found = call("scatter_update", ones, indices, values, reduction=reduction)
        assert (found.numpy()[:1] == 1).all()
        assert (found.numpy()[1, :4] == 1).all()
    axis = 0 if index[0] in (2, -3) else 1
    told = f"index {index[axis]} for an axis of size {(2, 5)[axis]}"
    for update in (tulle.ops.scatter_update, tulle.function(tulle.ops.scatter_update)):
        with pytest.raises(DataError, match=f"`scatter_update` was given {told}"):
            update(Tensor(ones), Tensor(indices), np.ones(2, "float32"))


def test_long_indices_are_not_cut():
    indices = np.array([[1, 2**32 + 1]])
    found = call("scatter", indices, np.ones(1, "float32"), (2, 5))
    assert not found.numpy().any()


def test_scatter_update_gradient_of_repeated_places():
    """Only the last update of a place arrives, so only it has a gradient."""

    def objective(updates):
        start = np.zeros(3)
        found = call("scatter_update", start, [[1], [1], [0]], updates)
        return call("sum", call("multiply", found, [2.0, 3.0, 4.0]))

    found = grad(objective)(Tensor(np.ones(3))).numpy()
    assert found.tolist() == [0.0, 3.0, 2.0]


def test_slices_that_move_are_cut_to_fit():
    x = np.arange(6.0)
    at = Tensor(np.array([5], "int32"))
    assert call("slice", x, at, (3,)).numpy().tolist() == [3.0, 4.0, 5.0]
    found = call("slice_update", x, at, [7.0, 8.0]).numpy()
    assert found.tolist() == [0.0, 1.0, 2.0, 3.0, 7.0, 8.0]


@pytest.mark.parametrize("sizes", [(3, 1, 2), (3, 4, 5), (2, 1, 5), (1, 1, 1)])
@pytest.mark.parametrize("start", [(0, 0), (2, 3), (9, 9), (-3, 1)])
def test_windows_that_move_along_some_axes(sizes, start):
    x, updates = RANDOM.random((3, 4, 5)), RANDOM.random(sizes)
    starts = Tensor(np.array((0, *start), "int32"))
    window, wanted = [], x.copy()
    for at, size, count in zip((0, *start), x.shape, sizes, strict=True):
        first = min(max(at, 0), size - count)
        window.append(slice(first, first + count))
    wanted[tuple(window)] = updates
    assert (call("slice_update", x, starts, updates).numpy() == wanted).all()
    assert (call("slice", x, starts, sizes).numpy() == x[tuple(window)]).all()

    def objective(x, updates):
        return call("sum", call("square", call("slice_update", x, starts, updates)))

    slopes = grad(objective, argnums=(0, 1))(Tensor(x), Tensor(updates))
    wanted[tuple(window)] = 0
    np.testing.assert_array_equal(slopes[0].numpy(), 2 * wanted)
    np.testing.assert_array_equal(slopes[1].numpy(), 2 * updates)


@pytest.mark.parametrize(
    "dtype", ["int8", "int32", "int64", "uint8", "uint32", "uint64"]
)
def test_starts_of_windows_count_whole(dtype):
    """However far they lie outside: none is cut to 32 bits before."""
    x, ends = np.arange(6.0), np.iinfo(dtype)
    places = [int(ends.max), int(ends.min), 2, min(ends.max, 2**32 + 1)]
    for place in [*places, -(2**32) + 2] if dtype == "int64" else places:
        first = min(max(place, 0), 4)
        at = Tensor(np.array([place], dtype))
        found = call("slice", x, at, (2,)).numpy()
        assert found.tolist() == [first, first + 1]
        wanted = x.copy()
        wanted[first : first + 2] = 9
        found = call("slice_update", x, at, [9.0, 9.0]).numpy()
        assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("starts", "sizes", "code", "text"),
    [
        ([0], (2, 3), "T0303", r"is i32\[1\], not an integer for each axis"),
        ([0, 0, 0], (2, 2), "T0303", "not an integer for each axis"),
        ([[0, 0]], (2, 2), "T0303", "not an integer for each axis"),
        ([0.0, 0.0], (2, 2), "T0402", "not an integer for each axis"),
        ([0, 0], (2, 4), "T0311", "4 places do not lie within axis 1"),
    ],
)
def test_moving_windows_that_fit_nowhere(starts, sizes, code, text):
    x, at = np.ones((2, 3)), Tensor(np.array(starts, "f4" if code == "T0402" else "i4"))
    for given in (("slice", x, at, sizes), ("slice_update", x, at, np.ones(sizes))):
        with pytest.raises(TulleError, match=text) as caught:
            call(*given)
        assert caught.value.diagnostics[0].code == code
    with pytest.raises(TulleError, match="-1 places do not lie"):
        call("slice", x, Tensor(np.zeros(2, "i4")), (2, -1))


def test_a_window_that_fills_an_axis_is_not_looked_for_in_it():
    x, at = symbolic("B", 4, "T", 8), symbolic(dtype="int32")
    updates = call("sum", x, axis=2, keepdims=True)
    node = call("slice_update", x, (0, 0, at, 0), updates).node
    found = node.op.expand(node)
    names = [node.op.name for node in topological([found])]
    assert "take" not in names
    assert names.count("arange") == 1


def test_an_empty_window_changes_nothing():
    x, at = np.arange(6.0), Tensor(np.array([5], "int32"))
    assert call("slice_update", x, at, np.zeros(0)).numpy().tolist() == x.tolist()


def test_symbolic_sizes():
    x = symbolic("B", "T")
    assert str(call("roll", x, 3, 1).type) == "f32[B, T]"
    assert str(call("tile", x, (2, 1)).type) == "f32[2 * B, T]"
    assert str(call("einsum", "bt,bs->ts", x, x).type) == "f32[T, T]"
    assert str(call("pad", x, ((0, 0), (1, 2)), "reflect").type) == "f32[B, T + 3]"
    assert str(call("rfft", x)[0].type) == "f32[B, T // 2 + 1]"
    assert str(call("unstack", symbolic("B", 2), axis=1)[1].type) == "f32[B]"
    assert [str(p.type) for p in call("split", symbolic("B", 6), 2, 1)] == [
        "f32[B, 3]"
    ] * 2


@pytest.mark.parametrize(
    ("name", "arguments", "code", "text"),
    [
        ("split", (np.ones(5), 2), "T0304", "does not split into 2 equal parts"),
        ("einsum", ("ij,jk", np.ones((2, 3)), np.ones((4, 2))), "T0301", "`j` of"),
        ("einsum", ("ij->ik", np.ones((2, 3))), "T0204", "`k` stands in the result"),
        ("einsum", ("ijk", np.ones((2, 3))), "T0306", "names 3 axes"),
        ("einsum", ("i1", np.ones((2, 3))), "T0204", "is not letters"),
        ("tensordot", (np.ones((2, 3)), np.ones((2, 3)), 1), "T0301", "differ"),
        ("moveaxis", (np.ones((2, 3)), 0, 5), "T0303", "no axis 5"),
        ("top_k", (np.ones(3), 4), "T0311", "has no 4 elements"),
        ("cholesky", (np.ones((2, 3)),), "T0306", "square matrix"),
        ("solve", (np.eye(2), np.ones(3)), "T0305", "right side"),
        ("solve_triangular", (np.eye(2), np.ones(3)), "T0305", "`solve_triangular`"),
        ("vander", (np.ones((2, 2)),), "T0306", "takes a vector"),
        ("bitwise_and", ([1.0], [2.0]), "T0402", "whole numbers"),
        ("slice", (np.ones(4), (2,), (3,)), "T0311", "do not lie within"),
        ("scatter", ([[0, 0]], [1.0], (3,)), "T0306", "holds one number"),
        ("quantile", (np.ones(4), 1.5), "T0204", "between 0 and 1"),
        ("vstack", (3,), "T0203", "takes a list"),
        ("fft", ((np.ones(3),),), "T0203", "pair"),
        ("pad", (np.ones(3), 1, "circular"), "T0204", "has the modes"),
        ("where", ([True, False],), "T0203", "chooses between two tensors"),
        ("subtract", ([True], [False]), "T0402", "works on numbers"),
        ("negative", ([True],), "T0402", "works on numbers"),
        ("norm", (np.ones(3), "fro"), "T0204", "no `ord` 'fro'"),
        ("reshape", (np.ones(4), (None, 2)), "T0204", "`None` is no size"),
    ],
)
def test_refusals(name, arguments, code, text):
    with pytest.raises(TulleError, match=text) as caught:
        call(name, *arguments)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code
    assert diagnostic.span
    assert diagnostic.span.source.name == __file__


def test_tensors_that_would_fit_along_another_axis_are_told_which():
    with pytest.raises(TulleError) as caught:
        ops.concatenate([np.ones((2, 6)), np.ones((2, 24))])
    assert caught.value.diagnostics[0].help[0] == "they fit along axis 1: `axis = -1`"


@pytest.mark.parametrize("kind", ["int32", "float32", "bool", "uint8"])
def test_isin_among_many_is_isin(kind):
    random = np.random.default_rng(0)
    x, many = random.integers(-20, 20, (6, 7)), random.integers(-20, 20, (3, 5))
    x, many = x.astype(kind), many.astype(kind)
    if kind == "float32":
        x[0, 0] = many[0, 0] = np.nan
    found = call("isin", x, many)
    np.testing.assert_array_equal(np.asarray(found), np.isin(x, many))
    assert found.shape == (6, 7)


def test_spaced_numbers_of_integers_are_floats_each_time():
    for _ in range(3):
        found = call("logspace", np.array([0, 1]), 2, 3)
        np.testing.assert_allclose(found, np.logspace([0, 1], 2, 3), rtol=1e-5)


@pytest.mark.parametrize("shape", [(60, 60), (70, 50), (50, 70), (2, 1, 64, 48)])
@pytest.mark.parametrize("full", [False, True])
def test_factors_of_larger_matrices(shape, full):
    """In float32 by SciPy's LAPACK, in the form of NumPy's."""
    x = RANDOM.normal(size=shape).astype("float32")
    count = min(shape[-2:])
    u, s, vt = (np.array(part) for part in call("svd", Tensor(x), full))
    found = (u[..., :count] * s[..., None, :]) @ vt[..., :count, :]
    np.testing.assert_allclose(found, x, atol=3e-5)
    for part, like in zip((u, s, vt), np.linalg.svd(x, full), strict=True):
        assert (part.shape, part.dtype) == (like.shape, np.float32)
    q, r = (np.array(part) for part in call("qr", Tensor(x)))
    np.testing.assert_allclose(q @ r, x, atol=3e-5)
    np.testing.assert_allclose(q, np.linalg.qr(x)[0], atol=3e-5)
    square = x @ np.swapaxes(x, -1, -2)
    values, vectors = (np.array(part) for part in call("eigh", Tensor(np.tril(square))))
    found = vectors @ (values[..., None] * np.swapaxes(vectors, -1, -2))
    np.testing.assert_allclose(found, square, atol=1e-3)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(square), atol=1e-3)


def test_larger_matrices_without_factors():
    x = np.ones((2, 60, 60), "float32")
    x[1, 4, 3] = np.nan
    for name in ("svd", "qr", "eigh"):
        for part in call(name, Tensor(x)):
            assert np.isfinite(part.numpy()[0]).all()
            assert np.isnan(part.numpy()[1]).any()


def test_folding_gives_back_what_unfolding_took():
    x = np.arange(2 * 3 * 4 * 6.0).reshape(2, 3, 4, 6)
    columns = ops.unfold(x, (2, 3), stride=(2, 3))
    found = ops.fold(columns, (4, 6), (2, 3), stride=(2, 3))
    np.testing.assert_array_equal(found, x)


@pytest.mark.parametrize(
    ("shape", "more", "code"),
    [
        ((12, 8), ((3, 6), (2, 3)), "T0306"),
        ((2, 12, 8), ((3, 5), (2, 3)), "T0304"),  # 6 patches
        ((2, 13, 8), ((3, 6), (2, 3)), "T0304"),  # 13 is no multiple of 6
        ((2, 12, 8), ((3, 6, 1), (2, 3)), "T0204"),
        ((2, 12, 8), ((1, 6), (2, 3)), "T0320"),
    ],
)
def test_columns_that_are_of_no_such_images(shape, more, code):
    with pytest.raises(TulleError) as caught:
        call("fold_patches", np.zeros(shape), *more)
    assert caught.value.diagnostics[0].code == code


@pytest.mark.parametrize(
    "dtype", ["int8", "uint16", "int32", "uint32", "int64", "bool"]
)
def test_the_largest_integers_of_windows(dtype):
    """Padding, which counts in no window, is below the lowest number."""
    x = np.full((1, 5, 5, 1), True)
    if dtype != "bool":
        ends = np.iinfo(dtype)
        x = RANDOM.integers(ends.min, ends.max, (1, 5, 5, 1), dtype, endpoint=True)
        x[0, :3, :3] = ends.min
    taken = [slice(0, 2), slice(1, 4), slice(3, 5)]  # of three, two apart, at the ends
    wanted = [[x[0, rows, columns].max() for columns in taken] for rows in taken]
    compiled = tulle.function(lambda x: ops.max_pool(x, 3, 2, padding="same"))
    layer = layers.MaxPooling2D(3, 2, padding="same")
    for found in (ops.max_pool(x, 3, 2, padding="same"), compiled(x), layer(x)):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.numpy()[0, :, :, 0], wanted)


def test_sums_that_begin_anew_are_made_before_pooling():
    """The largest sum is not that of the largest number."""
    x = np.array([2**31 - 1, 0, 3, 4], np.int32).reshape(1, 4, 1)
    compiled = tulle.function(lambda x: ops.max_pool(x + 1, 2))
    assert compiled(x).numpy().ravel().tolist() == [1, 5]
