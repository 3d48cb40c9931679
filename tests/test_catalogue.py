"""Keras's public names and arguments: each is here or has a reason."""

import ast
import importlib
import importlib.util
import inspect
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parent.parent / "tools" / "catalogue.py"


def loaded():
    spec = importlib.util.spec_from_file_location("catalogue", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CATALOGUE = loaded()
KERAS = CATALOGUE.keras_names()
THERE = [name for name in KERAS if CATALOGUE.present(name) is not None]


@pytest.mark.parametrize("path", CATALOGUE.PAGES.values(), ids=CATALOGUE.PAGES)
def test_the_pages_are_up_to_date(path):
    assert path.read_text("utf-8") == CATALOGUE.pages()[path], "run `make docs`"


def test_every_name_of_keras_is_there_or_has_a_reason():
    assert [name for name, why in CATALOGUE.missing().items() if not why] == []


@pytest.mark.parametrize("name", CATALOGUE.MISSING)
def test_reasons_are_for_names_that_are_missing(name):
    space, _, last = name.rpartition(".")
    module = importlib.import_module(f"tulle.{space}" if space else "tulle")
    with pytest.raises(AttributeError) as refused:
        getattr(module, last)
    assert CATALOGUE.MISSING[name] in str(refused.value)


def plain(default):
    """Defaults that mean the same are equal: (1, 1) is 1, `Zeros` is `zeros`."""
    if default is None:
        return None
    value = ast.literal_eval(default) if default[0] in "'[(-N.TF0123456789" else default
    while (
        isinstance(value, (list, tuple)) and value and all(v == value[0] for v in value)
    ):
        value = value[0]
    return value.lower() if isinstance(value, str) else value


# What the bases take for all their classes.
BASE = {"name", "dtype", "trainable", "activity_regularizer"}


@pytest.mark.parametrize("name", THERE)
def test_arguments_are_those_of_keras(name):
    """The same arguments in the same order with the same defaults."""
    wanted = {a: d for a, d in KERAS[name].items() if a not in CATALOGUE.WITHOUT}
    parameters = CATALOGUE.signature_of(CATALOGUE.present(name)).parameters
    if inspect.isclass(CATALOGUE.present(name)):
        wanted = {a: d for a, d in wanted.items() if a in parameters or a not in BASE}
    ours = {
        a: CATALOGUE.default(p.default)
        for a, p in parameters.items()
        if a != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    assert [a for a in wanted if a not in ours] == [], "arguments that are missing"
    same = [a for a in ours if a in wanted]
    assert same == list(wanted), "the order"
    assert {a: plain(ours[a]) for a in wanted} == {
        a: plain(d) for a, d in wanted.items()
    }


def test_layers_are_described():
    for kind in CATALOGUE.LAYERS.values():
        assert len(inspect.getdoc(kind)) > 40
        assert ">>>" in inspect.getdoc(kind)
