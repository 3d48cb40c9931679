"""Gradients and derivatives of functions that are asked for again become programs."""

import sys

import numpy as np
import pytest
from work import compiled_graphs, programs_come_soon

import tulle
from tulle import ops, random
from tulle.backend.tapes import GradientTape
from tulle.graph.tensor import Tensor
from tulle.graph.transforms import grad, hessian, jacobian, jvp, value_and_grad
from tulle.graph.variable import Variable

TIMES = 5
X = np.array([0.5, -1.0, 2.0], "float32")
SCALE = 2.0


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    programs_come_soon(monkeypatch)


@pytest.fixture
def compiled(monkeypatch):
    return compiled_graphs(monkeypatch)


def cubes(x):
    return ops.sum(x * x * x) * SCALE


def cubed(x):
    return x * x * x


def test_gradients_and_derivatives_are_right_each_time(compiled):
    slope, both, second = grad(cubes), value_and_grad(cubes), hessian(cubes)
    for time in range(TIMES):
        x = Tensor(X + time)
        value = 3 * SCALE * x.array**2
        np.testing.assert_allclose(slope(x), value, rtol=1e-5)
        np.testing.assert_allclose(slope(X + time), value, rtol=1e-5)
        found = both(x)
        np.testing.assert_allclose(found[0], (x.array**3).sum() * SCALE, rtol=1e-5)
        np.testing.assert_allclose(found[1], value, rtol=1e-5)
        _, along = jvp(cubed, (x,), (x,))
        np.testing.assert_allclose(along, 3 * x.array**3, rtol=1e-5)
        np.testing.assert_allclose(second(x), np.diag(6 * SCALE * x.array), rtol=1e-5)
        np.testing.assert_allclose(
            jacobian(cubed)(x), np.diag(3 * x.array**2), rtol=1e-5
        )
    assert compiled


def test_what_the_function_reads_is_looked_at(monkeypatch):
    slope, x = grad(cubes), Tensor(X)
    for _ in range(TIMES):
        slope(x)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 5.0)
    np.testing.assert_allclose(slope(x), 15 * X**2, rtol=1e-5)


def test_python_runs_each_time_where_it_does_more():
    seen, kept = [], Tensor(X)

    def noting(x):
        seen.append(1)
        return ops.sum(x) * float(len(seen))

    def branching(x):
        return ops.sum(x * x) if float(x[0]) > 0 else ops.sum(-x)

    def closed(x):
        return ops.sum(x * kept)

    slopes = list(map(grad, (noting, branching, closed)))
    for time in range(1, TIMES + 1):
        np.testing.assert_allclose(slopes[0](Tensor(X)), np.full(3, float(time)))
        np.testing.assert_allclose(slopes[1](Tensor(X)), 2 * X, rtol=1e-6)
        np.testing.assert_allclose(slopes[1](Tensor(-X)), np.full(3, -1.0))
        np.testing.assert_allclose(slopes[2](Tensor(X)), X)
    assert len(seen) == TIMES


def test_outer_tapes_follow():
    slope = grad(cubes)
    for _ in range(TIMES):
        x = Tensor(X)
        with GradientTape() as tape:
            tape.watch(x)
            total = ops.sum(slope(x))
            total += ops.sum(jvp(cubed, (x,), (ops.ones_like(x),))[1])
        found = tape.gradient(total, x)
        np.testing.assert_allclose(found, (6 * SCALE + 6) * X, rtol=1e-5)


def test_what_a_closed_value_came_from_is_followed():
    for _ in range(2):
        w = Tensor(X)
        with GradientTape() as tape:
            tape.watch(w)
            squared = w * w
            slope = grad(lambda x, squared=squared: ops.sum(x * x * squared))
            for _ in range(TIMES):
                found = slope(Tensor(X))
            total = ops.sum(found)
        np.testing.assert_allclose(tape.gradient(total, w), 4 * X * X, rtol=1e-5)


def test_variables_and_draws():
    v, results = Variable(X), []
    generator = random.SeedGenerator(1)

    def noisy(x):
        return ops.sum(x * v * v) + ops.sum(random.normal((2,), seed=generator))

    both = value_and_grad(noisy, wrt=[0, v])
    for time in range(TIMES):
        v.assign(X * time)
        value, (by_x, by_v) = both(Tensor(X))
        results.append(float(value) - float((X * X * X).sum()) * time**2)
        np.testing.assert_allclose(by_x, (X * time) ** 2, rtol=1e-5)
        np.testing.assert_allclose(by_v, 2 * X * X * time, rtol=1e-5)
    assert generator.count == TIMES
    again = random.SeedGenerator(1)
    drawn = [float(ops.sum(random.normal((2,), seed=again))) for _ in range(TIMES)]
    np.testing.assert_allclose(results, drawn, atol=1e-4)


def test_functions_that_come_once_are_no_programs(compiled):
    for factor in range(TIMES):
        _, along = jvp(lambda x, f=factor: x * float(f), (X,), (X,))
        np.testing.assert_allclose(along, X * factor)
    assert not compiled


def test_faults_are_told_as_before():
    slope = grad(cubed)
    for _ in range(TIMES):
        with pytest.raises(tulle.TulleError, match="float scalar"):
            slope(Tensor(X))
