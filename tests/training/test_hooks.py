"""The hooks of batches; the numbers of batches are those that Keras gives."""

import numpy as np
import pytest

import tulle
from tulle import layers

X, Y = np.ones((21, 3), "float32"), np.ones((21, 1), "float32")


class Noting(tulle.callbacks.Callback):
    def __init__(self):
        self.seen = []

    def note(self, *what):
        self.seen.append(what)

    def on_train_batch_begin(self, batch, logs=None):
        self.note("begin", batch)

    def on_train_batch_end(self, batch, logs=None):
        self.note("end", batch, sorted(logs))

    on_test_batch_begin = on_train_batch_begin
    on_test_batch_end = on_train_batch_end
    on_predict_batch_begin = on_train_batch_begin

    def on_predict_batch_end(self, batch, logs=None):
        self.note("end", batch, logs["outputs"])


def model_of(steps, outputs=1):
    tulle.utils.set_random_seed(3)
    x = tulle.Input((3,))
    made = [layers.Dense(1)(x) for _ in range(outputs)]
    model = tulle.Model(x, made[0] if outputs == 1 else {"a": made[0], "b": made[1:]})
    model.compile("sgd", "mse", steps_per_execution=steps)
    return model


@pytest.mark.parametrize("act", ["fit", "evaluate"])
def test_several_steps_are_one_batch(act):
    noting = Noting()
    model = model_of(3)
    getattr(model, act)(X, Y, batch_size=2, verbose=0, callbacks=[noting])
    pairs = [(0, 2), (3, 5), (6, 8), (9, 11)]  # the last has two steps
    assert noting.seen[::2] == [("begin", first) for first, _ in pairs]
    assert noting.seen[1::2] == [("end", last, ["loss"]) for _, last in pairs]


@pytest.mark.parametrize("outputs", [1, 3])
def test_outputs_of_several_steps_come_together(outputs):
    noting = Noting()
    model = model_of(4, outputs)
    found = model.predict(X, batch_size=2, verbose=0, callbacks=[noting])
    parts = [what[2] for what in noting.seen if what[0] == "end"]
    if outputs == 3:
        found = found["b"][1]
        parts = [part["b"][1] for part in parts]
    assert [len(part) for part in parts] == [8, 8, 5]
    np.testing.assert_array_equal(np.concatenate(parts), found)


def test_figures_are_the_same_for_any_number():
    losses = [
        model_of(n).fit(X, Y, batch_size=2, epochs=2, verbose=0).history["loss"]
        for n in (1, 3)
    ]
    assert losses[0] == losses[1]


def test_a_wish_to_stop_is_heard_after_the_steps():
    class Stop(tulle.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    model = model_of(3)
    model.fit(X, Y, batch_size=2, verbose=0, callbacks=[Stop()])
    assert int(model.optimizer.iterations) == 3


def test_steps_are_counted_for_checkpoints(tmp_path):
    model = model_of(2)
    saving = tulle.callbacks.ModelCheckpoint(
        tmp_path / "at{batch}.tulle", save_freq=4, save_weights_only=False
    )
    model.fit(X[:16], Y[:16], batch_size=2, verbose=0, callbacks=[saving])
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("kind", ["tulle", "keras"])
def test_the_number_is_saved(tmp_path, kind):
    model = model_of(3)
    assert model.get_compile_config()["steps_per_execution"] == 3
    model.save(tmp_path / f"m.{kind}")
    assert tulle.load_model(tmp_path / f"m.{kind}").steps_per_execution == 3
    model.steps_per_execution = 2
    assert model.steps_per_execution == 2


def test_the_number_is_positive():
    with pytest.raises(tulle.TulleError, match="`steps_per_execution`"):
        model_of(0)
