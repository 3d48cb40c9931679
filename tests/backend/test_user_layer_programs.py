"""Layers of users that only compute become programs; all others run each time."""

import math
import sys
import threading

import numpy as np
import pytest
from work import compiled_graphs, programs_come_soon

import tulle
from tulle import layers, losses, ops, random
from tulle.backend.tapes import GradientTape
from tulle.graph import programs
from tulle.graph.call_programs import MANY, RESTLESS
from tulle.graph.layer import Layer
from tulle.graph.tensor import Tensor
from tulle.graph.variable import Variable, set_random_seed
from tulle.training.model import Model

TIMES = 5
RNG = np.random.default_rng(0)
SCALE = 2.0
SEEN = []


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    programs_come_soon(monkeypatch)


@pytest.fixture
def compiled(monkeypatch):
    return compiled_graphs(monkeypatch)


def tensor(*shape):
    return Tensor(RNG.normal(size=shape).astype("float32"))


def doubled(x, factor=2.0):
    return ops.multiply(x, factor)


class Own(Layer):
    """A layer with one weight, whose `call` tests give."""

    def build(self, shape):
        self.w = self.add_weight((shape[-1], 3), "glorot_uniform")


class Linear(Own):
    def call(self, x):
        return ops.matmul(x, self.w) * SCALE


class Sampling(Layer):
    def __init__(self):
        super().__init__()
        self.seed_generator = random.SeedGenerator(5)

    def call(self, inputs):
        mean, spread = inputs
        noise = random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * spread) * noise


class Encoder(Model):
    """As in Keras's guide: layers of both kinds, several results, a loss."""

    def __init__(self):
        super().__init__()
        self.parts = [layers.Dense(4, activation="tanh"), Linear()]
        self.mean, self.spread, self.sampling = Linear(), Linear(), Sampling()

    def call(self, x, training=False):
        for part in self.parts:
            x = part(x)
        if training:
            x += 1.0
        mean, spread = self.mean(x), self.spread(x)
        self.add_loss(ops.mean(ops.square(mean) - spread))
        return {"all": [one * math.sqrt(4.0) for one in (mean, spread)],
                "z": self.sampling((mean, spread))}  # fmt: skip


class Counted(Own):
    """State that is assigned with ops is followed."""

    def build(self, shape):
        super().build(shape)
        self.times = self.add_weight((), "zeros", trainable=False)

    def call(self, x):
        self.times.assign_add(1.0)
        return doubled(x) @ self.w * self.times


def steps(make, x, **settings):
    """Results, losses, gradients and state of some calls under a tape."""
    set_random_seed(3)
    layer, found = make(), []
    for time in range(TIMES):
        with GradientTape() as tape:
            tape.watch(x)
            results = layer(x, **settings)
            leaves = tulle.tree.flatten(results)
            total = sum(ops.sum(ops.sin(leaf)) for leaf in leaves) + sum(layer.losses)
        weights = layer.trainable_weights
        found += [*leaves, *layer.losses, *tape.gradient(total, [x, *weights])]
        for weight in weights:
            weight.assign(weight * (0.9 - 0.1 * time))
        found += layer.get_weights()
        found += tulle.tree.flatten(layer(x, **settings))
    return [np.array(one) for one in found]


class Inheriting(Linear):
    def call(self, x):
        return super().call(x) * 2.0


@pytest.mark.parametrize("make", [Linear, Encoder, Counted, Inheriting])
def test_programs_give_and_leave_what_ops_do(monkeypatch, compiled, make):
    x, results = tensor(4, 5), []
    for compiler in (programs.compiler, None):
        with monkeypatch.context() as context:
            context.setattr(programs, "compiler", compiler)
            results.append(steps(make, x))
            if make is Encoder:
                results[-1] += steps(make, x, training=True)
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
    assert compiled


def test_a_layer_of_a_users_is_one_program(compiled):
    layer, x = Encoder(), tensor(4, 5)
    for _ in range(TIMES):
        layer(x)
    assert len(compiled) == 1
    assert layer._call_programs._known


class Asking(Own):
    def call(self, x):
        if ops.sum(x) > 0:
            return x @ self.w
        return -x @ self.w


class Noting(Own):
    def call(self, x):
        self.last = x
        return x @ self.w


class Printing(Own):
    def call(self, x):
        print("called")
        return x @ self.w


class Appending(Own):
    def call(self, x):
        SEEN.append(1)
        return x @ self.w * len(SEEN)


class Reading(Own):
    def call(self, x):
        return x @ self.w * float(self.w.numpy()[0, 0])


class Drawing(Own):
    def call(self, x):
        return x @ self.w * np.random.default_rng(0).uniform()


class Catching(Own):
    def call(self, x):
        try:
            return x @ self.w * float(x[0, 0])
        except tulle.TulleError:
            return x


class Looking(Own):
    def call(self, x):
        return x @ self.w * (2.0 if isinstance(x, Tensor) else 3.0)


