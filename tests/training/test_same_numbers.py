"""Same seed, same machine: same numbers; again, op by op, compiled and resumed."""

import numpy as np
import pytest

from tulle import Model, Sequential, Variable, callbacks, layers, ops, optimizers
from tulle.backend.function import function
from tulle.graph.network import Input
from tulle.graph.variable import set_random_seed

RANDOM = np.random.default_rng(1)
X = RANDOM.normal(size=(50, 8, 8, 1)).astype("float32")
Y = RANDOM.integers(0, 3, 50).astype("int32")
FLAT = X.reshape(50, 64)


def dense():
    return Sequential(
        [
            Input((64,)),
            layers.Dense(16, "gelu"),
            layers.LayerNormalization(),
            layers.Dropout(0.4),
            layers.GaussianNoise(0.1),
            layers.Dense(3, "softmax"),
        ]
    )


def convolution():
    return Sequential(
        [
            Input((8, 8, 1)),
            layers.RandomFlip(),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.SpatialDropout2D(0.3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, "softmax"),
        ]
    )


def recurrent():
    return Sequential(
        [
            Input((8, 8)),
            layers.GRU(6, dropout=0.2, recurrent_dropout=0.2),
            layers.Dense(3, "softmax"),
        ]
    )


class Own(Model):
    def __init__(self):
        super().__init__()
        self.first, self.drop = layers.Dense(9, "tanh"), layers.Dropout(0.3)
        self.last = layers.Dense(3, "softmax")

    def call(self, x, training=False):
        return self.last(self.drop(self.first(x), training=training))

    def train_step(self, data):
        return super().train_step(data)


KINDS = {
    "dense": (dense, FLAT),
    "convolution": (convolution, X),
    "recurrent": (recurrent, X[..., 0]),
    "own": (Own, FLAT),
}


def trained(kind, eager=False, told=None):
    """The figures and weights of a shuffled training."""
    make, x = KINDS[kind]
    set_random_seed(11)
    model = make()
    loss, measured = "sparse_categorical_crossentropy", ["accuracy"]
    model.compile(optimizers.Adam(0.01), loss, metrics=measured, run_eagerly=eager)
    found = model.fit(
        x, Y, batch_size=16, epochs=3, verbose=0, validation_split=0.2, callbacks=told
    )
    return found.history, model.get_weights()


def bits(found):
    history, weights = found
    return history, [weight.tobytes() for weight in weights]


class Leave(callbacks.Callback):
    """Ends a training with an error, as a kill would."""

    left = 4

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise EOFError


@pytest.mark.parametrize("kind", KINDS)
def test_again_and_op_by_op(kind):
    first = trained(kind)
    assert bits(first) == bits(trained(kind))
    slow = trained(kind, eager=True)
    assert bits(slow) == bits(trained(kind, eager=True))
    for name, values in first[0].items():
        np.testing.assert_allclose(values, slow[0][name], rtol=2e-4, err_msg=name)
    for one, other in zip(first[1], slow[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("eager", [False, True])
def test_resumed_in_the_same_process(kind, eager, tmp_path):
    """Other random numbers were drawn meanwhile."""
    whole = trained(kind, eager)
    backup = callbacks.BackupAndRestore(tmp_path / "backup", save_freq=1)
    with pytest.raises(EOFError):
        trained(kind, eager, [Leave(), backup])
    ops.sum(layers.Dropout(0.5)(FLAT, training=True))
    assert bits(trained(kind, eager, [backup])) == bits(whole)
    assert not (tmp_path / "backup").exists()


# A learning rate that is a function.


def counting(rates):
    """A function that gives one rate after the other, and how often it was asked."""
    asked = []

    def rate():
        asked.append(rates[len(asked)])
        return asked[-1]

    return rate, asked


RATES = [0.5 / (i + 1) for i in range(7)]


def stepped(make, **settings):
    """The weight after seven steps along a gradient that stays 1."""
    model = Sequential([Input((1,)), layers.Dense(1, use_bias=False)])
    model.layers[0].kernel.assign([[0.0]])
    model.compile(make, lambda y, p: p, **settings)
    ones = np.ones((7, 1), "float32")
    model.fit(ones, ones, batch_size=1, shuffle=False, verbose=0)
    return float(model.get_weights()[0][0, 0])


@pytest.mark.parametrize("eager", [False, True])
def test_a_function_is_asked_once_for_each_step(eager):
    rate, asked = counting(RATES)
    moved = stepped(optimizers.SGD(rate), run_eagerly=eager)
    assert asked == RATES
    assert moved == pytest.approx(-sum(RATES), rel=1e-6)


def test_a_function_of_variables_is_part_of_the_program():
    scale, calls = Variable(0.25), []

    def rate():
        calls.append(1)
        return scale * 2.0

    assert stepped(optimizers.SGD(rate)) == pytest.approx(-3.5)
    assert len(calls) == 1


def test_a_function_within_a_function_of_ones_own():
    rate, asked = counting(RATES)
    variable, optimizer = Variable([0.0]), optimizers.SGD(rate)
    step = function(lambda gradient: optimizer.apply([gradient], [variable]))
    for _ in range(4):
        step(np.ones(1, "float32"))
    assert asked == RATES[:4]
    np.testing.assert_allclose(variable.numpy(), -sum(RATES[:4]), rtol=1e-6)
