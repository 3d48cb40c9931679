"""Running results of associative functions, as a loop or as rounds."""

import numpy as np
import pytest

from tulle.graph.associative import associative_scan
from tulle.graph.differentiate import gradients
from tulle.graph.evaluate import evaluate
from tulle.graph.node import topological
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor, Tensor, input_node

RANDOM = np.random.default_rng(5)


def added(a, b):
    return call("add", a, b)


def affine(a, b):
    """Of x -> slope * x + offset, the second after the first."""
    return {"by": a["by"] * b["by"], "to": a["to"] * b["by"] + b["to"]}


def product(a, b):
    return call("matmul", b, a)


def symbolic(f, elems, **options):
    """The results of `f` on symbols, and those symbols."""
    leaves = elems if isinstance(elems, dict) else {"x": elems}
    nodes = {n: input_node(n, Tensor(a).type) for n, a in leaves.items()}
    given = {name: SymbolicTensor(node) for name, node in nodes.items()}
    found = associative_scan(f, given if elems is leaves else given["x"], **options)
    outputs = [one.node for one in (found.values() if elems is leaves else [found])]
    return {nodes[name]: leaves[name] for name in leaves}, outputs


def is_a_loop(outputs):
    return any(node.op.name == "loop" for node in topological(outputs))


def sums(shape):
    return RANDOM.normal(size=shape)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("shape", "axis", "loop"),
    [
        ((9, 40), 0, True),
        ((40, 9), -1, True),
        ((5, 9, 8), 1, True),
        ((200,), 0, False),
        ((3, 9), 1, False),
        ((1, 400), 0, False),
        ((0, 400), 0, False),
        ((400, 0), -1, False),
    ],
)
def test_wide_slices_take_turns_and_narrow_ones_rounds(shape, axis, loop, reverse):
    x = sums(shape)
    known, outputs = symbolic(added, x, axis=axis, reverse=reverse)
    assert is_a_loop(outputs) is loop
    wanted = np.cumsum(np.flip(x, axis) if reverse else x, axis)
    wanted = np.flip(wanted, axis) if reverse else wanted
    (found,) = evaluate(outputs, known, {})
    np.testing.assert_allclose(found, wanted, 1e-10, 1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_nest_whose_order_matters(reverse):
    elems = {"by": sums((7, 5, 12)), "to": sums((7, 5, 12))}
    known, outputs = symbolic(affine, elems, axis=1, reverse=reverse)
    assert is_a_loop(outputs)
    by, to = (np.moveaxis(elems[name], 1, 0) for name in ("by", "to"))
    x, wanted = np.zeros((7, 12)), []
    for slope, offset in list(zip(by, to, strict=True))[:: -1 if reverse else 1]:
        x = slope * x + offset
        wanted.append(x)
    wanted = np.stack(wanted[:: -1 if reverse else 1], 1)
    np.testing.assert_allclose(evaluate(outputs, known, {})[1], wanted, 1e-10, 1e-12)


def test_matrices_are_multiplied_in_turns():
    x = sums((6, 3, 4, 4))
    known, outputs = symbolic(product, x)
    assert is_a_loop(outputs)
    wanted = [x[0]]
    for matrix in x[1:]:
        wanted.append(matrix @ wanted[-1])
    np.testing.assert_allclose(evaluate(outputs, known, {})[0], wanted, 1e-9, 1e-12)


@pytest.mark.parametrize("shape", [(6, 3), (6, 64)])
def test_gradients(shape):
    x, weights = sums(shape), sums(shape)
    known, (output,) = symbolic(lambda a, b: a * b, x)
    node = next(iter(known))
    total = call("sum", SymbolicTensor(output) * weights).node
    (slope,) = evaluate(gradients(total, [node]), known, {})
    step = 1e-6 * sums(shape)
    up, down = (
        np.sum(np.cumprod(x + sign * step, 0) * weights) for sign in (1.0, -1.0)
    )
    assert np.sum(slope * step) == pytest.approx((up - down) / 2, rel=1e-5)


def test_results_of_another_type_are_those_of_rounds():
    def halves(a, b):
        return (a + b) * 0.5

    x = RANDOM.integers(0, 9, (6, 200)).astype("int32")
    known, outputs = symbolic(halves, x)
    assert not is_a_loop(outputs)
    wanted = np.asarray(associative_scan(halves, x))
    assert wanted.dtype == np.float32
    np.testing.assert_array_equal(evaluate(outputs, known, {})[0], wanted)


def test_values_take_rounds():
    calls = []

    def counted(a, b):
        calls.append(a)
        return a + b

    found = associative_scan(counted, np.ones((64, 100), "float32"))
    assert len(calls) == 6
    np.testing.assert_array_equal(found[:, 0], np.arange(1, 65))
