"""The sweep of convolutions on Tulle alone, and how its results are shown."""

import convolutions
import numpy as np
import pytest
from convolution_cases import CASES, OTHER, PLAIN, Case, conv
from convolution_systems import SYSTEMS

SMALL = [
    conv(9, 9, of=(2, 3), batch=1, stride=2, groups=1, tail="relu"),
    conv(7, of=(4, 6), batch=2, dilation=2, groups=2, tail="norm"),
    Case("depthwise", (5, 5), 3, batch=1),
    Case("separable", (5, 5, 5), 3, 2, batch=1, padding="valid"),
    Case("transposed", (4, 4), 3, 2, 4, batch=1, stride=2),
    Case("upsampling", (3, 3), 2, kernel=2, batch=1),
    Case("max pooling", (5, 5), 2, stride=2, batch=1),
    Case("average pooling", (4, 4), 2, kernel=2, stride=2, padding="valid", batch=1),
]


def test_names_are_apart():
    assert len(CASES) == len(PLAIN) + len(OTHER)


def test_every_case_has_equal_margins():
    for case in CASES.values():
        assert all(low == high for low, high in case.margins())


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_a_case_gives_its_value_and_all_gradients(case):
    operands, cotangent = case.given()
    runs = SYSTEMS["tulle"](case)
    (alone,) = runs["forward"]()
    value, *gradients = runs["gradients"]()
    assert tuple(value.shape) == cotangent.shape
    np.testing.assert_allclose(alone.numpy(), value.numpy(), rtol=1e-5, atol=1e-5)
    shapes = [tuple(gradient.shape) for gradient in gradients]
    assert shapes == [operand.shape for operand in operands]


def test_the_worst_case_comes_first():
    rows = {
        "good": {"forward": {"tulle": 10.0, "jax": 30.0, "torch": 20.0}},
        "bad": {"forward": {"tulle": 40.0, "jax": 20.0, "torch": 60.0}},
    }
    text = convolutions.render(rows, "forward", ["tulle", "jax", "torch"])
    *_, first, second, mean = text.splitlines()
    names = [line.split("|")[1].strip() for line in (first, second)]
    assert names == ["bad", "good"]
    ratios = [line.split("|")[-2].strip() for line in (first, second)]
    assert ratios == ["0.50", "2.00"]
    assert mean.endswith("1.00 |")


def test_results_that_differ_end_the_run():
    convolutions.same("a case", {"tulle": [1.0], "jax": [1.0001]})
    with pytest.raises(SystemExit, match="a case: the results differ"):
        convolutions.same("a case", {"tulle": [1.0], "jax": [1.1]})
