"""`keras.tree` up to a depth, shapes as leaves, seeds, `isin`, axes, `initial`."""

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

# Several new axes, counted in the result; `initial` takes part as one more element.
grid = np.arange(6, dtype="float32").reshape(2, 3) - 2
for axes in ((0, -1), [1, 2], (0, 1, 2), (-1, -2), (3, 0)):
    made = np.asarray(ops.expand_dims(grid, axes))
    np.testing.assert_array_equal(made, np.expand_dims(grid, tuple(axes)))
symbol = keras.Input((3,))
assert ops.expand_dims(symbol, (1, -1)).shape == (None, 1, 3, 1)
told = ""
try:
    ops.expand_dims(grid, (0, -4))
except ValueError as error:
    told = str(error)
assert "names one twice" in told

for name in ("max", "min"):
    for kind in ("float32", "int32", "int8", "uint8"):
        for shape, axis in (((2, 3), 1), ((2, 3), None), ((2, 0, 3), 1), ((0, 3), 0)):
            values = (np.arange(np.prod(shape)).reshape(shape) + 2).astype(kind)
            wanted = getattr(np, name)(values, axis=axis, keepdims=True, initial=4)
            op = getattr(ops, name)
            for form in (op, keras.function(op)):
                found = np.asarray(form(values, axis=axis, keepdims=True, initial=4))
                np.testing.assert_array_equal(found, wanted)
                assert found.dtype == kind
steps = keras.Input((None,))
model = keras.Model(steps, ops.max(steps, axis=1, initial=0.5))
assert model.predict(grid, verbose=0).tolist() == [0.5, 3.0]
assert model.predict(np.zeros((2, 0), "float32"), verbose=0).tolist() == [0.5, 0.5]
weights = keras.Variable(grid)
with keras.GradientTape() as tape:
    total = ops.sum(ops.max(weights, axis=1, initial=1.5))
assert np.asarray(tape.gradient(total, weights)).tolist() == [[0, 0, 0], [0, 0, 1]]
