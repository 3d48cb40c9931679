"""The benchmark of products and attention: what is timed computes what it says."""

import numpy as np
import pytest
from products import Attention, Product, label, rates

HEADS = Product("heads", 5, 7, 3, "ab", count=2)


def test_all_systems_compute_one_product():
    runs = HEADS.runs(None)
    found, wanted = (np.asarray(runs[name]()) for name in ("tulle", "numpy"))
    assert found.shape == (2, 5, 7)
    np.testing.assert_allclose(found, wanted, 1e-5)
    assert HEADS.flops == 2 * 2 * 5 * 7 * 3


@pytest.mark.parametrize("backwards", [False, True])
def test_attention_is_that_of_the_formula(backwards):
    case = Attention(1, 6, 2, 4, causal=True, backwards=backwards)
    found = np.asarray(case.runs(None)["tulle"]())
    random = np.random.default_rng(0)
    query, key, value = (
        random.standard_normal((1, 6, 2, 4), np.float32).swapaxes(1, 2)
        for _ in range(3)
    )
    scores = query @ key.swapaxes(-1, -2) / 2 + np.triu(np.full((6, 6), -np.inf), 1)
    weights = np.exp(scores)
    weights /= weights.sum(-1, keepdims=True)
    np.testing.assert_allclose(found, (weights @ value).swapaxes(1, 2), 1e-4, 1e-5)


def test_rates_are_a_table(monkeypatch):
    monkeypatch.setattr("products.seconds", lambda runs: dict.fromkeys(runs, 1e-6))
    line = rates((HEADS,), None).splitlines()[-1]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == [label(HEADS), "0.4", "0.4", "1.00"]
