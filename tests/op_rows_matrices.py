"""Rows of matrix factors and Fourier transforms."""

import math
from typing import Any

import numpy as np
from op_row import Row

WINDOWS = (
    ("bartlett", np.bartlett),
    ("blackman", np.blackman),
    ("hamming", np.hamming),
    ("hanning", np.hanning),
)


def rows(name: str, formula: Any, shapes: tuple[str, ...], *options: Any, **more: Any):
    """One row for each choice of options."""
    return [Row(name, formula, shapes, each, **more) for each in options or (None,)]


def determinant(x: Any) -> Any:
    """Along the first row, by recursion."""
    if x.shape[-1] == 1:
        return x[..., 0, 0]
    minors = [np.delete(x[..., 1:, :], i, -1) for i in range(x.shape[-1])]
    return sum(
        (-1) ** i * x[..., 0, i] * determinant(minor) for i, minor in enumerate(minors)
    )


def inverse(x: Any) -> Any:
    """By cofactors."""
    size = x.shape[-1]
    found = np.zeros(x.shape)
    for i, j in np.ndindex(size, size):
        minor = np.delete(np.delete(x, i, -2), j, -1)
        found[..., j, i] = (-1) ** (i + j) * determinant(minor) / determinant(x)
    return found


def solved(a: Any, b: Any) -> Any:
    vector = b.ndim == a.ndim - 1
    found = inverse(a) @ (b[..., None] if vector else b)
    return found[..., 0] if vector else found


def reflected(x: Any, mode: str = "reduced") -> list:
    """q and r by Householder's reflections, as LAPACK chooses their signs."""
    rows, columns = x.shape
    q, r = np.eye(rows), x.copy()
    for k in range(min(rows - 1, columns)):
        v = r[k:, k].copy()
        v[0] += math.copysign(float(np.sqrt(v @ v)), v[0])
        turn = np.eye(rows)
        turn[k:, k:] -= 2 * np.outer(v, v) / (v @ v)
        q, r = q @ turn, turn @ r
    count = rows if mode == "complete" else min(rows, columns)
    return [q[:, :count], np.triu(r)[:count]]


def transform(re: Any, im: Any, sign: int = -1) -> Any:
    size = re.shape[-1]
    powers = np.outer(np.arange(size), np.arange(size))
    return (re + 1j * im) @ np.exp(sign * 2j * math.pi * powers / max(size, 1))


def parts(z: Any) -> list:
    return [z.real, z.imag]


def fft2(re: Any, im: Any, sign: int = -1) -> Any:
    once = transform(re, im, sign).swapaxes(-1, -2)
    return transform(once.real, once.imag, sign).swapaxes(-1, -2)


