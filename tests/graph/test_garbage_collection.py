"""The search for cycles pauses, and is left as it was."""

import gc

import pytest

from tulle.graph.garbage_collection import garbage_collection_paused


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
