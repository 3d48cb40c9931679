"""The search for cycles pauses, and is left as it was."""

import gc

import pytest

from tulle.graph import collecting
from tulle.graph.collecting import collecting_later


def fail():
    with collecting_later():
        with collecting_later():
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


def test_what_is_made_first_is_not_searched_again(monkeypatch):
    monkeypatch.setattr(collecting._Aging, "left", 1)
    kept, searched = [], []

    def seen(phase, info):
        searched.append(info["generation"])

    def make():
        with collecting_later():
            kept.extend([[] for _ in range(3 * collecting.MANY)])
        return gc.get_count()[0]

    was = gc.isenabled()
    gc.enable()
    gc.callbacks.append(seen)
    try:
        count = make()
        assert not searched
        assert count < 100
        assert any(one is kept[0] for one in gc.get_objects(generation=2))
        make()
        kept.append([])
        assert searched  # only the first time
    finally:
        gc.callbacks.remove(seen)
        (gc.enable if was else gc.disable)()
    assert not gc.get_freeze_count()


def test_what_somebody_froze_stays_frozen(monkeypatch):
    monkeypatch.setattr(collecting._Aging, "left", 1)
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with collecting_later():
            kept = [[] for _ in range(3 * collecting.MANY)]
        assert gc.get_freeze_count() >= frozen - len(kept) // 10
        assert collecting._Aging.left == 1
    finally:
        gc.unfreeze()
