"""Models: training reaches its goal, repeats exactly, handles every form of data."""

import numpy as np
import oracle_cases
import pytest

from tulle.callbacks import Callback, EarlyStopping, History, TerminateOnNaN
from tulle.graph.diagnostics import TensorTypeError, TulleError
from tulle.graph.layer import Layer
from tulle.graph.layers import BatchNormalization, Dense, Dropout
from tulle.graph.network import Input
from tulle.graph.notices import TulleWarning
from tulle.graph.registry import call
from tulle.graph.variable import set_random_seed
from tulle.training import losses, metrics, optimizers
from tulle.training.model import Functional, Model, Sequential

CROSSENTROPY = losses.SparseCategoricalCrossentropy(from_logits=True)


def classifier(**options):
    x = Input((2,), name="point")
    h = Dense(16, activation="relu", name="hidden")(x)
    model = Model(x, Dense(3, name="scores")(h), name="classifier")
    settings = {"optimizer": optimizers.Adam(0.02), "metrics": ["accuracy"], **options}
    model.compile(loss=CROSSENTROPY, **settings)
    return model


def fit(model, x, y, **options):
    return model.fit(x, y, **{"verbose": 0, "batch_size": 16, **options})


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "adamw"])
def test_training_reaches_its_goal(blobs, optimizer):
    kind = optimizers.CLASSES[optimizer]
    model = classifier(optimizer=kind(0.05))
    history = fit(model, *blobs, epochs=15)
    assert history.history["accuracy"][-1] >= 0.98
    assert history.history["loss"][-1] < history.history["loss"][0] / 3
    loss, accuracy = model.evaluate(*blobs, verbose=0)
    assert accuracy >= 0.98
    assert (model.predict(blobs[0], verbose=0).argmax(-1) == blobs[1]).mean() == (
        pytest.approx(accuracy)
    )
    scores = model.predict(blobs[0], verbose=0)
    assert loss == pytest.approx(float(CROSSENTROPY(blobs[1], scores)), 1e-5, 1e-7)


def run(blobs, seed, **options):
    set_random_seed(seed)
    model = classifier(**options)
    history = fit(model, *blobs, epochs=3, validation_split=0.2)
    return history.history, model.get_weights()


def test_the_same_seed_gives_the_same_bits(blobs):
    (one, first), (two, second) = run(blobs, 5), run(blobs, 5)
    assert one == two
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    other, _ = run(blobs, 6)
    assert other != one


