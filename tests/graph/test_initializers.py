"""Initializers against the moments that Keras's formulas give."""

import numpy as np
import pytest

from tulle.graph import initializers, window_functions
from tulle.graph.diagnostics import Fault, TensorTypeError
from tulle.graph.types import dtype_of
from tulle.graph.variable import SeedGenerator, set_random_seed


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


F32 = dtype_of("float32")


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 2, 4), (5, 5)])
def test_orthogonal(shape):
    w = initializers.Orthogonal(gain=2.0)(shape, "float64").numpy()
    flat = w.reshape(-1, shape[-1])
    gram = flat.T @ flat if flat.shape[0] >= flat.shape[1] else flat @ flat.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_is_even_in_sign():
    values = [initializers.Orthogonal(seed=s)((2, 2)).numpy()[0, 0] for s in range(200)]
    assert abs(np.mean(values)) < 0.2


@pytest.mark.parametrize("name", list(window_functions.WINDOW_FUNCTIONS))
@pytest.mark.parametrize("periodic", [True, False])
def test_windows_are_even_and_at_most_1(name, periodic):
    window = window_functions.window_weights(name, 8, periodic)
    whole = window_functions.window_weights(name, 9, periodic=False)
    if periodic:
        np.testing.assert_allclose(window, whole[:-1], atol=1e-12)
    np.testing.assert_allclose(whole, whole[::-1], atol=1e-12)
    assert whole[4] == pytest.approx(1.0, abs=1e-6)
    assert window_functions.window_weights(name, 1, periodic).tolist() == [1.0]


def test_stft_is_a_fourier_transform():
    frame, window = np.random.default_rng(0).normal(size=6), np.arange(1.0, 7.0)
    want = np.fft.rfft(frame * window, 6)
    for side, part in (("real", want.real), ("imag", want.imag)):
        made = initializers.STFT(side, window, scaling=None)
        kernel = made((6, 1, 4), "float64").numpy()
        np.testing.assert_allclose(frame @ kernel[:, 0], part, atol=1e-12)
    scaled = initializers.STFT("real", window, "density")((6, 1, 4)).numpy()
    np.testing.assert_allclose(
        scaled[:, 0, 0], window / np.sqrt(np.sum(window**2)), 1e-6
    )


def test_an_array_is_for_its_own_shape():
    made = initializers.get(np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(made((2, 3)).numpy(), [[0, 1, 2], [3, 4, 5]])
    with pytest.raises(TensorTypeError, match="first value"):
        made.values((4, 3), F32, 0)
    with pytest.raises(TensorTypeError, match="first value"):
        made.values((2, 2, 3), F32, 0)
    assert initializers.Constant([1, 2])((2, 2)).numpy().tolist() == [[1, 2], [1, 2]]
    assert initializers.get(None) is None


def test_an_own_class():
    class Steps(initializers.Initializer):
        def __init__(self, start=0):
            self.start = start

        def __call__(self, shape, dtype=None):
            return np.arange(self.start, self.start + np.prod(shape)).reshape(shape)

    made = Steps(start=2).clone()
    assert made.get_config() == {"start": 2}
    found = made.values((2, 2), F32, 0)
    assert found.dtype == np.float32
    assert found.tolist() == [[2, 3], [4, 5]]

    class Nothing(initializers.Initializer):
        pass

    with pytest.raises(TensorTypeError, match="no `__call__`"):
        Nothing().values((2,), F32, 0)


def test_a_generator_as_seed_moves_on():
    made = initializers.RandomNormal(seed=SeedGenerator(3))
    one, two = made((4,)).numpy(), made((4,)).numpy()
    assert (one != two).all()
    again = initializers.RandomNormal(seed=SeedGenerator(3))
    np.testing.assert_array_equal(again((4,)).numpy(), one)


def test_the_other_name_of_a_distribution():
    assert initializers.VarianceScaling(distribution="Normal").distribution == (
        "truncated_normal"
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: initializers.VarianceScaling(scale=0.0), "above 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "fan_in, fan_out"),
        (lambda: initializers.VarianceScaling(distribution="cauchy"), "uniform"),
        (lambda: initializers.HeNormal(seed="one"), "whole number"),
        (lambda: initializers.Constant("one"), "number or an array"),
        (lambda: initializers.RandomNormal(stddev=-1.0), "at least 0"),
        (lambda: initializers.RandomNormal("0"), "a number"),
        (lambda: initializers.RandomUniform(maxval=None), "a number"),
        (lambda: initializers.STFT(side="both"), "real"),
        (lambda: initializers.STFT(window="han"), "hann"),
        (lambda: initializers.STFT(scaling="mean"), "density"),
    ],
)
def test_wrong_settings(make, words):
    with pytest.raises(TensorTypeError, match=words) as caught:
        make()
    assert caught.value.diagnostics[0].span.source.name == __file__


@pytest.mark.parametrize(
    ("made", "shape", "words"),
    [
        (initializers.Orthogonal(), (3,), "a matrix or more"),
        (initializers.Identity(), (3,), "a matrix"),
        (initializers.STFT(), (3, 3), "frame length"),
        (initializers.STFT(window=np.ones(4)), (3, 1, 2), "have 3 places"),
    ],
)
def test_wrong_shapes(made, shape, words):
    with pytest.raises(TensorTypeError, match=words):
        made.values(shape, F32, 0)
