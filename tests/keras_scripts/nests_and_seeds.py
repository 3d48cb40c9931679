"""`keras.tree` up to a depth, shapes as leaves, seeds as configuration, `isin`."""

import numpy as np

import tulle as keras
from tulle import ops

tree = keras.tree
assert tree.map_structure_up_to([0, 0], len, [[1, 2], [3]]) == [2, 1]
sums = tree.map_structure_up_to(
    {"a": 0, "b": (0,)}, lambda one, two: one + two, {"a": [1], "b": (2,)},
    {"a": [3], "b": (4,)},
)  # fmt: skip
assert sums == {"a": [1, 3], "b": (6,)}
shapes = {"image": (None, 8, 8, 3), "rest": [(None, 4), [2, 5]]}
assert tree.map_shape_structure(len, shapes) == {"image": 4, "rest": [2, 2]}
tree.assert_same_paths([0, {"a": 1}], [5, {"a": 6}])
for one, two in (([0, 1], [0]), ({"a": 1}, {"b": 1})):
    try:
        tree.assert_same_paths(one, two)
    except ValueError:
        continue
    raise AssertionError((one, two))

generator = keras.random.SeedGenerator(7)
first = np.asarray(keras.random.normal((4,), seed=generator))
second = np.asarray(keras.random.normal((4,), seed=generator))
assert generator.get_config()["seed"] == 7
again = keras.random.SeedGenerator.from_config(generator.get_config())
np.testing.assert_array_equal(keras.random.normal((4,), seed=again), first)
assert not np.array_equal(first, second)

ids = np.array([[1, 5], [2, 9]])
found = np.asarray(ops.isin(ids, [1, 2, 3]))
assert found.tolist() == [[True, False], [True, False]]
halves = np.array([1.0, 1.5], "float32")
assert np.asarray(ops.isin(halves, np.array([1, 2]))).tolist() == [True, False]
