"""Fused nodes as loop kernels: equal to NumPy for all roles of axes, however cut."""

import numpy as np
import pytest
from loop_cases import (
    CASES,
    SIZES,
    SUMS_AT,
    SYMBOLS,
    B,
    Compiled,
    D,
    T,
    assert_close,
    f32,
    fused,
    reference,
    samples,
    sizes_of,
    step,
)

from tulle.backend.loops import bind, lower, lowerable, print_llvm
from tulle.backend.loops.bind import THREADS, Known
from tulle.graph.dim import Dim, Symbol
from tulle.graph.registry import OPS
from tulle.graph.tensor import input_node
from tulle.graph.types import F32, tensor_type

EVERY = CASES | SUMS_AT


@pytest.mark.parametrize("masks", [False, None])
@pytest.mark.parametrize("name", EVERY)
def test_a_kernel_says_what_numpy_says(name, masks):
    node = fused(*EVERY[name])
    compiled = Compiled(node, masks)
    for numbers in SIZES:
        check(node, compiled, sizes_of(numbers))


def check(node, compiled, sizes):
    arrays = samples(node, sizes)
    whole = compiled.run(arrays, sizes)
    assert_close(whole, reference(node, arrays, sizes))
    for parts in (2, 7):
        for one, two in zip(whole, compiled.run(arrays, sizes, parts), strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", EVERY)
def test_a_kernel_that_is_known_needs_only_addresses(name):
    node, known = fused(*EVERY[name]), Known()
    kernel = lower(node)
    for numbers in SIZES:
        sizes = sizes_of(numbers)
        for _ in range(2):
            arrays, results = samples(node, sizes), Compiled(node).empty(sizes)
            wanted = bind(kernel, arrays, results, 64, sizes)
            assert bind(kernel, arrays, results, 64, sizes, known=known) == wanted
        known = Known()  # it is for one choice of sizes


def test_nodes_that_differ_in_operands_only_have_one_kernel():
    def scaled(name, factor, size=D):
        full = step("full", shape=(), fill_value=factor, dtype=F32)
        body = (full, step("multiply", 0, 1))
        attributes = {"body": body, "outputs": (2,)}
        return OPS["fused"].apply((input_node(name, f32(B, size)),), attributes)

    kernel = lower(scaled("x", 0.0))
    assert lower(scaled("y", 0.0)) is kernel
    assert lower(scaled("x", -0.0)).name != kernel.name
    assert lower(scaled("x", 0.0, T)) is not kernel


@pytest.mark.parametrize("name", ["several results", "columns", "map", "bias"])
def test_a_long_axis_is_cut(name):
    """Units of work are blocks of it, of which each leaves its part of a total."""
    node = fused(*CASES[name])
    compiled, sizes = Compiled(node), sizes_of({"B": 3, "T": 1, "D": 40_003})
    check(node, compiled, sizes)
    arrays = samples(node, sizes)
    first, *_ = compiled.bind(arrays, compiled.empty(sizes), sizes)
    assert first.total > 1


@pytest.mark.parametrize(
    "name", [n for n in EVERY if n not in ("largest", "two apart")]
)
def test_no_elements(name):
    node = fused(*EVERY[name])
    compiled = Compiled(node)
    for empty in "BTD":
        sizes = sizes_of({"B": 2, "T": 2, "D": 2, empty: 0})
        arrays = samples(node, sizes)
        if "max" in [step.op for step in node.attributes["body"]] and empty == "D":
            continue  # NumPy refuses
        assert_close(compiled.run(arrays, sizes), reference(node, arrays, sizes))


def test_equal_kernels_have_one_name():
    other = Dim.from_symbol(Symbol("other"))
    one = lower(fused([f32(B, D)], [step("exp", 0)], [-1]))
    two = lower(fused([f32(T, other)], [step("exp", 0)], [-1]))
    three = lower(fused([f32(T, other)], [step("log", 0)], [-1]))
    assert one.name == two.name != three.name


@pytest.mark.parametrize(
    ("types", "body", "reason"),
    [
        ([f32(B, D)], [step("sort", 0, axis=1)], "`sort` is no loop over elements"),
        (
            [f32(B, D)],
            [step("reshape", 0, newshape=(B * D,))],
            "a reshape merges or cuts axes",
        ),
        (
            [f32(B, D)],
            [step("sum", 0, axis=(0,)), step("subtract", 0, 1)],
            "values read a fold of outer axes again",
        ),
        (
            [f32(B, D)],
            [step("exp", 0), step("sum", 1, axis=(0,)), step("sum", 2, axis=(0,))],
            "a fold reads the end of another",
        ),
        (
            [tensor_type("i32", (B, D))],
            [step("power", 0, 0)],
            "`pow` of i32 is no loop over elements",
        ),
    ],
)
def test_what_is_no_kernel(types, body, reason):
    assert lowerable(fused(types, body, [-1])) == reason


def test_a_vector_of_any_stride():
    node = fused([f32(B, D)], [step("tanh", 0)], [-1])
    wide = np.random.default_rng(0).normal(size=(40, 60)).astype(np.float32)
    views = [
        wide.T,
        wide[::-1, ::-1],
        wide[:, ::3],
        wide[5:9, 7:8],
        wide[:1].repeat(3, 0),
    ]
    views.append(np.broadcast_to(wide[:, :1], (40, 9)))
    views.append(np.broadcast_to(wide[0], (4, 60)))
    for masks in (False, None):
        compiled = Compiled(node, masks)
        for view in views:
            sizes = dict(zip([SYMBOLS["B"], SYMBOLS["D"]], view.shape, strict=True))
            outputs = [np.empty(view.T.shape, np.float32).T]
            compiled.run([view], sizes, outputs=outputs)
            assert_close(outputs, [np.tanh(view)])


@pytest.mark.parametrize("masks", [False, None])
@pytest.mark.parametrize("dtype", ["f32", "f64", "i8", "f16"])
def test_elements_a_few_steps_apart(dtype, masks):
    node = fused([tensor_type(dtype, [B, D])], [step("negative", 0)], [-1])
    compiled, random = Compiled(node, masks), np.random.default_rng(0)
    for apart, columns in [(2, 1), (2, 16), (2, 37), (3, 35), (-2, 33), (-1, 18)]:
        length = (columns - 1) * abs(apart) + 1
        whole = random.integers(-9, 9, (3, length)).astype(node.type.dtype.numpy)
        view, written = whole[:, ::apart], np.full_like(whole, 50)
        sizes = {SYMBOLS["B"]: 3, SYMBOLS["D"]: columns}
        expected = written.copy()
        expected[:, ::apart] = -view
        compiled.run([view], sizes, outputs=[written[:, ::apart]])
        np.testing.assert_array_equal(written, expected)


def test_what_is_read_and_written_turned_leaves_the_rest_in_whole_vectors():
    body = [step("transpose", 1, axes=(1, 0)), step("add", 0, 2)]
    node = fused(
        [f32(B, D), f32(D, B)], [*body, step("transpose", 3, axes=(1, 0))], [-2, -1]
    )
    sizes = sizes_of({"B": 37, "D": 35})
    arrays = samples(node, sizes)
    for masks in (False, None):
        compiled = Compiled(node, masks)
        results = compiled.run(arrays, sizes)
        assert_close(results, reference(node, arrays, sizes))
    kernel = lower(node)
    (launch,) = bind(kernel, arrays, results, sizes=sizes)
    assert launch.words[kernel.layouts[0].unit] == 1
    nest = kernel.nests[0]
    turned = [a.axes for i, a in enumerate(nest.accesses) if nest.sideways(i)]
    assert turned == [(1, 0), (1, 0)]


@pytest.mark.parametrize("dtype", ["f32", "f64", "i32", "u8", "f16"])
def test_ends_of_rows_touch_nothing_behind_them(dtype):
    type = tensor_type(dtype, (B, D))
    node = fused([type], [step("add", 0, 0)], [-1])
    compiled = Compiled(node, False)
    for width in range(1, 34):
        sizes = sizes_of({"B": 3, "D": width})
        array, result = np.full((2, 3, 2 * width), 7, type.dtype.numpy)
        compiled.run([array[:, :width]], sizes, outputs=[result[:, :width]])
        np.testing.assert_array_equal(result[:, :width], 14)
        np.testing.assert_array_equal(result[:, width:], 7)


@pytest.mark.parametrize("masks", [False, None])
def test_rows_known_to_be_short_go_in_short_vectors(masks):
    lanes = {}
    for width in (3, 4, 5, 8, 10, 12, 16, 17, 24, 40, 72):
        body = [step("exp", 0), step("sum", 2, axis=(1,)), step("multiply", 2, 1)]
        node = fused([f32(B, width), f32(B, 1)], body, [-2, -1])
        sizes = sizes_of({"B": 37})
        arrays, compiled = samples(node, sizes), Compiled(node, masks)
        assert_close(compiled.run(arrays, sizes), reference(node, arrays, sizes))
        # Every other element: none are neighbours.
        apart = [np.repeat(array, 2, 1)[:, ::2] for array in arrays]
        assert_close(compiled.run(apart, sizes), reference(node, arrays, sizes))
        lanes[width] = lower(node).nests[0].lanes
    few, some = dict.fromkeys((3, 4), 4), dict.fromkeys((5, 8, 24, 40), 8)
    assert lanes == few | some | dict.fromkeys((10, 12, 16, 17, 72), 16)


def test_rows_that_are_one_in_memory_are_not_short():
    node = fused([f32(B, 8)], [step("exp", 0)], [-1])
    assert lower(node).nests[0].lanes == 16


@pytest.mark.parametrize("dtype", "bool u8 i8 i16 u32 i64 f16 bf16 f64".split())
@pytest.mark.parametrize("masks", [False, None])
def test_elements_of_any_size(dtype, masks):
    type = tensor_type(dtype, (B, D))
    node = fused([type], [step("maximum", 0, 0), step("max", 1, axis=(1,))], [-2, -1])
    wide = np.random.default_rng(0).integers(0, 100, (9, 70)).astype(type.dtype.numpy)
    compiled = Compiled(node, masks)
    for view in (wide, wide[:, ::2], wide[:, :3], wide.T):
        sizes = dict(zip([SYMBOLS["B"], SYMBOLS["D"]], view.shape, strict=True))
        for one, two in zip(
            compiled.run([view], sizes), reference(node, [view], sizes), strict=True
        ):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("name", "operand", "output", "may"),
    [
        ("map", 0, 0, True),
        ("bias", 0, 0, True),
        ("bias", 1, 0, False),  # another type
        ("softmax", 0, 0, True),
        ("softmax turned", 0, 0, False),  # another place for each element
        ("with itself turned", 0, 0, False),  # read twice
        ("groups", 0, 0, True),
        ("several results", 0, 0, True),
        ("several results", 0, 1, False),
        ("scalars", 0, 0, True),
        ("rows", 0, 0, False),
    ],
)
def test_what_may_be_done_in_place(name, operand, output, may):
    node = fused(*CASES[name])
    compiled = Compiled(node)
    assert compiled.kernel.may_share(operand, output) is may
    if not may:
        return
    sizes = sizes_of(SIZES[3])
    arrays = samples(node, sizes)
    outputs = compiled.empty(sizes)
    wanted = reference(node, [array.copy() for array in arrays], sizes)
    outputs[output] = arrays[operand]
    assert_close(compiled.run(arrays, sizes, 3, outputs), wanted)


