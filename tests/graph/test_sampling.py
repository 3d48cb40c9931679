"""Images read at other places: what is refused, and numbers drawn for them."""

import numpy as np
import pytest

from tulle import Input, ops, random
from tulle.graph.diagnostics import TensorTypeError

IMAGE = np.arange(12.0).reshape(3, 4, 1)


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda: ops.image.affine_transform(IMAGE, [1, 0]), "T0306", "8 numbers"),
        (lambda: ops.image.affine_transform(np.ones((2, 3, 3, 1)), np.ones((3, 8))),
         "T0305", "one for each"),
        (lambda: ops.image.affine_transform([1.0], np.ones(8)), "T0306", "3 or 4 axes"),
        (lambda: ops.image.affine_transform(IMAGE, np.ones(8), "cubic"), "T0204",
         "`bilinear` or `nearest`"),
        (lambda: ops.image.perspective_transform(IMAGE, np.ones((3, 2)),
                                                 np.ones((3, 2))),
         "T0306", "four points"),
        (lambda: ops.image.map_coordinates(IMAGE, np.ones((2, 5)), 1), "T0306",
         "[3, ...]"),
        (lambda: ops.image.map_coordinates(IMAGE, np.ones((3, 5)), 2), "T0204",
         "`order`"),
        (lambda: ops.image.gaussian_blur(IMAGE, sigma=1.0), "T0306", "a pair"),
        (lambda: ops.image.scale_and_translate(IMAGE, (3, 4), [1.0], [0.0], (0,),
                                               "linear"), "T0303", "each axis"),
        (lambda: ops.image.scale_and_translate(IMAGE, (3, 4, 1), [1.0], [0.0], (0, 1),
                                               "linear"), "T0305", "`scale`"),
        (lambda: ops.image.scale_and_translate(IMAGE, (3, 5, 1), [1.0], [0.0], (0,),
                                               "linear"), "T0305", "keeps its size"),
        (lambda: ops.image.elastic_transform(IMAGE, sigma=0), "T0204", "positive"),
        (lambda: ops.ctc_decode(np.ones((1, 2, 3)), [2], "best"), "T0204", "`greedy`"),
        (lambda: ops.ctc_decode(np.ones((1, 2, 3)), [2], mask_index=3), "T0204",
         "one of 3 classes"),
        (lambda: ops.ctc_decode(np.ones((2, 3)), [2]), "T0306", "[batch, frames"),
    ],
)  # fmt: skip
def test_wrong(make, code, words):
    with pytest.raises(TensorTypeError) as error:
        make()
    assert error.value.diagnostics[0].code == code
    assert words in str(error.value)
    assert "test_sampling.py" in str(error.value)


def test_integers_are_rounded():
    image = np.array([[[1], [2]]], "uint8")
    found = ops.image.affine_transform(image, [1, 0, 0.5, 0, 1, 0, 0, 0])
    assert found.dtype == "uint8"
    assert found.numpy().ravel().tolist() == [2, 1]


def test_elastic_images_move_by_blurred_noise():
    image = np.random.default_rng(0).uniform(0, 1, (2, 9, 8, 3)).astype("float32")
    found = ops.image.elastic_transform(image, 3.0, 1.0, seed=4)
    again = ops.image.elastic_transform(image, 3.0, 1.0, seed=4)
    np.testing.assert_array_equal(found, again)
    assert np.abs(found.numpy() - image).mean() > 0.02
    first = np.moveaxis(image, -1, 1)
    turned = ops.image.elastic_transform(
        first, 3.0, 1.0, seed=4, data_format="channels_first"
    )
    np.testing.assert_allclose(np.moveaxis(turned.numpy(), 1, -1), found, 1e-5)
    whole = ops.image.elastic_transform(Input((None, None, 3)), seed=1)
    assert whole.shape == (None, None, None, 3)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 4.0])
def test_gamma_numbers(alpha):
    found = random.gamma((40000,), alpha, seed=1).numpy()
    assert found.min() >= 0
    assert found.mean() == pytest.approx(alpha, rel=0.05)
    assert found.var() == pytest.approx(alpha, rel=0.1)


@pytest.mark.parametrize(("a", "b"), [(0.2, 0.2), (2.0, 5.0), (1e-6, 1e-6)])
def test_beta_numbers(a, b):
    found = random.beta((40000,), a, b, seed=1).numpy()
    assert np.isfinite(found).all()
    assert found.mean() == pytest.approx(a / (a + b), abs=0.01)
    spread = a * b / ((a + b) ** 2 * (a + b + 1))
    assert found.var() == pytest.approx(spread, abs=0.01)


def test_binomial_numbers():
    found = random.binomial((40000, 2), [3, 9], [0.5, 0.2], seed=1).numpy()
    assert found.max(0)[0] == 3
    assert found.max(0)[1] <= 9
    np.testing.assert_allclose(found.mean(0), [1.5, 1.8], rtol=0.02)
    np.testing.assert_allclose(found.var(0), [0.75, 1.44], rtol=0.03)
    assert random.binomial((2,), 0, 0.5).numpy().tolist() == [0.0, 0.0]


def test_shuffled():
    rows = np.arange(12).reshape(6, 2)
    found = random.shuffle(rows, seed=2).numpy()
    assert sorted(found.tolist()) == rows.tolist()
    assert found.tolist() != rows.tolist()
    assert sorted(random.shuffle(rows, axis=1, seed=3).numpy()[0].tolist()) == [0, 1]
