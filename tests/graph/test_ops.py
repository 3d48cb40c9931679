"""Every op against its row in `op_table`: values, types, gradients, `out`, NaN.

Adding an elementwise op touches one block in its family file of `graph/ops/`
(`transcendental.py`, say) and one row in `op_table.ROWS`, and nothing else: the tests
here, the documentation and the language find it in the registry. `test_complete` names
any op that lacks a row or a rule.
"""

from pathlib import Path

import numpy as np
import pytest
from op_row import SIZES, Row
from op_samples import VALUES, apply, built, kinds_of, options_of, sample
from op_table import ELSEWHERE, ROWS

from tulle.graph.differentiate import gradients
from tulle.graph.dim import Dim
from tulle.graph.evaluate import evaluate
from tulle.graph.node import Node, resolve
from tulle.graph.op import Op
from tulle.graph.ops.movement import full_node
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import Tensor, input_node
from tulle.graph.types import TensorType, dtype_of

rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)


def run(row: Row, arrays: list) -> np.ndarray:
    return apply(row, [Tensor(array) for array in arrays], SIZES).numpy()


def expected(row: Row, arrays: list, sizes: dict | None = None) -> np.ndarray:
    with np.errstate(all="ignore"):
        found = row.formula(*arrays, **options_of(row, sizes or SIZES))
    if isinstance(found, list):
        return np.concatenate([np.ravel(item) for item in found])
    return np.asarray(found)


def close(found: np.ndarray, wanted: np.ndarray, tolerance: float = 1e-9) -> None:
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, tolerance, tolerance, equal_nan=True)


@rows
def test_value(row):
    arrays = sample(row)
    close(run(row, arrays), expected(row, arrays))


@rows
def test_type_rule(row):
    """Type and value on symbolic sizes are those of the eager run, bit for bit."""
    inputs, node = built(row)
    arrays = sample(row)
    (found,) = evaluate([node], dict(zip(inputs, arrays, strict=True)), VALUES)
    found, eager = np.asarray(found), run(row, arrays)
    numbers = {symbol: Dim.of(size) for symbol, size in VALUES.items()}
    assert node.tensor_type.substitute(numbers) == Tensor(found).type
    assert found.dtype == eager.dtype
    np.testing.assert_array_equal(found, eager)


@pytest.mark.parametrize(
    "row",
    [r for r in ROWS if r.empty and r.shapes and "A" in " ".join(r.shapes)],
    ids=lambda row: row.label,
)
def test_empty(row):
    sizes = {**SIZES, "A": 0}
    arrays = sample(row, sizes)
    found = apply(row, [Tensor(array) for array in arrays], sizes)
    wanted = expected(row, arrays, sizes)
    assert found.numpy().shape == wanted.shape == found.shape
    close(found.numpy(), wanted)


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r.scalar], ids=lambda row: row.label
)
def test_scalar(row):
    arrays = sample(row, scalar=True)
    found = run(row, arrays)
    assert found.shape == ()
    close(found, expected(row, arrays))


@pytest.mark.parametrize(
    "row",
    [r for r in ROWS if r.nan and set(kinds_of(r) if r.shapes else "") & set("fp")],
    ids=lambda row: row.label,
)
def test_nan(row):
    """NaN goes where the formula takes it, and nowhere else."""
    arrays = sample(row)
    first = next(i for i, kind in enumerate(kinds_of(row)) if kind in "fp")
    arrays[first].reshape(-1)[0] = np.nan
    close(run(row, arrays), expected(row, arrays))


@pytest.mark.parametrize(
    "row",
    [r for r in ROWS if set(kinds_of(r) if r.shapes else "") & set("fp")],
    ids=lambda row: row.label,
)
def test_float32_stays(row):
    arrays = sample(row)
    narrow = [a.astype("float32") if a.dtype.kind == "f" else a for a in arrays]
    wide, found = run(row, arrays), run(row, narrow)
    given = options_of(row, SIZES).get("dtype")
    if wide.dtype.kind == "f" and given is None:
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wide, 1e-4, 1e-5)


def objective(row: Row) -> tuple[list[Node], Node]:
    """The float inputs of a row, and a random projection of its result."""
    inputs, node = built(row)
    sources = [x for x in inputs if x.dtype.is_float]
    value = call("cast", node, "float64")
    weights = input_node("weights", value.tensor_type)
    return [*sources, weights], call("sum", value * weights)


def pushed(values: dict, directions: dict, step: float) -> dict:
    return {
        node: array + step * directions[node] if node in directions else array
        for node, array in values.items()
    }


def number(node: Node, values: dict) -> float:
    (found,) = evaluate([node], values, VALUES)
    return float(found)


