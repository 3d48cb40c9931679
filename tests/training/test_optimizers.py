"""Optimizers and schedules: Keras's numbers, arenas, exclusions, state, refusals."""

import numpy as np
import oracle_cases
import pytest

from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.evaluate import evaluate
from tulle.graph.tensor import Tensor
from tulle.graph.trace import Trace, tracing
from tulle.graph.variable import Variable
from tulle.training import optimizers, schedules
from tulle.training.optimizer import Part


def build(space, spec):
    arguments = {
        key: build(schedules, value) if isinstance(value, dict) else value
        for key, value in spec["config"].items()
    }
    return getattr(space, spec["class"])(**arguments)


def optimizer_of(case):
    return build(optimizers, {"class": case.name, "config": case.config})


def variables_of(case):
    return [
        Variable(case.given[f"var.{i}"], name=f"var{i}")
        for i in range(case.entry["variables"])
    ]


def gradients_of(case, step):
    count = case.entry["variables"]
    return [Tensor(case.given[f"grad.{step}.{i}"]) for i in range(count)]


@oracle_cases.each("optimizer")
def test_numbers_of_keras(case_id):
    case = oracle_cases.case(case_id)
    optimizer, variables = optimizer_of(case), variables_of(case)
    optimizer.build(variables)
    for k in range(case.entry["steps"]):
        case.check(f"lr.{k}", optimizer.learning_rate)
        optimizer.apply(gradients_of(case, k), variables)
        check_step(case, k, optimizer, variables)


def check_step(case, k, optimizer, variables):
    for i, variable in enumerate(variables):
        case.check(f"after.{k}.{i}", variable)
    for slot in case.entry["slots"]:
        index, name = slot.split(".")
        found = optimizer.state()[f"{variables[int(index)].path}/{name}"]
        case.check(f"slot.{k}.{slot}", found)


def arena_of(variables, gap=0):
    """Variables side by side in one flat array, with a hole behind each."""
    size = sum(v.size + gap for v in variables)
    flat = Variable(np.zeros(size, "float32"), name="arena")
    flat.rehome(flat.array)
    parts, start = [], 0
    for variable in variables:
        view = flat.array[start : start + variable.size]
        variable.rehome(view.reshape(variable.shape))
        parts.append(Part(variable, start))
        start += variable.size + gap
    return flat, parts


def packed(gradients, parts, size):
    flat = np.zeros(size, "float32")
    for gradient, part in zip(gradients, parts, strict=True):
        flat[part.start : part.stop] = gradient.numpy().reshape(-1)
    return Tensor(flat)


@pytest.mark.parametrize("gap", [0, 3])
@oracle_cases.each("optimizer")
def test_an_arena_gives_the_same_numbers(case_id, gap):
    case = oracle_cases.case(case_id)
    optimizer, variables = optimizer_of(case), variables_of(case)
    flat, parts = arena_of(variables, gap)
    optimizer.build([flat], {flat: parts})
    for k in range(case.entry["steps"]):
        gradient = packed(gradients_of(case, k), parts, flat.size)
        optimizer.apply_gradients([(gradient, flat)])
        check_step(case, k, optimizer, variables)


