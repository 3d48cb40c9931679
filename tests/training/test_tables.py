"""Data from tables, and from a file for each name."""

import importlib.util
import sys

import numpy as np
import pytest

from tulle.graph.diagnostics import DataError
from tulle.training.data_files import Places, array_names, load_arrays

TABLE = "x_0,x_1,label\n1.5,2,0\n3,4.5,1\n5,6,2\n"


def refused(function, code, *words):
    with pytest.raises(DataError) as caught:
        function()
    found = caught.value.diagnostics[0]
    assert found.code == code, str(caught.value)
    for word in words:
        assert word in str(found), str(found)


@pytest.fixture
def table(tmp_path):
    place = tmp_path / "data.csv"
    place.write_text(TABLE)
    return place


def test_columns_by_name_and_side_by_side(table):
    found = load_arrays(table, ["x", "label"])
    np.testing.assert_array_equal(found["x"], [[1.5, 2], [3, 4.5], [5, 6]])
    assert found["label"].tolist() == [0, 1, 2]
    assert found["label"].dtype == np.int64
    assert array_names(table) == ("x_0", "x_1", "label")


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("", "T0704", "no rows"),
        ("a,b\n", "T0704", "no rows"),
        ("a,a\n1,2\n", "T0704", "one name"),
        ("a,b\n1,2\n3\n", "T0704", "row 2"),
        ('a,b\n1,"2\n', "T0704", "damaged"),
        ("a,label\n1,2\n1,dog\n", "T0702", "'dog' in row 2"),
        ("a,lable\n1,2\n", "T0703", "`lable`"),
    ],
)
def test_a_wrong_table_is_told(tmp_path, text, code, word):
    place = tmp_path / "wrong.csv"
    place.write_text(text)
    refused(lambda: load_arrays(place, ["label"]), code, word)


def test_bytes_that_are_no_text(tmp_path):
    place = tmp_path / "wrong.csv"
    place.write_bytes(b"a,b\n\xff\xfe,1\n")
    refused(lambda: load_arrays(place), "T0704", "damaged")


def test_parquet_without_pyarrow_tells_what_to_install(tmp_path, monkeypatch):
    place = tmp_path / "data.parquet"
    place.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(lambda: load_arrays(place, ["x"]), "T0704", "pyarrow", "tulle[tables]")


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="needs pyarrow")
def test_parquet_is_read(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    place = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"x": [[1.0, 2.0], [3.0, 4.0]], "y": [1, 2]}), place)
    found = load_arrays(place, ["x", "y"])
    assert found["x"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert found["y"].tolist() == [1, 2]
    place.write_bytes(place.read_bytes()[:40])
    refused(lambda: load_arrays(place, ["x"]), "T0704", "damaged")


def test_a_file_for_each_name(tmp_path, table):
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    places = Places((f"image={tmp_path / 'a.npy'}", f"label={table}"))
    found = load_arrays(places, ["image", "label"])
    assert found["image"].shape == (3, 2)
    assert found["label"].tolist() == [0, 1, 2]
    assert array_names(places) == ("image", "label")
    refused(lambda: load_arrays(places, ["imag"]), "T0703", "`image`")
    several = Places((str(table), f"label={table}"))
    refused(lambda: load_arrays(several, ["label"]), "T0703", "name=")
    assert load_arrays(Places((str(table),)), ["label"])["label"].tolist() == [0, 1, 2]