def test_the_compiled_step_is_the_reference_step(blobs):
    (one, first), (two, second) = run(blobs, 5), run(blobs, 5, run_eagerly=True)
    for name, values in one.items():
        np.testing.assert_allclose(values, two[name], rtol=1e-4)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_a_step_is_the_formula():
    """One SGD step on least squares, by hand in float64."""
    x = np.array([[1.0, 2.0], [0.0, 1.0], [3.0, -1.0]])
    y = np.array([[1.0], [0.0], [2.0]])
    model = Sequential([Input((2,)), Dense(1)])
    model.compile(optimizers.SGD(0.1), "mse")
    kernel, bias = (w.astype("float64") for w in model.get_weights())
    error = x @ kernel + bias - y
    loss = model.train_on_batch(x, y)
    assert loss == pytest.approx((error**2).mean(), rel=1e-5)
    want = kernel - 0.1 * 2 * x.T @ error / 3, bias - 0.1 * 2 * error.mean(0)
    for found, expected in zip(model.get_weights(), want, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_training_numbers_of_keras():
    case = oracle_cases.case("training_mlp_sgd")
    x = Input((5,), name="x")
    hidden, head = Dense(6, activation="tanh", name="hidden"), Dense(3, name="head")
    model = Model(x, head(hidden(x)))
    names = {w["role"].replace(".", "/"): w["role"] for w in case.entry["weights"]}
    for path, variable in model.named_variables().items():
        variable.assign(case.given[f"weight.{names[path]}"])
    model.compile(optimizers.SGD(0.1, momentum=0.9), "mean_squared_error")
    for k in range(case.entry["steps"]):
        model.reset_metrics()
        data = case.given[f"batch.{k}.in.x"], case.given[f"batch.{k}.target.y"]
        case.check(f"loss.{k}", model.train_on_batch(*data))
    for path, variable in model.named_variables().items():
        case.check(f"final.{names[path]}", variable)


class Sizes(Callback):
    def __init__(self):
        super().__init__()
        self.steps = []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append((batch, logs["loss"]))


def test_the_last_batch_may_be_smaller(blobs):
    sizes = Sizes()
    model = classifier()
    fit(model, *blobs, batch_size=32, callbacks=[sizes])
    assert [step for step, _ in sizes.steps] == [0, 1, 2, 3]
    whole = model.evaluate(*blobs, batch_size=100, verbose=0)
    pieces = model.evaluate(*blobs, batch_size=7, verbose=0)
    np.testing.assert_allclose(pieces, whole, rtol=1e-5)
    large = model.predict(blobs[0], batch_size=100, verbose=0)
    small = model.predict(blobs[0], batch_size=7, verbose=0)
    np.testing.assert_allclose(small, large, rtol=1e-5, atol=1e-6)


def two_headed():
    a, b = Input((3,), name="a"), Input((2,), name="b")
    shared = Dense(4, activation="tanh", name="shared")
    joined = call("concatenate", [shared(a), Dense(4, name="own")(b)], axis=-1)
    outputs = {
        "number": Dense(1, name="n")(joined),
        "kind": Dense(3, name="k")(joined),
    }
    return Model({"a": a, "b": b}, outputs, name="two")


def two_headed_data(count=30):
    random = np.random.default_rng(1)
    x = {
        "a": random.normal(size=(count, 3)).astype("float32"),
        "b": random.normal(size=(count, 2)).astype("float32"),
    }
    y = {
        "number": random.normal(size=(count, 1)).astype("float32"),
        "kind": random.integers(0, 3, count),
    }
    return x, y


def test_two_outputs_with_losses_and_weights_by_name():
    model, (x, y) = two_headed(), two_headed_data()
    model.compile(
        "adam",
        {"number": "mse", "kind": CROSSENTROPY},
        loss_weights={"kind": 0.25},
        metrics={"kind": ["accuracy"]},
    )
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    assert list(found) == ["loss", "number_loss", "kind_loss", "kind_accuracy"]
    outputs = model.predict(x, verbose=0)
    number = float(losses.MeanSquaredError()(y["number"], outputs["number"]))
    kind = float(CROSSENTROPY(y["kind"], outputs["kind"]))
    assert found["number_loss"] == pytest.approx(number, rel=1e-5)
    assert found["kind_loss"] == pytest.approx(kind, rel=1e-5)
    assert found["loss"] == pytest.approx(number + 0.25 * kind, rel=1e-5)
    assert set(fit(model, x, y).history) == set(found)


def test_data_may_come_in_the_order_of_inputs_and_outputs():
    model, (x, y) = two_headed(), two_headed_data()
    model.compile("adam", {"number": "mse", "kind": CROSSENTROPY})
    by_name = model.evaluate(x, y, verbose=0)
    order = [x["a"], x["b"]], [y["kind"], y["number"]]  # as Keras sorts the names
    assert model.evaluate(*order, verbose=0) == by_name


def test_frozen_layers_do_not_move(blobs):
    model = classifier()
    model.get_layer("hidden").trainable = False
    before = {n: v.numpy() for n, v in model.named_variables().items()}
    fit(model, *blobs)
    after = {n: v.numpy() for n, v in model.named_variables().items()}
    for name in before:
        moved = not np.array_equal(before[name], after[name])
        assert moved == name.startswith("scores")


def test_thawing_keeps_what_the_optimizer_knows(blobs):
    model = classifier()
    fit(model, *blobs)
    model.get_layer("hidden").trainable = False
    fit(model, *blobs)
    steps = int(model.optimizer.iterations.numpy())
    model.get_layer("hidden").trainable = True
    before = model.get_layer("hidden").get_weights()[0]
    fit(model, *blobs)
    assert int(model.optimizer.iterations.numpy()) == steps + 7
    assert not np.array_equal(before, model.get_layer("hidden").get_weights()[0])


def test_dropout_works_in_training_only():
    x = Input((50,))
    model = Model(x, Dropout(0.5)(x))
    model.compile("sgd", "mse")
    ones = np.ones((4, 50), "float32")
    np.testing.assert_array_equal(model.predict(ones, verbose=0), ones)
    assert model.evaluate(ones, ones, verbose=0) == 0.0


def test_dropout_draws_anew_in_each_step():
    x = Input((50,))
    model = Model(x, Dense(1, kernel_initializer="ones", name="d")(Dropout(0.5)(x)))
    model.get_layer("d").kernel.assign(np.ones((50, 1), "float32"))
    model.compile(optimizers.SGD(0.0), "mse")
    ones = np.ones((4, 50), "float32")
    found = set()
    for _ in range(3):
        model.reset_metrics()
        found.add(model.train_on_batch(ones, np.zeros((4, 1), "float32")))
    assert len(found) == 3


def test_moving_averages_follow_training_only():
    x = Input((2,))
    model = Model(x, Dense(1)(BatchNormalization(name="norm")(x)))
    model.compile("sgd", "mse")
    data = np.full((8, 2), 3.0, "float32"), np.zeros((8, 1), "float32")
    mean = model.get_layer("norm").moving_mean
    model.evaluate(*data, verbose=0)
    np.testing.assert_array_equal(mean, [0.0, 0.0])
    model.train_on_batch(*data)
    np.testing.assert_allclose(mean, [0.03, 0.03], rtol=1e-5)


def test_a_shared_layer_gets_both_gradients():
    a, b = Input((2,), name="a"), Input((2,), name="b")
    shared = Dense(1, use_bias=False, name="shared")
    model = Model([a, b], shared(a) + shared(b))
    assert [v.path for v in model.weights] == ["shared/kernel"]
    model.compile(optimizers.SGD(0.1), "mse")
    x = [np.ones((3, 2), "float32"), 2 * np.ones((3, 2), "float32")]
    before = model.get_weights()[0]
    model.train_on_batch(x, np.zeros((3, 1), "float32"))
    output = 3 * before.sum()
    np.testing.assert_allclose(
        model.get_weights()[0], before - 0.1 * 2 * output * 3, rtol=1e-4
    )


class Cube(Layer):
    """Cubes in NumPy, with its own gradient."""

    def build(self, input_shape):
        self.scale = self.add_weight((), "ones", name="scale")

    def call(self, x):
        return np.asarray(x) ** 3 * np.asarray(self.scale)

    def compute_output_shape(self, input_shape):
        return input_shape

    def vjp(self, inputs, output, cotangent):
        x, scale = (np.asarray(i) for i in inputs)
        g = np.asarray(cotangent)
        return g * 3 * x**2 * scale, (g * x**3).sum()


def test_an_opaque_layer_trains():
    x = Input((2,))
    model = Model(x, Cube(name="cube")(Dense(2, name="d")(x)))
    model.compile(optimizers.Adam(0.05), "mse")
    random = np.random.default_rng(0)
    data = random.normal(size=(64, 2)).astype("float32")
    target = (data @ np.array([[1.0, 0.5], [-0.5, 1.0]], "float32")) ** 3
    before = model.get_layer("cube").get_weights()[0]
    history = fit(model, data, target, epochs=40)
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]
    assert not np.array_equal(before, model.get_layer("cube").get_weights()[0])


