"""What a program of a call must not forget: each case with and without programs."""

import functools
import gc
import types

import numpy as np
import pytest
from work import programs_come_soon

import tulle
from tulle import activations, layers, losses, ops, random
from tulle.backend.tapes import GradientTape
from tulle.graph import programs
from tulle.graph.layer import Layer
from tulle.graph.tensor import Tensor
from tulle.graph.variable import Variable, set_random_seed
from tulle.graph.watching import Patches
from tulle.training.model import Model

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
TIMES = 6
MODULE = types.ModuleType("measures")


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    programs_come_soon(monkeypatch)


def tensor(more=0.0):
    return Tensor(X + np.float32(more))


class Own(Layer):
    def build(self, shape):
        self.w = self.add_weight((shape[-1], 3), "glorot_uniform")


def found(case):
    set_random_seed(3)
    return [np.array(leaf) for leaf in tulle.tree.flatten(list(case()))]


def same_without_programs(case):
    with_programs, saved = found(case), programs.compiler
    programs.compiler = None
    try:
        without = found(case)
    finally:
        programs.compiler = saved
    assert len(with_programs) == len(without)
    for one, two in zip(with_programs, without, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def calls(layer, change):
    """Results of calls between which something changes."""
    for time in range(TIMES):
        yield layer(tensor())
        yield layer(tensor())
        yield layer(tensor())
        change(time + 2.0)


def attribute_of_a_function():
    def scaled(x):
        return x * scaled.factor

    class Scaling(Own):
        def call(self, x):
            return scaled(x @ self.w)

    scaled.factor = 1.0
    return calls(Scaling(), lambda value: setattr(scaled, "factor", value))


def attribute_of_a_variable():
    class Scaling(Own):
        def build(self, shape):
            super().build(shape)
            self.gain, self.w.gain = 1.0, 2.0

        def call(self, x):
            return x @ self.w * self.w.gain

    layer = Scaling()
    return calls(layer, lambda value: setattr(layer.w, "gain", value))


def attribute_that_the_library_has():
    class Summing(Own):
        def __init__(self):
            super().__init__()
            self.history = [1.0]

        def call(self, x):
            return x @ self.w * sum(self.history)

    layer = Summing()
    return calls(layer, layer.history.append)


def attribute_of_a_module_made_when_asked():
    now = [1.0]
    MODULE.__getattr__ = lambda name: now[0]

    class Scaling(Own):
        def call(self, x):
            return x @ self.w * MODULE.factor

    return calls(Scaling(), lambda value: now.__setitem__(0, value))


def function_with_the_name_of_the_librarys():
    seen = []

    @functools.wraps(activations.relu)
    def noted(x):
        seen.append(1)
        return activations.relu(x) * float(len(seen))

    class Noting(Own):
        def call(self, x):
            return noted(x @ self.w)

    yield from calls(Noting(), seen.append)
    yield from calls(layers.Activation(noted), seen.append)
    yield float(len(seen))


def call_of_an_object():
    class Plain(Own):
        def call(self, x):
            return x @ self.w

    layer, seen = Plain(), []

    def call(x):
        seen.append(1)
        return x @ layer.w * float(len(seen))

    def change(value):
        if value == 3:
            layer.call = call

    return calls(layer, change)


def call_of_a_loss():
    loss, seen = losses.MeanSquaredError(), []

    def call(y_true, y_pred):
        seen.append(1)
        return ops.mean(y_true - y_pred, axis=-1) * float(len(seen))

    loss.call = call
    for _ in range(TIMES):
        yield loss(tensor(), tensor(1))


def class_of_an_object():
    class One(Own):
        def call(self, x):
            return x @ self.w

    class Other(Own):
        def call(self, x):
            return x @ self.w * 3.0

    layer = One()
    kinds = One, Other
    return calls(
        layer, lambda value: setattr(layer, "__class__", kinds[int(value) % 2])
    )


def keys_of_a_dictionary():
    class Table(Own):
        def __init__(self):
            super().__init__()
            self.table = {"gain": 2.0, "shift": 3.0}

        def call(self, x):
            return x @ self.w * self.table["gain"] + self.table["shift"]

    layer = Table()

    def change(_):
        gain, shift = layer.table.pop("gain"), layer.table.pop("shift")
        values = [gain, shift]
        names = sorted(("gain", "shift"), reverse=gain == 2.0)
        layer.table.update(zip(names, values, strict=True))

    return calls(layer, change)


def parts_that_go_to_the_next_list():
    class Listed(Own):
        def __init__(self):
            super().__init__()
            self.one, self.two = [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [9.0]

        def call(self, x):
            y = x @ self.w
            for factor in self.one:
                y = y * factor
            for shift in self.two:
                y = y + shift
            return y

    layer = Listed()
    return calls(layer, lambda _: layer.two.insert(0, layer.one.pop()))


def cell_that_is_empty_at_first():
    class Later(Own):
        late = False

        def call(self, x):
            return later(x @ self.w) if self.late else x @ self.w

    layer = Later()
    for _ in range(TIMES):
        yield layer(tensor())

    def later(x):
        return x * 3.0

    Later.late = True
    for _ in range(TIMES):
        yield layer(tensor())


def same_argument_twice():
    class Comparing(Layer):
        def call(self, xs):
            return xs[0] * (2.0 if xs[0] is xs[1] else 3.0)

    class Counting(Layer):
        def call(self, xs):
            return xs[0] * float(len({xs[0], xs[1]}))

    for layer in (Comparing(), Counting()):
        for time in range(TIMES * 2):
            one = tensor()
            yield layer([one, one if time % 2 else tensor(1)])


def list_that_a_call_changes():
    class Noting(Own):
        def call(self, x, notes):
            notes.append(1)
            return x @ self.w

    layer = Noting()
    for _ in range(TIMES):
        notes = []
        yield layer(tensor(), notes), float(len(notes))


def first_states_of_cells():
    made = []

    class Cell(Layer):
        state_size = 3

        def call(self, x, states):
            return x + states[0], [x + states[0]]

        def get_initial_state(self, batch_size=None):
            made.append(1)
            return [ops.ones((batch_size, 3)) * float(len(made))]

    layer = layers.RNN(Cell())
    for _ in range(TIMES):
        yield layer(np.ones((2, 2, 3), "float32"))


def classes_and_modules_of_the_library_that_are_patched():
    inner, loss = layers.Dense(3), losses.MeanSquaredError()

    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def call(self, x):
            return ops.relu(self.inner(x))

    layer, seen = Outer(), []

    def noted(self, x):
        seen.append(1)
        return x * float(len(seen))

    with pytest.MonkeyPatch.context() as patch:
        for time in range(TIMES * 3):
            if time == TIMES:
                patch.setattr(layers.Dense, "call", noted)
                patch.setattr(
                    losses.MeanSquaredError, "call", lambda self, a, b: noted(self, a)
                )
            if time == TIMES * 2:
                patch.setattr(ops, "relu", lambda x: x * 7.0)
            yield layer(tensor()), loss(tensor(), tensor(1))
    yield layer(tensor()), loss(tensor(), tensor(1))
    assert (layers.Dense, "call") not in Patches.made


def variables_that_are_trained_no_more():
    variable, names = Variable(np.ones(3, "float32")), [0]
    gradient = tulle.grad(lambda x: ops.sum(x * x * variable), [variable])
    other = tulle.grad(lambda x, y: ops.sum(x * y * y), names)
    for time in range(TIMES * 2):
        if time == TIMES:
            variable.trainable = False
            names.append(1)
        slopes = gradient(tensor())
        np.testing.assert_allclose(slopes[0], (X * X).sum(0), rtol=1e-5)
        yield slopes, other(tensor(), tensor(1))


def methods_of_tensors_that_are_patched():
    class Turned(Own):
        def call(self, x):
            return x.transpose() * 2.0

    layer, plain = Turned(), Tensor.transpose
    yield from calls(layer, lambda value: None)
    try:
        Tensor.transpose = lambda self: plain(self) * 3.0
        yield from calls(layer, lambda value: None)
    finally:
        del Tensor.transpose
    yield layer(tensor())


def bases_of_a_class():
    class One:
        factor = 2.0

    class Two:
        factor = 3.0

    class Mixin(One):
        pass

    class Mixed(Mixin, Own):
        def call(self, x):
            return x @ self.w * self.factor

    def change(value):
        Mixin.__bases__ = (One, Two)[int(value) % 2 :]

    return calls(Mixed(), change)


def class_of_a_layer_of_the_library():
    class Tripled(layers.Dense):
        def call(self, x):
            return super().call(x) * 3.0

    dense = layers.Dense(3)
    model = tulle.Sequential([dense])

    def change(value):
        dense.__class__ = (layers.Dense, Tripled)[int(value) % 2]

    return calls(model, change)


def settings_of_a_regularizer():
    rule = tulle.regularizers.L2(0.5)
    layer = layers.Dense(3, activity_regularizer=rule)
    for time in range(TIMES * 3):
        rule.l2 = 0.5 + time // 4
        yield layer(tensor()), layer.losses


def settings_of_a_loss_in_a_metric():
    loss, other = losses.Huber(), losses.Huber()
    wrapped = [tulle.metrics.MeanMetricWrapper(f) for f in (loss, other.call)]
    for time in range(TIMES * 3):
        loss.delta = other.delta = 0.25 + time // 4
        for metric in wrapped:
            metric.update_state(X, X + 1.0)
            yield metric.result()


def objects_as_keys():
    class Key:
        factor = 2.0

    class Keyed(Own):
        def __init__(self):
            super().__init__()
            self.keys = {Key(): 1.0}

        def call(self, x):
            for key in self.keys:
                x = x * key.factor
            return x @ self.w

    layer = Keyed()
    (key,) = layer.keys
    return calls(layer, lambda value: setattr(key, "factor", value))


CHANGING = [
    attribute_of_a_function, attribute_of_a_variable, attribute_that_the_library_has,
    attribute_of_a_module_made_when_asked, function_with_the_name_of_the_librarys,
    call_of_an_object, call_of_a_loss, class_of_an_object, keys_of_a_dictionary,
    parts_that_go_to_the_next_list, cell_that_is_empty_at_first, same_argument_twice,
    list_that_a_call_changes, first_states_of_cells, variables_that_are_trained_no_more,
    classes_and_modules_of_the_library_that_are_patched, objects_as_keys,
    methods_of_tensors_that_are_patched, bases_of_a_class, settings_of_a_regularizer,
    class_of_a_layer_of_the_library, settings_of_a_loss_in_a_metric,
]  # fmt: skip


@pytest.mark.parametrize("case", CHANGING)
def test_what_changes_is_followed(case):
    same_without_programs(case)


# Gradients of one result with respect to another.


class Encoding(Model):
    """As an autoencoder's: a result is made of others, and so is a loss."""

    def __init__(self):
        super().__init__()
        self.mean, self.spread = layers.Dense(3), layers.Dense(3)
        self.seeds = random.SeedGenerator(5)

    def call(self, x):
        mean, spread = self.mean(x), self.spread(x)
        z = mean + ops.exp(spread) * random.normal((4, 3), seed=self.seeds)
        self.add_loss(ops.mean(mean * mean) + ops.mean(z))
        return x, mean, spread, ops.tanh(z), mean


def functional():
    x = layers.Input((3,))
    hidden = layers.Dense(3)(x)
    return Model(x, [hidden, layers.Dense(2)(ops.tanh(hidden))])


@pytest.mark.parametrize("make", [Encoding, functional])
def test_results_that_are_made_of_results_are_seen_by_tapes(make):
    def case():
        model = make()
        for _ in range(TIMES):
            x = tensor()
            with GradientTape() as outer:
                with GradientTape(persistent=True) as tape:
                    tape.watch(x)
                    results = model(x)
                    total = sum(ops.sum(ops.sin(one)) for one in results)
                    total += sum(model.losses)
                wanted = [x, *results, *model.trainable_weights]
                slopes = tape.gradient(total, wanted)
                again = ops.sum(slopes[2] * slopes[2])
            yield results, slopes, outer.gradient(again, model.trainable_weights)
            for loss in model.losses:
                yield tape.gradient(loss, results[1])

    same_without_programs(case)


def test_a_result_that_is_an_argument_is_that_argument():
    class Both(Own):
        def call(self, x):
            return x, x @ self.w

    layer, x = Both(), tensor()
    for _ in range(TIMES):
        with GradientTape() as tape:
            tape.watch(x)
            same, _ = layer(x)
        assert same is x


def test_tapes_are_not_told_of_variables_that_are_results():
    class Both(Own):
        def call(self, x):
            return x @ self.w, self.w.value

    layer = Both()
    for _ in range(TIMES):
        with GradientTape() as tape:
            y, weights = layer(tensor())
        assert tape.gradient(ops.sum(y), weights) is None


def test_what_is_called_is_let_go():
    layer = Encoding()
    for _ in range(TIMES):
        layer(tensor())
    held = layer.seeds
    del layer
    gc.collect()
    assert not [one for one in gc.get_referrers(held) if type(one) is Encoding]
