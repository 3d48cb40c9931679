"""Nests of tensors: leaves out, leaves back in."""

from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest

import tulle
from tulle.graph.tensor import convert_to_tensor
from tulle.graph.tree import LEAF, flatten, map_leaves, unflatten

A, B, C = (convert_to_tensor(float(i)) for i in range(3))
Pair = namedtuple("Pair", "left right")


def test_round_trip():
    nest = {"x": [A, (B, 3)], "y": Pair(C, None), "z": "text"}
    leaves, structure = flatten(nest)
    assert all(leaf is wanted for leaf, wanted in zip(leaves, (A, B, C), strict=True))
    assert structure == {"x": [LEAF, (LEAF, 3)], "y": Pair(LEAF, None), "z": "text"}
    again = unflatten(structure, iter(leaves))
    assert again["x"][1][0] is B
    assert isinstance(again["y"], Pair)
    assert again["y"].left is C


def test_single_leaf():
    leaves, structure = flatten(A)
    assert leaves[0] is A
    assert structure is LEAF
    assert unflatten(structure, iter([B])) is B


def test_map():
    found = map_leaves(lambda leaf: leaf * 2, [B, {"c": C}])
    np.testing.assert_array_equal([found[0], found[1]["c"]], [2, 4])
    assert map_leaves(lambda leaf: 1, ()) == ()


class Row(list):
    def __init__(self, first, last):
        super().__init__([first, last])
        self.unit = "m"

    def total(self):
        assert self.unit == "m"
        return self[0] + self[1]


class Named(dict):
    def total(self):
        return self["a"] + self["b"]


class Ordered(OrderedDict):
    def total(self):
        self.move_to_end("a")
        return self["a"] + self["b"]


class Filled(defaultdict):
    def total(self):
        return self["a"] + self["b"] + sum(self["no such key"])


class Couple(Pair):
    def __new__(cls, *, left, right):
        return super().__new__(cls, left, right)

    def total(self):
        return self.left + self.right


@pytest.mark.parametrize(
    "nest",
    [
        Row(A, B),
        Named(a=A, b=B),
        Ordered(a=A, b=B),
        Filled(list, a=A, b=B),
        Couple(left=A, right=B),
    ],
    ids=lambda nest: type(nest).__name__,
)
def test_nests_of_a_users_class_stay_what_they_are(nest):
    """Where a function is compiled, or a layer called, as where it is not."""

    class Total(tulle.Layer):
        def call(self, nest):
            return nest.total()

    for compute in (tulle.function(lambda nest: nest.total()), Total()):
        assert float(compute(nest)) == 1.0
    given_back = tulle.function(lambda x: map_leaves(lambda leaf: leaf + x, nest))(C)
    assert type(given_back) is type(nest)
    assert float(given_back.total()) == 5.0
