"""Layers that change pictures: what they may do, each picture on its own."""

import numpy as np
import pytest

from tulle import Input, Sequential, layers
from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.variable import set_random_seed


@pytest.fixture
def images():
    set_random_seed(7)
    values = np.random.default_rng(0).uniform(40, 200, (64, 3, 5, 3))
    return values.astype("float32")


def kinds(x, y):
    """For each picture the numbers of the variants in `y` that it equals."""
    return [
        {i for i, v in enumerate(y) if np.allclose(one, v[n], atol=1e-3)}
        for n, one in enumerate(x)
    ]


@pytest.mark.parametrize(
    ("mode", "axes"),
    [("horizontal", 2), ("vertical", 1), ("horizontal_and_vertical", (1, 2))],
)
def test_flipped_or_not(images, mode, axes):
    found = layers.RandomFlip(mode)(images).numpy()
    seen = kinds(found, [images, np.flip(images, axes)])
    assert all(seen)
    assert 10 < sum(0 in kind for kind in seen) < 54


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (layers.RandomFlip, {"mode": "vertical"}),
        (layers.RandomGrayscale, {}),
        (layers.RandomInvert, {}),
        (layers.RandomPosterization, {"factor": 4}),
        (layers.RandomSaturation, {"factor": 0.5, "value_range": (0, 1)}),
    ],
)
def test_channels_first(images, kind, settings):
    units = images / 255.0
    first = kind(seed=1, data_format="channels_first", **settings)
    found = first(np.moveaxis(units, -1, 1)).numpy()
    want = kind(seed=1, **settings)(units).numpy()
    assert (want != units).any()
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), want, 1e-5, 1e-6)


def test_brighter_or_darker(images):
    found = layers.RandomBrightness(0.1)(images).numpy()
    moved = found - images
    assert np.ptp(moved, axis=(1, 2, 3)).max() < 1e-3
    assert 20 < np.abs(moved).max() <= 25.5 + 1e-3
    assert (moved < 0).any()
    assert (moved > 0).any()
    ones = layers.RandomBrightness([0.9, 0.8], value_range=[0, 1])(images / 255.0)
    assert ones.numpy().max() == 1.0


def test_contrast(images):
    found = layers.RandomContrast((0.2, 0.3), (-1000, 1000))(images).numpy()
    mean = images.mean((1, 2), keepdims=True)
    scale = ((found - mean) / (images - mean)).reshape(64, -1)
    np.testing.assert_allclose(
        scale, np.median(scale, 1, keepdims=True) + 0 * scale, 2e-2
    )
    assert np.median(scale, 1).min() > 0.79
    assert np.median(scale, 1).max() < 1.31
    limited = layers.RandomContrast((0.2, 0.3), (90, 100))(images).numpy()
    assert (limited.min(), limited.max()) == (90, 100)


def test_grey(images):
    found = layers.RandomGrayscale(0.3)(images).numpy()
    grey = images @ np.array([[0.2989], [0.587], [0.114]], "float32")
    grey = np.repeat(grey, 3, -1)
    seen = kinds(found, [images, grey])
    assert all(seen)
    assert 5 < sum(1 in kind for kind in seen) < 35
    np.testing.assert_allclose(layers.RandomGrayscale(1.0)(images), grey, 1e-4)


def test_inverted(images):
    seen = kinds(
        layers.RandomInvert((0.5, 0.5))(images).numpy(), [images, 255 - images]
    )
    assert all(seen)
    assert 15 < sum(0 in kind for kind in seen) < 50


def test_solarized(images):
    layer = layers.Solarization(threshold_factor=(0.0, 0.5), value_range=(0, 255))
    found = layer(images).numpy()
    inverted = np.isclose(found, 255 - images)
    assert (inverted | np.isclose(found, images)).all()
    # In each picture what is inverted is brighter than what is not.
    for x, turned in zip(images, inverted, strict=True):
        assert x[turned].min() >= x[~turned].max(initial=0) - 1e-3
    units = layers.Solarization(value_range=(0, 1))(images / 255.0).numpy()
    np.testing.assert_allclose(units, 1 - images / 255.0, 1e-4)


def test_contrast_of_the_whole_range(images):
    images[0, ..., 1] = 77.0
    found = layers.AutoContrast()(images, training=False).numpy()
    np.testing.assert_array_equal(found[0, ..., 1], 77.0)
    np.testing.assert_allclose(found[1:].min((1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(found[1:].max((1, 2)), 255, 1e-4)


def test_fewer_bits(images):
    found = layers.RandomPosterization(4)(images).numpy()
    fitting = [np.floor(images / step) * step for step in (128, 64, 32)]
    seen = kinds(found, fitting)
    assert all(seen)
    assert {number for kind in seen for number in kind} == {0, 1, 2}


def test_saturation(images):
    units = images / 255.0
    same = layers.RandomSaturation((0.5, 0.5), (0, 1))(units).numpy()
    np.testing.assert_allclose(same, units, 1e-4, 1e-5)
    found = layers.RandomSaturation((0.2, 0.4), (0, 1))(units).numpy()
    np.testing.assert_allclose(found.max(-1), units.max(-1), 1e-5)
    assert (np.ptp(found, -1) <= np.ptp(units, -1) + 1e-5).all()


def test_one_picture_integers_and_modes(images):
    layer = layers.RandomInvert((1, 1))
    assert layer(images[0]).shape == (3, 5, 3)
    whole = layer(images.astype("uint8"))
    assert whole.dtype == "float32"
    np.testing.assert_array_equal(whole, 255.0 - images.astype("uint8"))
    np.testing.assert_array_equal(layer(images, training=False), images)
    model = Sequential([layers.InputLayer((3, 5, 3)), layer])
    np.testing.assert_array_equal(model(images, training=False), images)
    np.testing.assert_array_equal(model(images, training=True), 255 - images)
    np.testing.assert_array_equal(model.predict(images, verbose=0), images)


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda: layers.RandomFlip("left"), "T0204", "`horizontal`"),
        (lambda: layers.RandomBrightness(2.0), "T0204", "from -1 to 1"),
        (lambda: layers.RandomBrightness(0.5, 255), "T0204", "is a pair"),
        (lambda: layers.RandomContrast((0.1, 0.2, 0.3)), "T0204", "pair of numbers"),
        (lambda: layers.RandomGrayscale(1.5), "T0204", "probability"),
        (lambda: layers.RandomFlip()(Input((3,))), "T0306", "takes pictures"),
        (lambda: layers.RandomFlip()({"images": 3}), "T0306", "takes pictures"),
    ],
)
def test_wrong(make, code, words):
    with pytest.raises(TensorTypeError) as error:
        make()
    assert error.value.diagnostics[0].code == code
    assert words in str(error.value)
    assert "test_layers_augmentation.py" in str(error.value)