def test_added_losses_are_trained():
    class Push(Layer):
        def call(self, x):
            self.add_loss(call("mean", x * x))
            return x

    x = Input((2,))
    model = Model(x, Push()(Dense(2)(x)))
    model.compile("adam")
    ones = np.ones((16, 2), "float32")
    history = fit(model, ones, None, epochs=20)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_sample_and_class_weights():
    model = classifier(weighted_metrics=["accuracy"], metrics=None)
    x = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]], "float32")
    y = np.array([0, 1, 2])
    weight = np.array([1.0, 0.0, 3.0])
    scores = model.predict(x, verbose=0)
    each = losses.sparse_categorical_crossentropy(y, scores, from_logits=True).numpy()
    want = (each * weight).sum() / 3
    found = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(want, rel=1e-5)
    hits = (scores.argmax(-1) == y) * weight
    assert found["accuracy"] == pytest.approx(hits.sum() / weight.sum())
    by_class = model.train_on_batch(x, y, class_weight={0: 1.0, 1: 0.0, 2: 3.0})
    assert by_class[0] == pytest.approx((want + want) / 2, rel=1e-5)


class Own(Model):
    """A model given by its `call`."""

    def __init__(self):
        super().__init__(name="own")
        self.hidden = Dense(16, activation="relu")
        self.scores = Dense(3)

    def call(self, x):
        return self.scores(self.hidden(x))


