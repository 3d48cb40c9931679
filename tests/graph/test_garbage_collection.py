"""The search for cycles pauses and is left as it was; what nobody holds goes."""

import gc
import weakref

import pytest

from tulle.graph import constructing, layer_parts
from tulle.graph.garbage_collection import garbage_collection_paused
from tulle.graph.network import Input
from tulle.training.model import Model


def fail():
    with garbage_collection_paused():
        with garbage_collection_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise ValueError("within")


@pytest.mark.parametrize("before", [True, False])
def test_the_search_is_left_as_it_was(before):
    was = gc.isenabled()
    (gc.enable if before else gc.disable)()
    try:
        with pytest.raises(ValueError, match="within"):
            fail()
        assert gc.isenabled() == before
    finally:
        (gc.enable if was else gc.disable)()


def test_classes_of_functional_models_can_go():
    def made():
        class Mine(Model):
            pass

        x = Input((3,))
        assert type(Mine(x, x * 2)) is type(Mine(x, x))
        return weakref.ref(Mine)

    gone = made()
    for kept in (
        constructing.settings_of, layer_parts.constructor_parameters,
        layer_parts.signature, layer_parts.parameters,
    ):  # fmt: skip
        kept.cache_clear()
    gc.collect()
    assert gone() is None
