"""Copies of models, and pickled ones: variables of their own, the same training."""

import copy
import pickle

import numpy as np
import pytest

import tulle
from tulle import Model, Sequential, layers
from tulle.graph.node import Node

X = np.linspace(-1, 1, 16, dtype="float32").reshape(2, 8)
Y = np.ones((2, 2), "float32")


class Scale(layers.Layer):
    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.w = self.add_weight(shape=shape, initializer="ones", regularizer="l2")

    def call(self, x):
        self.add_loss(tulle.ops.sum(self.w))
        return x * self.w


class Two(Model):
    def __init__(self):
        super().__init__()
        self.first, self.rest = layers.Dense(4), [layers.Dense(2)]

    def call(self, x):
        return self.rest[0](self.first(x))


class Elsewhere:
    class Scale(layers.Layer):
        """Of the same name as another."""

        def call(self, x):
            return x * 3.0


class Absolute(tulle.losses.Loss):
    def call(self, y_true, y_pred):
        return tulle.ops.mean(tulle.ops.abs(y_true - y_pred), -1)


class Halves(tulle.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return tulle.ops.full(shape, 0.5, dtype)


class Sum(tulle.regularizers.Regularizer):
    def __call__(self, x):
        return tulle.ops.sum(x)

    def get_config(self):
        return {}


class Slow(tulle.optimizers.SGD):
    pass


class Headed(Model):
    def __init__(self, units=2, **more):
        x = layers.Input((8,))
        super().__init__(x, layers.Dense(units, activation=doubled)(x), **more)
        self.units = units

    def get_config(self):
        return {"units": self.units, "name": self.name}


def doubled(x):
    return 2.0 * x


def error(y_true, y_pred):
    return tulle.ops.mean(tulle.ops.abs(y_true - y_pred), -1)


def functional():
    x = layers.Input((8,))
    h = layers.Dense(4, activation="relu", name="h")(x)
    return Model(x, layers.Dense(2)(Scale()(layers.LayerNormalization()(h) + h * 2.0)))


def sequential():
    dropout = layers.Dropout(0.5, seed=1)
    return Sequential([layers.Input((8,)), layers.Dense(4, "relu"), dropout, Scale(),
                       layers.Dense(2)])  # fmt: skip


def nested():
    x = layers.Input((8,))
    return Model(x, functional()(x))


def unpickled(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own bytes


WAYS = pytest.mark.parametrize("copied", [copy.deepcopy, unpickled])


@WAYS
@pytest.mark.parametrize("make", [functional, sequential, nested, Two])
def test_training_goes_on_alike_and_apart(make, copied):
    model = make()
    model.compile(tulle.optimizers.Adam(0.01), "mse", metrics=["mae"])
    for _ in range(3):
        model.train_on_batch(X, Y)
    twin = copied(model)
    assert type(twin) is type(model)
    assert [w.path for w in twin.weights] == [w.path for w in model.weights]
    found = [model.train_on_batch(X, Y) for _ in range(3)]
    values = [w.numpy() for w in model.weights]
    np.testing.assert_array_equal([twin.train_on_batch(X, Y) for _ in range(3)], found)
    for weight, other, value in zip(model.weights, twin.weights, values, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
        np.testing.assert_array_equal(other.numpy(), value)


@WAYS
@pytest.mark.parametrize(
    "value",
    [
        tulle.Variable([1.0, 2.0], name="v"), tulle.ops.ones((2,)),
        tulle.optimizers.Adam(), tulle.losses.Huber(0.5), tulle.metrics.Mean(),
        tulle.initializers.HeNormal(3), layers.LSTM(3), layers.Dense(2, "gelu"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_parts(value, copied):
    found = copied(value)
    assert type(found) is type(value)
    assert found is not value
    if hasattr(value, "get_config"):
        assert found.get_config() == value.get_config()
    if hasattr(value, "numpy"):
        np.testing.assert_array_equal(found.numpy(), value.numpy())


@WAYS
def test_classes_and_functions_of_ones_own(copied):
    settings = {"kernel_initializer": Halves(), "kernel_regularizer": Sum()}
    dense = layers.Dense(2, activation=doubled, **settings)
    model = Sequential([layers.Input((8,)), layers.Lambda(doubled), dense])
    model.compile(Slow(0.1), Absolute(), metrics=[error])
    model.train_on_batch(X, Y)
    twin = copied(model)
    assert type(twin.optimizer) is Slow
    assert type(twin.loss) is Absolute
    assert type(twin.layers[-1].kernel_regularizer) is Sum
    assert twin.train_on_batch(X, Y) == model.train_on_batch(X, Y)


@WAYS
def test_a_step_of_ones_own_goes_on_with_the_state_of_the_optimizer(copied):
    def step(model):
        with tulle.GradientTape() as tape:
            loss = tulle.ops.mean((model(X) - Y) * (model(X) - Y))
        weights = model.trainable_variables
        model.optimizer.apply(tape.gradient(loss, weights), weights)
        return loss.item()

    model = functional()
    model.compile(tulle.optimizers.Adam(0.1), "mse")
    model.train_on_batch(X, Y)
    twin = copied(model)
    assert int(twin.optimizer.iterations.numpy()) == 1
    assert [step(twin) for _ in range(3)] == [step(model) for _ in range(3)]


@WAYS
def test_a_subclass_that_hands_its_ends_to_model(copied):
    model = Headed(3)
    twin = copied(model)
    assert type(twin) is type(model)
    assert twin.units == 3
    np.testing.assert_array_equal(twin(X).numpy(), model(X).numpy())


class Aged(tulle.Variable):
    def __init__(self, value, age):
        super().__init__(value, dtype="bfloat16", name="aged")
        self.age = [age]


@WAYS
def test_a_variable_of_a_class_of_ones_own(copied):
    variable = Aged([1.0, 2.0], 3)
    variable.path = "model/aged"
    twin = copied(variable)
    assert type(twin) is Aged
    assert (twin.age, twin.path, twin.dtype) == ([3], "model/aged", "bfloat16")
    assert twin.age is not variable.age
    twin.assign([5.0, 6.0])
    assert variable.numpy().tolist() == [1.0, 2.0]
    assert (twin * 2).numpy().tolist() == [10.0, 12.0]


def test_frozen_variables_keep_their_kind():
    layer = layers.Dense(2)
    layer(X)
    layer.trainable = False
    twin = copy.deepcopy(layer)
    assert not twin.trainable_weights
    twin.trainable = True
    assert len(twin.trainable_weights) == 2


def test_a_copied_network_has_its_layers_outputs_and_sizes():
    x = layers.Input(("T", 4))
    model = Model(x, layers.Dense(2, name="d")(layers.ReLU()(x)))
    twin = copy.deepcopy(model)
    assert twin.get_layer("d") is not model.get_layer("d")
    assert Model(twin.input, twin.get_layer("d").output)(np.ones((2, 7, 4))).shape == (
        2, 7, 2,
    )  # fmt: skip
    both = Model(x, [model(x), twin(x)])
    one, other = both(np.ones((2, 5, 4), "float32"))
    np.testing.assert_array_equal(one, other)


def test_a_layer_of_several_outputs():
    x = layers.Input((5, 3))
    sequence, state, _ = layers.LSTM(4, return_state=True)(x)
    model = Model(x, [sequence, state])
    value = np.ones((2, 5, 3), "float32")
    for one, other in zip(copy.deepcopy(model)(value), model(value), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_long_chain_is_copied_without_recursion():
    h = x = layers.Input((4,))
    for _ in range(1500):
        h = layers.ReLU()(h)
    assert copy.deepcopy(Model(x, h))(np.ones((1, 4), "float32")).shape == (1, 4)


def test_a_shallow_copy_shares_the_weights():
    model = functional()
    assert copy.copy(model).weights[0] is model.weights[0]


def test_what_a_shallow_copy_gets_later_is_its_own():
    layer = layers.Dense(3)
    layer.build((None, 2))
    other = copy.copy(layer)
    more = other.add_weight(shape=(2,), name="more")
    assert [*layer.weights, more] == other.weights


def test_a_shallow_copy_of_a_trained_model_goes_on_with_it():
    model = Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    model.fit(x, y, verbose=0)
    other = copy.copy(model)
    other.fit(x, y, verbose=0)
    assert model.evaluate(x, y, verbose=0) == other.evaluate(x, y, verbose=0)
    assert int(model.optimizer.iterations) == 2


def test_own_classes_of_one_name_are_pickled_apart():
    x = layers.Input((8,))
    model = Model(x, Elsewhere.Scale()(Scale()(x)))
    again = unpickled(model)
    kinds = [type(layer) for layer in again.layers[1:]]
    assert kinds == [Scale, Elsewhere.Scale]
    np.testing.assert_array_equal(again(X), model(X))


def test_nodes_without_state_are_the_same_in_a_copy():
    x = layers.Input((4,))
    known = {}
    first = copy.deepcopy((x * 2.0).node, known)
    assert isinstance(first, Node)
    assert first is not (x * 2.0).node
    assert copy.deepcopy((x * 2.0).node, known) is first


def test_losses_of_the_last_pass_stay_behind_and_are_forgotten_by_the_next():
    layer = Scale()
    layer(X)
    assert len(layer.losses) == 2
    twin = copy.deepcopy(layer)
    assert len(twin.losses) == 1  # the weights' own
    for one in (layer, twin, layer):
        one(X)
        assert len(one.losses) == 2
