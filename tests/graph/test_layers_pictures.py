"""Layers that move, cover, mix and choose: what they may do, and their words."""

import numpy as np
import pytest

from tulle import function, layers
from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.variable import set_random_seed


@pytest.fixture
def images():
    set_random_seed(5)
    values = np.random.default_rng(0).uniform(40, 200, (32, 6, 7, 3))
    return values.astype("float32")


def test_translation_by_whole_pixels(images):
    layer = layers.RandomTranslation((0.5, 0.5), (-1 / 7, -1 / 7), "wrap")
    found = layer(images).numpy()
    np.testing.assert_allclose(found, np.roll(images, (3, -1), (1, 2)), 1e-3)


def test_half_a_turn(images):
    found = layers.RandomRotation((0.5, 0.5))(images).numpy()
    np.testing.assert_allclose(found, images[:, ::-1, ::-1], 1e-3)


def test_zoom_reads_twice_as_many_pixels(images):
    layer = layers.RandomZoom((1.0, 1.0), fill_mode="constant", fill_value=7.0)
    found = layer(images[:, :5, :5]).numpy()
    np.testing.assert_allclose(found[:, 1:4, 1:4], images[:, 0:5:2, 0:5:2], 1e-4)
    np.testing.assert_array_equal(found[:, 0], 7.0)


def test_shears_both_ways(images):
    layer = layers.RandomShear((1.0, 1.0), fill_mode="wrap", interpolation="nearest")
    found = layer(images).numpy()
    signs = set()
    for x, y in zip(images, found, strict=True):
        for sign in (1, -1):
            moved = [np.roll(row, -sign * i, 0) for i, row in enumerate(x)]
            signs |= {sign} if np.allclose(moved, y) else set()
    assert signs == {1, -1}


def test_crops_are_windows(images):
    found = layers.RandomCrop(2, 3)(images).numpy()
    windows = np.lib.stride_tricks.sliding_window_view(images, (2, 3), (1, 2))
    hits = [
        (i, j)
        for i in range(5)
        for j in range(5)
        if np.allclose(np.moveaxis(windows[:, i, j], 1, -1), found)
    ]
    assert len(hits) == 1
    small = layers.RandomCrop(12, 14)(images)
    assert small.shape == (32, 12, 14, 3)
    middle = layers.RandomCrop(6, 3)(images, training=False).numpy()
    np.testing.assert_allclose(middle, images[:, :, 2:5])


def test_elastic_pictures_stay_near(images):
    found = layers.RandomElasticTransform(factor=(0.5, 0.5))(images).numpy()
    same = [np.array_equal(x, y) for x, y in zip(images, found, strict=True)]
    assert 5 < sum(same) < 27
    assert images.min() <= found.min()
    assert found.max() <= images.max()


def test_boxes_are_erased(images):
    layer = layers.RandomErasing((1.0, 1.0), (0.25, 0.25), 0.0)
    gone = (layer(images).numpy() == 0.0).all(-1)
    # Half of each side, where the box begins between pixels one more or less.
    for x in gone:
        rows, columns = x.any(1), x.any(0)
        assert (x == np.outer(rows, columns)).all()
        assert rows.sum() == 3
        assert columns.sum() in (3, 4)


def test_mixed_pictures_and_labels():
    set_random_seed(1)
    pictures = np.eye(16, dtype="float32")[:, :, None, None]
    labels = np.eye(16, dtype="float32")
    layer = layers.MixUp(alpha=1.0)
    found = layer({"images": pictures, "labels": labels})
    np.testing.assert_allclose(found["labels"].numpy().sum(1), 1.0, 1e-5)
    np.testing.assert_allclose(found["images"].numpy()[..., 0, 0], found["labels"])
    kept = layer({"images": pictures, "labels": labels}, training=False)
    np.testing.assert_array_equal(kept["images"], pictures)


def test_cut_pictures_and_labels():
    set_random_seed(2)
    numbers = np.arange(16, dtype="float32")
    pictures = np.broadcast_to(numbers[:, None, None, None], (16, 40, 40, 1))
    labels = np.eye(16, dtype="float32")
    found = layers.CutMix()({"images": pictures, "labels": labels})
    images, shares = found["images"].numpy(), found["labels"].numpy()
    np.testing.assert_allclose(shares.sum(1), 1.0, 1e-5)
    for number, (x, share) in enumerate(zip(images, shares, strict=True)):
        own = (x == number).mean()
        assert len(np.unique(x)) <= 2
        assert own == pytest.approx(share[number], abs=0.06)


