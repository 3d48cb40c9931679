"""What steps on single batches remember, and when they forget it."""

import numpy as np
import pytest

from tulle import Input, Model, layers, losses, metrics
from tulle.graph.diagnostics import DataError, TulleError
from tulle.training.batches import prepare, prepare_again
from tulle.training.keeping import Kept, Watched, form_of


class Scorer(Model):
    """Two layers; how often it is traced is counted."""

    count = 0

    def __init__(self, classes=3):
        super().__init__()
        self.hidden, self.scores = layers.Dense(4), layers.Dense(classes)
        self.settings = {"scale": 1.0}
        self.traces = []

    def call(self, x):
        Scorer.count += 1
        return self.scores(self.hidden(x))


def compiled(model):
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def data(rows=5, classes=3):
    random = np.random.default_rng(rows)
    x = random.random((rows, 2), np.float32)
    return x, random.integers(0, classes, rows, np.int32)


def test_a_second_step_does_not_trace_the_model_again():
    model, (x, y) = compiled(Scorer()), data()
    model.train_on_batch(x, y)
    before = Scorer.count
    model.train_on_batch(x, y)
    model.train_on_batch(x.astype("float64"), y.tolist())
    assert Scorer.count == before


def test_losses_are_those_of_batches_prepared_anew():
    seen = []
    for again in (True, False):
        model, (x, y) = compiled(Scorer()), data()
        model(x)
        model.set_weights([np.full(w.shape, 0.1, "float32") for w in model.weights])
        for _ in range(3):
            if not again:
                model.steps.kept = Kept(model)
            seen.append(model.train_on_batch(x, y))
    assert seen[:3] == seen[3:]
    assert len(set(seen[:3])) == 3


@pytest.mark.parametrize("made", ["functional", "subclass"])
def test_values_of_later_batches_are_looked_at(made):
    start = Input((2,))
    model = Model(start, layers.Dense(3)(start)) if made == "functional" else Scorer()
    (x, y), model = data(), compiled(model)
    model.train_on_batch(x, y)
    with pytest.raises(DataError) as told:
        model.train_on_batch(np.where(x == x[1, 1], np.nan, x), y)
    assert told.value.diagnostics[0].code == "T0706"
    with pytest.raises(DataError) as told:
        model.train_on_batch(x, np.where(y == y[0], 3, y).astype(np.int32))
    assert told.value.diagnostics[0].code == "T0708"
    with pytest.raises(TulleError):
        model.train_on_batch(x[:, :1], y)


def test_ids_of_later_batches_are_looked_at():
    start = Input((4,), dtype="int32")
    model = Model(start, layers.Dense(1)(layers.Embedding(6, 2)(start)))
    model.predict_on_batch(np.full((2, 4), 5, np.int32))
    with pytest.raises(DataError) as told:
        model.predict_on_batch(np.full((2, 4), 6, np.int32))
    assert told.value.diagnostics[0].code == "T0311"


def test_a_replaced_layer_is_noticed():
    model, (x, y) = compiled(Scorer(3)), data()
    model.train_on_batch(x, y)
    model.scores = layers.Dense(7)
    model.train_on_batch(x, np.full(5, 6, np.int32))
    with pytest.raises(DataError):
        model.train_on_batch(x, np.full(5, 7, np.int32))


def test_what_is_watched():
    model, (x, _) = Scorer(), data()
    model(x)
    watched = Watched(model)
    assert watched.unchanged()
    model.called_with = None  # says nothing of what the model is
    assert watched.unchanged()
    model.settings["scale"] = 2.0
    assert not watched.unchanged()
    watched = Watched(model)
    model.traces.append(1)
    assert not watched.unchanged()
    watched = Watched(model)
    model.hidden.trainable = False
    assert not watched.unchanged()


def test_a_value_is_forgotten_with_the_model_that_it_was_of():
    model = Scorer()
    kept = Kept(model)
    kept.keep("key", 5)
    assert kept.recall("key") == 5
    assert kept.recall("other") is None
    model.settings["scale"] = 3.0
    assert kept.recall("key") is None


def test_arrays_come_in_the_order_of_the_program():
    a, b = Input((2,), name="a"), Input((3,), name="b")
    model = Model([a, b], layers.Concatenate()([a, b]))
    given = {"b": np.ones((4, 3), "float32"), "a": np.ones((4, 2), "float32")}
    for _ in range(2):
        batch = prepare_again(model, given, None, None, None, scored=False)
        assert [array.shape for array in batch.arrays] == [(4, 2), (4, 3)]
    assert batch.signature == prepare(model, given, scored=False).signature


def test_forms():
    x, y = data()
    arrays = []
    form = form_of((x, {"y": y}, None), arrays)
    assert arrays[0] is x
    assert arrays[1] is y
    assert hash(form) == hash(form_of((x + 1, {"y": y}, None), []))
    assert form != form_of((x[:2], {"y": y}, None), [])
    assert form != form_of((x, {"y": y}), [])
    assert form != form_of((x, {"z": y}, None), [])
    assert form_of((x, [1, 2]), []) is None
    assert form_of(y.astype("int64"), []) is None  # its type depends on its values


def test_a_reset_walks_no_layers_until_something_changes(monkeypatch):
    model, (x, y) = compiled(Scorer()), data()
    model.train_on_batch(x, y)
    model.reset_metrics()
    walked = []
    plain = layers.Layer.children
    monkeypatch.setattr(
        layers.Layer, "children", lambda self: walked.append(self) or plain(self)
    )
    model.train_on_batch(x, y)
    model.reset_metrics()
    assert not walked
    assert model.get_metrics_result() == {"loss": 0.0}


@pytest.mark.parametrize("place", ["alone", "listed", "added"])
def test_a_metric_that_a_layer_gets_later_is_reset(place):
    model, (x, y) = compiled(Scorer()), data()
    model.train_on_batch(x, y)
    model.reset_metrics()
    mean = metrics.Mean(name="later")
    if place == "alone":
        model.hidden.later = mean
    elif place == "listed":
        model.traces.append(mean)
    else:
        model.hidden.add_metric(np.float32(3.0), "later")
        (mean,) = model.hidden.metrics
    if place != "added":
        mean.update_state(3.0)
    assert float(mean.result()) == 3.0
    model.reset_metrics()
    assert float(mean.result()) == 0.0


def test_a_reset_brings_each_metric_back_once():
    class Counted(metrics.Mean):
        resets = 0

        def reset_state(self):
            self.resets += 1
            super().reset_state()

    model, own = Scorer(), Counted(name="own")
    given = Counted(name="given")
    model.own, model.given = own, given
    model.compile("sgd", "mse", metrics=[given])
    model.reset_metrics()
    assert (own.resets, given.resets) == (1, 1)