def slope(node: Node, values: dict, directions: dict, step: float) -> float:
    """The derivative along directions, by central differences."""
    ahead = number(node, pushed(values, directions, step))
    behind = number(node, pushed(values, directions, -step))
    return (ahead - behind) / (2 * step)


def along(sources: list[Node], found: list, directions: dict[Node, Node]) -> Node:
    """The sum of gradients times directions, as a node."""
    total = full_node(TensorType(dtype_of("float64"), ()), 0.0)
    for source, gradient in zip(sources, found, strict=True):
        if gradient is not None:
            total = total + call("sum", gradient * directions[source])
    return total


@pytest.mark.parametrize(
    "row",
    [
        r
        for r in ROWS
        if set(kinds_of(r) if r.shapes else "") & set("fp")
        and r.name != "stop_gradient"
    ],
    ids=lambda row: row.label,
)
def test_gradients(row):
    """First and second order against central differences, along random directions."""
    inputs, _ = built(row)
    (*sources, weights), target = objective(row)
    random = np.random.default_rng(5)

    def signs(node: Node) -> np.ndarray:
        shape = [dim.evaluate(VALUES) for dim in node.shape]
        return random.uniform(0.5, 1.5, shape) * random.choice([-1.0, 1.0], shape)

    values = dict(zip(inputs, sample(row), strict=True))
    values[weights] = signs(weights)
    first = gradients(target, sources)
    steps = {source: signs(source) for source in sources}
    ways = {source: input_node("way", source.tensor_type) for source in sources}
    told = {ways[source]: array for source, array in steps.items()}
    directional = along(sources, first, ways)
    found = number(directional, {**values, **told})
    wanted = slope(target, values, steps, 1e-6)
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-6)
    if OPS[row.name].no_gradient:
        assert first == [None] * len(sources)
        return
    second = along(sources, gradients(directional, sources), ways)
    found = number(second, {**values, **told})
    wanted = slope(directional, {**values, **told}, steps, 1e-5)
    assert found == pytest.approx(wanted, rel=1e-5, abs=1e-5)


def test_stop_gradient():
    x = input_node("x", TensorType(dtype_of("float64"), (Dim.of(3),)))
    target = call("sum", call("stop_gradient", x) * x)
    (found,) = gradients(target, [x])
    (value,) = evaluate([found], {x: np.array([1.0, 2.0, 3.0])}, {})
    np.testing.assert_array_equal(value, [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "row",
    [r for r in ROWS if OPS[r.name].writes and OPS[r.name].level == "primitive"],
    ids=lambda row: row.label,
)
def test_out(row):
    """`run` writes into `out`; an elementwise one also over its own operand."""
    _, node = built(row)
    arrays = sample(row)
    attributes = {k: resolve(v, VALUES) for k, v in node.attributes.items()}
    op = node.op
    plain = np.asarray(op.run(np, *arrays, **attributes))
    out = np.full_like(plain, 77 if plain.dtype != bool else 1)
    found = op.run(np, *arrays, out=out, **attributes)
    np.testing.assert_array_equal(out, plain)
    assert np.shares_memory(found, out)
    for index, array in enumerate(arrays if op.elementwise else ()):
        if array.shape == plain.shape and array.dtype == plain.dtype:
            copies = [a.copy() for a in arrays]
            op.run(np, *copies, out=copies[index], **attributes)
            np.testing.assert_array_equal(copies[index], plain)


def test_complete():
    """Each op has its rules, its one-line documentation, and a row or a test file."""
    called = {row.name for row in ROWS}
    lacking = []
    for name, op in OPS.items():
        kind = type(op)
        if (op.public or not op.no_gradient) and name not in called | set(ELSEWHERE):
            lacking.append(f"{name}: a row in op_table")
        if kind.infer is Op.infer:
            lacking.append(f"{name}: infer")
        runs = {"composite": "expand", "primitive": "run"}.get(op.level, "infer")
        supplied = name == "input"
        if getattr(kind, runs) is getattr(Op, runs) and not supplied:
            lacking.append(f"{name}: {runs}")
        derived = kind.vjp is not Op.vjp or op.level != "primitive"
        if not derived and not op.no_gradient and name != "item":
            lacking.append(f"{name}: vjp or no_gradient")
        if not op.summary.endswith("."):
            lacking.append(f"{name}: a one-line doc")
    assert not lacking
    folder = Path(__file__).parent
    files = {folder / f"{file}.py" for file in ELSEWHERE.values()}
    assert all("def test_" in file.read_text() for file in files)
    assert not [name for name in (*called, *ELSEWHERE) if name not in OPS]
