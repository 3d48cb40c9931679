"""The product of matrices that a sum of products becomes, and its values."""

import random

import numpy as np
import pytest

from tulle import grad, ops
from tulle.backend.pipeline.simplify import simplify
from tulle.graph.dim import Dim, Symbol
from tulle.graph.graph import Graph
from tulle.graph.ops.product_forms import Form, form_of
from tulle.graph.ops.subscripts import contracted
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import input_node
from tulle.graph.types import TensorType, dtype_of

B, T = Symbol("B"), Symbol("T")


def form(subscripts: str, *shapes: tuple[int | str, ...]) -> Form:
    inputs, result = subscripts.split("->")
    left, right = inputs.split(",")
    sizes = {
        letter: Dim.from_symbol(Symbol(size)) if isinstance(size, str) else Dim.of(size)
        for letters, shape in zip((left, right), shapes, strict=True)
        for letter, size in zip(letters, shape, strict=True)
    }
    return form_of(left, right, result, True, sizes)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "expected"),
    [
        # An inner axis is mixed: the large operand stays as it is.
        ("btnd,nm->btmd", ((2, 3, 4, 64), (4, 5)), (True, "bt", "m", "n", "d")),
        ("nm,btnd->btmd", ((4, 5), (2, 3, 4, 64)), (False, "bt", "m", "n", "d")),
        ("bhij,hg->bgij", ((2, 4, 8, 8), (4, 5)), (True, "b", "g", "h", "ij")),
        ("btnd,bnm->btmd", ((2, 3, 4, 64), (2, 4, 5)), (True, "bt", "m", "n", "d")),
        ("btd,ts->bsd", (("B", "T", "D"), ("T", "S")), (True, "b", "s", "t", "d")),
        # Few columns fill no product, and one is none: the result is a plain product.
        ("btd,ts->bsd", ((9, 8, 3), (8, 8)), (False, "", "bd", "t", "s")),
        ("btd,ts->bsd", ((9, 8, 24), (8, 8)), (False, "", "bd", "t", "s")),
        ("btd,ts->bsd", ((9, 8, 1), (8, 8)), (False, "", "bd", "t", "s")),
        # The wanted order says which operand is first.
        ("ab,bc->ac", ((2, 3), (3, 4)), (False, "", "a", "b", "c")),
        ("ab,bc->ca", ((2, 3), (3, 4)), (True, "", "c", "b", "a")),
        ("bsnh,btnh->bnts", ((2, 3, 4, 5), (2, 6, 4, 5)), (True, "bn", "t", "h", "s")),
        # Sums over two axes have the order of the large operand.
        ("xy,yxabc->abc", ((2, 3), (3, 2, 4, 5, 6)), (False, "", "", "yx", "abc")),
        ("yxabc,xy->abc", ((3, 2, 4, 5, 6), (2, 3)), (False, "", "abc", "yx", "")),
    ],
)
def test_forms(subscripts, shapes, expected):
    assert form(subscripts, *shapes) == Form(*expected)


def test_the_graph_of_a_mixed_axis_turns_the_small_operand():
    x, w = inputs((Dim.from_symbol(B), Dim.from_symbol(T), 4, 64), (4, 5))
    found = simplified(contracted("btnd,nm->btmd", [x, w]))
    assert found is call("matmul", call("transpose", w), x)


def test_batches_of_small_operands_keep_the_outer_axes():
    x, w = inputs((2, 3, 4, 64), (2, 4, 5))
    found = simplified(contracted("btnd,bnm->btmd", [x, w]))
    small = call("transpose", call("reshape", w, (2, 4, 1, 5)), (0, 2, 3, 1))
    assert found is call("matmul", small, x)


def test_gradients_of_a_small_matrix_sum_products():
    x, w, g = inputs((2, 8, 64), (5, 8), (2, 5, 64))
    found = OPS["matmul"].vjp(call("matmul", w, x), g)[0]
    swapped = call("transpose", x, (0, 2, 1))
    assert found is call("sum", call("matmul", g, swapped), (0,))


def test_gradients_of_a_large_matrix_are_one_product():
    x, w, g = inputs((2, 40, 16), (200, 40), (2, 200, 16))
    found = OPS["matmul"].vjp(call("matmul", w, x), g)[0]
    left, right = (
        call("reshape", call("transpose", one, (0, 2, 1)), (32, size))
        for one, size in ((g, 200), (x, 40))
    )
    product = call("matmul", call("transpose", left), right)
    assert found is call("reshape", product, (200, 40))


def simplified(node):
    return simplify(Graph((), {"y": node})).roots[0]


def inputs(*shapes):
    f32 = dtype_of("float32")
    types = [TensorType(f32, tuple(map(Dim.of, shape))) for shape in shapes]
    return [input_node(f"x{i}", type) for i, type in enumerate(types)]


def cases(count: int):
    """Subscripts and shapes: letters twice, axes of `...`, sizes of 1 and 0."""
    chosen = random.Random(7)
    for _ in range(count):
        rank = chosen.randint(1, 5)
        letters = "abcde"[:rank]
        usual = (2, 3, 16) if chosen.random() < 0.8 else (0, 1, 2)
        sizes = {c: chosen.choice(usual) for c in letters}
        spread = [chosen.choice(usual) for _ in range(chosen.choice((0, 0, 1, 2)))]
        terms, shapes = [], []
        for _ in range(chosen.choice((2, 2, 2, 3))):
            term = chosen.sample(letters, chosen.randint(0, rank))
            if term and chosen.random() < 0.1:
                term.append(chosen.choice(term))
            own = spread[chosen.randint(0, len(spread)) :]
            own = [chosen.choice((size, size, 1)) for size in own]
            place = chosen.randint(0, len(term))
            shape = [sizes[c] for c in term]
            shapes.append((*shape[:place], *own, *shape[place:]))
            terms.append("".join((*term[:place], "...", *term[place:])))
        used = sorted({c for term in terms for c in term if c != "."})
        result = chosen.sample(used, chosen.randint(0, len(used)))
        result.insert(chosen.randint(0, len(result)), "...")
        yield f"{','.join(terms)}->{''.join(result)}", shapes


def test_values_are_numpys():
    numbers = np.random.default_rng(3)
    for subscripts, shapes in cases(400):
        values = [numbers.integers(-3, 4, s).astype("float64") for s in shapes]
        found = np.asarray(call("einsum", subscripts, *values))
        expected = np.einsum(subscripts, *values)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected, f"{subscripts} {shapes}")


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("btnd,nm->btmd", ((2, 3, 4, 16), (4, 5))),
        ("btnd,bnm->btmd", ((2, 3, 4, 16), (2, 4, 5))),
        ("btd,ts->bsd", ((2, 40, 16), (40, 30))),
    ],
)
def test_gradients_are_those_of_each_element(subscripts, shapes):
    numbers = np.random.default_rng(5)
    x, w = (numbers.normal(size=shape) for shape in shapes)
    terms, result = subscripts.split("->")
    left, right = terms.split(",")
    cotangent = numbers.normal(size=np.einsum(subscripts, x, w).shape)
    found = grad(
        lambda x, w: ops.sum(ops.einsum(subscripts, x, w) * cotangent), argnums=(0, 1)
    )(x, w)
    expected = (
        np.einsum(f"{result},{right}->{left}", cotangent, w),
        np.einsum(f"{left},{result}->{right}", x, cotangent),
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, 1e-10)