def test_a_subclass_trains_and_is_built_by_its_data(blobs):
    model = Own()
    model.compile(optimizers.Adam(0.05), CROSSENTROPY, metrics=["accuracy"])
    history = fit(model, *blobs, epochs=15)
    assert history.history["accuracy"][-1] >= 0.98
    assert next(iter(model.named_variables())) == "hidden/kernel"
    assert model.predict(blobs[0], verbose=0).shape == (100, 3)


def test_a_subclass_may_hand_its_graph_to_the_base():
    class Small(Model):
        def __init__(self):
            x = Input((2,))
            super().__init__(x, Dense(1)(x), name="small")

    model = Small()
    assert isinstance(model, Small)
    assert isinstance(model, Functional)
    assert model.predict(np.ones((5, 2)), verbose=0).shape == (5, 1)


def test_sequential_is_built_when_its_input_is_known(blobs):
    late = Sequential([Dense(4, activation="relu"), Dense(3)])
    assert not late.built
    late.compile("adam", CROSSENTROPY)
    fit(late, *blobs)
    assert late.count_params() == 2 * 4 + 4 + 4 * 3 + 3
    late.add(Dense(2))
    assert late.predict(blobs[0], verbose=0).shape == (100, 2)
    assert late.pop().units == 2
    called = Sequential([Dense(3)])
    assert called(np.ones((4, 2), "float32")).shape == (4, 3)


def test_sequential_is_the_functional_model():
    model = Sequential([Input((2,)), Dense(3, name="one"), Dense(1, name="two")])
    x = Input((2,))
    other = Model(x, model.layers[1](model.layers[0](x)))
    data = np.ones((4, 2), "float32")
    found = model.predict(data, verbose=0)
    np.testing.assert_array_equal(found, other.predict(data, verbose=0))
    assert list(model.named_variables()) == list(other.named_variables())


def test_early_stopping_restores_the_best(blobs):
    model = classifier(optimizer=optimizers.SGD(0.0))
    stop = EarlyStopping(monitor="loss", patience=2, restore_best_weights=True)
    history = fit(model, *blobs, epochs=50, callbacks=[stop], shuffle=False)
    assert len(history.epoch) == 3
    assert stop.stopped_epoch == 2


def test_history_and_hooks_come_in_order(blobs):
    seen = []

    class Watch(Callback):
        def on_train_begin(self, logs=None):
            seen.append("begin")

        def on_epoch_begin(self, epoch, logs=None):
            seen.append(epoch)

        def on_epoch_end(self, epoch, logs=None):
            seen.append(sorted(logs))

        def on_train_end(self, logs=None):
            seen.append("end")

    history = fit(
        classifier(), *blobs, epochs=4, initial_epoch=2, callbacks=[Watch()],
        validation_data=blobs,
    )  # fmt: skip
    names = ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert seen == ["begin", 2, names, 3, names, "end"]
    assert isinstance(history, History)
    assert history.epoch == [2, 3]


def test_symbolic_sizes_pass_through():
    """Sequences of any length: targets follow the output's symbolic sizes."""
    x = Input(("T", 3), name="steps")
    model = Model(x, Dense(2)(x))
    model.compile("adam", CROSSENTROPY, metrics=["accuracy"])
    for length in (4, 6):
        data = np.ones((5, length, 3), "float32")
        found = model.evaluate(data, np.zeros((5, length), "int64"), verbose=0)
        assert len(found) == 2


def refused(function, code, *words):
    with pytest.raises(TulleError) as caught:
        function()
    found = caught.value.diagnostics[0]
    assert found.code == code, str(caught.value)
    for word in words:
        assert word in str(caught.value)
    assert found.span is not None
    assert found.span.source.name == __file__


