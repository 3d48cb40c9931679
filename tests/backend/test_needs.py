"""Sizes that only a run shows to be too small are told alike by every executor."""

from __future__ import annotations

import numpy as np
import pytest

from tulle import Input, Model, function, layers, ops
from tulle.backend import compile_graph
from tulle.backend.array_code import ArrayCode
from tulle.backend.pipeline import stages
from tulle.backend.pipeline.needs import needs_of
from tulle.backend.program import Program
from tulle.graph.diagnostics import TulleError
from tulle.graph.graph import Graph

ONE, TWO = np.ones((2, 1), "float32"), np.ones((2, 2), "float32")
CHOOSING = {
    "max": lambda x: ops.max(x, 1),
    "min": lambda x: ops.min(x),
    "argmax": lambda x: ops.argmax(x, 1),
    "argmin": lambda x: ops.argmin(x, 1),
    "logsumexp": lambda x: ops.logsumexp(x, 1),
}
WITHIN = {
    "a loop": lambda x: ops.fori_loop(
        0, 2, lambda i, y: y + ops.max(x, 1), ops.ones(2)
    ),
    "a scan": lambda x: ops.scan(lambda c, y: (c + ops.max(x), y), 0.0, ops.ones(3))[0],
    "a map": lambda x: ops.vectorized_map(lambda row: ops.max(row), x),
    "a branch": lambda x: ops.cond(ops.sum(x) < 9, lambda: ops.max(x), lambda: 0.0),
}


def outcome(call):
    try:
        return call()
    except TulleError as error:
        return error.diagnostics[0]


def compiled(rule, numpy):
    """A program of x[:, 1:] without native code, or with it."""
    x = Input(("T",), batch_size=2)
    graph = Graph((x.node,), {"y": rule(x[:, 1:]).node})
    if not numpy:
        return lambda array: compile_graph(graph)([array])["y"]
    found = {stage.name: stage.graph for stage in stages(graph)}
    needs = needs_of(found["differentiate"]) + needs_of(found["expand_composites"])
    *_, last = found.values()
    return lambda array: Program(last, "cpu", ArrayCode(np), needs)([array])["y"]


@pytest.mark.parametrize("numpy", [True, False])
@pytest.mark.parametrize("name", [*CHOOSING, *WITHIN])
def test_an_axis_that_turns_out_empty(name, numpy):
    rule = (CHOOSING | WITHIN)[name]
    run = compiled(rule, numpy)
    np.testing.assert_allclose(run(TWO), rule(ops.array(TWO[:, 1:])), rtol=1e-6)
    told, eager = (
        outcome(lambda: run(ONE)),
        outcome(lambda: rule(ops.array(ONE[:, 1:]))),
    )
    assert (told.code, told.message) == (eager.code, eager.message)
    assert told.code == "T0320"
    assert "chooses an element" in told.message
    if name != "a branch":
        assert told.notes[-1].endswith("has these sizes for T = 1")
        assert told.span is not None


@pytest.mark.parametrize("numpy", [True, False])
@pytest.mark.parametrize(
    "rule",
    [
        lambda x: ops.softmax(x, 1),
        lambda x: ops.log_softmax(x),
        lambda x: ops.sum(x, 1),
        lambda x: ops.prod(x, 1),
        lambda x: ops.any(x > 0, 1),
        lambda x: ops.vectorized_map(ops.softmax, x),
        lambda x: ops.cond(ops.sum(x) > 9, lambda: ops.max(x), lambda: 7.0),
    ],
)
def test_what_has_a_value_for_nothing(rule, numpy):
    """Also where nothing runs: in a branch that is not taken."""
    found = compiled(rule, numpy)(ONE)
    np.testing.assert_array_equal(found, rule(ops.array(ONE[:, 1:])))


@pytest.mark.parametrize("numpy", [True, False])
def test_more_than_there_is_of_the_largest(numpy):
    run = compiled(lambda x: ops.top_k(x, 2)[0], numpy)
    assert run(np.ones((2, 3), "float32")).shape == (2, 2)
    for few in (ONE, TWO):
        assert outcome(lambda few=few: run(few)).code == "T0320"


def test_faults_of_a_run_have_a_place():
    """Windows and cuts are asked about where they are bound; a line is told too."""
    short = function(
        lambda x: ops.max_pool(x, 3), input_signature=[Input(("T", 1), batch_size=1)]
    )
    for found in (outcome(lambda: short(np.ones((1, 2, 1), "float32"))),):
        assert found.code == "T0320"
        assert found.span is not None


def test_a_model_tells_before_anything_moves():
    x = Input(("T", 2))
    model = Model(x, layers.Dense(1)(ops.max(x[:, 1:], 1)))
    model.compile("sgd", "mse")
    before = [w.numpy() for w in model.weights]
    with pytest.raises(TulleError, match="`max` chooses an element"):
        model.fit(np.ones((4, 1, 2)), np.ones((4, 1)), verbose=0)
    for old, now in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, now.numpy())
