"""The three primitives of convolution over many geometries, for tests of devices."""

import numpy as np
from window_geometry import geometry

from tulle.graph.dim import Dim
from tulle.graph.registry import OPS
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of

# Size, channels, kernel, filters, and the geometry.
CASES = {
    "plain": ((7, 6), 3, (3, 2), 4, {}),
    "padded": ((7, 6), 3, (3, 3), 4, {"low": 1, "high": 1}),
    "strided": ((9, 8), 2, (3, 2), 5, {"strides": (2, 3), "low": (1, 0), "high": 1}),
    "dilated": ((9, 9), 2, (3, 2), 3, {"dilation": (2, 3), "low": 2, "high": (0, 2)}),
    "cut off": ((6, 6), 2, (2, 2), 3, {"low": -1, "high": -2}),
    "one by one": ((5, 4), 6, (1, 1), 3, {}),
    "one by one, strided": ((5, 4), 6, (1, 1), 3, {"strides": 2}),
    "groups": ((6, 5), 6, (3, 2), 4, {"groups": 2, "low": 1, "high": 1}),
    "channel by channel": ((6, 5), 4, (3, 3), 8, {"groups": 4, "strides": 2}),
    "a line": ((11,), 3, (4,), 2, {"strides": 2, "low": 3}),
    "space": ((4, 5, 3), 2, (2, 3, 2), 3, {"low": 1, "high": 1}),
    "thinner than a stride": ((1, 9, 9), 2, (3, 5, 5), 1,
                              {"strides": 3, "low": 1, "high": 1}),
    "wider than the image": ((3, 3), 2, (5, 5), 3, {"low": 2, "high": 2}),
}  # fmt: skip
LARGE = ((28, 28), 32, (3, 3), 64, {"low": 1, "high": 1})
PARTS = ("conv_forward", "conv_input", "conv_kernel")
RANDOM = np.random.default_rng(6)


def node_and_arrays(name, case, kind, images):
    """A node of a case, its inputs, arrays for them, and arguments of its body."""
    given = CASES[case] if isinstance(case, str) else case
    size, channels, kernel, filters, options = given
    shared, count = geometry(size, kernel, **options)
    width = channels // shared["groups"]
    shapes = {
        "x": (images, *size, channels),
        "kernel": (*kernel, width, filters),
        "g": (images, *count, filters),
    }
    names, more = {
        "conv_forward": (("x", "kernel"), {"count": count}),
        "conv_input": (("g", "kernel"), {"size": size}),
        "conv_kernel": (("x", "g"), {"kernel": kernel}),
    }[name]
    dtype = dtype_of(kind)
    arrays = [RANDOM.normal(size=shapes[n]).astype(dtype.numpy) for n in names]
    types = [TensorType(dtype, tuple(map(Dim.of, a.shape))) for a in arrays]
    inputs = tuple(input_node(f"x{k}", type) for k, type in enumerate(types))
    (key, value), = more.items()  # fmt: skip
    attributes = {**shared, key: tuple(map(Dim.of, value))}
    if key == "kernel":
        attributes[key] = value
    return OPS[name].apply(inputs, attributes), inputs, arrays, {**shared, **more}
