"""Models made from dictionaries: by key wherever they stand; lists are refused."""

import tempfile
from pathlib import Path

import numpy as np

import tulle as keras
from tulle import layers

five, two = np.full((4, 3), 5, "float32"), np.full((4, 3), 2, "float32")
base = np.full((4, 3), 100, "float32")


def is_refused(action):
    try:
        action()
    except ValueError as error:
        return "{'user': …, 'item': …}" in str(error)
    return False


def minus(names):
    inputs = {name: keras.Input((3,), name=name) for name in names}
    difference = inputs["user"] - inputs["item"]
    model = keras.Model(
        inputs, layers.Dense(3, kernel_initializer="identity")(difference)
    )
    model.compile("sgd", "mse")
    return model


def lists_are_refused(model):
    item, user = keras.Input((3,)), keras.Input((3,))
    actions = [
        lambda: model([five, two]),
        lambda: model((five, two)),
        lambda: model([user, item]),
        lambda: model.predict([five, two], verbose=0),
        lambda: model.fit([two, two], two * 0, verbose=0),
        lambda: model.evaluate([five, two], base, verbose=0),
        lambda: model.train_on_batch([two, two], two * 0),
        lambda: model.predict_on_batch([five, two]),
        lambda: model.evaluate((((five, two), base) for _ in range(1)), verbose=0),
    ]
    refused = [is_refused(action) for action in actions]
    assert all(refused) or not any(refused), refused
    return all(refused)


# As in Keras a list is refused where the keys are not sorted, and fits where they are.
model = minus(["user", "item"])
assert lists_are_refused(model)
assert list(model.input) == ["user", "item"]
data = {"user": five, "item": two}
assert (model.predict(data, verbose=0) == 3).all()
assert (np.asarray(model(data)) == 3).all()
model = minus(["item", "user"])
assert not lists_are_refused(model)
assert (model.predict([two, five], verbose=0) == 3).all()

# Copies and files keep the order.
model = minus(["user", "item"])
copy = keras.models.clone_model(model)
copy.compile("sgd", "mse")
assert lists_are_refused(copy)
given = {"item": keras.Input((3,), name="b"), "user": keras.Input((3,), name="a")}
copy = keras.models.clone_model(model, input_tensors=given)
assert copy.input["user"].name == "a"
with tempfile.TemporaryDirectory() as folder:
    for name in ("model.tulle", "model.keras"):
        model.save(Path(folder) / name)
        loaded = keras.models.load_model(Path(folder) / name)
        assert lists_are_refused(loaded)
        assert list(loaded.input) == ["user", "item"]
        assert (loaded.predict(data, verbose=0) == 3).all()

# Dictionaries within lists are read by key too, in calls and as data.
for names in (["user", "item"], ["item", "user"]):
    start = keras.Input((3,))
    inner = {name: keras.Input((3,)) for name in names}
    model = keras.Model([start, inner], start + inner["user"] - inner["item"])
    model.compile("sgd", "mse")
    for given in ({"user": five, "item": two}, {"item": two, "user": five}):
        assert (np.asarray(model([base, given])) == 103).all()
        assert (model.predict([base, given], verbose=0) == 103).all()
        assert model.evaluate([base, given], base, verbose=0) == 9.0
        symbols = [keras.Input((3,)) for _ in range(3)]
        keyed = dict(zip(given, symbols[1:], strict=True))
        outer = keras.Model(symbols, model([symbols[0], keyed]))
        flat = [base, *given.values()]
        assert (outer.predict(flat, verbose=0) == 103).all()

# The keys need not be the names of inputs, and may hold lists.
left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
model = keras.Model({"pair": [left, right]}, left - right)
assert (model.predict({"pair": [five, two]}, verbose=0) == 3).all()
model = keras.Model({"b": left, "a": right}, layers.Subtract()([left, right]))
assert (model.predict({"b": five, "a": two}, verbose=0) == 3).all()
assert (model.predict({"left": five, "right": two}, verbose=0) == 3).all()
