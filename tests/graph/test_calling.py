"""Calls of public functions and methods: what their signatures do not allow is told."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import tulle
from tulle import layers, ops, optimizers, random, tree, utils
from tulle.graph.calling import told, told_with
from tulle.graph.diagnostics import TulleError
from tulle.graph.kinds import CALLS


class Thing:
    """Something that no argument is."""


def double(x=1.0):
    return 2 * x


def unbuilt():
    return tulle.Sequential([layers.Dense(2)])


X = np.ones((2, 3), "float32")
NONSENSE = (None, "a", "", [], (), {}, [1, "a"], math.nan, math.inf, -1, True, 10**40)
NONSENSE += (np.zeros((0,), "float32"), np.array(["x"]), Thing(), b"x", set())
# Public functions that are no ops, each with arguments that it takes.
RIGHT = {
    tulle.check: (__file__,),
    tulle.custom_gradient: (lambda x: (x, double),),
    tulle.functional_call: (layers.Dense(2), {}, X),
    tulle.grad: (double,),
    tulle.hessian: (double,),
    tulle.jacobian: (double,),
    tulle.jvp: (double, (X,), (X,)),
    tulle.loads: ("net 1",),
    tulle.remat: (double,),
    tulle.value_and_grad: (double,),
    tulle.vjp: (double, X),
    random.randint: ((2,), 1, 3),
    random.shuffle: (X,),
    tree.map_structure: (double, [1]),
    tree.pack_sequence_as: ([1], [2]),
    utils.set_random_seed: (7,),
    layers.Dense.from_config: ({"units": 2},),
    layers.Dense(2).add_weight: ((2,), "zeros"),
    layers.Dense(2).set_weights: ([],),
    optimizers.Adam.from_config: ({},),
}


def outcome(function, given, options):
    """What is told of a call, nothing where it is taken."""
    try:
        function(*given, **options)
    except TulleError as error:
        return error.diagnostics[0].message
    return ""


@pytest.mark.parametrize("function", RIGHT, ids=lambda f: f.__qualname__)
def test_any_value_is_taken_or_told(function):
    given = RIGHT[function]
    function(*given)
    parameters = inspect.signature(function).parameters.values()
    names = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    calls = [((), {})]
    for place, name in enumerate(names):
        for value in NONSENSE:
            if place < len(given):
                calls.append(((*given[:place], value, *given[place + 1 :]), {}))
            else:
                calls.append((given, {name: value}))
    assert all(len(outcome(function, *call)) < 300 for call in calls)
    if all(one.kind is not one.VAR_KEYWORD for one in parameters):
        assert "has no argument `nosuch`" in outcome(function, given, {"nosuch": 1})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tulle.custom_gradient(3), "`function` of `custom_gradient` is a func"),
        (lambda: ops.convert_to_numpy("a"), "a tensor holds numbers, and this is 'a'"),
        (lambda: tulle.check(None), "`source` of `check` is a path or a `Source`"),
        (
            lambda: random.normal(2, seed="a"),
            "a whole number, a `SeedGenerator` or None",
        ),
        (lambda: random.shuffle(X, 3), "`shuffle` has no axis 3"),
        (lambda: random.shuffle(X, axs=1), "`shuffle` has no argument `axs`"),
        (lambda: ops.cond(True, 3, 4), "`true_fn` of `cond` is a function, not 3"),
        (lambda: ops.switch(0, [3]), "`branches` of `switch` is a function, not 3"),
        (
            lambda: unbuilt().get_layer(index="a"),
            "`index` of `get_layer` is an int",
        ),
        (lambda: unbuilt().get_layer(index=9), "`sequential` has 1 layers, none at 9"),
        (lambda: unbuilt().build(None), "`input_shape` is a list, not None"),
        (lambda: unbuilt().build(["a"]), "`input_shape` of `build` is a size or"),
        (lambda: unbuilt().input, "has no inputs and outputs before it is built"),
        (lambda: unbuilt().summary("a"), "`line_length` is a whole number or None"),
        (
            lambda: layers.Permute(3),
            "`Permute` cannot be made of these arguments",
        ),
        (lambda: layers.Dense(2).add_weight(dtype="a"), "`a` is no dtype"),
        (lambda: layers.Dense(2).add_weight("a"), "`shape` of `add_weight` is a size"),
    ],
)
def test_messages(call, message):
    with pytest.raises(TulleError) as caught:
        call()
    assert message in caught.value.diagnostics[0].message
    assert caught.value.diagnostics[0].span is not None


def test_annotations_are_read_when_called():
    @told
    def exact(count: int) -> int:
        return count

    @told_with(CALLS)
    def whole(count: int, later: Later | None = None) -> int:
        return count

    assert whole(3.0) == 3
    assert whole(2, Later()) == 2
    with pytest.raises(TulleError, match="`count` of `exact` is an integer, not"):
        exact(3.0)
    assert not hasattr(unbuilt(), "input")
    assert hasattr(tulle.Sequential([tulle.Input((3,)), layers.Dense(2)]), "input")


class Later:
    """A class that is not there yet where it is named."""


class Broken:
    """An array of another library that does not let itself be read."""

    def __array__(self, *given, **named):
        raise RuntimeError("it lies elsewhere")

    def __repr__(self):
        return "Broken()"


CYCLE: list = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: tulle.ops.add(CYCLE, 1.0), "`x1` of `add` holds numbers"),
        (lambda: tulle.convert_to_tensor(Broken()), "numbers: it lies elsewhere"),
        (lambda: tulle.ops.array(np.ones(2, np.longdouble)), "holds numbers"),
        (lambda: tulle.ops.dtype(tulle.layers.Dense(2)), "is a layer, not a tensor"),
        (lambda: tulle.InputSpec("f3"), "`f3` is no dtype"),
        (lambda: tulle.InputSpec(shape=3.0), "`shape` is a list of sizes"),
        (lambda: tulle.data.TensorSpec(dtype="f3"), "'f3' is no dtype"),
        (lambda: tulle.data.TensorSpec(3.0), "`shape` of `TensorSpec` is a size"),
        (lambda: tulle.losses.serialize(CYCLE), "refuses them: maximum recursion"),
        (lambda: tulle.losses.deserialize({}, 3), "is a dictionary or None, not 3"),
        (lambda: tulle.activations.relu([1.0], threshold=[1]), "is a finite number"),
        (lambda: tulle.utils.set_mask(3, None), "`set_mask` cannot do anything"),
        (lambda: tulle.utils.split_dataset(()), "`split_dataset` cannot do anything"),
        (lambda: tulle.metrics.AUC(thresholds=np.array(1)), "`AUC` cannot do anything"),
    ],
)
def test_what_python_refuses_inside_is_told(wrong, message):
    with pytest.raises(tulle.TulleError) as caught:
        wrong()
    assert message in str(caught.value)
    assert caught.value.diagnostics[0].span is not None


def test_errors_in_functions_of_a_user_go_through():
    def wrong(x):
        return {}["missing"]

    with pytest.raises(KeyError, match="missing"):
        tulle.ops.map(wrong, np.ones(3))
    with pytest.raises(KeyError, match="missing"):
        tulle.tree.map_structure(wrong, [1])


def test_arrays_of_the_other_byte_order():
    x = np.arange(6, dtype=">f4").reshape(2, 3)
    compiled = tulle.function(lambda x: tulle.ops.exp(x))
    for given in (x, x, tulle.convert_to_tensor(x), tulle.Variable(x)):
        np.testing.assert_allclose(compiled(given), np.exp(x), 1e-6)
    assert tulle.Variable(x).numpy().dtype.isnative


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: tulle.Variable(1.0).assign(), "assign"),
        (lambda: tulle.Variable(1.0).assign_add(1, 2, 3), "assign_add"),
        (lambda: tulle.GradientTape().gradient(), "gradient"),
        (lambda: tulle.losses.MeanSquaredError()(1.0), "Loss"),
        (lambda: tulle.layers.Dense(3).count_params(1), "count_params"),
        (lambda: tulle.layers.Dense(3).build(), "build"),
        (lambda: tulle.layers.Dense(3).build(shape=(3,)), "build"),
    ],
)
def test_methods_are_held_to_their_signatures(call, name):
    with pytest.raises(TulleError) as caught:
        call()
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "T0202"
    assert f"`{name}`" in diagnostic.message
    assert diagnostic.span.source.name == __file__
