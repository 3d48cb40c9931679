"""What is particular to layers that normalize: masks, state, groups, refusals."""

import numpy as np
import pytest

import tulle
from tulle import layers, ops
from tulle.graph.diagnostics import TensorTypeError

RANDOM = np.random.default_rng(5)


def test_statistics_leave_masked_steps_out():
    x = RANDOM.normal(size=(4, 5, 3)).astype("float32")
    mask = RANDOM.random((4, 5)) > 0.4
    layer = layers.BatchNormalization(momentum=0.5, epsilon=0.0)
    found = layer(x, training=True, mask=mask).numpy()
    kept = x[mask]
    np.testing.assert_allclose(found[mask].mean(0), 0.0, atol=1e-5)
    np.testing.assert_allclose(found[mask].std(0), 1.0, 1e-4)
    np.testing.assert_allclose(layer.moving_mean, kept.mean(0) / 2, 1e-4, 1e-6)
    np.testing.assert_allclose(layer.moving_variance, 0.5 + kept.var(0) / 2, 1e-4)


def test_renorm_follows_slow_averages():
    """r and d lead to the slow averages where nothing is clipped."""
    x = RANDOM.normal(2.0, 3.0, (64, 2)).astype("float32")
    layer = layers.BatchNormalization(renorm=True, renorm_momentum=0.5, epsilon=1e-6)
    for _ in range(25):
        found = layer(x, training=True).numpy()
    np.testing.assert_allclose(found, (x - x.mean(0)) / x.std(0), 1e-3, 1e-3)
    np.testing.assert_allclose(layer.renorm_mean, x.mean(0), 1e-3)
    np.testing.assert_allclose(layer.renorm_stddev, x.std(0), 1e-3)


def test_a_group_for_each_channel():
    x = RANDOM.normal(size=(2, 7, 3)).astype("float32")
    found = layers.GroupNormalization(groups=-1, epsilon=0.0)(x).numpy()
    wanted = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    np.testing.assert_allclose(found, wanted, 1e-4, 1e-5)


def test_halves_are_normalized_in_float32():
    x = RANDOM.normal(300.0, 1.0, (8, 16)).astype("float16")
    for kind in (layers.LayerNormalization, layers.GroupNormalization):
        more = {} if kind is layers.LayerNormalization else {"groups": 1}
        layer = kind(dtype="mixed_float16", **more)
        wide = kind(**more)(x.astype("float32")).numpy()
        found = layer(x)
        assert found.dtype == "float16"
        np.testing.assert_allclose(found.numpy(), wide, 2e-3, 2e-3)


def test_spectral_normalization_reaches_one():
    layer = layers.SpectralNormalization(layers.Dense(4), power_iterations=40)
    x = RANDOM.normal(size=(3, 5)).astype("float32")
    layer(x, training=False)
    before = layer.layer.kernel.numpy()
    layer(x, training=True)
    after = layer.layer.kernel.numpy()
    size = np.linalg.svd(before)[1][0]
    np.testing.assert_allclose(after, before / size, 1e-4, 1e-5)
    np.testing.assert_allclose(layer(x).numpy(), x @ after, 1e-4, 1e-5)


def test_spectral_normalization_has_weights_in_keras_order():
    layer = layers.SpectralNormalization(layers.Dense(4))
    layer(np.ones((3, 5), "float32"))
    assert [w.name for w in layer.weights] == ["kernel", "vector_u", "bias"]
    assert [w.name for w in layer.trainable_weights] == ["kernel", "bias"]
    assert layer.count_params() == 5 * 4 + 4 + 4


def test_spectral_normalization_leaves_zeros():
    inner = layers.Dense(4, kernel_initializer="zeros")
    layer = layers.SpectralNormalization(inner)
    found = layer(np.ones((3, 5), "float32"), training=True)
    assert not found.numpy().any()
    assert not inner.kernel.numpy().any()