def test_wrong_calls_are_told():
    x = Input((2,))
    model = Model(x, Dense(3, name="d")(x))
    ones = np.ones((4, 2), "float32")
    refused(lambda: model.fit(ones), "T0606", "compile")
    refused(lambda: model.compile("adem", "mse"), "T0204", "adam")
    refused(lambda: model.compile("adam", "mze"), "T0204", "mse")
    refused(lambda: model.compile("adam", "mse", ["accuracy"]), "T0204", "metrics")
    refused(lambda: model.compile("adam", {"e": "mse"}), "T0201", "`d`")
    refused(lambda: model.compile("adam", ["mse", "mse"]), "T0204", "2 entries")
    model.compile("adam", "mse")
    refused(lambda: model.fit(ones, np.ones(4)), "T0601")
    refused(lambda: model.fit(ones, ones, batch_size=0), "T0204", "batch_size")
    refused(lambda: model.fit(ones, ones, epochs="3"), "T0204", "epochs")
    refused(lambda: model.fit(ones, ones, validation_split=2.0), "T0204")
    y = np.ones((4, 3), "float32")
    refused(lambda: model.fit(ones, y, callbacks=[7]), "T0204", "callback")
    refused(lambda: model.fit(ones, y, validation_data=3), "T0204")
    refused(lambda: model.fit(iter([ones])), "T0703", "target")
    model.compile("adam")
    refused(lambda: model.fit(ones, y), "T0204", "nothing to make small")


def test_a_model_without_trainable_weights_is_fitted_with_a_warning():
    x = Input((2,))
    model = Model(x, Dense(1, kernel_initializer="ones")(x))
    model.trainable = False
    model.compile("adam", "mse")
    with pytest.warns(TulleWarning, match="nothing to train"):
        logs = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0).history
    assert logs["loss"] == [1.0, 1.0]
    np.testing.assert_array_equal(model.get_weights()[0], np.ones((2, 1)))


def test_outputs_without_a_loss_need_no_target():
    x = Input((2,))
    model = Model(x, [Dense(1, name="a")(x), Dropout(0.5, name="b")(x)])
    model.compile("sgd", loss=["mse", None])
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert set(model.get_metrics_result()) == {"loss", "a_loss"}


def test_a_last_axis_of_size_one_is_added_or_dropped():
    x = Input((3, 1))
    model = Model(x, Dense(2, kernel_initializer="ones")(x))
    found = model.predict(np.ones((4, 3)), verbose=0)
    np.testing.assert_array_equal(found, np.ones((4, 3, 2)))
    flat = Input((3,))
    model = Model(flat, Dense(2, kernel_initializer="ones")(flat))
    np.testing.assert_array_equal(model.predict(np.ones((4, 3, 1)), verbose=0), 3)


