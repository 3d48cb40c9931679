"""The demo's data: what examples/README.md says of it."""

from pathlib import Path

import numpy as np
import pytest

DIGITS = Path(__file__).resolve().parent.parent / "examples" / "digits.npz"


@pytest.fixture(scope="module")
def digits() -> dict[str, np.ndarray]:
    with np.load(DIGITS, allow_pickle=False) as archive:
        return dict(archive)


@pytest.mark.parametrize(
    ("images", "labels", "count"),
    [("image", "label", 1442), ("test_image", "test_label", 355)],
)
def test_arrays(digits, images, labels, count):
    assert digits[images].shape == (count, 64)
    assert digits[images].dtype == np.float32
    assert digits[images].min() == 0
    assert digits[images].max() == 1
    assert digits[labels].shape == (count,)
    assert digits[labels].dtype == np.int32


def test_every_digit_is_as_frequent_in_both_parts(digits):
    counts = np.bincount(digits["label"], minlength=10)
    test_counts = np.bincount(digits["test_label"], minlength=10)
    np.testing.assert_array_equal(test_counts, (counts + test_counts) // 5)


def test_no_test_image_is_trained_on(digits):
    trained = {image.tobytes() for image in digits["image"]}
    assert not any(image.tobytes() in trained for image in digits["test_image"])