def rfft(x: Any, fft_length: int | None = None) -> list:
    size = x.shape[-1] if fft_length is None else fft_length
    fitted = np.zeros((*x.shape[:-1], size))
    fitted[..., : x.shape[-1]] = x[..., :size]
    return parts(transform(fitted, 0 * fitted)[..., : size // 2 + 1])


def irfft(re: Any, im: Any, fft_length: int | None = None) -> Any:
    return np.fft.irfft(re + 1j * im, fft_length)


def windows(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    found = np.lib.stride_tricks.sliding_window_view(x, sequence_length, -1)
    return found[..., ::sequence_stride, :]


def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, **more: Any
):
    if more.get("center", True):
        x = np.pad(x, ((0, 0), (fft_length // 2,) * 2), "reflect")
    frames = windows(x, fft_length, sequence_stride)
    before = (fft_length - sequence_length) // 2
    weights = np.zeros(fft_length)
    places = np.arange(sequence_length) / sequence_length
    shape = 0.5 - 0.5 * np.cos(2 * math.pi * places)
    weights[before : before + sequence_length] = 1 if "window" in more else shape
    return rfft(frames * weights)


def distances(x: Any, y: Any) -> Any:
    return np.linalg.norm(x[..., :, None, :] - y[..., None, :, :], axis=-1)


def length(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    return np.linalg.norm(x, ord, axis, keepdims)


def overlapped(frames: Any, weights: Any, stride: int, margin: int, length: Any) -> Any:
    count, width = frames.shape[-2:]
    size = (count - 1) * stride + width
    total, share = np.zeros((*frames.shape[:-2], size)), np.zeros(size)
    for index in range(count):
        total[..., index * stride :][..., :width] += frames[..., index, :]
        share[index * stride :][:width] += weights
    end = size - margin if length is None else margin + length
    return (total / share)[..., margin:end]


def signal(re: Any, im: Any, **options: Any) -> Any:
    return overlapped(np.fft.irfft(re + 1j * im), np.ones(6), 2, 0, None)


def solved_by_half(
    a: Any, b: Any, lower: bool = False, transposed: bool = False, unit: bool = False
) -> Any:
    half = np.tril(a) if lower else np.triu(a)
    if unit:
        half = half + (1 - half) * np.eye(a.shape[-1])
    return solved(half.swapaxes(-1, -2) if transposed else half, b)


SQUARE = ("D 3 3",)
STRONG = ((0.5, 1.5),)

ROWS = (
    *rows("inv", inverse, SQUARE, nan=False),
    *rows("det", determinant, SQUARE),
    *rows(
        "slogdet",
        lambda x: [np.sign(determinant(x)), np.log(np.abs(determinant(x)))],
        SQUARE,
        nan=False,
    ),
    *rows("logdet", lambda x: np.log(np.abs(determinant(x))), SQUARE),
    Row("solve_matrix", solved, ("D 3 3", "D 3 B"), kinds="ff", nan=False),
    Row("solve", solved, ("D 3 3", "D 3 B"), kinds="ff", nan=False),
    Row("solve", solved, ("3 3", "3"), kinds="ff", nan=False),
    Row(
        "solve_triangular",
        lambda a, b: solved(np.triu(a), b),
        ("D 3 3", "D 3"),
        kinds="ff",
        nan=False,
    ),
    Row(
        "solve_triangular",
        lambda a, b, lower: solved(np.tril(a), b),
        ("3 3", "3 B"),
        {"lower": True},
        "ff",
        nan=False,
    ),
    *(
        Row(
            "triangular_solve",
            solved_by_half,
            ("D 3 3", "D 3 B"),
            {"lower": lower, "transposed": transposed, "unit": unit},
            "ff",
            nan=False,
        )
        for lower in (False, True)
        for transposed in (False, True)
        for unit in (False, True)
    ),
    *rows(
        "cholesky_inverse",
        lambda x: inverse(np.tril(x) @ np.tril(x).swapaxes(-1, -2)),
        SQUARE,
        nan=False,
    ),
    *rows(
        "cholesky_inverse",
        lambda x, upper: inverse(np.triu(x).swapaxes(-1, -2) @ np.triu(x)),
        ("3 3",),
        {"upper": True},
        nan=False,
    ),
    *rows("qr", reflected, ("5 3",), nan=False),
    *rows("qr", reflected, ("3 5",), nan=False),
    *rows("qr", reflected, ("4 4",), {"mode": "complete"}, nan=False),
    Row(
        "lstsq",
        lambda a, b: inverse(a.T @ a) @ a.T @ b,
        ("B 3", "B 2"),
        kinds="ff",
        nan=False,
        empty=False,
    ),
    *rows(
        "pinv",
        lambda x: inverse(x.T @ x) @ x.T,
        ("B 3",),
        nan=False,
        empty=False,
    ),
    Row("pinv", np.linalg.pinv, ("D 2 3",), nan=False, empty=False),
    *rows(
        "matrix_rank",
        lambda x, tol: np.sum(np.linalg.svd(x)[1] > tol, -1),
        ("D 2 3",),
        {"tol": 1.0},
        nan=False,
        empty=False,
    ),
    Row("cdist", distances, ("D A 3", "D B 3"), kinds="ff", empty=False),
    Row("cdist", distances, ("A 3", "D B 3"), kinds="ff", empty=False),
    *rows(
        "norm",
        length,
        ("A B",),
        None,
        {"axis": 1},
        {"axis": (0, 1), "keepdims": True},
        {"axis": 0, "ord": 1},
        {"axis": 0, "ord": 3},
        {"axis": -1, "ord": math.inf},
        {"axis": -1, "ord": -math.inf, "keepdims": True},
        {"ord": "fro"},
        {"ord": 1},
        {"ord": -math.inf},
        empty=False,
    ),
    *rows("norm", length, ("A B",), {"axis": 1, "ord": 0}),
    *rows("norm", length, ("4 3",), {"ord": "nuc"}, {"ord": 2}, {"ord": -2}, nan=False),
    # Fourier transforms.
    Row(
        "fourier_sum",
        lambda re, im, axes, inverse: parts(fft2(re, im, 1)),
        ("D A B", "D A B"),
        {"axes": (1, 2), "inverse": True},
        "ff",
        nan=False,
    ),
    Row(
        "fft",
        lambda re, im: parts(transform(re, im)),
        ("A B", "A B"),
        kinds="ff",
        listed=True,
        nan=False,
    ),
    Row(
        "fft2",
        lambda re, im: parts(fft2(re, im)),
        ("D A B", "D A B"),
        kinds="ff",
        listed=True,
        nan=False,
    ),
    Row(
        "ifft2",
        lambda re, im: parts(fft2(re, im, 1) / max(re[0].size, 1)),
        ("D A B", "D A B"),
        kinds="ff",
        listed=True,
        nan=False,
    ),
    Row("polar", lambda r, t: [r * np.cos(t), r * np.sin(t)], ("A B", "A B")),
    *rows("rfft", rfft, ("A B",), nan=False),
    *rows("rfft", rfft, ("A 6",), {"fft_length": 4}, {"fft_length": 9}, nan=False),
    *rows("irfft", irfft, ("A 4", "A 4"), None, kinds="ff", listed=True, nan=False),
    *rows(
        "irfft",
        irfft,
        ("A 4", "A 4"),
        {"fft_length": 7},
        {"fft_length": 5},
        {"fft_length": 10},
        kinds="ff",
        listed=True,
        nan=False,
    ),
    *rows(
        "extract_sequences",
        windows,
        ("A 9",),
        {"sequence_length": 4, "sequence_stride": 2},
    ),
    *rows(
        "stft",
        stft,
        ("A 12",),
        {"sequence_length": 5, "sequence_stride": 3, "fft_length": 6},
        {
            "sequence_length": 4,
            "sequence_stride": 2,
            "fft_length": 4,
            "center": False,
            "window": None,
        },
        nan=False,
        empty=False,
    ),
    *rows(
        "overlapped",
        overlapped,
        ("A 4 5", "5"),
        {"stride": 2, "margin": 2, "length": None},
        {"stride": 3, "margin": 0, "length": 7},
        kinds="ff",
        nan=False,
    ),
    *rows(
        "istft",
        signal,
        ("A 3 4", "A 3 4"),
        {
            "sequence_length": 6,
            "sequence_stride": 2,
            "fft_length": 6,
            "center": False,
            "window": None,
        },
        kinds="ff",
        listed=True,
        nan=False,
    ),
)