def test_a_compute_loss_of_the_users_may_take_no_mode():
    class Halved(Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return call("mean", call("square", y - y_pred)) / 2

    x = Input((2,))
    model = Halved(x, Dense(1, kernel_initializer="zeros")(x))
    model.compile("sgd")
    assert model.evaluate(np.ones((4, 2)), np.full((4, 1), 2.0), verbose=0) == 2.0


def test_unequal_losses_are_told_in_compile_and_fit():
    x = Input((2,))
    model = Model(x, Dense(1)(x))
    model.compile("adam", "mse")
    ones = np.ones((4, 2), "float32")
    refused(lambda: model.fit(ones, np.ones((4, 2))), "T0601", "one shape")
    model.fit(ones, np.ones(4), verbose=0)  # a column and a vector are one


def test_probabilities_are_no_logits(blobs):
    x = Input((2,))
    model = Model(x, Dense(3, activation="softmax")(x))
    refused(lambda: model.compile("adam", CROSSENTROPY), "T0602", "softmax")


def test_a_loss_of_the_user_may_not_take_probabilities_for_logits(blobs):
    x = Input((2,))
    model = Model(x, Dense(3, activation="softmax")(x))
    model.compile(
        "adam", lambda t, p: losses.sparse_categorical_crossentropy(t, p, True)
    )
    refused(lambda: model.fit(*blobs, verbose=0), "T0602", "softmax")


def test_weights_out_of_reach_are_told(blobs):
    x = Input((2,))
    lost = Dense(2, name="lost")
    cut = call("cast", call("argmax", lost(x), axis=-1), "float32")
    scores = Dense(3, name="scores")(x) + call("expand_dims", cut, -1) * 0.0
    model = Model(x, scores)
    with pytest.warns(UserWarning, match=r"`argmax`.*lost/kernel.*lost/bias"):
        model.compile("adam", CROSSENTROPY)
    fit(model, *blobs)


def test_a_metric_object_counts_for_itself(blobs):
    metric = metrics.SparseCategoricalAccuracy(name="hits")
    model = classifier(metrics=[metric])
    found = model.evaluate(*blobs, verbose=0, return_dict=True)
    assert found["hits"] == float(metric.result())
    assert model.metrics_names == ["loss", "hits"]
    held = [variable for metric in model.metrics for variable in metric.variables]
    assert held
    assert [*map(id, model.metrics_variables)] == [*map(id, held)]


def test_figures_are_called_as_they_were_asked_for(blobs):
    model = classifier(metrics=["acc"], weighted_metrics=["acc", "accuracy"])
    fit(model, *blobs)
    assert model.metrics_names == ["loss", "acc", "weighted_acc", "accuracy"]
    regression = Sequential([Input((2,)), Dense(1)])
    regression.compile("sgd", "mse", metrics=["mse", "mae", "mae"])
    found = regression.evaluate(blobs[0], blobs[0][:, :1], verbose=0, return_dict=True)
    assert list(found) == ["loss", "mse", "mae", "mae_1"]
    assert found["loss"] == pytest.approx(found["mse"], rel=1e-5)


def test_batches_of_a_fixed_size():
    x = Input((2,), batch_size=4)
    model = Model(x, Dense(1)(x))
    model.compile("sgd", "mse")
    ones = np.ones((8, 2), "float32")
    assert model.predict(ones, verbose=0).shape == (8, 1)
    refused(lambda: model.predict(ones[:6]), "T0701", "exactly 4")


def test_a_sequential_without_layers():
    for use in (
        lambda model: model.predict(np.ones((2, 3)), verbose=0),
        lambda model: model(np.ones((2, 3))),
    ):
        with pytest.raises(TensorTypeError, match="has no layers") as error:
            use(Sequential([]))
        assert error.value.diagnostics[0].code == "T0505"


def test_a_slip_in_a_short_name():
    model = Sequential([Input((2,)), Dense(3)])
    with pytest.raises(TensorTypeError, match="did you mean `mse`"):
        model.compile("sgd", "msee")


def test_wrong_layers_in_a_sequential():
    with pytest.raises(TensorTypeError, match="made of layers"):
        Sequential([Input((2,)), 3])


@pytest.mark.parametrize("method", ["compile", "fit", "evaluate", "predict"])
def test_unknown_arguments_are_told_at_the_call(blobs, method):
    model = classifier()
    wrong = {"compile": "metric", "fit": "epoch"}.get(method, "batchsize")
    near = {"compile": "metrics", "fit": "epochs"}.get(method, "batch_size")
    with pytest.raises(TensorTypeError) as caught:
        getattr(model, method)(*blobs[: method != "compile"], **{wrong: 3})
    (found,) = caught.value.diagnostics
    assert found.code == "T0202"
    assert found.message == f"`{method}` has no argument `{wrong}`"
    assert found.help[0] == f"did you mean `{near}`?"
    assert found.span.source.name == __file__


def test_calls_without_what_they_need_are_told():
    with pytest.raises(TensorTypeError) as caught:
        classifier().predict()
    assert caught.value.diagnostics[0].code == "T0203"
    assert "missing 1 required positional argument: 'x'" in str(caught.value)


def test_type_errors_of_users_stay_theirs(blobs):
    class Wrong(Callback):
        def on_epoch_end(self, epoch, logs=None):
            len(3)

    with pytest.raises(TypeError, match="has no len"):
        fit(classifier(), *blobs, callbacks=[Wrong()])


@pytest.mark.parametrize("verbose", [7, -1, "loud", None])
def test_verbose_is_one_of_four(blobs, verbose):
    for method in ("fit", "evaluate"):
        with pytest.raises(TensorTypeError) as caught:
            getattr(classifier(), method)(*blobs, verbose=verbose)
        assert "`verbose` is 0, 1, 2 or 'auto'" in caught.value.diagnostics[0].message


def diverging(epochs, **options):
    model = Sequential([Input((1,)), Dense(1)])
    model.compile(optimizers.SGD(1e6), "mse")
    x = np.linspace(1, 2, 40, dtype="float32")[:, None]
    with np.errstate(all="ignore"):
        return model.fit(x, 3 * x, 10, epochs, verbose=0, **options)


def test_a_loss_that_is_no_number_is_told_once():
    with pytest.warns(UserWarning, match="the loss is") as told:
        history = diverging(6)
    (one,) = told
    first = next(
        i for i, v in enumerate(history.history["loss"], 1) if not np.isfinite(v)
    )
    assert f"at the end of epoch {first}:" in str(one.message)
    assert "clipnorm" in str(one.message)
    assert one.filename == __file__
    assert len(history.history["loss"]) == 6


def test_training_ends_at_the_batch_that_is_no_number():
    with pytest.warns(UserWarning, match="the loss is"):
        history = diverging(20, callbacks=[TerminateOnNaN(), sizes := Sizes()])
    assert len(history.epoch) < 20
    losses_seen = [loss for _, loss in sizes.steps]
    assert np.isfinite(losses_seen[:-1]).all()
    assert not np.isfinite(losses_seen[-1])


def test_weights_without_use_are_told_at_what_cuts_them_off(blobs):
    x = Input((2,))
    used, unused = Dense(3), Dense(3, name="unused")
    model = Model(x, used(x) + call("stop_gradient", unused(x)))
    with pytest.warns(UserWarning, match="`stop_gradient` lets no gradient") as told:
        model.compile("sgd", CROSSENTROPY)
    (one,) = told
    assert "unused/kernel" in str(one.message)
    assert one.filename == __file__
    assert one.lineno == unused.span.line + 1
    fit(model, *blobs)  # and is quiet


def test_an_output_without_a_loss_leaves_its_weights():
    x = Input((2,))
    model = Model(x, {"a": Dense(3, name="a")(x), "b": Dense(3, name="b")(x)})
    with pytest.warns(UserWarning, match="does not depend on `b/kernel`, `b/bias`"):
        model.compile("sgd", {"a": "mse"})


class Stack(Model):
    def __init__(self):
        super().__init__()
        self.scale = Dense(2, name="scale")
        self.blocks = [Dense(2, name="one"), Dense(2, name="two")]

    def call(self, x):
        x = self.scale(x)
        for block in self.blocks:
            x = block(x)
        return x


def freeze_layer(model):
    model.blocks[0].trainable = False


def freeze_variable(model):
    model.scale.kernel.trainable = False


def replace_layer(model):
    model.scale = Dense(2, name="scale")


def replace_block(model):
    model.blocks[1] = Dense(2, name="two")


def append_block(model):
    model.blocks.append(Dense(2, name="three"))


@pytest.mark.parametrize(
    "change",
    [freeze_layer, freeze_variable, replace_layer, replace_block, append_block],
)
def test_every_change_of_what_is_trained_is_seen(change):
    """Between two steps of one program, which else looks at nothing again."""
    x = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    model = Stack()
    model.compile("sgd", "mse")
    for _ in range(2):
        model.train_on_batch(x, x)
    change(model)
    model.predict_on_batch(x)
    model(x)  # builds what is new
    before = {id(v): v.numpy() for v in model.weights}
    learning = {id(v) for v in model.trainable_weights}
    model.train_on_batch(x, x)
    for variable in model.weights:
        moved = not np.array_equal(before[id(variable)], variable.numpy())
        assert moved is (id(variable) in learning), variable


def test_a_step_walks_the_layers_once(monkeypatch):
    model = Sequential([Input((2,)), *(Dense(2) for _ in range(5))])
    model.compile("sgd", "mse")
    x = np.ones((4, 2), "float32")
    model.train_on_batch(x, x)
    walked = []
    plain = Layer.children
    monkeypatch.setattr(Layer, "children", lambda s: walked.append(s) or plain(s))
    for _ in range(3):
        model.train_on_batch(x, x)
    assert not walked


def test_figures_are_those_of_the_results(blobs):
    model = classifier()
    figures = model.train_on_batch(*blobs, return_dict=True)
    for metric in model.metrics:
        assert figures[metric.name] == float(metric.result())
    model.reset_metrics()
    assert model.get_metrics_result() == {"loss": 0.0, "accuracy": 0.0}
