"""Rows of ops on numbers: elements, orders, running folds, statistics, products."""

import math
from typing import Any

import numpy as np
from op_row import Row, binary, unary

AB = ("A B",)
ABC = ("A B C",)


def rows(name: str, formula: Any, shapes: tuple[str, ...], *options: Any, **more: Any):
    """One row for each choice of options."""
    return [Row(name, formula, shapes, each, **more) for each in options or (None,)]


def bits(name: str, function: Any, below: int = 8) -> Row:
    """Whole numbers, each pair by Python's own operator."""
    return Row(
        name,
        np.vectorize(function, otypes=[int]),
        ("A B", "B"),
        kinds="ii",
        below=below,
        scalar=True,
    )


def rounded(x: Any, decimals: int = 0) -> Any:
    return np.array([round(float(v), decimals) for v in x.ravel()]).reshape(x.shape)


def running(function: Any) -> Any:
    def formula(x: Any, axis: int | None = None) -> Any:
        if axis is None:
            x, axis = x.ravel(), 0
        wide = np.moveaxis(x, axis, 0)
        found = np.array([function(wide[: i + 1], 0) for i in range(len(wide))])
        return np.moveaxis(found.reshape(wide.shape), 0, axis)

    return formula


def largest(x: Any, k: int) -> list:
    order = np.argsort(-x, -1)[..., :k]
    return [np.take_along_axis(x, order, -1), order]


def places_of_largest(x: Any, k: int) -> Any:
    return largest(x, k)[1]


def among(targets: Any, predictions: Any, k: int) -> Any:
    pairs = zip(targets, predictions, strict=True)
    return np.array([sum(p > p[t]) < k for t, p in pairs], bool)


def averaged(x: Any, weights: Any = None, axis: Any = None) -> Any:
    return np.average(x, axis, weights)


def counts(x: Any, bins: int, range: Any = None) -> list:
    return list(np.histogram(x, bins, range))


def einsum(subscripts: str, *shapes: str) -> Row:
    return Row(
        "einsum",
        lambda *xs: np.einsum(subscripts, *xs),
        shapes,
        kinds="f" * len(shapes),
        domain=((-1.0, 1.0),) * len(shapes),
        leading=(subscripts,),
    )


def quantile(x: Any, q: Any, **options: Any) -> Any:
    return np.quantile(x, q, **options)


def padded_unique(x: Any, size: int, fill_value: int = 0, **options: Any) -> list[Any]:
    """NumPy's, of a length that is given."""
    found = list(np.unique(x, **options))
    gap = max(size - len(found[0]), 0)
    fillers = [fill_value]
    if options.get("return_index"):
        fillers.append(0)
    if options.get("return_counts"):
        fillers.append(0)
    inverse = found.pop(2) if options.get("return_inverse") else None
    cut = [
        np.concatenate([part, [filler] * gap])[:size]
        for part, filler in zip(found, fillers, strict=True)
    ]
    return cut if inverse is None else [*cut[:2], inverse, *cut[2:]]


def correlation(x: Any, y: Any, mode: str = "valid") -> Any:
    return np.correlate(x, y, mode)


def bessel(x: Any, order: int) -> Any:
    """By the integral of exp(x cos a) cos(n a), whose sum over a circle converges."""
    angles = np.arange(200) * (2 * math.pi / 200)
    x = np.asarray(x)[..., None]
    return np.mean(np.exp(x * np.cos(angles)) * np.cos(order * angles), axis=-1)


NAN_FOLDS = (
    ("nansum", np.nansum),
    ("nanprod", np.nanprod),
    ("nanmean", np.nanmean),
    ("nanvar", np.nanvar),
    ("nanstd", np.nanstd),
    ("nanmax", np.nanmax),
    ("nanmin", np.nanmin),
)