def test_a_dear_value_is_computed_once():
    (nest,) = lower(fused(*CASES["softmax"])).nests
    assert [value.op for value in nest.values].count("exp") == 1
    needed = [nest.needed(nest.pass_of(turn)) for turn in range(nest.turns)]
    dear = [{nest.values[i].op for i in each} & {"exp"} for each in needed]
    assert dear == [set(), {"exp"}, set()]


@pytest.mark.parametrize("masks", [False, True])
def test_a_row_that_is_one_vector_is_read_once(masks):
    """Nothing is kept in memory, and no pass is a loop."""
    reader = "@llvm.masked.load" if masks else "@tulle_gather"
    found = {}
    for width in (10, 40):
        kernel = lower(fused([f32(B, width)], CASES["softmax"][1], [-1]))
        text = print_llvm(kernel, masks).text
        found[width] = len(kernel.nests[0].stores), text.count(reader) - 1
    # Of many vectors, the third pass reads what the second has stored.
    assert found == {10: (1, 1), 40: (2, 3)}


@pytest.mark.parametrize("masks", [False, None])
@pytest.mark.parametrize("width", [1, 2, 4, 5, 8, 9, 16, 17])
def test_rows_of_one_vector_in_their_place(width, masks):
    node = fused([f32(B, width)], CASES["softmax"][1], [-1])
    sizes = sizes_of({"B": 23})
    (array,), compiled = samples(node, sizes), Compiled(node, masks)
    wanted = reference(node, [array], sizes)
    apart = np.full((23, 2 * width), 7, np.float32)
    apart[:, ::2] = array
    for given in (array, apart[:, ::2], apart[:, ::2]):
        compiled.run([given], sizes, 3, [given])
        assert_close([given], wanted)
        given[:] = samples(node, sizes)[0]
    assert (apart[:, 1::2] == 7).all()


