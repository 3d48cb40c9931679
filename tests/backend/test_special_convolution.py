"""Native convolution: random windows against the reference, in any cut of the work."""

from types import SimpleNamespace

import numpy as np
import pytest
from native_calls import SPECIAL, close, native, node_of, reference

from tulle.backend.cpu import convolution_geometry
from tulle.backend.cpu.convolution_geometry import (
    forward_geometry,
    geometry_of,
    input_geometry,
    three,
    tiled,
)

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
TERMS = {"conv_forward": "count", "conv_input": "size", "conv_kernel": "kernel"}


def windows(random):
    """A geometry with the shapes of the three tensors."""
    rank = int(random.integers(1, 4))

    def numbers(low, high):
        return tuple(int(n) for n in random.integers(low, high, rank))

    kernel, strides, dilation = numbers(1, 4), numbers(1, 4), numbers(1, 3)
    size = numbers(7, {1: 60, 2: 18, 3: 10}[rank])
    low, high = numbers(-1, 3), numbers(0, 3)
    rows = zip(size, low, high, kernel, dilation, strides, strict=True)
    count = tuple((n + a + b - ((k - 1) * d + 1)) // s + 1 for n, a, b, k, d, s in rows)
    shared = {"strides": strides, "dilation": dilation, "low": low}
    return size, kernel, count, shared


def check(seed, dtype, groups, width, filters, batch, geometry=None):
    """All three primitives on random numbers."""
    random = np.random.default_rng(seed)
    size, kernel, count, shared = geometry or windows(random)
    shared = {**shared, "groups": groups}
    x = random.standard_normal((batch, *size, width * groups)).astype(dtype)
    w = random.standard_normal((*kernel, width, filters * groups)).astype(dtype)
    g = random.standard_normal((batch, *count, filters * groups)).astype(dtype)
    tolerance = TOLERANCE[dtype] * 8
    close("conv_forward", (x, w), tolerance, count=count, **shared)
    close("conv_input", (g, w), tolerance, size=size, **shared)
    close("conv_kernel", (x, g), tolerance, kernel=kernel, **shared)


@pytest.mark.parametrize("seed", range(12))
def test_random_windows(seed):
    random = np.random.default_rng(100 + seed)
    width, filters = random.choice([1, 2, 5, 17]), random.choice([1, 7, 16, 33, 100])
    groups, batch = random.choice([1, 1, 2, 3]), random.integers(1, 5)
    dtype = ("float32", "float64")[seed % 2]
    check(seed, dtype, int(groups), int(width), int(filters), int(batch))


def plain(size, kernel, low=(0, 0)):
    rows = zip(size, kernel, low, strict=True)
    count = tuple(n + 2 * a - k + 1 for n, k, a in rows)
    return size, kernel, count, {"strides": (1, 1), "dilation": (1, 1), "low": low}


@pytest.mark.parametrize("filters", [1, 16, 31, 64, 80, 130])
def test_panels_of_any_width(filters):
    check(1, "float32", 1, 3, filters, 2, plain((9, 7), (3, 3)))


@pytest.mark.parametrize("filters", [1, 3, 4])
@pytest.mark.parametrize("width", [8, 16, 21, 40])
@pytest.mark.parametrize("groups", [1, 2])
def test_few_results_of_many_terms(filters, width, groups):
    geometry = windows(np.random.default_rng(width))
    check(9, "float32", groups, width, filters, 2, geometry)
    check(9, "float64", groups, filters, width, 2, geometry)


def test_many_terms_are_summed_in_parts():
    check(2, "float32", 1, 211, 5, 2, plain((5, 6), (3, 2), (1, 1)))


def test_a_large_image_is_cut_into_bands():
    check(3, "float32", 1, 4, 20, 2, plain((67, 41), (3, 5), (1, 2)))


@pytest.mark.parametrize("width", [66, 101])
@pytest.mark.parametrize("filters", [1, 8, 16, 21, 150])
def test_many_channels_and_any_number_of_filters(width, filters):
    check(7, "float32", 1, width, filters, 3, plain((5, 6), (3, 2), (1, 0)))


@pytest.mark.parametrize("groups", [1, 3])
def test_strides_over_many_channels(groups):
    shared = {"strides": (2, 3), "dilation": (1, 2), "low": (1, 1)}
    check(8, "float64", groups, 26, 19, 2, ((9, 11), (3, 2), (5, 4), shared))


@pytest.mark.parametrize("width", [1, 3, 5, 70])
def test_one_pixel_and_a_kernel_larger_than_the_image(width):
    shared = {"strides": (1, 1), "dilation": (1, 1), "low": (3, 2)}
    for size, kernel in (((1, 1), (1, 1)), ((1, 1), (7, 5)), ((2, 3), (7, 5))):
        low = shared["low"] if kernel > (1, 1) else (0, 0)
        geometry = size, kernel, size, {**shared, "low": low}
        check(9, "float32", 1, width, 3, 2, geometry)
        check(9, "float32", width, 1, 1, 2, geometry)


def test_one_by_one():
    check(4, "float64", 1, 13, 11, 3, plain((7, 5), (1, 1)))


@pytest.mark.parametrize("sides", [(16, 32), (32, 16), (48, 64), (64, 16)])
@pytest.mark.parametrize(
    ("size", "low"),
    [
        ((8, 8), (0, 0)), ((7, 9), (1, 1)), ((9, 6), (1, 0)), ((3, 3), (0, 0)),
        ((1, 1), (1, 1)), ((30, 31), (2, 2)), ((9, 40), (-1, -2)),
    ],
)  # fmt: skip
def test_fewer_products_for_filters_of_three_by_three(sides, size, low):
    for dtype in ("float32", "float64"):
        check(1, dtype, 1, *sides, 3, plain(size, (3, 3), low))


@pytest.mark.parametrize("dilation", [(2, 2), (1, 3), (3, 1), (4, 4)])
@pytest.mark.parametrize("size", [(9, 11), (14, 14), (20, 17), (64, 10)])
@pytest.mark.parametrize("low", [(0, 0), (3, 2)])
def test_fewer_products_for_filters_with_dilation(dilation, size, low):
    rows = zip(size, dilation, low, strict=True)
    count = tuple(n + 2 * a - 2 * d for n, d, a in rows)
    shared = {"strides": (1, 1), "dilation": dilation, "low": low}
    check(3, "float32", 1, 16, 32, 3, (size, (3, 3), count, shared))


@pytest.mark.parametrize("channels", [2, 16, 37, 67])
@pytest.mark.parametrize("seed", range(3))
def test_a_filter_for_each_channel(channels, seed):
    geometry = windows(np.random.default_rng(seed))
    dtype = ("float32", "float64")[seed % 2]
    check(seed, dtype, channels, 1, 1, 3, geometry)


def test_several_filters_for_each_channel():
    check(8, "float32", 5, 1, 3, 2, plain((9, 7), (3, 3), (1, 1)))


def test_no_images():
    check(5, "float32", 1, 3, 4, 0, plain((6, 6), (3, 3)))
    check(5, "float32", 1, 16, 32, 0, plain((6, 6), (3, 3)))
    check(5, "float32", 4, 1, 1, 0, plain((6, 6), (3, 3)))


def test_strides_longer_than_the_kernel_leave_zeros():
    shared = {"strides": (3, 3), "dilation": (1, 1), "low": (0, 0)}
    check(6, "float32", 1, 2, 3, 2, ((7, 8), (1, 2), (3, 3), shared))


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize(("groups", "width"), [(1, 6), (6, 1), (1, 32)])
def test_the_number_of_threads_changes_no_bit(batch, groups, width, monkeypatch):
    random = np.random.default_rng(batch)
    size, kernel, count, shared = plain((7, 6), (3, 3), (1, 1))
    channels = groups * width
    x = random.standard_normal((batch, *size, channels)).astype(np.float32)
    w = random.standard_normal((*kernel, width, channels)).astype(np.float32)
    shared["groups"] = groups
    calls = {
        "conv_forward": ((x, w), {"count": count}),
        "conv_input": ((x, w), {"size": size}),
        "conv_kernel": ((x, x), {"kernel": kernel}),
    }
    for name, (operands, sizes) in calls.items():
        found = []
        for threads in (1, 2, 64):
            like = SimpleNamespace(threads=threads)
            monkeypatch.setattr(convolution_geometry, "pool", lambda like=like: like)
            found += native(name, operands, **shared, **sizes)
        assert (found[0] == found[1]).all()
        assert (found[0] == found[2]).all()


def test_a_small_batch_is_work_for_all_threads():
    assert tiled((7, 7, 1), 1, 512) == (7, 1)
    assert tiled((7, 7, 1), 1, 512, parts=2) == (4, 1)
    assert tiled((7, 7, 1), 3, 512, parts=2) == (7, 2)
    assert tiled((10, 10, 1), 4, 2, parts=3) == (5, 1)  # not rows of two images
    assert tiled((8, 8, 1), 1, 512, together=2, parts=3) == (4, 1)
    assert tiled((3, 3, 1), 1, 512, parts=2) == (3, 1)  # too little for two


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("channels", [(1, 2, 3), (3, 1, 1), (2, 1, 2)])
def test_padding_is_zeros_even_for_infinite_numbers(seed, channels):
    """As JAX and TensorFlow have it: zero times infinity is NaN."""
    random, (groups, width, filters) = np.random.default_rng(seed), channels
    size, kernel, count, shared = windows(random)
    shared["groups"] = groups

    def numbers(*shape):
        found = random.uniform(0.5, 1.0, shape).astype(np.float32)
        found[random.uniform(size=shape) < 2 / found.size] = np.inf
        return found

    x = numbers(2, *size, width * groups)
    w = numbers(*kernel, width, filters * groups)
    g = numbers(2, *count, filters * groups)
    for name, operands, sizes in (
        ("conv_forward", (x, w), {"count": count}),
        ("conv_input", (g, w), {"size": size}),
        ("conv_kernel", (x, g), {"kernel": kernel}),
    ):
        (found,) = native(name, operands, **shared, **sizes)
        wanted = reference(name, operands, **shared, **sizes)
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_what_is_not_taken():
    x, w = np.zeros((1, 4, 2), np.float16), np.zeros((1, 2, 3), np.float16)
    shared = {"strides": (1,), "dilation": (1,), "low": (0,), "groups": 1}
    node = node_of("conv_forward", (x, w), count=(4,), **shared)
    assert not SPECIAL["conv_forward"].accepts(node)


@pytest.mark.parametrize("seed", range(6))
def test_a_geometry_serves_any_number_of_images(seed):
    random = np.random.default_rng(seed)
    numbers = [three(random.integers(1, 5, 3).tolist(), 1) for _ in range(4)]
    size, kernel, strides, dilation = numbers
    low = tuple(random.integers(0, 2, 3).tolist())
    options = {"strides": strides, "dilation": dilation, "low": low}
    count = three([-(-n // s) for n, s in zip(size, strides, strict=True)], 1)
    for make, first, second in (
        (forward_geometry, size, count),
        (input_geometry, count, size),
    ):
        for images in (1, 2, 7, 500):
            one = make(1, first, 8, kernel, second, options)
            assert one.of(images) == make(images, first, 8, kernel, second, options)


def test_a_geometry_is_its_own_while_another_thread_asks_for_one():
    options = {"strides": (1,), "dilation": (1,), "low": (0,)}
    one, other = {"count": (7,), **options}, {"count": (38,), **options}

    class Meanwhile(tuple):
        """A shape; when it is compared the other one is asked for."""

        __hash__ = tuple.__hash__

        def __eq__(self, wanted):
            asked(other, 40)
            return tuple.__eq__(self, wanted)

    def asked(attributes, size, kernel=(3, 5, 2)):
        shapes = (2, size, 5), kernel
        operands = [SimpleNamespace(shape=shape) for shape in shapes]
        return geometry_of("conv_forward", attributes, operands)

    wanted = asked(one, 9)
    assert asked(one, 9, Meanwhile((3, 5, 2))) == wanted


@pytest.mark.parametrize("low", [0, 1])
def test_no_result_shows_what_its_window_does_not_see(low):
    """Four results are computed together, of sums in which infinities would meet."""
    random = np.random.default_rng(low)
    size, kernel, count, shared = plain((9, 8), (3, 3), (low, low))
    shared["groups"] = 1
    x = random.standard_normal((2, *size, 32)).astype(np.float32)
    w = random.standard_normal((*kernel, 32, 48)).astype(np.float32)
    g = random.standard_normal((2, *count, 48)).astype(np.float32)
    for array in (x, g):
        array[0, 2, 3, 5], array[1, 0, 0, 0], array[1, -1, -1, 1] = np.inf, np.nan, 3e38
    for name, operands, sizes in (
        ("conv_forward", (x, w), {"count": count}),
        ("conv_input", (g, w), {"size": size}),
    ):
        (found,) = native(name, operands, **shared, **sizes)
        wanted = reference(name, operands, **shared, **sizes)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
