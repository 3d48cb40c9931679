"""Names of a user's classes in files: registered, given by scope, or for good."""

import numpy as np
import pytest

import tulle
from tulle.training import registration


class Twice(tulle.Layer):
    def call(self, inputs):
        return inputs * 2.0


def test_a_scope_lends_names_to_what_is_loaded(tmp_path):
    model = tulle.Sequential([tulle.Input((2,)), Twice()])
    model.save(tmp_path / "m.tulle")
    with pytest.raises(tulle.DataError, match="`Twice`, which is not known"):
        tulle.load_model(tmp_path / "m.tulle")
    with tulle.saving.custom_object_scope({"Twice": Twice}):
        again = tulle.load_model(tmp_path / "m.tulle")
    assert again(np.ones((1, 2), "float32")).numpy().tolist() == [[2.0, 2.0]]
    assert tulle.saving.get_custom_objects() == {}


def test_registered_names():
    @registration.register_serializable("mine", "other")
    class Registered:
        pass

    assert registration.get_registered_name(Registered) == "mine>other"
    assert registration.get_registered_object("mine>other") is Registered
    assert registration.get_registered_object("Twice", {"Twice": Twice}) is Twice
    assert registration.get_registered_object("nobody>knows") is None
