"""Layers with other weights for a call; tensors as weights; cycles."""

import numpy as np
import pytest

import tulle
from tulle import ops
from tulle.graph.diagnostics import TensorTypeError

RNG = np.random.default_rng(5)


def array(*shape):
    return RNG.uniform(-1, 1, shape).astype("float32")


def network():
    return tulle.Sequential(
        [tulle.Input((3,)), tulle.layers.Dense(4, "tanh"), tulle.layers.Dense(2)]
    )


def by_hand(x, weights):
    k0, b0, k1, b1 = weights
    return np.tanh(x @ k0 + b0) @ k1 + b1


@pytest.mark.parametrize("compiled", [False, True])
def test_weights_for_a_call(compiled):
    model, x = network(), array(5, 3)
    before = model.get_weights()
    weights = [array(*w.shape) for w in before]
    paths = list(model.named_variables())

    def run(x, *weights):
        listed = tulle.functional_call(model, list(weights), x)
        named = tulle.functional_call(model, dict(zip(paths, weights, strict=True)), x)
        return listed, named

    for found in (tulle.function(run) if compiled else run)(x, *weights):
        np.testing.assert_allclose(found, by_hand(x, weights), 1e-5, 1e-6)
    for one, two in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, two)
    some = tulle.functional_call(model, {paths[0]: weights[0]}, x)
    np.testing.assert_allclose(some, by_hand(x, [weights[0], *before[1:]]), 1e-5, 1e-6)


def test_gradients_flow_into_the_tensors():
    model, x = network(), array(5, 3)
    weights = [array(*w.shape) for w in model.get_weights()]
    loss = lambda *w: ops.sum(tulle.functional_call(model, w, x))  # noqa: E731
    found = tulle.grad(loss, (0, 3))(*weights)
    hidden = np.tanh(x @ weights[0] + weights[1])
    wanted = x.T @ ((1 - hidden**2) * weights[2].sum(1))
    np.testing.assert_allclose(found[0], wanted, 1e-4, 1e-5)
    np.testing.assert_allclose(found[1], [5.0, 5.0])


def test_a_hypernetwork_in_a_model():
    x = tulle.Input((3,), batch_size=2)
    kernel = tulle.layers.Reshape((3, 1))(tulle.layers.Dense(3)(x))[0]
    layer = tulle.layers.Dense(1, use_bias=False)
    model = tulle.Model(x, tulle.functional_call(layer, {"kernel": kernel}, x))
    value = array(2, 3)
    weights, bias = model.get_weights()
    wanted = value @ (value[:1] @ weights + bias).T
    np.testing.assert_allclose(model(value), wanted, 1e-5, 1e-6)


def test_weights_that_do_not_fit():
    model, x = network(), array(5, 3)
    for weights, message in (
        ({"kernal": array(3)}, "no weight `kernal`"),
        ([array(2, 2)] * 4, r"is f32\[3, 4\], and its value f32\[2, 2\]"),
        ([array(2)], "4 weights and got 1"),
    ):
        with pytest.raises(TensorTypeError, match=message):
            tulle.functional_call(model, weights, x)


def test_stateless_call():
    layer = tulle.layers.BatchNormalization(momentum=0.5)
    x = array(6, 3)
    layer.build((None, 3))
    layer.built = True
    trained = [2 * np.ones(3, "float32"), np.zeros(3, "float32")]
    state = [np.zeros(3, "float32"), np.ones(3, "float32")]

    def run(trained, state, x):
        return layer.stateless_call(trained, state, x, training=True)

    for call in (run, tulle.function(run)):
        found, (mean, variance) = call(trained, state, x)
        wanted = 2 * (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3)
        np.testing.assert_allclose(found, wanted, 1e-4, 1e-5)
        np.testing.assert_allclose(mean, 0.5 * x.mean(0), 1e-5)
        np.testing.assert_allclose(variance, 0.5 + 0.5 * x.var(0), 1e-5)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(3))


def test_losses_of_a_stateless_call():
    layer = tulle.layers.Dense(1, use_bias=False, kernel_regularizer="l2")
    layer(array(2, 3))
    kernel = array(3, 1)
    _, _, losses = layer.stateless_call([kernel], [], array(2, 3), return_losses=True)
    np.testing.assert_allclose(losses, [0.01 * np.sum(kernel**2)], 1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_tensors_assigned_to_weights(compiled):
    """The hypernetwork of the guide: a network makes the weights of another."""
    outer = tulle.Sequential([tulle.layers.Dense(4), tulle.layers.Dense(2)])
    for layer in outer.layers:
        layer.built = True
    inner = tulle.Sequential([tulle.layers.Dense(4 * 3 + 4 + 2 * 4 + 2)])
    x = array(1, 3)

    def step(x):
        with tulle.GradientTape() as tape:
            made = inner(x)
            outer.layers[0].kernel = ops.reshape(made[:, :12], (3, 4))
            outer.layers[0].bias = ops.reshape(made[:, 12:16], (4,))
            outer.layers[1].kernel = ops.reshape(made[:, 16:24], (4, 2))
            outer.layers[1].bias = ops.reshape(made[:, 24:], (2,))
            value = outer(x)
            loss = ops.sum(value)
        return value, tape.gradient(loss, inner.trainable_weights)

    inner(x)
    value, (kernel, bias) = (tulle.function(step) if compiled else step)(x)
    made = (x @ inner.get_weights()[0] + inner.get_weights()[1])[0]
    k0, b0, k1, b1 = np.split(made, [12, 16, 24])
    k0, k1 = k0.reshape(3, 4), k1.reshape(4, 2)
    hidden = x @ k0 + b0
    np.testing.assert_allclose(value, hidden @ k1 + b1, 1e-5, 1e-6)
    back = k1.sum(1)
    parts = [np.outer(x, back), back, np.repeat(hidden[0][:, None], 2, 1), np.ones(2)]
    wanted = np.concatenate([p.ravel() for p in parts])
    np.testing.assert_allclose(bias, wanted, 1e-4, 1e-5)
    np.testing.assert_allclose(kernel, np.outer(x, wanted), 1e-4, 1e-5)
    assert len(inner.trainable_weights) == 2
    assert outer.trainable_weights == []


def test_a_layer_that_holds_itself():
    class Holder(tulle.Layer):
        def call(self, x):
            return self.inner(x)

    one, two = Holder(name="one"), Holder(name="two")
    one.inner, two.inner = two, one
    with pytest.raises(TensorTypeError, match="`one` > `two` > `one`") as error:
        one(array(2))
    assert error.value.diagnostics[0].code == "T0207"
