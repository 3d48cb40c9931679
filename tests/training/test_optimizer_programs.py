"""Steps on values as programs: the numbers of op by op, and what is never kept."""

import copy
import gc
import weakref

import numpy as np
import pytest

from tulle.backend.tapes import GradientTape
from tulle.graph.call_programs import kept_with
from tulle.graph.constraints import MaxNorm, NonNeg
from tulle.graph.registry import call
from tulle.graph.tensor import Tensor
from tulle.graph.variable import Variable
from tulle.training import optimizer_programs, optimizers, schedules
from tulle.training.optimizer_programs import FIRST, StepPrograms
from tulle.training.schedules import LearningRateSchedule

STEPS = FIRST + 4
# What only adds, multiplies, divides and takes roots, each rounded alike anywhere.
ROUNDED_ALIKE = {"SGD", "RMSprop", "Adagrad", "Adadelta", "Lion"}
# Their sums over many elements may be added in another order.
SUMMING = {"Adafactor", "Lamb", "Muon", "Ftrl"}
IN_ANOTHER_ORDER = 160  # units in the last place of 1


def variables_for(count=3, seed=0, **settings):
    random = np.random.default_rng(seed)
    shapes = [(5, 7), (7,), (7, 3), (3,)][:count]
    made = [random.normal(size=shape).astype("float32") for shape in shapes]
    return [Variable(v, name=f"v{i}", **settings) for i, v in enumerate(made)]


def gradients_for(variables, step):
    random = np.random.default_rng(100 + step)
    return [Tensor(random.normal(size=v.shape).astype("float32")) for v in variables]


def train(optimizer, variables, steps=STEPS, absent=()):
    for step in range(steps):
        found = gradients_for(variables, step)
        pairs = enumerate(found)
        optimizer.apply([None if i in absent else g for i, g in pairs], variables)


def op_by_op(optimizer):
    kept_with(optimizer, "apply", StepPrograms).take = type(optimizer).take_step
    for member in optimizer.members:
        op_by_op(member)
    return optimizer


def programs_of(optimizer):
    return list(kept_with(optimizer, "apply", StepPrograms)._known.values())


def state_of(optimizer, variables):
    return [v.numpy() for v in (*variables, *optimizer.variables)]


def check_same(one, two, within=4):
    """Powers of decay rates differ by a unit: NumPy has its own with AVX-512."""
    unit = float(np.finfo(np.float32).eps)
    for left, right in zip(one, two, strict=True):
        np.testing.assert_allclose(left, right, rtol=within * unit, atol=within * unit)


PLAIN = [
    kind
    for name, kind in optimizers.CLASSES.items()
    if name not in ("lossscaleoptimizer", "multioptimizer")
]


@pytest.mark.parametrize("kind", PLAIN)
def test_a_program_gives_the_numbers_of_op_by_op(kind):
    results = []
    for change in (lambda optimizer: optimizer, op_by_op):
        optimizer, variables = change(kind(0.1)), variables_for()
        train(optimizer, variables)
        results.append(state_of(optimizer, variables))
        compiled = [program is not None for program in programs_of(optimizer)]
        assert compiled == ([True] if change is not op_by_op else [])
    name = kind.__name__
    others = IN_ANOTHER_ORDER if name in SUMMING else 4
    check_same(*results, within=0 if name in ROUNDED_ALIKE else others)


SETTINGS = [
    {"clipnorm": 0.5},
    {"global_clipnorm": 0.5, "weight_decay": 0.25},
    {"clipvalue": 0.25, "use_ema": True, "ema_overwrite_frequency": 2},
    {"gradient_accumulation_steps": 3, "use_ema": True, "loss_scale_factor": 2.0},
    {"learning_rate": schedules.CosineDecay(0.5, 20)},
    {"learning_rate": lambda: 0.25},
]
WRAPPED = [
    optimizers.Adam,
    lambda **s: optimizers.LossScaleOptimizer(
        optimizers.Adam(**s), 4.0, dynamic_growth_steps=2
    ),
    lambda **s: optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.Adam(**s), {"v0": optimizers.SGD(**s)})
    ),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(s))
@pytest.mark.parametrize("kind", WRAPPED)
def test_settings_and_wrapping_optimizers_too(kind, settings):
    results = []
    for change in (lambda optimizer: optimizer, op_by_op):
        optimizer, variables = change(kind(**settings)), variables_for()
        train(optimizer, variables)
        results.append(state_of(optimizer, variables))
    check_same(*results, within=IN_ANOTHER_ORDER)


