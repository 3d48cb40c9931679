"""Weights that programs keep in 16 bits: made anew whenever one was written."""

import copy

import numpy as np
import pytest

import tulle
from tulle import layers, ops
from tulle.backend.cpu import engine
from tulle.training.batches import prepare

if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

from tulle.backend.kept_casts import Keeping, KeptCast
from tulle.graph.layer import Layer
from tulle.graph.variable import Variable

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((6, 5, 40), np.float32)
Y = RANDOM.standard_normal((6, 3), np.float32)
POLICY = "mixed_bfloat16"


def made():
    x = tulle.Input((5, 40))
    h = layers.LSTM(8, dtype=POLICY)(x)
    model = tulle.Model(x, layers.Dense(3, dtype=POLICY)(h))
    model.compile(optimizer=tulle.optimizers.SGD(0.5), loss="mse", metrics=["mae"])
    return model


def told(model):
    """What a model predicts, which a new one with its weights does as well."""
    other = made()
    other.set_weights(model.get_weights())
    found = model.predict(X, verbose=0)
    np.testing.assert_array_equal(found, other.predict(X, verbose=0))
    return found


def assign(model):
    kernel = model.trainable_variables[-2]
    kernel.assign(kernel + 1.0)


def fit(model):
    model.fit(X, Y, verbose=0)


def train(model):
    model.train_on_batch(X, Y)


def by_tape(model):
    with tulle.GradientTape() as tape:
        loss = ops.mean(ops.square(ops.cast(model(X), "float32") - Y))
    weights = model.trainable_variables
    gradients = tape.gradient(loss, weights)
    model.optimizer.apply_gradients(zip(gradients, weights, strict=True))


def in_function(model):
    kernel = model.trainable_variables[0]
    tulle.function(lambda: kernel.assign(kernel * 2.0))()


def by_array(model):
    np.asarray(model.trainable_variables[0], copy=False)[...] += 1.0


def by_dlpack(model):
    model.trainable_variables[0].__dlpack__()
    model.trainable_variables[0].array[...] += 1.0  # as another library would


WAYS = [assign, fit, train, by_tape, in_function, by_array, by_dlpack]


@pytest.mark.parametrize("way", WAYS)
def test_a_weight_that_was_written_is_cast_again(way):
    model = made()
    before = told(model)
    for _ in range(3):
        way(model)
        after = told(model)
        assert np.any(after != before)
        before = after


def test_ways_follow_each_other():
    model = made()
    before = told(model)
    for way in (fit, assign, train, by_tape, fit, in_function, by_array, fit, by_array):
        way(model)
        after = told(model)
        assert np.any(after != before), way
        before = after


def test_a_model_that_was_called_often_reads_what_was_assigned():
    model = made()
    for _ in range(15):
        found = model(X)
    for way in (assign, fit, assign):
        way(model)
        after = model(X)
        assert np.any(ops.cast(after, "float32") != ops.cast(found, "float32"))
        other = made()
        other.set_weights(model.get_weights())
        wanted = other.predict(X, verbose=0)
        np.testing.assert_allclose(
            ops.cast(after, "float32").numpy(), wanted.astype(np.float32), 0.02, 0.02
        )
        found = after


def program_of(model, kind="predict"):
    given = (X, Y) if kind != "predict" else (X,)
    signature = prepare(model, *given, scored=kind != "predict").signature
    return model.steps.program(kind, signature), given


def test_casts_are_made_when_something_was_written_alone(monkeypatch):
    fills, fill = [], Keeping.__init__

    def counting(self, *given):
        fill(self, *given)
        inner = self._fill
        self._fill = lambda arrays: fills.append(1) or inner(arrays)

    monkeypatch.setattr(Keeping, "__init__", counting)
    model = made()
    program, given = program_of(model)
    for _ in range(3):
        program(given)
    assert fills
    for _ in range(2):
        model.evaluate(X, Y, verbose=0)  # its program has casts of its own
        program(given)
    count = len(fills)
    Variable(np.zeros(3)).assign(np.ones(3))
    for _ in range(3):
        model.evaluate(X, Y, verbose=0)  # which writes into metrics
        program(given)
    assert len(fills) == count
    assign(model)
    program(given)
    program(given)
    assert len(fills) == count + 1


def casts_in(graph):
    found = [n for n in graph.nodes if n.op.name == "variable"]
    kept = [n for n in found if isinstance(n.attributes["variable"], KeptCast)]
    return len(kept), len(found) - len(kept)


def test_a_program_that_writes_weights_keeps_none_of_them():
    model = made()
    assert casts_in(program_of(model)[0].graph) == (5, 0)
    assert casts_in(program_of(model, "train")[0].graph)[0] == 0
    weight = Variable(np.ones((40, 40), np.float32))

    def twice(x):
        found = ops.matmul(x, ops.cast(weight, "bfloat16"))
        weight.assign(weight * 2.0)
        return found

    compiled, x = tulle.function(twice), ops.ones((2, 40), "bfloat16")
    for factor in (40.0, 80.0, 160.0):
        assert float(ops.max(compiled(x))) == factor


class Assigning(Layer):
    """Assigns a weight of another layer when it is told to."""

    opaque = True

    def __init__(self):
        super().__init__()
        self.kernels = []

    def call(self, x):
        for kernel in self.kernels:
            kernel.assign(np.full(kernel.shape, 0.5, np.float32))
        return np.asarray(x) * 1

    def compute_output_shape(self, shape):
        return shape


@pytest.mark.parametrize("in_loop", [False, True])
def test_what_a_layer_in_python_assigns_is_read_in_the_same_run(in_loop):
    layer, dense = Assigning(), layers.Dense(64, use_bias=False, dtype=POLICY)

    class Turning(Layer):
        def call(self, x):
            return ops.scan(lambda h, _: (layer(h), None), x, None, 1)[0]

    x = tulle.Input((40,))
    model = tulle.Model(x, dense(Turning()(x) if in_loop else layer(x)))
    ones = np.ones((2, 40), np.float32)
    model.predict_on_batch(ones)
    layer.kernels.append(dense.kernel)
    assert (model.predict_on_batch(ones) == 20).all()


def test_few_numbers_and_wider_ones_are_cast_in_each_call():
    few = Variable(np.ones((4, 4), np.float32))
    wider = Variable(np.ones((64, 64), np.float32))
    cast = {few: "bfloat16", wider: "float64"}
    for variable, dtype in cast.items():
        compiled = tulle.function(lambda x, v=variable, d=dtype: ops.cast(v, d) * x)
        compiled(ops.cast(2.0, dtype))
        assert variable.casts is None


def test_a_copy_of_a_variable_keeps_nothing_of_the_first():
    model = made()
    told(model)
    weight = model.trainable_variables[0]
    assert weight.watched
    assert weight.casts
    for other in (copy.copy(weight), copy.deepcopy(weight)):
        assert not other.watched
        assert other.casts is None
        np.testing.assert_array_equal(other.numpy(), weight.numpy())
