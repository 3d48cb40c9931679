"""Data: what is converted, what is refused, and what is read from files."""

import io
import struct
import zipfile

import numpy as np
import pytest

from tulle.graph.diagnostics import DataError, RunShapeError, TulleError
from tulle.graph.dim import Dim, Symbol
from tulle.graph.layers import Dense, Embedding
from tulle.graph.network import Input
from tulle.graph.types import TensorType, tensor_type
from tulle.training import data, data_files
from tulle.training.losses import SparseCategoricalCrossentropy
from tulle.training.model import Model


@pytest.fixture
def model():
    x = Input((4,), name="image")
    model = Model(x, Dense(3)(x))
    model.compile("adam", SparseCategoricalCrossentropy(from_logits=True))
    return model


def refused(function, code, *words):
    with pytest.raises(TulleError) as caught:
        function()
    found = caught.value.diagnostics[0]
    assert found.code == code, str(caught.value)
    for word in words:
        assert word in str(caught.value)
    return found


X, Y = np.zeros((6, 4), "float32"), np.array([0, 1, 2, 0, 1, 2])


def test_what_fits_is_converted(model):
    whole = model.evaluate(X, Y, verbose=0)
    for x in (X.astype("float64"), X.astype("uint8"), X.tolist()):
        assert model.evaluate(x, Y, verbose=0) == whole
    for y in (Y.astype("float64"), Y.astype("uint8"), Y.tolist()):
        assert model.evaluate(X, y, verbose=0) == whole


@pytest.mark.parametrize(
    ("x", "y", "code", "words"),
    [
        (X[:5], Y, "T0701", ["`image` has 5", "`y` has 6"]),
        (X[:, :3], Y, "T0701", ["f32[6, 3]", "axis 1 is 3"]),
        (X[:, :, None, None], Y, "T0701", ["2 axes against 4"]),
        (X[:0], Y[:0], "T0701", ["no samples"]),
        (np.float32(1.0), Y, "T0701", ["single number"]),
        (
            np.where(np.eye(6, 4) > 0, np.nan, X),
            Y,
            "T0706",
            ["4 of 24", "[0, 0]: nan"],
        ),
        (X + np.inf, Y, "T0706", ["inf"]),
        (np.array([["a"] * 4] * 6), Y, "T0702", ["text"]),
        ([[1.0], [1.0, 2.0]], Y[:2], "T0702", ["no array of numbers"]),
        (X, Y + 0.5, "T0702", ["not all of its values are whole", "[0]: 0.5"]),
        (X, Y + 1, "T0708", ["class 3", "0 to 2", "[2]"]),
        (X, Y - 1, "T0708", ["class -1"]),
        (X, None, "T0703", ["`y` is missing"]),
        (X, {"lable": Y}, "T0703", ["`dense`"]),
        ({"imag": X}, Y, "T0703", ["`image`", "imag"]),
        ([X, X], Y, "T0701", ["1 input", "2 arrays"]),
        (None, Y, "T0204", ["`x` is missing"]),
    ],
)
def test_what_does_not_fit_is_told(model, x, y, code, words):
    found = refused(lambda: model.fit(x, y, verbose=0), code, *words)
    assert found.span.source.name == __file__


def test_nothing_is_trained_on_bad_data(model):
    before = model.get_weights()
    refused(lambda: model.fit(X, Y + 1, verbose=0), "T0708")
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_ids_must_be_whole_numbers():
    x = Input((3,), dtype="int32", name="tokens")
    model = Model(x, Embedding(10, 2)(x))
    ids = np.array([[1, 2, 3]])
    whole = model.predict(ids, verbose=0)
    np.testing.assert_array_equal(model.predict(ids * 1.0, verbose=0), whole)
    refused(lambda: model.predict(ids + 0.25), "T0702", "[0, 0]: 1.25")
    refused(lambda: model.predict(ids + 2**40), "T0702", "outside of int32")


def test_swapped_inputs_are_noticed():
    a, b = Input((3,), name="a"), Input((2,), name="b")
    model = Model([a, b], Dense(1)(a) + Dense(1)(b))
    x = [np.ones((4, 2)), np.ones((4, 3))]
    refused(lambda: model.predict(x), "T0701", "swapped")


def types():
    batch = Dim.from_symbol(Symbol("B"))
    return {
        "image": tensor_type("float32", (batch, 4)),
        "label": tensor_type("int32", (batch,)),
    }


def test_bind_converts_and_checks():
    found = data.bind({"image": X.astype("float64"), "label": Y, "other": 1}, types())
    assert list(found) == ["image", "label"]
    assert found["image"].dtype == np.float32
    assert found["label"].dtype == np.int32
    refused(lambda: data.bind({"image": X}, types()), "T0703", "`label`")
    with pytest.raises(RunShapeError, match="T0701"):
        data.bind({"image": X, "label": Y[:5]}, types())