ROWS = (
    # Elements.
    unary("cbrt", lambda x: np.sign(x) * np.abs(x) ** (1 / 3)),
    unary("exp2", lambda x: 2.0**x),
    unary("deg2rad", lambda x: x * math.pi / 180),
    unary("rad2deg", np.degrees),
    unary("fabs", np.fabs),
    unary("sinc", np.sinc),
    unary("erfc", np.vectorize(math.erfc, otypes=[float])),
    binary("fmod", np.fmod, domain=((-5.0, 5.0), (1.1, 2.0))),
    binary("fmax", np.fmax),
    binary("fmin", np.fmin),
    *rows("allclose", np.allclose, ("A B", "B"), {"rtol": 9.0}, kinds="ff"),
    Row("allclose", np.allclose, ("A B", "A B"), {"atol": 0.1}, kinds="ff", nan=False),
    binary("hypot", lambda x, y: np.sqrt(x * x + y * y)),
    binary("heaviside", lambda x, y: np.heaviside(x, y), domain=((-2.0, 2.0),) * 2),
    unary("trunc", lambda x: np.sign(x) * np.floor(np.abs(x))),
    unary("truncated", lambda x: np.sign(x) * np.floor(np.abs(x))),
    unary("signbit", lambda x: x < 0, nan=False),
    binary("nextafter", lambda x, y: x + np.sign(y - x) * 1e-16, nan=False),
    binary("logaddexp2", lambda x, y: np.log2(2.0**x + 2.0**y)),
    binary("divide_no_nan", lambda x, y: x / y),
    unary("isposinf", lambda x: x == math.inf),
    unary("isneginf", lambda x: x == -math.inf),
    unary("isreal", lambda x: np.ones(x.shape, bool), nan=False),
    binary("isclose", lambda x, y: np.abs(x - y) <= 1e-8 + 1e-5 * np.abs(y)),
    Row(
        "isclose",
        lambda x, y, **options: np.isclose(x, y, **options),
        ("A B", "B"),
        {"rtol": 0.3, "atol": 0.1, "equal_nan": True},
    ),
    unary("nan_to_num", lambda x: np.where(x != x, 0.0, x)),
    *rows("nan_to_num", lambda x, nan: np.where(x != x, nan, x), AB, {"nan": 7.0}),
    *rows("round", rounded, AB, {"decimals": 1}, {"decimals": 0}, nan=False),
    *rows(
        "round",
        lambda x, decimals: 10 * np.rint(x / 10),
        AB,
        {"decimals": -1},
        domain=((-99.0, 99.0),),
    ),
    *rows("round", lambda x, decimals: x, AB, {"decimals": 2}, kinds="i", below=99),
    *rows(
        "round",
        lambda x, decimals: 10 * np.rint(x / 10).astype(int),
        AB,
        {"decimals": -1},
        kinds="i",
        below=99,
    ),
    Row("ldexp", lambda x, y: x * 2.0**y, ("A B", "B"), kinds="fi", below=5),
    unary("copy", lambda x: x),
    unary("i0", lambda x: bessel(x, 0)),
    unary("i0", lambda x: bessel(x, 0), domain=((-11.0, 11.0),)),
    unary("i1", lambda x: bessel(x, 1)),
    unary("i1", lambda x: bessel(x, 1), domain=((-11.0, 11.0),)),
    unary("erfinv", np.vectorize(lambda v: _erfinv(v), otypes=[float])),
    *rows(
        "saturate_cast",
        lambda x, dtype: np.clip(np.trunc(x), 0, 255),
        AB,
        {"dtype": "uint8"},
        domain=((-300.0, 600.0),),
        nan=False,
    ),
    bits("bitwise_and", lambda x, y: int(x) & int(y)),
    bits("bitwise_or", lambda x, y: int(x) | int(y)),
    bits("bitwise_xor", lambda x, y: int(x) ^ int(y)),
    bits("bitwise_left_shift", lambda x, y: int(x) << int(y)),
    bits("bitwise_right_shift", lambda x, y: int(x) >> int(y)),
    bits("gcd", lambda x, y: math.gcd(int(x), int(y)), 60),
    bits("lcm", lambda x, y: math.lcm(int(x), int(y)), 60),
    unary("bitwise_invert", lambda x: -x - 1, kinds="i", below=9),
    # Orders.
    *rows(
        "sort",
        lambda x, axis=-1: np.sort(x, axis),
        AB,
        None,
        {"axis": 0},
        {"axis": None},
        kinds="p",
    ),
    *rows(
        "argsort",
        lambda x, axis=-1: np.argsort(x, axis),
        AB,
        None,
        {"axis": 0},
        kinds="p",
    ),
    *rows(
        "argpartition",
        lambda x, kth, axis=-1: np.argsort(x, axis),
        AB,
        {"kth": 2},
        kinds="p",
    ),
    *rows("top_k", largest, ("A 6",), {"k": 2}, kinds="p", nan=False),
    *rows(
        "largest_places", places_of_largest, ("A 6",), {"k": 2}, kinds="p", nan=False
    ),
    Row("in_top_k", among, ("A", "A 7"), {"k": 3}, "if", below=7, nan=False),
    *rows(
        "quantile",
        quantile,
        AB,
        {"q": 0.3},
        {"q": (0.1, 0.5, 1.0), "axis": 1},
        {"q": 0.6, "axis": 0, "keepdims": True},
        {"q": 0.4, "axis": 1, "method": "lower"},
        {"q": 0.4, "axis": 1, "method": "higher"},
        {"q": 0.3, "axis": 1, "method": "midpoint"},
        {"q": 0.3, "axis": 1, "method": "nearest"},
        kinds="p",
        empty=False,
    ),
    *rows(
        "quantile", quantile, ABC, {"q": 0.7, "axis": (0, 2)}, kinds="p", empty=False
    ),
    *(
        Row(name, function, AB, options, "p", empty=False)
        for name, function in (
            ("percentile", np.percentile),
            ("nanpercentile", np.nanpercentile),
        )
        for options in (
            {"q": 30},
            {"q": (10, 50.0, 100), "axis": 1},
            {"q": 40, "axis": 0, "method": "nearest", "keepdims": True},
        )
    ),
    *rows(
        "nanquantile",
        np.nanquantile,
        ABC,
        {"q": 0.3, "axis": (0, 2)},
        {"q": (0.2, 0.9), "axis": 1, "method": "midpoint"},
        {"q": 0.4, "method": "lower"},
        kinds="p",
        empty=False,
    ),
    *rows("nanmedian", np.nanmedian, AB, None, {"axis": 1}, kinds="p", empty=False),
    *rows(
        "unique",
        padded_unique,
        AB,
        {"size": 9, "return_counts": True},
        {
            "size": 4,
            "return_index": True,
            "return_inverse": True,
            "fill_value": -1,
        },
        kinds="i",
        below=5,
        empty=False,
    ),
    *rows(
        "median",
        lambda x, **options: np.median(x, **options),
        AB,
        None,
        {"axis": 1},
        {"axis": 0, "keepdims": True},
        kinds="p",
        empty=False,
    ),
    # Running folds.
    *rows("cumsum", running(np.sum), ABC, None, {"axis": 1}, {"axis": -1}),
    *rows("cumprod", running(np.prod), ABC, None, {"axis": 1}, {"axis": -1}),
    *rows("nancumsum", running(np.nansum), ABC, None, {"axis": 1}),
    *rows("nancumprod", running(np.nanprod), ABC, None, {"axis": -1}),
    *rows(
        "diff",
        lambda a, n=1, axis=-1: np.diff(a, n, axis),
        AB,
        None,
        {"n": 2, "axis": 1},
        {"axis": 0},
    ),
    *rows(
        "trapezoid",
        lambda y, dx=1.0, axis=-1: np.trapezoid(y, dx=dx, axis=axis),
        AB,
        None,
        {"dx": 0.5, "axis": 0},
        empty=False,
    ),
    Row("trapezoid", np.trapezoid, ("A B", "B"), kinds="ff"),
    # Statistics.
    *(
        Row(name, function, ABC, options, empty=name in ("nansum", "nanprod"))
        for name, function in NAN_FOLDS
        for options in (None, {"axis": 1, "keepdims": True}, {"axis": (0, 2)})
    ),
    *rows(
        "ptp", lambda x, axis=None: np.ptp(x, axis), AB, None, {"axis": 1}, empty=False
    ),
    *rows(
        "count_nonzero",
        lambda x, axis=None: np.count_nonzero(x, axis),
        AB,
        None,
        {"axis": 0},
        kinds="i",
        below=3,
    ),
    Row("average", averaged, AB, empty=False),
    Row("average", averaged, AB, {"axis": 1}, empty=False),
    *rows("corrcoef", np.corrcoef, AB, empty=False),
    *rows(
        "correlate",
        correlation,
        ("7", "3"),
        None,
        {"mode": "same"},
        {"mode": "full"},
        kinds="ff",
    ),
    Row("correlate", correlation, ("3", "7"), kinds="ff"),
    *rows(
        "histogram",
        counts,
        AB,
        {"bins": 4},
        {"bins": 3, "range": (-1.0, 1.0)},
        nan=False,
        empty=False,
    ),
    Row(
        "segment_sum",
        lambda x, ids, num_segments: np.stack([x[ids == i].sum(0) for i in range(4)]),
        ("C B", "C"),
        {"num_segments": 4},
        "fi",
        below=4,
    ),
    Row(
        "segment_max",
        lambda x, ids, num_segments: np.stack(
            [x[ids == i].max(0, initial=-math.inf) for i in range(2)]
        ),
        ("C B", "C"),
        {"num_segments": 2},
        "pi",
        below=2,
        domain=((-2.0, 2.0), ()),
        nan=False,
    ),
    Row(
        "segment_min",
        lambda x, ids, num_segments: np.stack(
            [x[ids == i].min(0, initial=math.inf) for i in range(2)]
        ),
        ("C B", "C"),
        {"num_segments": 2},
        "pi",
        below=2,
        domain=((-2.0, 2.0), ()),
        nan=False,
    ),
    Row(
        "segment_prod",
        lambda x, ids, num_segments: np.stack([x[ids == i].prod(0) for i in range(4)]),
        ("C B", "C"),
        {"num_segments": 4},
        "fi",
        below=4,
        domain=((-2.0, 2.0), ()),
        nan=False,
    ),
    *(
        Row(name, function, AB, options, "p", nan=False, empty=False)
        for name, function in (
            ("nanargmax", np.nanargmax),
            ("nanargmin", np.nanargmin),
        )
        for options in (None, {"axis": 1, "keepdims": True}, {"axis": 0})
    ),
    unary("angle", lambda x: np.angle(x), nan=True),
    *rows(
        "full_like",
        lambda x, fill_value: np.full(x.shape, fill_value),
        AB,
        {"fill_value": 2.5},
        nan=False,
    ),
    # Products.
    *(
        Row("dot", np.dot, shapes, kinds="ff")
        for shapes in (("A", "A"), ("A B", "B C"), ("A B", "D B C"), ("A B", ""))
    ),
    *(
        Row("inner", np.inner, shapes, kinds="ff")
        for shapes in (("A", "A"), ("A B", "C B"), ("", "B"))
    ),
    Row("vdot", np.vdot, ("A B", "A B"), kinds="ff"),
    Row("outer", np.outer, ("A B", "C"), kinds="ff"),
    *rows(
        "tensordot",
        lambda x, y, axes: np.tensordot(x, y, axes),
        ("A B C", "B C D"),
        {"axes": 2},
        {"axes": ((1, 2), (0, 1))},
        {"axes": ((-1,), (1,))},
        kinds="ff",
    ),
    Row(
        "tensordot",
        lambda x, y, axes: np.multiply.outer(x, y),
        ("A", "B"),
        {"axes": 0},
        "ff",
    ),
    einsum("ij,jk->ik", "A B", "B C"),
    einsum("bij,bkj->bik", "D A B", "D C B"),
    einsum("...ij,...jk->...ik", "D A B", "B C"),
    einsum("b...,...->b...", "A B C", "1 C"),
    einsum("ii->i", "4 4"),
    einsum("iij->j", "4 4 B"),
    einsum("ij->ji", "A B"),
    einsum("ij", "A B"),
    einsum("ba", "A B"),
    einsum("ij->", "A B"),
    einsum("i,j", "A", "B"),
    einsum("ij,kl->il", "A B", "C D"),
    einsum("ab,bc,cd->ad", "A B", "B C", "C D"),
    einsum("bqhd,bkhd->bhqk", "D A B 2", "D C B 2"),
    Row("cross", np.cross, ("A 3", "A 3"), kinds="ff"),
    Row("cross", np.cross, ("A 3", "3"), kinds="ff"),
    Row(
        "cross",
        lambda x, y: x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0],
        ("A 2", "A 2"),
        kinds="ff",
    ),
    Row(
        "cross",
        lambda x, y, axis: np.cross(x, y, axis=axis),
        ("3 B", "3 B"),
        {"axis": 0},
        "ff",
    ),
    *rows(
        "linspace",
        lambda x, y, num, **options: np.linspace(x, y, num, **options),
        ("A B", "B"),
        {"num": 4},
        {"num": 3, "endpoint": False, "axis": -1},
        {"num": 1, "axis": 1},
        kinds="ff",
    ),
    *rows(
        "spaced",
        lambda x, y, num, endpoint, axis: np.linspace(x, y, num, endpoint, axis=axis),
        ("A", "A"),
        {"num": 4, "endpoint": True, "axis": 0},
        kinds="ff",
    ),
    *rows(
        "logspace",
        lambda x, y, num, base: base ** np.linspace(x, y, num),
        ("A", "A"),
        {"num": 4, "base": 2.0},
        kinds="ff",
    ),
    *rows(
        "geomspace",
        lambda x, y, num, **options: np.geomspace(x, y, num, **options),
        ("A B", "B"),
        {"num": 4},
        {"num": 3, "endpoint": False, "axis": -1},
        kinds="ff",
    ),
)


def _erfinv(value: float) -> float:
    """By bisection."""
    if math.isnan(value):
        return value
    low, high = -9.0, 9.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle) < value else (low, middle)
    return (low + high) / 2