class Counting(Own):
    def call(self, x):
        drawn = random.SeedGenerator(1)
        return x @ self.w + drawn.seed


class Inner(Layer):
    def call(self, x):
        return x if ops.sum(x) > 0 else -x


class Repeating(Own):
    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def call(self, x):
        return ops.map(self.inner, x @ self.w)


class Making(Own):
    def call(self, x):
        return __class__ and x @ self.w


class Overriding(Own):
    def call(self, x):
        return x @ self.w

    def run_call(self, args, kwargs):
        return super().run_call(args, kwargs)


class Global(Own):
    def call(self, x):
        global SCALE
        SCALE = SCALE
        return x @ self.w


class Opened(Own):
    def call(self, x):
        with GradientTape() as tape:
            tape.watch(x)
            y = ops.sum(x * x)
        return tape.gradient(y, x) @ self.w


class Importing(Own):
    def call(self, x):
        import time

        return x @ self.w * float(time.time() > 0)


class Same(Own):
    def call(self, x):
        y = ops.convert_to_tensor(x)
        return y @ self.w * (1.0 if y is x else 2.0)


class Tracing(Own):
    def call(self, x):
        return x @ self.w * float(sys.gettrace() is None)


def noted(x):
    SEEN.append(2)
    return 0.0 * ops.sum(x)


class Regularized(Own):
    def __init__(self):
        super().__init__(activity_regularizer=noted)

    def call(self, x):
        return x @ self.w


FOREIGN = [
    Asking, Noting, Printing, Appending, Reading, Drawing, Catching, Looking, Counting,
    Overriding, Global, Opened, Importing, Same, Tracing,
    Repeating,
    Regularized, Making,
]  # fmt: skip


@pytest.mark.parametrize("make", FOREIGN)
def test_what_may_do_more_than_compute_runs_each_time(capsys, make):
    layer, x, ran = make(), tensor(4, 5), []
    layer(x)
    call = type(layer).call

    def counting(frame, event, argument):
        if event == "call" and frame.f_code is call.__code__:
            ran.append(frame.f_code)

    for sign in (1, -1, 1, -1):
        given = Tensor(x.array * sign)
        sys.setprofile(counting)
        try:
            found = layer(given)
        finally:
            sys.setprofile(None)
        if make is not Appending:
            wanted = type(layer).call(layer, given)
            np.testing.assert_allclose(found, wanted, rtol=1e-5)
        assert not any(one.opaque for one in (layer, *layer.sublayers))
    # Where nothing but values is in the way, it is traced once.
    assert len(ran) == 4 + (make in (Asking, Repeating))
    assert set(layer._call_programs._known.values()) <= {None}
    assert capsys.readouterr().out.count("called") in (0, 9)


def test_what_code_reads_is_looked_at_before_each_call(monkeypatch, compiled):
    layer, x = Linear(), tensor(4, 5)
    first, *_ = [np.array(layer(x)) for _ in range(TIMES)]
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 3.0)
    for _ in range(TIMES):
        np.testing.assert_allclose(layer(x), first * 1.5, rtol=1e-5)
    monkeypatch.setattr(Linear, "call", lambda self, x: x @ self.w)
    for _ in range(TIMES):
        np.testing.assert_allclose(layer(x), first * 0.5, rtol=1e-5)
    assert len(compiled) == 3


def test_functions_that_code_calls_are_looked_at(monkeypatch):
    layer, x = Counted(), tensor(4, 5)
    for time in range(1, TIMES):
        found = np.array(layer(x)) / time
    monkeypatch.setattr(doubled, "__defaults__", (4.0,))
    np.testing.assert_allclose(layer(x), 2 * found * TIMES, rtol=1e-5)
    monkeypatch.setattr(sys.modules[__name__], "doubled", lambda x: x)
    np.testing.assert_allclose(layer(x), 0.5 * found * (TIMES + 1), rtol=1e-5)


def test_cells_are_looked_at(compiled):
    factor = 1.0

    class Closed(Own):
        def call(self, x):
            return x @ self.w * factor

    layer, x = Closed(), tensor(4, 5)
    first, *_ = [np.array(layer(x)) for _ in range(TIMES)]
    factor = 2.0
    np.testing.assert_allclose(layer(x), first * 2, rtol=1e-5)
    assert len(compiled) == 1


def test_attributes_lists_and_inner_layers_that_change_are_followed():
    class Listed(Own):
        def __init__(self):
            super().__init__()
            self.factors, self.inner = [1.0, 2.0], layers.ReLU()

        def call(self, x):
            return self.inner(x @ self.w) * sum(self.factors)

    layer, x = Listed(), tensor(4, 5)
    first, *_ = [np.array(layer(x)) for _ in range(TIMES)]
    layer.factors[0] = 4.0
    np.testing.assert_allclose(layer(x), first * 2, rtol=1e-5)
    for _ in range(TIMES):
        layer(x)
    layer.inner = layers.Activation("linear")
    np.testing.assert_allclose(layer(x), x.array @ layer.w.numpy() * 6, rtol=1e-4)