@pytest.mark.parametrize("eagerly", [True, False])
def test_training_goes_on_from_the_divided_weights(eagerly):
    inner = layers.Dense(2, use_bias=False)
    layer = layers.SpectralNormalization(inner, power_iterations=30)
    model = tulle.Sequential([tulle.Input((3,)), layer])
    model.compile(tulle.optimizers.SGD(0.1), "mse", run_eagerly=eagerly)
    x, y = np.eye(3, dtype="float32"), np.zeros((3, 2), "float32")
    before = inner.kernel.numpy()
    model.train_on_batch(x, y)
    divided = before / np.linalg.svd(before)[1][0]
    moved = inner.kernel.numpy() - divided
    assert 1e-4 < np.abs(moved).max() < 0.1


@pytest.mark.parametrize(
    ("make", "shape", "code", "words"),
    [
        (lambda: layers.BatchNormalization(axis=[1]), None, "T0204", "one whole"),
        (lambda: layers.BatchNormalization(momentum=-1), None, "T0204", "at least 0"),
        (lambda: layers.LayerNormalization("last"), None, "T0204", "'last'"),
        (lambda: layers.LayerNormalization([1, -1]), (3,), "T0303", "twice"),
        (lambda: layers.LayerNormalization(epsilon=-1), None, "T0204", "epsilon"),
        (lambda: layers.GroupNormalization(0), None, "T0204", "positive"),
        (lambda: layers.GroupNormalization(4), (6,), "T0204", "the 6 channels"),
        (lambda: layers.GroupNormalization(2, axis=0), (6,), "T0303", "the batch"),
        (lambda: layers.GroupNormalization(2), (None,), "T0306", "a number"),
        (lambda: layers.RMSNormalization(axis=2), (3,), "T0303", "no axis 2"),
        (lambda: layers.UnitNormalization(axis=1.5), None, "T0204", "1.5"),
        (lambda: layers.UnitNormalization(axis=4), (3,), "T0303", "no axis 4"),
        (
            lambda: layers.SpectralNormalization(layers.Flatten()),
            (3,),
            "T0204",
            "has neither",
        ),
        (
            lambda: layers.SpectralNormalization(layers.Dense(3), 0),
            None,
            "T0204",
            "power_iterations",
        ),
    ],
)
def test_wrong(make, shape, code, words):
    with pytest.raises(TensorTypeError) as error:
        make()(tulle.Input(shape or (3,)))
    assert error.value.diagnostics[0].code == code
    assert words in str(error.value)
    assert "test_layers_normalization.py" in str(error.value)


@pytest.mark.parametrize(
    ("clipping", "words"),
    [
        ({"rmin": 2.0, "rmax": 1.0}, "nothing between 2.0 and 1.0"),
        ({"dmax": -1.0}, "at least 0"),
        ({"rmid": 1.0}, "no bound `rmid`"),
        (3, "a dictionary"),
    ],
)
def test_wrong_clipping(clipping, words):
    with pytest.raises(TensorTypeError) as error:
        layers.BatchNormalization(renorm=True, renorm_clipping=clipping)
    assert words in str(error.value)


def test_a_mask_of_another_rank():
    x = np.ones((2, 3, 4), "float32")
    with pytest.raises(TensorTypeError) as error:
        layers.BatchNormalization()(x, training=True, mask=ops.ones((2,), dtype="bool"))
    assert "one axis less" in str(error.value)


@pytest.mark.parametrize("shape", [(7, 1), (7, 3), (7,)])
@pytest.mark.parametrize(
    "layer",
    [
        layers.BatchNormalization, lambda: layers.GroupNormalization(2), layers.PReLU,
        layers.LayerNormalization, layers.RMSNormalization,
    ],
)  # fmt: skip
def test_another_width_than_weights_were_made_for(layer, shape):
    """One channel beside weights for four would be broadcast to four."""
    made = layer()
    made(tulle.Input((7, 4)))
    with pytest.raises(TensorTypeError) as caught:
        made(tulle.Input(shape))
    assert caught.value.diagnostics[0].code in ("T0302", "T0303")
