"""Nests of tensors: leaves out, leaves back in."""

from collections import namedtuple

import numpy as np

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
