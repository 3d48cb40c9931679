"""The programs of examples/guide: each runs, and what trains learns."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

GUIDE = Path(__file__).resolve().parents[2] / "examples" / "guide"
TESTED = {
    *("tensors", "variables", "arithmetic", "gradients", "linear_layer", "pictures"),
    *("training_loop", "non_trainable", "nested_layers", "added_losses", "hyper"),
    *("running_metrics", "compiled_step", "training_mode", "functional_models"),
    *("vae_subclassed", "vae_functional"),
}


@pytest.fixture(autouse=True)
def beside(monkeypatch):
    """Programs import what lies beside them."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(GUIDE))
    yield
    for name in set(sys.modules) - before:
        found = getattr(sys.modules[name], "__file__", None) or ""
        if Path(found).parent == GUIDE:
            del sys.modules[name]


def run(name, *args, function="main", **kwargs):
    return getattr(importlib.import_module(name), function)(*args, **kwargs)


def falls(losses, share):
    """The last losses are below a share of the first ones."""
    assert np.isfinite(losses).all()
    tenth = max(len(losses) // 10, 1)
    assert np.mean(losses[-tenth:]) < share * np.mean(losses[:tenth])


def test_every_program_is_tested():
    assert {path.stem for path in GUIDE.glob("*.py")} == TESTED
    told = (GUIDE / "README.md").read_text()
    assert all(f"`{name}.py`" in told for name in TESTED)


def test_pictures_are_the_same_for_a_seed():
    images, labels = run("pictures", 300, function="pictures")
    again, _ = run("pictures", 300, function="pictures")
    other, _ = run("pictures", 300, 1, function="pictures")
    assert images.shape == (300, 784)
    assert set(labels.tolist()) == set(range(10))
    assert images.min() == 0
    assert images.max() == 1
    assert (images == 0).mean() > 0.6
    np.testing.assert_array_equal(images, again)
    assert (images != other).any()


def test_tensors():
    found = run("tensors")
    assert found["table"].dtype == np.int32
    assert found["table"].tolist() == [[5, 2], [1, 3]]
    assert found["ones"].tolist() == [[1], [1]]
    assert ((found["dice"] >= 0) & (found["dice"] < 10)).all()


def test_variables():
    np.testing.assert_allclose(run("variables"), 0, atol=1e-6)


def test_arithmetic():
    np.testing.assert_allclose(*run("arithmetic"), rtol=1e-5)


def test_gradients():
    found = run("gradients")
    a, b = found["a"].astype(float), found["b"].astype(float)
    c = np.hypot(a, b)
    for name in ("tensor", "variable", "grad"):
        np.testing.assert_allclose(found[name], a / c, rtol=1e-4, atol=1e-5)
    for name in ("second", "grad of grad"):
        np.testing.assert_allclose(found[name], b**2 / c**3, rtol=1e-3, atol=1e-4)


def test_a_lazy_layer():
    layer = run("linear_layer")
    assert [w.shape for w in layer.weights] == [(2, 4), (4,)]


def test_the_loop():
    losses = run("training_loop", 3200, rate=2e-2)
    assert len(losses) == 50
    assert losses[0] == pytest.approx(np.log(10), abs=0.5)
    falls(losses, 0.75)


def test_state_that_is_not_trained():
    assert run("non_trainable") == [[2, 2], [4, 4]]


def test_nested_layers():
    paths = run("nested_layers")
    assert len(paths) == len(set(paths)) == 6


def test_added_losses():
    losses = run("added_losses", 3200, rate=1e-3)
    assert losses[0] > 3.0  # the price of a first activity that nobody asked for
    falls(losses, 0.7)
    assert np.mean(losses[-5:]) > 2.0


def test_metrics_in_a_loop():
    first, second = run("running_metrics", 3200)
    assert first[0] < 0.35
    assert second[-1] > max(first[-1], 0.75)
    assert second[0] > first[-1]  # begun anew


def test_a_compiled_step():
    losses, traces = run("compiled_step", 3210)
    assert traces <= 2  # the last batch is smaller
    falls(losses, 0.5)


def test_modes():
    trained, asked = run("training_mode")
    assert (trained[0] != trained[1]).any()
    np.testing.assert_array_equal(*asked)


def test_functional_models(capsys):
    assert run("functional_models").count_params() == 16 * 32 + 32 + 32 * 10 + 10
    assert "dropout" in capsys.readouterr().out


def test_the_autoencoder_by_a_loop():
    means = run("vae_subclassed", 6400)
    assert means[0] > 0.2
    assert means[-1] < 0.5 * means[0]


def test_the_autoencoder_by_fit(capsys):
    one = run("vae_subclassed", 3200, 2, function="fitted")
    two = run("vae_functional", 3200, 2)
    for losses in (one, two):
        assert losses[1] < losses[0] < 0.2
    assert two[1] == pytest.approx(one[1], rel=0.3)


def test_the_hypernetwork():
    means = run("hyper", 60, rate=1e-3)
    assert means[-1] < means[4] * 0.95
