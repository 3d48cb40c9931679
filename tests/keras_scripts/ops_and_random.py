"""`keras.ops` and `keras.random` as array code."""

import numpy as np

import tulle as keras
from tulle import ops

x = ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])
y = ops.ones_like(x)
assert x.shape == (2, 2)
assert keras.backend.standardize_dtype(x.dtype) == "float32"
np.testing.assert_allclose(ops.matmul(x, y), [[3, 3], [7, 7]])
np.testing.assert_allclose(x @ y + 1, [[4, 4], [8, 8]])
np.testing.assert_allclose(ops.einsum("ij,kj->ik", x, y), [[3, 3], [7, 7]])
np.testing.assert_allclose(ops.sum(x, axis=0, keepdims=True), [[4, 6]])
assert float(ops.max(x)) == 4.0
assert ops.shape(x) == (2, 2)
assert tuple(ops.reshape(x, (-1,)).shape) == (4,)
assert ops.convert_to_numpy(ops.argmax(x, axis=-1)).tolist() == [1, 1]
stacked = ops.stack([x, y], axis=0)
first, second = ops.unstack(stacked, axis=0)
np.testing.assert_allclose(first, x)
parts = ops.split(ops.arange(6), 3)
assert [ops.convert_to_numpy(p).tolist() for p in parts] == [[0, 1], [2, 3], [4, 5]]
assert ops.convert_to_numpy(ops.where(x > 2, x, 0.0)).tolist() == [[0, 0], [3, 4]]
assert ops.convert_to_numpy(ops.one_hot([1, 0], 3)).tolist() == [[0, 1, 0], [1, 0, 0]]
np.testing.assert_allclose(ops.norm(x), np.sqrt(30), rtol=1e-6)
np.testing.assert_allclose(ops.softmax(x, axis=-1).numpy().sum(axis=-1), 1, rtol=1e-6)
updated = ops.scatter_update(ops.zeros((4,)), [[1], [3]], ops.array([5.0, 6.0]))
np.testing.assert_allclose(updated, [0, 5, 0, 6])
values, indices = ops.top_k(ops.array([1.0, 5.0, 3.0]), k=2)
np.testing.assert_allclose(values, [5, 3])
total = ops.while_loop(lambda i, s: i < 5, lambda i, s: (i + 1, s + i), (0, 0))
assert int(total[1]) == 10
assert float(ops.cond(x[0, 0] > 0, lambda: 1.0, lambda: 2.0)) == 1.0
carry, ys = ops.scan(lambda c, v: (c + v, c), ops.array(0.0), ops.arange(4.0))
assert float(carry) == 6.0
mapped = ops.vectorized_map(lambda row: ops.sum(row), x)
np.testing.assert_allclose(mapped, [3, 7])
image = ops.image.resize(np.ones((1, 4, 4, 3), "float32"), (2, 2))
assert image.shape == (1, 2, 2, 3)
np.testing.assert_allclose(ops.logsumexp(x), np.log(np.exp(x.numpy()).sum()), rtol=1e-5)
assert ops.cast(x, "int32").numpy().tolist() == [[1, 2], [3, 4]]
assert ops.is_tensor(x)
assert not ops.is_tensor(np.ones(2))
q, r = ops.qr(x)
np.testing.assert_allclose(ops.matmul(q, r), x, rtol=1e-5)
np.testing.assert_allclose(ops.linalg.det(x), -2.0, rtol=1e-5)
np.testing.assert_allclose(ops.nn.relu(-x), np.zeros((2, 2)))
np.testing.assert_allclose(ops.numpy.flip(x, axis=0), [[3, 4], [1, 2]])
stopped = ops.stop_gradient(x)
np.testing.assert_allclose(stopped, x)

generator = keras.random.SeedGenerator(seed=1)
a = keras.random.normal((4, 3), seed=generator)
b = keras.random.normal((4, 3), seed=generator)
assert np.abs(np.asarray(a) - np.asarray(b)).max() > 0
c = keras.random.uniform((100,), minval=-1.0, maxval=1.0, seed=5)
np.testing.assert_array_equal(
    c, keras.random.uniform((100,), minval=-1.0, maxval=1.0, seed=5)
)
assert float(ops.min(c)) >= -1
assert float(ops.max(c)) < 1
assert keras.random.randint((5,), 0, 10, seed=2).shape == (5,)
logits = np.log([[0.0001, 0.9999]]).astype("float32")
drawn = keras.random.categorical(logits, 6, seed=1)
assert drawn.shape == (1, 6)
truncated = keras.random.truncated_normal((500,), seed=3)
assert float(ops.max(ops.abs(truncated))) <= 2.0
assert keras.random.gamma((3,), 2.0, seed=1).shape == (3,)
shuffled = keras.random.shuffle(ops.arange(10), seed=4)
assert sorted(np.asarray(shuffled).tolist()) == list(range(10))
kept = keras.random.dropout(ops.ones((1000,)), rate=0.5, seed=1)
assert 300 < int(ops.count_nonzero(kept)) < 700

# In a functional model.
inputs = keras.Input((3, 4))
h = ops.transpose(inputs, (0, 2, 1))
h = ops.reshape(h, (-1, 12))
h = ops.concatenate([h, h * 2], axis=-1) / 2 - 1
model = keras.Model(inputs, ops.mean(h, axis=-1, keepdims=True))
assert model.output_shape == (None, 1)
assert model(np.ones((5, 3, 4), "float32")).shape == (5, 1)