@pytest.mark.parametrize("kind", list(optimizers.CLASSES.values()))
def test_a_traced_step_is_the_eager_step(kind):
    eager, traced = Variable([1.0, -2.0, 3.0]), Variable([1.0, -2.0, 3.0])
    gradient = Tensor(np.array([0.5, -1.0, 2.0], "float32"))
    one, two = kind(0.1, clipnorm=1.0), kind(0.1, clipnorm=1.0)
    two.build([traced])
    one.apply([gradient], [eager])
    trace = Trace(training=True)
    with tracing(trace):
        two.apply([gradient], [traced])
    values = evaluate(list(trace.updates.values()), {}, {})
    for variable, value in zip(trace.updates, values, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(traced, eager, rtol=1e-6)
    assert int(two.iterations.numpy()) == 1


def test_weight_decay_spares_what_it_is_told_to():
    kernel = Variable(np.ones((2, 2), "float32"), name="kernel")
    bias = Variable(np.ones(2, "float32"), name="bias")
    flat, parts = arena_of([kernel, bias])
    optimizer = optimizers.SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build([flat], {flat: parts})
    optimizer.apply([Tensor(np.zeros(6, "float32"))])
    np.testing.assert_allclose(kernel, np.full((2, 2), 0.95), rtol=1e-6)
    np.testing.assert_array_equal(bias, [1.0, 1.0])


def test_constraints_hold_for_single_variables():
    low = Variable([1.0, 1.0], name="low", constraint=lambda x: x * 0.0)
    free = Variable([1.0, 1.0], name="free")
    flat, parts = arena_of([low, free])
    optimizer = optimizers.SGD(1.0)
    optimizer.build([flat], {flat: parts})
    optimizer.apply([Tensor(np.full(4, -1.0, "float32"))])
    np.testing.assert_array_equal(flat, [0.0, 0.0, 2.0, 2.0])


def test_state_goes_on_in_another_layout():
    random = np.random.default_rng(0)
    steps = [
        [random.normal(size=s).astype("float32") for s in ((2, 3), (3,))]
        for _ in range(6)
    ]
    start = [np.ones((2, 3), "float32"), np.ones(3, "float32")]

    def variables():
        return [Variable(a, name=n) for a, n in zip(start, "ab", strict=True)]

    whole, optimizer = variables(), optimizers.Adam(0.1)
    for step in steps:
        optimizer.apply([Tensor(g) for g in step], whole)

    halves, first = variables(), optimizers.Adam(0.1)
    for step in steps[:3]:
        first.apply([Tensor(g) for g in step], halves)
    flat, parts = arena_of(halves[::-1], gap=1)
    second = optimizers.Adam.from_config(first.get_config())
    second.build([flat], {flat: parts})
    second.restore(first.state())
    for step in steps[3:]:
        gradient = packed([Tensor(g) for g in step[::-1]], parts, flat.size)
        second.apply([gradient])
    for one, two in zip(whole, halves, strict=True):
        np.testing.assert_array_equal(one, two)


@oracle_cases.each("schedule")
def test_schedules(case_id):
    case = oracle_cases.case(case_id)
    schedule = getattr(schedules, case.name)(**case.config)
    found = [float(schedule(int(step))) for step in case.given["step"]]
    case.check("lr", np.array(found, "float32"))


def test_the_rate_can_be_set():
    optimizer = optimizers.SGD(0.5)
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda: optimizers.get("adem"), "did you mean `adam`"),
        (lambda: optimizers.Adam(learnin_rate=1.0), "learning_rate"),
        (lambda: optimizers.SGD(momentum=2.0), "0..1"),
        (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), "exclude"),
        (lambda: optimizers.SGD(clipnorm=-1.0), "positive"),
        (lambda: optimizers.get(3), "no optimizer"),
        (lambda: schedules.PiecewiseConstantDecay([1], [0.1]), "values"),
        (lambda: optimizers.SGD().apply([], [Variable([1.0])]), "gradients"),
    ],
)
def test_refusals(wrong, word):
    with pytest.raises(TensorTypeError, match=word) as caught:
        wrong()
    assert caught.value.diagnostics[0].span.source.name == __file__


def test_a_strange_variable_is_refused():
    optimizer = optimizers.SGD()
    optimizer.build([Variable([1.0], name="one")])
    with pytest.raises(TensorTypeError, match="`two` is not among"):
        optimizer.apply([Tensor(np.ones(1))], [Variable([1.0], name="two")])


def test_the_state_reads_each_slot_once(monkeypatch):
    """An arena of many variables is copied once, not once for each of them."""
    weights = [Variable(np.full((3,), i, "float32"), name=f"w{i}") for i in range(50)]
    arena = Variable(np.zeros(150, "float32"), name="arena")
    adam = optimizers.Adam()
    adam.build([arena], {arena: [Part(v, 3 * i) for i, v in enumerate(weights)]})
    read = []
    plain = Variable.numpy
    monkeypatch.setattr(Variable, "numpy", lambda v: read.append(v) or plain(v))
    assert len(adam.state()) == 2 + 2 * 50
    assert len(read) == len(set(read)) == 4
