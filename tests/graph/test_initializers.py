"""Initializers against the moments that Keras's formulas give."""

import numpy as np
import pytest
from oracle_cases import case, each

from tulle.graph import initializers
from tulle.graph.diagnostics import Fault
from tulle.graph.types import dtype_of
from tulle.graph.variable import set_random_seed


def sampled(found):
    kind = initializers.BY_NAME[initializers.snake_case(found.name)]
    shape = tuple(found.entry["shape"])
    initializer = kind(**found.config)
    # Enough values for moments, with the fans of the case.
    turns = 1 if "out.0" in found.want else 1 + 400_000 // int(np.prod(shape))
    return np.stack(
        [initializer.values(shape, dtype_of("float32"), t + 1) for t in range(turns)]
    )


@each("initializer")
def test_distribution(case_id):
    found = case(case_id)
    values = sampled(found)
    if "out.0" in found.want:
        np.testing.assert_array_equal(values[0], found.want["out.0"])
        return
    want = {key: float(array) for key, array in found.want.items()}
    want |= {
        key: float(found.entry[key])
        for key in ("mean", "std", "low", "high")
        if key in found.entry
    }
    assert values.min() >= want["low"] - 1e-6
    assert values.max() <= want["high"] + 1e-6
    assert values.mean() == pytest.approx(want["mean"], abs=5 * want["std"] / 600)
    assert values.std() == pytest.approx(want["std"], rel=0.01)


def test_constant():
    found = initializers.Constant(2.5)((2, 3), "float64").numpy()
    np.testing.assert_array_equal(found, np.full((2, 3), 2.5))
    assert found.dtype == np.float64


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        ((3, 5), (3, 5)),
        ((3, 3, 8, 16), (72, 144)),
    ],
)
def test_fans(shape, fans):
    assert initializers.fans(shape) == fans


def test_seeds():
    fixed = initializers.HeNormal(seed=4)
    np.testing.assert_array_equal(fixed((3, 4)).numpy(), fixed((3, 4)).numpy())
    free = initializers.HeNormal()
    set_random_seed(1)
    one, two = free((3, 4)).numpy(), free((3, 4)).numpy()
    assert (one != two).all()
    set_random_seed(1)
    np.testing.assert_array_equal(free((3, 4)).numpy(), one)
    zero = initializers.RandomNormal(seed=0)
    np.testing.assert_array_equal(zero((3,)).numpy(), zero((3,)).numpy())


def test_get():
    assert isinstance(initializers.get("he_normal"), initializers.HeNormal)
    assert isinstance(initializers.get("HeNormal"), initializers.HeNormal)
    assert isinstance(initializers.get("uniform"), initializers.RandomUniform)
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    same = initializers.Ones()
    assert initializers.get(same) is same
    config = {"class_name": "Constant", "config": {"value": 3.0}}
    assert initializers.get(config).value == 3.0
    mine = initializers.get(lambda shape, dtype: np.full(shape, 7.0))
    np.testing.assert_array_equal(mine.values((2,), dtype_of("f32"), 0), [7, 7])
    with pytest.raises(Fault, match="no initializer") as error:
        initializers.get("he_norml")
    assert "he_normal" in error.value.help[0]


@pytest.mark.parametrize("name", initializers.BY_NAME)
def test_config(name):
    made = initializers.BY_NAME[name]()
    again = type(made).from_config(made.get_config())
    assert again.get_config() == made.get_config()


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("GlorotUniform", "glorot_uniform"),
        ("ReLU", "re_lu"),
        ("GlobalAveragePooling1D", "global_average_pooling1d"),
        ("LSTM", "lstm"),
        ("glorot_uniform", "glorot_uniform"),
    ],
)
def test_snake_case(name, snake):
    assert initializers.snake_case(name) == snake


def test_axes_that_count_as_inputs_and_outputs():
    one = initializers.VarianceScaling(input_axes=(0,), output_axes=(1, 2))
    assert one.fans((3, 5, 7)) == (3, 35)
    assert initializers.GlorotUniform().fans((3, 5, 7)) == (15, 21)
    again = initializers.GlorotUniform.from_config(
        initializers.GlorotUniform(input_axes=[0], output_axes=[1]).get_config()
    )
    assert again.fans((2, 3)) == (2, 3)