def test_a_step_that_overflows_is_left_out_by_a_program_too():
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.1), 4.0)
    variables = variables_for(1)
    train(optimizer, variables)
    before, scale = variables[0].numpy(), float(optimizer.dynamic_scale)
    optimizer.apply([np.full((5, 7), np.inf, "float32")], variables)
    np.testing.assert_array_equal(variables[0], before)
    assert float(optimizer.dynamic_scale) == scale / 2


def test_the_first_steps_compile_nothing(monkeypatch):
    asked = []
    monkeypatch.setattr(optimizer_programs, "planned", lambda *a: asked.append(a))
    optimizer, variables = optimizers.Adam(), variables_for()
    train(optimizer, variables, FIRST)
    assert not asked
    train(optimizer, variables, 1)
    assert len(asked) == 1


def test_a_variable_without_a_gradient_is_left_alone():
    results = []
    for change in (lambda optimizer: optimizer, op_by_op):
        optimizer = change(optimizers.Adam(0.1, use_ema=True))
        variables = variables_for()
        with pytest.warns(UserWarning, match="no gradient"):
            train(optimizer, variables, absent={1})
        train(optimizer, variables)
        train(optimizer, variables, absent={1})
        results.append(state_of(optimizer, variables))
    check_same(*results)


def test_optimizers_that_share_variables_leave_them_where_they_are():
    shared, one, two = variables_for(3)
    sets = (optimizers.Adam(), [shared, one]), (optimizers.SGD(), [shared, two])
    for _ in range(FIRST + 2):
        for optimizer, variables in sets:
            train(optimizer, variables, 1)
    before = Variable.moves
    for optimizer, variables in sets:
        train(optimizer, variables, 1)
        assert [program is not None for program in programs_of(optimizer)] == [True]
    assert Variable.moves == before


def test_what_is_changed_later_counts():
    results = []
    for change in (lambda optimizer: optimizer, op_by_op):
        optimizer, variables = change(optimizers.SGD(0.1, 0.5)), variables_for()
        train(optimizer, variables)
        optimizer.learning_rate = 0.025
        train(optimizer, variables, 2)
        optimizer.momentum = 0.25
        train(optimizer, variables)
        optimizer.exclude_from_weight_decay(var_names=["v0"])
        optimizer.weight_decay = 0.5
        train(optimizer, variables)
        results.append(state_of(optimizer, variables))
    check_same(*results)


def test_other_slots_are_those_of_the_variables_built_for():
    results = []
    for change in (lambda optimizer: optimizer, op_by_op):
        optimizer, variables = change(optimizers.Adam(0.1)), variables_for()
        optimizer.rebuild(variables[:2])
        train(optimizer, variables[:2])
        optimizer.rebuild(variables)
        train(optimizer, variables[:2], 1)  # its program's slots are gone
        train(optimizer, variables)
        results.append(state_of(optimizer, variables))
    check_same(*results)


def test_a_state_from_elsewhere_goes_on():
    results = []
    for change in (lambda optimizer: optimizer, op_by_op):
        optimizer, variables = change(optimizers.Adam(0.1)), variables_for()
        train(optimizer, variables)
        other, others = change(optimizers.Adam(0.1)), variables_for(seed=1)
        train(other, others)
        other.restore(optimizer.state())
        for variable, value in zip(others, variables, strict=True):
            variable.assign(value)
        train(other, others, 2)
        train(optimizer, variables, 2)
        results += [state_of(optimizer, variables), state_of(other, others)]
    for result in results[1:]:
        check_same(results[0], result)


def test_a_copy_has_programs_of_its_own():
    optimizer, variables = optimizers.SGD(0.1, 0.5), variables_for(1)
    train(optimizer, variables)
    optimizer2, variables2 = copy.deepcopy((optimizer, variables))
    assert not programs_of(optimizer2)
    before = variables[0].numpy()
    train(optimizer2, variables2)
    np.testing.assert_array_equal(variables[0], before)
    train(optimizer, variables)
    np.testing.assert_array_equal(variables[0], variables2[0])


class Remembering(optimizers.SGD):
    """A rule with state in Python, about which nothing is claimed."""

    steps = 0

    def update_step(self, gradient, variable, learning_rate):
        self.steps += 1
        variable.assign(variable.value - self.steps)


def test_copies_of_shared_variables_are_changed_apart():
    variables = [Variable(np.ones(3, "float32"))]
    gradient = Tensor(np.array([1.0, 2.0, 3.0], "float32"))
    optimizer = optimizers.SGD(0.5)
    for _ in range(STEPS):
        optimizer.apply([gradient], variables)
    other = copy.copy(optimizer)
    other.clipvalue, optimizer.clipvalue = 1.0, 2.0
    for one, moved in ((other, [0.5, 0.5, 0.5]), (optimizer, [0.5, 1.0, 1.0])) * STEPS:
        variables[0].assign(np.zeros(3))
        one.apply([gradient], variables)
        np.testing.assert_allclose(variables[0], np.negative(moved))
    assert all(map(programs_of, (optimizer, other)))