def test_axes_that_lie_together_are_one():
    node = fused([f32(B, T, D)], [step("exp", 0)], [-1])
    sizes = sizes_of({"B": 30, "T": 7, "D": 500})
    (array,) = samples(node, sizes)
    compiled = Compiled(node)
    (launch,) = compiled.bind([array], compiled.empty(sizes), sizes)
    assert launch.total == -(-array.size // THREADS.block)
    (launch,) = compiled.bind([array[:, :, ::-1]], compiled.empty(sizes), sizes)
    assert launch.total == 30 * 7


def test_chunks_follow_from_sizes():
    node = fused([f32(B, D)], [step("sum", 0, axis=(0,))], [-1])
    compiled = Compiled(node)
    for rows, chunks in ((1, 1), (164, 1), (165, 2), (10_000, 61), (1_000_000, 64)):
        assert chunk_count(compiled, rows) == chunks


def chunk_count(compiled, rows):
    sizes = sizes_of({"B": rows, "T": 1, "D": 100})
    array = np.broadcast_to(np.float32(1), (rows, 100))
    first, _ = compiled.bind([array], compiled.empty(sizes), sizes)
    return first.total


TEXT = """\
    for a in chunks:
        for b:
            max1 max= x0[a, b]
        for b:
            v3 = exp(x0[a, b] - max1)
            sum5 += v3
            y0[a, b] = v3
        for b:
            v6 = y0[a, b] / sum5
            y0[a, b] = v6
            partial0[b] += v6
            partial1[] += v6
    for b:
        y1[b] = sum of partial0[b]
    y2[] = sum of partial1[]"""


def test_a_kernel_as_text():
    kernel = lower(fused(*CASES["softmax and its columns"]))
    first, rest = str(kernel).split("\n", 1)
    assert first == f"kernel {kernel.name}(x0: f32 of rank 2)"
    assert rest == TEXT


def test_slices_are_not_read_across():
    """Each would be fetched again and again, for an element of it in each vector."""
    types = [tensor_type("f32", (9, D)), tensor_type("i32", (B,)), f32(D, B)]
    turned = [step("pick", 0, 1, axis=0), step("transpose", 3, axes=(1, 0))]
    body = [*turned, step("multiply", 4, 2), step("sum", 5, axis=(1,))]
    reason = "neighbours in a vector are of different slices"
    assert lowerable(fused(types, body, [-1, -2])) == reason


def test_sums_at_places_of_nothing():
    """There is no place, whatever indices say."""
    types = [f32(B, D), tensor_type("i32", (B,))]
    added = step("sum_at", 2, 1, axis=0, size=T, rank=1)
    compiled = Compiled(fused(types, [step("negative", 0), added], [-1]))
    sizes = sizes_of({"B": 3, "T": 0, "D": 20})
    arrays = [np.ones((3, 20), np.float32), np.array([0, -1, 5], np.int32)]
    assert compiled.run(arrays, sizes)[0].shape == (0, 20)


@pytest.mark.parametrize(
    ("body", "outputs", "reason"),
    [
        (
            [step("tanh", 0), step("sum_at", 2, 1, axis=0, size=9, rank=1)],
            [2, 3],
            "a kernel gives more than sums at places",
        ),
        (
            [
                step("sum", 0, axis=(1,), keepdims=True),
                step("multiply", 0, 2),
                step("sum_at", 3, 1, axis=0, size=9, rank=1),
            ],
            [-1],
            "sums at places beside folds",
        ),
        (
            [
                step("sum_at", 0, 1, axis=0, size=9, rank=1),
                step("tanh", 2),
            ],
            [-1],
            "a kernel gives more than sums at places",
        ),
        (
            [
                step("transpose", 0, axes=(1, 0)),
                step("sum_at", 2, 1, axis=1, size=9, rank=1),
            ],
            [-1],
            "sums at places go along another axis than results",
        ),
    ],
)
def test_what_no_kernel_sums_up_at_places(body, outputs, reason):
    types = [f32(B, D), tensor_type("i32", (B,))]
    assert lowerable(fused(types, body, outputs)) == reason
