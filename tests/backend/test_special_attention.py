"""Native attention against its reference: any sizes, masks, and any cut of the work."""

import numpy as np
import pytest
from native_calls import SPECIAL, native, node_of, reference

import tulle.backend.attention  # noqa: F401  enters the ops
from tulle.backend.strided_arrays import StridedArray

F32 = np.float32
CASES = {  # batch, T, S, heads, heads of keys, size, width, given, causal
    "one": (1, 1, 1, 1, 1, 1, 1, (), False),
    "odd": (2, 5, 7, 3, 3, 3, 5, (), False),
    "tiles of both": (1, 70, 100, 2, 2, 32, 16, (), False),
    "few heads of keys": (2, 65, 97, 4, 2, 8, 20, (), False),
    "one head of keys": (1, 20, 600, 2, 1, 8, 8, (), False),
    "causal": (1, 130, 130, 2, 2, 8, 8, (), True),
    "causal, more queries": (1, 140, 70, 1, 1, 8, 8, (), True),
    "causal, more keys": (1, 70, 300, 1, 1, 8, 8, (), True),
    "bias": (2, 33, 41, 2, 1, 8, 8, ("bias",), False),
    "mask": (2, 66, 41, 2, 2, 8, 8, ("mask",), False),
    "all": (1, 129, 200, 2, 2, 8, 8, ("bias", "mask"), True),
    "no keys": (1, 3, 0, 2, 2, 4, 4, (), False),
    "no queries": (1, 0, 3, 2, 2, 4, 4, (), True),
    "no batch": (0, 3, 3, 2, 2, 4, 4, (), True),
}


def operands_of(case, spread=False, seed=0):
    """Operands and attributes; a mask hides about a third of the keys."""
    batch, rows, columns, heads, shared, size, width, given, causal = case
    random = np.random.default_rng(seed)
    found = [
        random.standard_normal(shape).astype(F32)
        for shape in (
            (batch, rows, heads, size),
            (batch, columns, shared, size),
            (batch, columns, shared, width),
        )
    ]
    for name in given:
        shape = (1, heads, 1 if spread else rows, columns)
        numbers = random.standard_normal(shape).astype(F32)
        found.append(numbers if name == "bias" else numbers > -0.5)
    return found, {"scale": size**-0.5, "is_causal": causal, "given": given}


def check(operands, attributes, tolerance=4e-6):
    """Both passes on the same numbers; the results of the forward pass."""
    wanted = reference("attention_forward", operands, **attributes)
    forward = native("attention_forward", operands, **attributes)
    near(forward, wanted, tolerance)
    random = np.random.default_rng(7)
    cotangent = random.standard_normal(wanted[0].shape).astype(F32)
    more = [*operands, *wanted, cotangent]
    backward = native("attention_backward", more, **attributes)
    near(backward, reference("attention_backward", more, **attributes), tolerance)
    return forward[0], backward


def near(found, wanted, tolerance):
    for one, two in zip(found, wanted, strict=True):
        assert one.shape == two.shape
        finite = np.abs(two[np.isfinite(two)])
        scale = max(1.0, float(finite.max(initial=0)))
        np.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("name", CASES)
def test_passes(name):
    check(*operands_of(CASES[name]))


@pytest.mark.parametrize("name", ["bias", "mask", "all"])
def test_one_row_of_a_mask_for_all_queries(name):
    check(*operands_of(CASES[name], spread=True))


@pytest.mark.parametrize("causal", [False, True])
def test_keys_count_alike_where_none_counts(causal):
    case = (1, 70, 200, 1, 1, 4, 4, ("mask",), causal)
    operands, attributes = operands_of(case)
    mask = operands[3]
    mask[0, 0, 3] = mask[0, 0, 69] = False
    mask[0, 0, 20, :150] = False  # nothing of what order lets it see
    found, _ = check(operands, attributes)
    everything = operands[2][0, :, 0].mean(0)
    np.testing.assert_allclose(found[0, 3, 0], everything, rtol=1e-4, atol=1e-6)
    if causal:
        np.testing.assert_allclose(found[0, 20, 0], everything, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", [0, 50, 150])
def test_scores_that_are_no_numbers(value, place):
    operands, attributes = operands_of((1, 66, 200, 1, 1, 4, 4, ("bias",), True))
    operands[3][0, 0, 5::7, place] = value
    operands[3][0, 0, 9] = -np.inf
    check(operands, attributes)


def test_large_scores_do_not_overflow():
    operands, attributes = operands_of((1, 8, 300, 1, 1, 4, 4, (), False))
    operands[0] *= 300
    found, _ = check(operands, attributes, 2e-4)
    assert np.isfinite(found).all()


def test_operands_lie_with_heads_in_front():
    operands, attributes = operands_of(CASES["tiles of both"])
    turned = [x.swapaxes(1, 2).copy().swapaxes(1, 2) for x in operands]
    assert not turned[0].flags.c_contiguous
    assert SPECIAL["attention_forward"].reads(StridedArray.of(turned[0]))
    assert not SPECIAL["attention_forward"].reads(
        StridedArray.of(operands[0].swapaxes(2, 3))
    )
    for one, two in zip(
        native("attention_forward", operands, **attributes),
        native("attention_forward", turned, **attributes),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


def test_what_is_not_taken():
    operands, attributes = operands_of(CASES["mask"])
    wide = [x.astype(np.float64) for x in operands[:3]]
    node = node_of("attention_forward", (*wide, operands[3]), **attributes)
    assert not SPECIAL["attention_forward"].accepts(node)
    narrow = node_of(
        "attention_forward", (*operands[:3], operands[3][..., :1]), **attributes
    )
    assert not SPECIAL["attention_forward"].accepts(narrow)
