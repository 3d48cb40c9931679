"""Files that import each other: what they lend, where they lie, how many there are."""

import numpy as np
import pytest

import tulle
from tulle.dsl import check, load, loads
from tulle.dsl.imports import MAX_DEPTH, MAX_FILES
from tulle.graph.diagnostics import LanguageError, Source, TulleError

BLOCKS = """net 1
dim B
dim K
config width: int = 16 in 4..64
const beta: f32 = 0.5
fn scaled[..S](x: f32[..S]) -> f32[..S] = beta * x
layer Mlp[..S, K](hidden: int = width)(x: f32[..S, K]) -> f32[..S, K] {
  return x |> Dense(hidden, activation = relu) |> Dense(K)
}
model Encoder(x: f32[B, 8]) -> f32[B, 4] { return x |> Dense(4) as code }
"""
MAIN = """net 1
import "parts/blocks.net" as blocks
import "parts/blocks.net" (Encoder, beta)
dim B
layer Mlp[..S, K]()(x: f32[..S, K]) -> f32[..S, K] { return x |> blocks.Mlp() as mlp }
model M(x: f32[B, 8]) -> f32[B, 4] {
  let a = x |> Mlp() as own |> blocks.scaled
  return (a |> Encoder) + beta * blocks.Encoder(x)
}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "blocks.net").write_text(BLOCKS)
    (tmp_path / "main.net").write_text(MAIN)
    return tmp_path


def codes(found):
    return [diagnostic.code for diagnostic in found]


def test_what_is_lent_runs_trains_and_is_saved(folder):
    assert check(folder / "main.net") == []
    module = load(folder / "main.net")
    assert list(module.models) == ["M"]
    assert sorted(module.definitions) == ["Mlp"]
    model, x = module.M, np.ones((3, 8), "float32")
    paths = [v.path for v in model.variables]
    assert paths == [
        "own/mlp/dense/kernel", "own/mlp/dense/bias",
        "own/mlp/dense_1/kernel", "own/mlp/dense_1/bias",
        "Encoder/code/kernel", "Encoder/code/bias",
    ]  # fmt: skip
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((3, 4), "float32"), epochs=2, verbose=0)
    model.save(folder / "m.tulle")
    again = tulle.load_model(folder / "m.tulle")
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())


def test_the_same_graph_as_one_file(folder):
    own = BLOCKS.replace("layer Mlp", "layer Inner")
    own += MAIN.partition("dim B")[2].replace("blocks.Mlp", "Inner")
    one = loads(own.replace("blocks.", ""))
    x = np.random.default_rng(0).normal(size=(2, 8)).astype("float32")
    model = load(folder / "main.net").M
    model.set_weights(one.M.get_weights())
    np.testing.assert_array_equal(model(x).numpy(), one.M(x).numpy())


def test_settings_of_imported_files(folder):
    assert load(folder / "main.net").config == {"blocks.width": 16}
    module = load(folder / "main.net", **{"blocks.width": 32})
    assert module.M.variables[0].shape == (8, 32)
    for name, code in (("width", "T0202"), ("other.width", "T0202")):
        with pytest.raises(LanguageError) as caught:
            load(folder / "main.net", **{name: 32})
        assert codes(caught.value.diagnostics) == [code]
    assert codes(check(folder / "main.net", **{"blocks.width": 3})) == ["T0204"]


def test_sizes_are_the_files_own(folder):
    text = 'net 1\nimport "parts/blocks.net" as b\nfn f(x: f32[b.K]) -> f32[b.K] = x'
    assert set(codes(check(Source("a.net", text), root=folder))) == {"T0223"}


def test_texts_import_from_a_root_alone(folder):
    text = MAIN.replace("parts/", "")
    assert loads(text, root=folder / "parts").M.name == "M"
    assert codes(check(Source("a.net", text)))[:2] == ["T0221", "T0221"]


def test_nothing_outside_of_the_root_is_read(folder, tmp_path):
    (folder / "parts" / "main.net").write_text(
        'net 1\nimport "../parts/blocks.net" as b\nimport "../main.net" (Mlp)'
    )
    assert codes(check(folder / "parts" / "main.net")) == ["T0221"]
    assert check(folder / "parts" / "main.net", root=folder) == []
    (folder / "away").symlink_to(folder / "main.net")
    (folder / "parts" / "away.net").symlink_to(folder / "main.net")
    (folder / "parts" / "loop.net").symlink_to(folder / "parts" / "loop.net")
    (folder / "parts" / "near.net").symlink_to(folder / "parts" / "blocks.net")
    for name, code in (
        ("away", "T0221"),
        ("loop", "T0221 T0703"),
        ("a\x00b", "T0101"),
        ("x" * 5000, "T0703"),
        ("", "T0703"),
    ):
        text = f'net 1\nimport "{name}.net" as b'
        found = check(Source("a.net", text), root=folder / "parts")
        assert codes(found)[0] in code
    near = 'net 1\nimport "near.net" as b\nimport "blocks.net" as c'
    assert check(Source("a.net", near), root=folder / "parts") == []


def chain(folder, count):
    for index in range(count):
        after = f'import "f{index + 1}.net" as next' if index + 1 < count else ""
        (folder / f"f{index}.net").write_text(f"net 1\n{after}\nconst c: int = 1\n")
    return folder / "f0.net"


def test_depth(tmp_path):
    assert check(chain(tmp_path, MAX_DEPTH)) == []
    found = check(chain(tmp_path, MAX_DEPTH + 1))
    assert codes(found) == ["T0908"]
    assert "16 files deep" in found[0].message


def test_number_of_files(tmp_path):
    def star(count):
        lines = [f'import "g{index}.net" as g{index}' for index in range(count - 1)]
        for index in range(count - 1):
            (tmp_path / f"g{index}.net").write_text("net 1\nconst c: int = 1")
        (tmp_path / "main.net").write_text("\n".join(["net 1", *lines]))
        return check(tmp_path / "main.net")

    assert star(MAX_FILES) == []
    assert codes(star(MAX_FILES + 1)) == ["T0908"]


def test_each_file_is_read_once_however_often_it_is_imported(tmp_path):
    for index in range(14):
        twice = "".join(f'import "d{index + 1}.net" as {n}\n' for n in "ab")
        (tmp_path / f"d{index}.net").write_text(f"net 1\n{twice}")
    (tmp_path / "d14.net").write_text("net 1\nconst c: int = missing")
    found = check(tmp_path / "d0.net")
    assert codes(found) == ["T0201"]
    assert found[0].labels[-1].text.endswith("is imported here")


def test_circles(tmp_path):
    (tmp_path / "a.net").write_text('net 1\nimport "b.net" as b')
    (tmp_path / "b.net").write_text('net 1\nimport "a.net" as a')
    (tmp_path / "s.net").write_text('net 1\nimport "s.net" as s')
    found = check(tmp_path / "a.net")
    assert codes(found) == ["T0222"]
    assert "b.net" in found[0].notes[0]
    assert codes(check(tmp_path / "s.net")) == ["T0222"]


def test_a_fault_of_an_imported_file_stands_there(folder):
    text = BLOCKS.replace("Dense(4) as code", "Dense(5) as code")
    (folder / "parts" / "blocks.net").write_text(text)
    with pytest.raises(TulleError) as caught:
        load(folder / "main.net")
    (found,) = caught.value.diagnostics
    assert found.code == "T0309"
    assert found.span.source.name.endswith("blocks.net")
    assert [x.span.line for x in found.labels if "imported" in x.text] == [2]


def test_what_is_no_text_is_told_at_the_import(tmp_path):
    (tmp_path / "large.net").write_bytes(b"#" * (2**20 + 1))
    (tmp_path / "binary.net").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.net").mkdir()
    (tmp_path / "syntax.net").write_text("net 1 layer")
    for name, code in (
        ("large", "T0901"),
        ("binary", "T0704"),
        ("folder", "T0703"),
        ("syntax", "T0100"),
    ):
        text = f'net 1\nimport "{name}.net" as b\nconst c: int = b.anything'
        (found,) = check(Source("a.net", text), root=tmp_path)
        assert found.code == code
        places = [found.span, *(label.span for label in found.labels)]
        assert "a.net:2:8" in map(str, places)


def test_one_definition_of_a_name_in_two_files(tmp_path):
    (tmp_path / "a.net").write_text(
        'net 1\nimport "b.net" as b\nfn f(x: f32[]) -> f32[] = b.f(x) + 1.0\n'
        "model M(x: f32[]) -> f32[] { return f(x) }"
    )
    (tmp_path / "b.net").write_text("net 1\nfn f(x: f32[]) -> f32[] = 2.0 * x")
    assert float(load(tmp_path / "a.net").M(np.float32(3))) == 7
