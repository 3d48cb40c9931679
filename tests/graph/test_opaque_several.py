"""Opaque layers with several inputs and outputs, and what tells their shapes."""

import numpy as np
import pytest

from tulle import GradientTape, Input, Model, layers, ops
from tulle.graph.diagnostics import TensorTypeError

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")


class Parts(layers.Layer):
    """The scaled input and the squares of rows, in raw NumPy, by name."""

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")

    def call(self, x):
        x = np.asarray(x)
        return {"scaled": x * self.scale.numpy(), "square": (x**2).sum(-1)}

    def vjp(self, inputs, output, cotangent):
        x, scale = map(np.asarray, inputs)
        one, two = (np.asarray(cotangent[key]) for key in ("scaled", "square"))
        return one * scale + 2 * x * two[:, None], (one * x).sum(0)


class Plain(Parts):
    """The same with ops."""

    def call(self, x):
        return {"scaled": x * self.scale, "square": ops.sum(ops.square(x), -1)}


def model(kind):
    x = Input((3,))
    made = Model(x, kind()(layers.Dense(3, use_bias=False)(x)))
    made.layers[1].kernel.assign(np.arange(9).reshape(3, 3) / 9)
    made.compile("sgd", {"scaled": "mse", "square": "mae"})
    return made


def test_types_follow_the_arrays():
    made = model(Parts)
    assert made.output_shape == {"scaled": (None, 3), "square": (None,)}


def test_training_is_that_of_ops():
    y = {"scaled": X[::-1], "square": X[:, 0]}
    found = {}
    for kind in (Parts, Plain):
        made = model(kind)
        losses = made.fit(X, y, epochs=3, shuffle=False, verbose=0).history["loss"]
        found[kind] = [losses, *made.get_weights()]
    for one, two in zip(found[Parts], found[Plain], strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_a_tape_follows_several_results():
    gradients = []
    for kind in (Parts, Plain):
        made = model(kind)
        with GradientTape() as tape:
            result = made(X)
            loss = ops.mean(result["scaled"] ** 3) + ops.mean(result["square"])
        gradients.append(tape.gradient(loss, made.trainable_weights))
    for one, two in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


class Sorted(layers.Layer):
    """Two inputs, two outputs."""

    def call(self, a, b):
        return np.sort(np.asarray(a)), np.asarray(b).cumsum(-1)


def test_several_inputs_and_outputs():
    a, b = Input((3,)), Input((5,))
    made = Model([a, b], Sorted()(a, b))
    y = np.ones((6, 5), "float32")
    one, two = made.predict([X, y], verbose=0)
    np.testing.assert_array_equal(one, np.sort(X))
    np.testing.assert_array_equal(two, y.cumsum(-1))


class Told(layers.Layer):
    """A list of inputs; tells its outputs' shapes instead of being tried."""

    calls = 0

    def call(self, inputs):
        Told.calls += 1
        a, b = map(np.asarray, inputs)
        return [np.concatenate([a, b], -1), a[:, 0]]

    def compute_output_shape(self, input_shape):
        (rows, one), (_, two) = input_shape
        return [(rows, one + two), (rows,)]


def test_shapes_that_a_layer_tells():
    Told.calls = 0
    a, b = Input((3,)), Input((2,))
    wide, thin = Told()([a, b])
    assert (wide.shape, thin.shape) == ((None, 5), (None,))
    before = Told.calls
    found = Model([a, b], [wide, thin]).predict([X, X[:, :2]], verbose=0)
    assert Told.calls > before
    np.testing.assert_array_equal(found[1], X[:, 0])


def test_another_arrangement_is_refused():
    class Fickle(layers.Layer):
        def call(self, x):
            x = np.asarray(x)
            return (x, x) if x.shape[0] > 8 else x

    x = Input((3,))
    made = Model(x, Fickle()(x))
    with pytest.raises(TensorTypeError, match="T0509"):
        made.predict(X, verbose=0)


def test_text_is_no_result():
    class Text(layers.Layer):
        def call(self, x):
            np.asarray(x)
            return "x", x

    with pytest.raises(TensorTypeError, match="returned a str, not an array"):
        Text()(Input((3,)))