def test_target_types_follow_the_output():
    length = Dim.from_symbol(Symbol("T"))
    output = TensorType(data.F32, (Dim.from_symbol(Symbol("B")), length, Dim.of(5)))
    found = data.target_type(np.zeros((7, 3), "int64"), output, labels=True)
    assert str(found) == "i32[B, T]"


# Files.


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, image=X, label=Y)
    return path


def test_arrays_by_name(archive, tmp_path):
    found = data_files.load_arrays(archive, ["label", "image"])
    assert list(found) == ["label", "image"]
    np.testing.assert_array_equal(found["image"], X)
    assert set(data_files.load_arrays(archive)) == {"image", "label"}
    np.save(tmp_path / "one.npy", Y)
    np.testing.assert_array_equal(
        data_files.load_arrays(tmp_path / "one.npy", ["label"])["label"], Y
    )
    assert list(data_files.load_arrays(tmp_path / "one.npy")) == ["one"]


def test_compressed_archives_are_read(tmp_path):
    np.savez_compressed(tmp_path / "small.npz", image=X)
    np.testing.assert_array_equal(
        data_files.load_arrays(tmp_path / "small.npz")["image"], X
    )


def test_missing_arrays_and_files(archive, tmp_path):
    refused(
        lambda: data_files.load_arrays(archive, ["lable"]), "T0703",
        "did you mean `label`", "image, label",
    )  # fmt: skip
    refused(lambda: data_files.load_arrays(tmp_path / "dat.npz"), "T0703", "data.npz")
    refused(lambda: data_files.load_arrays(tmp_path), "T0703", "folder")
    np.save(tmp_path / "one.npy", Y)
    refused(lambda: data_files.load_arrays(tmp_path / "one.npy", ["a", "b"]), "T0703")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.npz", b""),
        ("text.npz", b"image = 1\n"),
        ("picture.npz", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("zip.npz", b"PK\x03\x04" + bytes(100)),
        ("half.npy", b"\x93NUMPY\x01\x00\x46\x00{'descr'"),
        ("header.npy", b"\x93NUMPY\x01\x00\x06\x00{'a'}\n"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refused(lambda: data_files.load_arrays(tmp_path / name), "T0704")


def test_a_cut_archive_is_refused(archive, tmp_path):
    whole = archive.read_bytes()
    for size in range(30, len(whole), 29):
        (tmp_path / "cut.npz").write_bytes(whole[:size])
        refused(lambda: data_files.load_arrays(tmp_path / "cut.npz"), "T0704")


def test_a_changed_byte_is_noticed_or_harmless(archive, tmp_path):
    whole, codes = archive.read_bytes(), set()
    for place in range(0, len(whole), 7):
        changed = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        (tmp_path / "changed.npz").write_bytes(changed)
        codes.add(code_of(lambda: data_files.load_arrays(tmp_path / "changed.npz")))
    assert codes == {None, "T0703", "T0704"} or codes == {None, "T0704"}


def code_of(function):
    """The code of the diagnostic, None if there is none."""
    try:
        function()
    except DataError as error:
        return error.diagnostics[0].code
    return None


def test_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "objects.npz"
    np.savez(path, image=np.array([{}, []], object), allow_pickle=True)
    refused(lambda: data_files.load_arrays(path, ["image"]), "T0704", "Python objects")


def test_a_member_that_claims_too_much_is_refused(tmp_path):
    path = tmp_path / "large.npz"
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (900000000000,), }\n"
    with zipfile.ZipFile(path, "w") as target:
        size = len(header).to_bytes(2, "little")
        target.writestr("image.npy", b"\x93NUMPY\x01\x00" + size + header)
    refused(lambda: data_files.load_arrays(path), "T0704")


def damaged(path, how):
    if how == "encrypted":
        np.savez(path, image=X)
        content = bytearray(path.read_bytes())
        for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
            content[content.find(mark) + offset] |= 1
    else:
        kind = getattr(zipfile, how)
        if kind == zipfile.ZIP_LZMA:
            pytest.importorskip("lzma")
        if kind == zipfile.ZIP_BZIP2:
            pytest.importorskip("bz2")
        buffer = io.BytesIO()
        np.save(buffer, np.random.default_rng(0).random(3000))
        with zipfile.ZipFile(path, "w", kind) as archive:
            archive.writestr("image.npy", buffer.getvalue())
        content = bytearray(path.read_bytes())
        content[200:400] = b"\xff" * 200
    path.write_bytes(content)


@pytest.mark.parametrize(
    "how", ["encrypted", "ZIP_LZMA", "ZIP_BZIP2", "ZIP_DEFLATED", "ZIP_STORED"]
)
def test_archives_that_cannot_be_unpacked(tmp_path, how):
    place = tmp_path / "d.npz"
    damaged(place, how)
    word = "is encrypted" if how == "encrypted" else "is damaged"
    refused(lambda: data_files.load_arrays(place), "T0704", "image", word)


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': " + b"(" * 3000 + b"}",
        b"{'descr': '<f4', 'shape': (3,)}",
        b"\xff\xfe",
    ],
)
def test_headers_that_are_none(tmp_path, header):
    place = tmp_path / "d.npy"
    length = len(header).to_bytes(4, "little")
    place.write_bytes(b"\x93NUMPY\x02\x00" + length + header + bytes(64))
    refused(lambda: data_files.load_arrays(place), "T0704", "is damaged")


