"""Small problems that the tests of training share."""

import numpy as np
import pytest

from tulle.graph.variable import set_random_seed


@pytest.fixture(autouse=True)
def _same_numbers():
    set_random_seed(7)


@pytest.fixture
def blobs():
    """Three separable classes in the plane: 100 points and their classes."""
    random = np.random.default_rng(0)
    centres = np.array([[0.0, 3.0], [3.0, -1.0], [-3.0, -1.0]])
    labels = random.integers(0, 3, 100)
    points = centres[labels] + 0.4 * random.normal(size=(100, 2))
    return points.astype("float32"), labels.astype("int32")
