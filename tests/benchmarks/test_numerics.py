"""The benchmark of functions, Fourier sums and factors: systems compute the same."""

import numerics
import numpy as np
import pytest
from numerics import GROUPS, ratios


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(numerics, "ELEMENTS", 1000)


def results(found):
    """What a run gives as numbers of one type."""
    if isinstance(found, np.ndarray):
        return [found.real, found.imag] if np.iscomplexobj(found) else [found]
    return [np.asarray(each) for each in found]


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("group", GROUPS)
def test_systems_compute_the_same(group):
    cases = [case for case in GROUPS[group]() if max(case.arrays[0].shape) <= 4096]
    assert len(cases) > 6
    for case in cases:
        runs = case.runs(None)
        own, other = (results(runs[name]()) for name in ("tulle", "numpy"))
        close = 1e-13 if group == "functions" else 2e-5
        for one, two in zip(own, other, strict=True):
            scale = np.abs(two).max() if group != "functions" else 1
            np.testing.assert_allclose(
                one, two, close, close * scale, err_msg=case.words
            )


def test_a_ratio_is_the_time_of_others_over_ours(monkeypatch):
    times = {"tulle": 2e-6, "numpy": 5e-6}
    monkeypatch.setattr(numerics, "seconds", lambda runs, rounds: times)
    cases = [case for case in GROUPS["factors"]() if case.words == "cholesky 32"]
    assert ratios(cases, None, 1).splitlines()[-1].split() == [
        "|", "cholesky", "32", "|", "2.50", "|",
    ]  # fmt: skip