@pytest.mark.filterwarnings("error")
def test_values_beyond_float32_are_told(model):
    x = X.astype("float64")
    x[2, 1] = 1e300
    found = refused(lambda: model.predict(x, verbose=0), "T0702", "[2, 1]: 1e+300")
    assert "`image` has values that do not fit f32" in found.message
    weights = np.ones(6)
    weights[4] = 1e39
    words = "`sample_weight`", "[4]: 1e+39"
    refused(lambda: model.fit(X, Y, sample_weight=weights), "T0702", *words)
    # What is infinite already is told as such.
    x[2, 1] = np.inf
    refused(lambda: model.predict(x, verbose=0), "T0706", "[2, 1]: inf")


def test_the_shape_is_judged_before_the_dtype():
    batch = Dim.from_symbol(Symbol("B"))
    types = {
        "image": TensorType(tensor_type("f32", ()).dtype, (batch, Dim.of(4))),
        "label": TensorType(tensor_type("i32", ()).dtype, (batch,)),
    }
    found = refused(lambda: data.bind({"image": Y, "label": X + 0.5}, types), "T0701")
    assert "they fit if swapped" in found.help[0]


def test_numbers_that_are_not_whole_are_not_to_be_cut():
    found = refused(
        lambda: data.as_dtype("label", Y + 0.5, tensor_type("i32", ()).dtype), "T0702"
    )
    assert "astype" not in "".join(found.help)


def embedded(kind):
    if kind == "subclass":

        class Own(Model):
            def __init__(self):
                super().__init__()
                self.words = Embedding(7, 3, name="words")
                self.head = Dense(3)

            def call(self, x):
                return self.head(self.words(x))

        model = Own()
    else:
        x = Input((), dtype="int32", name="ids")
        if kind == "nested":
            y = Input((), dtype="int32")
            embedding = Model(y, Embedding(7, 3, name="words")(y))
        else:
            embedding = Embedding(7, 3, name="words")
        model = Model(x, Dense(3)(embedding(x)))
    model.compile("adam", SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.parametrize("kind", ["plain", "nested", "subclass"])
@pytest.mark.parametrize("wrong", [-1, 7, -7])
def test_ids_without_a_row_are_told_before_anything_runs(kind, wrong):
    model, ids = embedded(kind), np.array([0, 6, 3, wrong, 1, 2], "int32")
    model.predict(np.arange(6, dtype="int32"), verbose=0)
    before = model.get_weights()
    words = f"holds the id {wrong}", "`words` has 7 rows: 0 to 6", "index [3]"
    calls = (
        lambda: model.fit(ids, Y, batch_size=2, shuffle=False, verbose=0),
        lambda: model.predict(ids, verbose=0),
        lambda: model.train_on_batch(ids, Y),
    )
    for function in calls:
        refused(function, "T0311", *words)
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_inputs_of_which_a_part_is_ids_are_left_alone():
    x = Input((2,), dtype="int32")
    model = Model(x, Embedding(7, 3)(x[:, 0]))
    assert model.predict(np.array([[1, -5], [6, 99]]), verbose=0).shape == (2, 3)


def test_complex_numbers_are_numbers():
    refused(
        lambda: data.as_array("x", np.ones(2, "c8")),
        "T0702",
        "holds complex numbers, not real ones",
    )


def test_a_long_header_is_not_echoed(tmp_path):
    place = tmp_path / "a.npy"
    keys = b"'descr': '<f4', 'fortran_order': False, 'shape': (3,)"
    header = b"{" + keys + b", '" + b"a" * 6000 + b"': 1}"
    place.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    told = refused(lambda: data_files.load_arrays(place), "T0704", "is damaged")
    assert len(told.message) < len(str(place)) + 120
    assert told.message.endswith("…")