def test_lists_of_a_caller_stay_as_they_are():
    class Adding(Layer):
        def call(self, xs):
            xs += [xs[0]]
            xs.append(xs[0])
            return ops.add(xs[0], xs[-1])

    layer, given = Adding(), [tensor(2, 2)]
    for _ in range(TIMES):
        np.testing.assert_allclose(layer(given), given[0] * 2.0, rtol=1e-6)
        assert len(given) == 1


def test_tensors_in_attributes_pass_gradients_on():
    dense, own, x = layers.Dense(3), Linear(), tensor(2, 5)
    dense(x), own(x)
    for layer, name in ((dense, "kernel"), (own, "w")):
        with GradientTape() as tape:
            weights = tensor(5, 3)
            tape.watch(weights)
            setattr(layer, name, weights * 2.0)
            for _ in range(TIMES):
                y = layer(x)
            total = ops.sum(y)
        factor = 2 if layer is dense else 4
        wanted = np.repeat(x.array.sum(0)[:, None], 3, 1) * factor
        np.testing.assert_allclose(tape.gradient(total, weights), wanted, rtol=1e-4)


def test_weights_may_be_assigned_between_a_call_and_its_gradient():
    layer, x = Linear(), tensor(4, 5)
    layer(x)
    for _ in range(TIMES):
        with GradientTape() as tape:
            tape.watch(x)
            y = ops.sum(layer(x))
        before = layer.w.numpy()
        layer.w.assign(before * 2 + 1)
        wanted = np.repeat(before.sum(1)[None], 4, 0) * SCALE
        np.testing.assert_allclose(tape.gradient(y, x), wanted, rtol=1e-5)


def test_tapes_in_tapes_follow_programs():
    class Cubed(Layer):
        def call(self, x):
            return x * x * x

    layer, x = Cubed(), Tensor(np.array([1.0, 2.0], "float32"))
    for _ in range(TIMES):
        with GradientTape() as outer:
            outer.watch(x)
            with GradientTape() as inner:
                inner.watch(x)
                y = ops.sum(layer(x))
            slope = inner.gradient(y, x)
        np.testing.assert_allclose(slope, [3.0, 12.0], rtol=1e-5)
        np.testing.assert_allclose(outer.gradient(slope, x), [6.0, 12.0], rtol=1e-5)


def test_threads_call_a_layer_at_the_same_time():
    layer, failed = Linear(), []
    layer(tensor(4, 5))
    inputs = [tensor(4, 5) for _ in range(4)]
    wanted = [x.array.sum(0) * SCALE for x in inputs]

    def work(index):
        for _ in range(20):
            with GradientTape() as tape:
                y = ops.sum(layer(inputs[index]))
            found = np.array(tape.gradient(y, layer.w))
            if not np.allclose(found, np.repeat(wanted[index][:, None], 3, 1), 1e-4):
                failed.append(index)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_losses_of_users_are_programs_too(compiled):
    class Scaled(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean(ops.abs(y_true - y_pred), axis=-1) * SCALE

    loss, x, y = Scaled(), tensor(4, 3), tensor(4, 3)
    wanted = np.abs(x.array - y.array).mean() * SCALE
    for _ in range(TIMES):
        np.testing.assert_allclose(loss(x, y), wanted, rtol=1e-5)
    assert len(compiled) == 1


def test_whole_numbers_of_variables_are_read_each_time():
    class Indexed(Own):
        def build(self, shape):
            super().build(shape)
            self.turns = Variable(np.array(1, "int32"), trainable=False)

        def call(self, x):
            for _ in range(self.turns):
                x = x * 2.0
            return x

    layer, x = Indexed(), tensor(2, 2)
    for turns in range(TIMES):
        layer(x)
        layer.turns.assign(turns)
        np.testing.assert_allclose(layer(x), x.array * 2.0**turns, rtol=1e-6)


def test_where_each_call_is_another_what_is_inside_becomes_programs(compiled):
    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(3)

        def call(self, x, time):
            return self.inner(x) * float(time)

    layer, x = Outer(), tensor(4, 5)
    for time in range(MANY + TIMES):
        found = layer(x, time)
    np.testing.assert_allclose(found, np.array(layer.inner(x)) * time, rtol=1e-5)
    assert len(compiled) == 1


def test_what_is_changed_before_each_call_leaves_programs_to_what_is_inside(compiled):
    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.inner, self.times = layers.Dense(3), 0

        def call(self, x):
            return self.inner(x) * float(self.times)

    layer, x = Outer(), tensor(4, 5)
    for time in range(RESTLESS + TIMES):
        layer.times = time
        found = layer(x)
    np.testing.assert_allclose(found, np.array(layer.inner(x)) * time, rtol=1e-5)
    assert len(compiled) == 1