@pytest.mark.parametrize("kind", [layers.RandAugment, layers.AugMix])
def test_choices_differ_from_call_to_call(images, kind):
    layer = kind(value_range=(0, 255))
    step = function(lambda x: layer(x, training=True))
    first, second = step(images).numpy(), step(images).numpy()
    assert first.shape == images.shape
    assert not np.allclose(first, second)
    assert first.min() >= 0
    assert first.max() <= 255


def test_labels_stay(images):
    labels = np.arange(32)
    found = layers.RandomFlip()({"images": images, "labels": labels})
    np.testing.assert_array_equal(found["labels"], labels)


def test_equalized():
    values = np.repeat([10.0, 20.0, 30.0, 200.0], 4).reshape(1, 4, 4, 1)
    found = layers.Equalization()(values).numpy()
    assert sorted(np.unique(found)) == [0.0, 85.0, 170.0, 255.0]
    flat = np.full((1, 4, 4, 1), 9.0)
    np.testing.assert_array_equal(layers.Equalization()(flat), flat)


def test_vocabularies():
    data = np.array([[4, 9, 4], [4, 7, 9]])
    layer = layers.IntegerLookup(max_tokens=4, mask_token=0)
    layer.adapt(data)
    assert layer.get_vocabulary() == [0, -1, 4, 9]
    assert layer(np.array([9, 7, 0, 4])).numpy().tolist() == [3, 1, 0, 2]
    again = layers.IntegerLookup.from_config(layer.get_config())
    assert again.get_vocabulary() == [0, -1, 4, 9]
    back = layers.IntegerLookup(vocabulary=[4, 9], invert=True)
    assert back(np.array([2, 1, 0, 8])).numpy().tolist() == [9, 4, -1, -1]
    counted = layers.IntegerLookup(output_mode="tf_idf")
    counted.adapt(data)
    weights = np.log(1 + 2 / (1 + np.array([2, 2, 1])))
    wanted = [weights.mean(), 2 * weights[0], weights[1], 0]
    np.testing.assert_allclose(counted(np.array([[4, 4, 9, 1]]))[0], wanted, 1e-6)


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda: layers.RandomZoom(2.0), "T0204", "`height_factor`"),
        (lambda: layers.RandomRotation(0.1, "mirror"), "T0204", "`reflect` or `wrap`"),
        (lambda: layers.RandomShear(-0.1), "T0204", "from 0 to 1"),
        (lambda: layers.RandomCrop(0, 3), "T0204", "positive integer"),
        (lambda: layers.RandomGaussianBlur(kernel_size=4), "T0204", "is odd"),
        (lambda: layers.RandomErasing(fill_value=(1, 2)), "T0204", "three numbers"),
        (lambda: layers.MixUp(alpha=0.0), "T0204", "positive number"),
        (lambda: layers.CutMix()({"images": np.ones((2, 3, 3, 1)), "labels": [0, 1]}),
         "T0306", "(batch, classes)"),
        (lambda: layers.RandAugment(num_ops=0), "T0204", "`num_ops`"),
        (lambda: layers.STFTSpectrogram(frame_length=4, frame_step=5), "T0204",
         "nothing is skipped"),
        (lambda: layers.STFTSpectrogram(frame_length=4, fft_length=2), "T0204",
         "at least `frame_length=4`"),
        (lambda: layers.MelSpectrogram(min_freq=9000.0), "T0204", "`max_freq=8000`"),
        (lambda: layers.MelSpectrogram(64, sequence_length=65), "T0204", "at most"),
        (lambda: layers.Pipeline(layers.ReLU()), "T0204", "a list of layers"),
        (lambda: layers.IntegerLookup(vocabulary=[1, 1]), "T0204", "[1] come again"),
        (lambda: layers.IntegerLookup(vocabulary=[1], salt=3), "T0204", "hashes"),
        (lambda: layers.IntegerLookup()(np.array([1])), "T0606", "no vocabulary yet"),
        (lambda: layers.IntegerLookup(vocabulary=[1])(np.ones(2)), "T0402",
         "looks up integers"),
        (lambda: layers.IntegerLookup(vocabulary=[1]).adapt(np.ones(2)), "T0204",
         "cannot learn it"),
    ],
)  # fmt: skip
def test_wrong(make, code, words):
    with pytest.raises(TensorTypeError) as error:
        make()
    assert error.value.diagnostics[0].code == code
    assert words in str(error.value)
    assert "test_layers_pictures.py" in str(error.value)
