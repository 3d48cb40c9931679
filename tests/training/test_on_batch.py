"""`train_on_batch`, `test_on_batch` and `predict_on_batch`: one step at a time."""

import numpy as np
import pytest

from tulle.backend import Program
from tulle.graph.layers import Dense
from tulle.graph.network import Input
from tulle.graph.tensor import Tensor
from tulle.training.model import Model, Sequential


def test_train_on_batch_runs_on_tensors():
    model = Sequential([Input((2,)), Dense(1)])
    model.compile("sgd", "mse")
    x = Tensor(np.ones((3, 2), "float32"))
    first = model.train_on_batch(x, np.zeros((3, 1)), return_dict=True)
    assert list(first) == ["loss"]
    assert model.predict_on_batch(x).shape == (3, 1)
    assert isinstance(model.test_on_batch(x, np.zeros((3, 1))), float)


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_predictions_of_a_batch_are_the_callers_own(run_eagerly):
    class Same(Model):
        def predict_step(self, data):
            return data

    x = Input((2,))
    ones = np.ones((3, 2), "float32")
    for kind in (Model, Same):
        model = kind(x, [x, Dense(1)(x)])
        model.compile("sgd", "mse", run_eagerly=run_eagerly)
        found = model.predict_on_batch(ones)
        for array in found if kind is Model else [found]:
            assert array.flags.writeable
            array[:] = 7
        assert (ones == 1).all()
        again = model.predict_on_batch(ones)
        assert ((again[0] if kind is Model else again) == 1).all()


def test_predictions_of_a_batch_are_not_copied_again(monkeypatch):
    given = []

    class Keeping(Program):
        def __call__(self, arrays):
            found = super().__call__(arrays)
            given.extend(found.values())
            return found

    monkeypatch.setattr("tulle.backend.Program", Keeping)
    x = Input((2,))
    found = Model(x, Dense(1)(x)).predict_on_batch(np.ones((3, 2), "float32"))
    assert [found] == given
    assert found is given[0]