def test_a_rule_of_a_users_own_is_asked_each_time():
    optimizer, variables = Remembering(), [Variable([0.0])]
    train(optimizer, variables)
    assert float(variables[0][0]) == -sum(range(1, STEPS + 1))


class Stairs(LearningRateSchedule):
    """A rate that Python computes, and that looks at the step."""

    def __init__(self):
        self.asked = 0

    def __call__(self, step):
        self.asked += 1
        return 1.0 if int(step) % 2 else 0.25


def test_a_schedule_of_a_users_own_is_asked_once_a_step():
    schedule = Stairs()
    optimizer, variables = optimizers.SGD(schedule), [Variable([0.0])]
    for _ in range(2 * STEPS):
        optimizer.apply([[1.0]], variables)
    assert programs_of(optimizer)[0] is not None
    assert schedule.asked == 2 * STEPS
    assert float(variables[0][0]) == -1.25 * STEPS


def test_a_constraint_of_a_users_own_is_asked_each_time():
    asked = []

    def clipped(value):
        asked.append(value)
        return call("clip", value, -0.5, 0.5)

    variable = Variable([0.0], constraint=clipped)
    optimizer = optimizers.SGD(1.0)
    for _ in range(STEPS):
        optimizer.apply([[1.0]], [variable])
    assert len(asked) == STEPS
    assert float(variable[0]) == -0.5


def test_constraints_and_schedules_do_what_they_say_now():
    falling = schedules.ExponentialDecay(1.0, 1, 1.0)
    variable = Variable([0.0])
    optimizer = optimizers.SGD(falling)
    train_up = [[-1.0]], [variable]
    for _ in range(STEPS):
        optimizer.apply(*train_up)
    variable.constraint = MaxNorm(3.0)
    optimizer.apply(*train_up)
    assert float(variable[0]) == pytest.approx(3.0)
    for _ in range(STEPS):
        optimizer.apply(*train_up)
    variable.constraint.max_value = 5.0
    for _ in range(STEPS):
        optimizer.apply(*train_up)
    assert float(variable[0]) == pytest.approx(5.0)
    falling.initial_learning_rate = 20.0
    variable.constraint = NonNeg()
    optimizer.apply([[1.0]], [variable])
    assert float(variable[0]) == 0.0
    falling.initial_learning_rate = 0.25
    optimizer.apply(*train_up)
    assert float(variable[0]) == 0.25


def test_a_variable_that_is_given_twice_is_moved_twice():
    optimizer, variable = optimizers.SGD(1.0), Variable([0.0])
    for _ in range(STEPS):
        optimizer.apply([[1.0], [2.0]], [variable, variable])
    assert float(variable[0]) == -3.0 * STEPS


def test_nothing_keeps_variables_that_nobody_has():
    """Neither the programs of gradients and steps, nor what is known of kernels."""
    optimizer, (variable,) = optimizers.Adam(), variables_for(1)
    for _ in range(STEPS):
        with GradientTape() as tape:
            loss = call("sum", variable * variable)
        optimizer.apply([tape.gradient(loss, variable)], [variable])
    assert programs_of(optimizer)[0] is not None
    gone = weakref.ref(variable)
    del optimizer, variable, tape, loss
    for _ in range(3):  # some are let go when others are
        if gone() is not None:
            gc.collect()
    assert gone() is None


def test_what_was_read_before_a_step_stays():
    """A program writes into memory that views of a variable must not share."""
    optimizer, (variable,) = optimizers.SGD(1.0), variables_for(1)
    train(optimizer, [variable])
    reads = {
        "reshape": lambda: call("reshape", variable, (35,)),
        "transpose": lambda: call("transpose", variable),
        "item": lambda: variable[1],
        "copy": lambda: call("copy", variable),
        "split": lambda: call("split", variable, 5)[2],
    }
    found = {name: read() for name, read in reads.items()}
    before = {name: np.array(value) for name, value in found.items()}
    train(optimizer, [variable], 1)
    for name, value in found.items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_a_tape_keeps_what_it_saw_before_a_step():
    optimizer, (variable,) = optimizers.SGD(0.5), [Variable([3.0])]
    train(optimizer, [variable])
    variable.assign([3.0])
    with GradientTape(persistent=True) as tape:
        loss = variable * variable
        optimizer.apply([[2.0]], [variable])
        again = variable * variable
    assert float(tape.gradient(loss, variable)[0]) == 6.0
    assert float(tape.gradient(again, variable)[0]) == 4.0
