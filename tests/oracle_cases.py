"""Reference numbers computed by Keras 3, in tests/oracles: cases and comparison.

Each index `oracles/cases_*.json` lists cases; the arrays of a case lie in
`oracles/data/<id>.npz`. All numbers are float32.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parent / "oracles"


@dataclass(frozen=True)
class Case:
    """One case: its entry in the index, its inputs and what must come out."""

    entry: dict[str, Any]
    given: dict[str, np.ndarray]
    want: dict[str, np.ndarray]
    rtol: float
    atol: float

    @property
    def name(self) -> str:
        """The class or function that the case is about."""
        return self.entry["name"]

    @property
    def config(self) -> dict[str, Any]:
        return self.entry["config"]

    def check(self, key: str, got: Any) -> None:
        """Compare a result with the expected array of a key."""
        want = self.want[key]
        found = np.asarray(got)
        assert found.shape == want.shape, key
        if want.dtype.kind != "f":
            np.testing.assert_array_equal(found, want, key)
        else:
            np.testing.assert_allclose(found, want, self.rtol, self.atol, err_msg=key)


@functools.cache
def entries() -> dict[str, dict[str, Any]]:
    """All entries by id, with the tolerance of their index."""
    found = {}
    for path in sorted(FOLDER.glob("cases_*.json")):
        index = json.loads(path.read_text())
        for entry in index["cases"]:
            limits = {key: entry.get(key, index[key]) for key in ("rtol", "atol")}
            found[entry["id"]] = {**entry, **limits}
    return found


def case(name: str) -> Case:
    """The case of an id, with its arrays."""
    entry = entries()[name]
    with np.load(FOLDER / entry["file"], allow_pickle=False) as archive:
        arrays = dict(archive)
    return Case(
        entry,
        {key: arrays[key] for key in entry["given"]},
        {key: arrays[key] for key in entry["expected"]},
        entry["rtol"],
        entry["atol"],
    )


def each(kind: str, *, names: Any = None) -> Any:
    """Run a test for each case of a kind, as its argument `case_id`."""
    chosen = [
        key
        for key, entry in entries().items()
        if entry["kind"] == kind and (names is None or entry["name"] in names)
    ]
    assert chosen, f"no cases of kind {kind}"
    return pytest.mark.parametrize("case_id", chosen)
