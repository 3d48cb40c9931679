"""Neural ops beyond their rows: optional operands by name, and CTC by enumeration."""

import itertools

import numpy as np
import pytest

import tulle
from tulle.backend import compile_graph
from tulle.graph.differentiate import gradients
from tulle.graph.evaluate import evaluate
from tulle.graph.graph import Graph
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor, Tensor, constant_node, input_node

RANDOM = np.random.default_rng(2)


def test_optional_operands_by_name():
    x = RANDOM.normal(size=(4, 3))
    mean, variance, scale, offset = RANDOM.uniform(0.5, 2.0, size=(4, 3))
    plain = (x - mean) / np.sqrt(variance + 1e-3)
    for options, wanted in (
        ({"scale": scale, "offset": offset}, plain * scale + offset),
        ({"offset": offset}, plain + offset),
        ({"scale": scale}, plain * scale),
    ):
        found = call("batch_normalization", x, mean, variance, axis=1, **options)
        np.testing.assert_allclose(found.numpy(), wanted, 1e-12)
    centred = x - x.mean(axis=1, keepdims=True)
    wanted = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 0.1) + offset
    found = call("layer_normalization", x, beta=offset, epsilon=0.1)
    np.testing.assert_allclose(found.numpy(), wanted, 1e-12)


def test_layer_normalization_far_from_zero():
    x = (RANDOM.normal(size=(2, 64)) + 100.0).astype("float32")
    found = call("layer_normalization", x).numpy()
    exact = x.astype("float64")
    wanted = (exact - exact.mean(1, keepdims=True)) / exact.std(1, keepdims=True)
    np.testing.assert_allclose(found, wanted, atol=1e-3)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("`gamma` of `layer_normalization` is f32\\[3\\]",
         lambda x: call("layer_normalization", x, gamma=np.ones(4, "float32"))),
        ("a number from 1 on", lambda x: call("normalize", x, order=0)),
        ("takes \\[batch, length", lambda x: call("dot_product_attention", x, x, x)),
    ],
)  # fmt: skip
def test_refused(words, wrong):
    with pytest.raises(tulle.TulleError, match=words):
        wrong(np.ones((2, 3), "float32"))


CASES = [([1, 2], 4), ([1, 1], 4), ([2], 3), ([], 2), ([1, 1, 2], 3)]


def chance(logits, labels, blank):
    """The sum over all ways to spell the labels, one class a frame."""
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    total = 0.0
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        spelt = [key for key, _ in itertools.groupby(path) if key != blank]
        if spelt == labels:
            total += np.prod([row[c] for row, c in zip(p, path, strict=True)])
    return total


@pytest.mark.parametrize("blank", [0, 3])
def test_ctc_loss(blank):
    logits = RANDOM.normal(size=(4, 4, 4))
    labels = [case for case, _ in CASES[:4]]
    target = np.array([[*c, 1, 2, 1][:3] for c in labels], "int32")
    lengths = [np.array([len(c) for c in labels], "int32"),
               np.array([n for _, n in CASES[:4]], "int32")]  # fmt: skip
    found = call("ctc_loss", target, logits, *lengths, mask_index=blank).numpy()
    wanted = [
        -np.log(chance(row[:frames], case, blank))
        for row, (case, frames) in zip(logits, CASES, strict=False)
    ]
    np.testing.assert_allclose(found, wanted, 1e-9)


def test_ctc_loss_is_differentiated_and_compiled():
    logits = RANDOM.normal(size=(2, 5, 3))
    target = np.array([[1, 2], [1, 1]], "int32")
    lengths = np.array([2, 1], "int32"), np.array([5, 4], "int32")
    x = input_node("x", Tensor(logits).type)
    way = RANDOM.normal(size=logits.shape)
    losses = call("ctc_loss", target, SymbolicTensor(x), *lengths)
    loss = call("sum", losses).node
    (slope,) = gradients(loss, [x])
    first = call("sum", slope * constant_node(way))
    (again,) = gradients(first, [x])
    second = call("sum", again * constant_node(way))

    def at(node, step):
        return float(evaluate([node], {x: logits + step * way}, {})[0])

    for node, derivative in ((loss, first), (first, second)):
        wanted = (at(node, 1e-5) - at(node, -1e-5)) / 2e-5
        assert at(derivative, 0.0) == pytest.approx(wanted, rel=1e-6)
    program = compile_graph(Graph((x,), {"loss": loss, "slope": slope}))
    found = program([logits])
    for key, node in (("loss", loss), ("slope", slope)):
        np.testing.assert_allclose(found[key], evaluate([node], {x: logits}, {})[0])


def test_impossible_targets_have_finite_gradients():
    logits = Tensor(RANDOM.normal(size=(1, 2, 3)))
    with tulle.GradientTape() as tape:
        tape.watch(logits)
        loss = call("ctc_loss", [[1, 1]], logits, [2], [2])
    assert float(loss[0]) > 1e20
    assert np.isfinite(tape.gradient(loss, logits).numpy()).all()
