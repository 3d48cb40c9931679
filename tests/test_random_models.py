"""Random models do what op by op does; `make fuzz-models` asks on."""

import model_checks
import pytest
from random_models import random_model

from tulle.backend.cpu import engine

if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

SEEDS = {
    "training": (0, 2, 3, 6, 9), "tape": (0,), "calls": (8, 9), "bits": (16,),
    "function": (22,), "saving": (28,),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "seed"), [(kind, seed) for kind in SEEDS for seed in SEEDS[kind]]
)
def test_a_random_model_does_what_op_by_op_does(kind, seed):
    program = random_model(seed)
    told = model_checks.problem_of(program, kind)
    assert not told, f"{told}\n{program.shown()}"


def test_what_differs_is_told(monkeypatch):
    program = random_model(6)
    run = model_checks.trained

    def wrong(program, eagerly=False, **more):
        found = run(program, eagerly=eagerly, **more)
        key = [key for key in found if key.startswith("change")][-1]
        return found if eagerly else found | {key: found[key] * 0.99}

    monkeypatch.setattr(model_checks, "trained", wrong)
    assert model_checks.problem_of(program, "training").startswith("training: change")
