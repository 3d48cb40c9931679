"""Models made anew, added losses, inputs by name, and what a model tells of itself."""

import numpy as np
import pytest

import tulle
from tulle import Input, Model, Sequential, layers, ops
from tulle.graph.diagnostics import TensorTypeError
from tulle.models import clone_model

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")


def branches():
    x = Input((4,), name="x")
    h = layers.Dense(3, name="h")
    return Model(x, [h(h(layers.Dense(3)(x))), ops.sum(x, axis=1)], name="both")


def test_a_clone_has_the_same_layers_and_weights_of_its_own():
    model = branches()
    copy = clone_model(model)
    assert [layer.name for layer in copy.layers] == [x.name for x in model.layers]
    assert not {*map(id, copy.weights)} & {*map(id, model.weights)}
    copy.set_weights(model.get_weights())
    for one, two in zip(model(X), copy(X), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_clone_of_nested_models_and_of_tied_weights():
    ids = Input((5,), dtype="int32")
    embedding = layers.Embedding(7, 3)
    inner = Sequential([layers.Dense(3), layers.ReLU()], name="inner")
    model = Model(ids, inner(embedding(ids)) @ ops.transpose(embedding.embeddings))
    copy = clone_model(model)
    assert len(copy.weights) == len(model.weights) == 3
    copy.set_weights(model.get_weights())
    numbers = np.arange(10).reshape(2, 5) % 7
    np.testing.assert_allclose(model(numbers), copy(numbers), rtol=1e-6)
    copy.layers[1].embeddings.assign(np.zeros((7, 3)))
    assert np.all(copy(numbers) == 0)


def test_clones_of_other_layers_and_on_other_inputs():
    model = Sequential([Input((4,)), layers.Dense(3), layers.Dropout(0.5)])

    def without_dropout(layer):
        if isinstance(layer, layers.Dropout):
            return layers.Identity()
        return type(layer).from_config(layer.get_config())

    copy = clone_model(model, clone_function=without_dropout)
    assert type(copy.layers[1]) is layers.Identity
    assert clone_model(model, input_tensors=Input((9,))).input_shape == (None, 9)
    with pytest.raises(TensorTypeError, match="has 1 inputs"):
        clone_model(branches(), input_tensors=[Input((4,)), Input((4,))])


def test_the_order_of_layers_is_that_of_their_depth():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    deep = layers.Dense(3, name="two")(layers.Dense(3, name="one")(a))
    model = Model([a, b], layers.Add(name="sum")([layers.Dense(3, name="c")(b), deep]))
    assert [x.name for x in model.layers] == ["a", "b", "one", "c", "two", "sum"]
    assert model.layers[0] is model.layers[0]
    assert model.get_layer("b").output is b


def added():
    x = Input((4,))
    h = layers.Dense(2, name="h")(x)
    model = Model(x, layers.Dense(1, name="out")(h))
    model.add_loss(3.0 * ops.mean(ops.square(h)))
    return model


def penalty(model):
    h = X @ model.get_layer("h").kernel.numpy()
    return 3.0 * np.mean(h**2)


def test_a_symbolic_loss_is_made_small_everywhere(tmp_path):
    model = added()
    y = X[:, :1]
    model.compile("sgd", "mse")
    error = np.mean((model.predict(X, verbose=0) - y) ** 2)
    np.testing.assert_allclose(
        model.evaluate(X, y, verbose=0), error + penalty(model), rtol=1e-5
    )
    model(X)
    np.testing.assert_allclose(model.losses[0], penalty(model), rtol=1e-5)
    model.save(tmp_path / "m.tulle")
    for other in (tulle.load_model(tmp_path / "m.tulle"), clone_model(model)):
        other.set_weights(model.get_weights())
        other(X)
        np.testing.assert_allclose(other.losses, model.losses, rtol=1e-6)
    outer = Sequential([Input((4,)), model])
    outer.compile("sgd", "mse")
    np.testing.assert_allclose(
        outer.evaluate(X, y, verbose=0), error + penalty(model), rtol=1e-5
    )


def test_a_symbolic_loss_may_be_all_that_there_is():
    model = added()
    with pytest.warns(UserWarning, match="out/kernel"):
        model.compile(tulle.optimizers.SGD(0.1))
    before = penalty(model)
    model.fit(X, epochs=3, verbose=0)
    assert penalty(model) < before


def test_a_symbolic_loss_takes_layers_into_the_model():
    x = Input((4,))
    model = Model(x, layers.Dense(1)(x))
    model.add_loss(ops.sum(layers.Dense(2, name="more")(x)))
    assert [layer.name for layer in model.layers] == ["input", "dense", "more"] or (
        [layer.name for layer in model.layers] == ["input", "more", "dense"]
    )
    assert len(model.trainable_weights) == 4


def test_a_symbolic_loss_of_another_input_is_refused():
    x = Input((4,))
    model = Model(x, layers.Dense(1)(x))
    with pytest.raises(TensorTypeError, match="T0505"):
        model.add_loss(ops.sum(Input((3,), name="y")))
    assert model.loss_nodes == ()
    assert model(X).shape == (12, 1)


class ByName(Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.a, self.b = layers.Dense(1), layers.Dense(2)

    def call(self, inputs):
        return {"one": self.a(inputs["x"]), "two": self.b(inputs["y"])}


def test_a_subclass_takes_and_gives_dictionaries(tmp_path):
    model = ByName()
    model.compile("sgd", {"one": "mse", "two": "mae"})
    data = {"x": X, "y": X[:, :2]}
    logs = model.fit(
        data, {"one": X[:, :1], "two": X[:, :2]}, epochs=1, verbose=0
    ).history
    assert set(logs) == {"loss", "one_loss", "two_loss"}
    turned = {"y": data["y"], "x": data["x"]}
    found = model.predict(turned, verbose=0)
    np.testing.assert_allclose(found["two"], model(data)["two"], rtol=1e-5)
    model.save(tmp_path / "m.tulle")
    again = tulle.load_model(tmp_path / "m.tulle", custom_objects={"ByName": ByName})
    np.testing.assert_allclose(again(data)["one"], found["one"], rtol=1e-5)
    with pytest.raises(tulle.DataError, match="no data for the input `y`"):
        model.predict({"x": X}, verbose=0)


def test_compiled_again_from_a_configuration():
    model = Sequential([Input((4,)), layers.Dense(1)])
    assert model.get_compile_config() is None
    loss = tulle.losses.Huber(0.5)
    model.compile(tulle.optimizers.Adam(0.3), loss, metrics=["mae"], run_eagerly=True)
    other = Sequential([Input((4,)), layers.Dense(1)])
    other.compile_from_config(model.get_compile_config())
    assert float(other.optimizer.learning_rate) == pytest.approx(0.3)
    assert other.run_eagerly
    other.set_weights(model.get_weights())
    wanted = model.evaluate(X, X[:, :1], verbose=0)
    np.testing.assert_allclose(other.evaluate(X, X[:, :1], verbose=0), wanted)
    other.run_eagerly = False
    np.testing.assert_allclose(
        other.evaluate(X, X[:, :1], verbose=0), wanted, rtol=1e-5
    )
