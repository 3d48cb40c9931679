"""Reference numbers computed by Keras 3, in tests/oracles: cases and comparison.

`test_oracles.py` runs them all by their own runner; this is for tests that want the
numbers of a case for something else. The index is `oracles/cases.json`, the arrays of a
case lie in `oracles/data/<id>.npz`.
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
    """All entries by id, with the tolerance of the index."""
    index = json.loads((FOLDER / "cases.json").read_text())
    limits = {key: index[key] for key in ("rtol", "atol")}
    return {entry["id"]: {**limits, **entry} for entry in index["cases"]}


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


def each(kind: str) -> Any:
    """Run a test for each case of a kind, as its argument `case_id`."""
    chosen = [key for key, entry in entries().items() if entry["kind"] == kind]
    assert chosen, f"no cases of kind {kind}"
    return pytest.mark.parametrize("case_id", chosen)
