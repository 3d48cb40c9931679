"""`tulle fmt` and `tulle check --fix`: files in place, standard input, patches."""

import json

import pytest

from tulle import load

LOOSE = "net 1 dim B\nmodel M(x:f32[B,2])->f32[B,3]{return x|>Dense(3)}\n"
NEAT = """\
net 1

dim B

model M(x: f32[B, 2]) -> f32[B, 3] {
  return x |> Dense(3)
}
"""
WRONG = """\
net 1
dim B
const a: f32 = .5
model M(x: f32[B, 2]) -> f32[B, 3] { return x |> Dnse(3) }
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="a.net"):
        place = tmp_path / name
        place.write_bytes(text.encode())
        return place

    return write


def test_fmt_writes_in_place(run, file):
    place, other = file(LOOSE), file(NEAT, "b.net")
    before = other.stat().st_mtime_ns
    assert run("fmt", "a.net", "b.net") == (0, "formatted a.net\n", "")
    assert place.read_text() == NEAT
    assert other.stat().st_mtime_ns == before


def test_fmt_check_tells_and_writes_nothing(run, file):
    place = file(LOOSE)
    file(NEAT, "b.net")
    assert run("fmt", "--check", "a.net", "b.net") == (
        1,
        "a.net is not formatted\n",
        "",
    )
    assert place.read_text() == LOOSE
    assert run("fmt", "--check", "b.net") == (0, "", "")


def test_fmt_diff_shows_a_patch(run, file):
    place = file(LOOSE)
    code, out, _ = run("fmt", "--diff", "a.net")
    assert code == 0
    assert out.startswith("--- a.net\n+++ a.net\n@@")
    assert "+  return x |> Dense(3)\n" in out
    assert place.read_text() == LOOSE
    assert run("fmt", "--diff", "--check", "a.net")[0] == 1


def test_fmt_of_standard_input(run):
    assert run("fmt", "-", stdin=LOOSE.encode()) == (0, NEAT, "")
    code, out, err = run("fmt", "-", stdin=b"\xff")
    assert (code, out) == (1, "")
    assert "T0704" in err


def test_fmt_of_wrong_syntax_changes_nothing(run, file):
    place = file("net 1 model M(x: f32[B, 2] -> f32[] { return x }")
    before = place.read_text()
    file(LOOSE, "b.net")
    code, out, err = run("fmt", "a.net", "b.net")
    assert (code, out) == (1, "formatted b.net\n")
    assert "T0103" in err
    assert place.read_text() == before


def test_fmt_keeps_a_file_with_windows_newlines_readable(run, file):
    place = file(LOOSE.replace("\n", "\r\n"))
    assert run("fmt", "a.net")[0] == 0
    assert place.read_bytes() == NEAT.encode()


def test_check_fix_mends_several_files(run, file):
    first, second = file(WRONG), file(WRONG, "b.net")
    assert run("check", "a.net")[0] == 1
    code, out, _ = run("check", "--fix", "a.net", "b.net")
    assert code == 0
    assert "a.net:3: write `0.5`" in out
    assert "a.net:4: write `Dense`" in out
    assert first.read_text() == second.read_text()
    assert "= 0.5" in first.read_text()
    assert "Dense(3)" in first.read_text()


def test_check_fix_of_all_mistakes_ends_well(run, file):
    place = file(NEAT.replace("Dense", "Dnse").replace("dim B", "dim B in 4..2"))
    assert run("check", "--fix", "a.net")[0] == 1
    place = file(NEAT.replace("Dense", "Dnse"))
    code, out, _ = run("check", "--fix", "a.net")
    assert (code, place.read_text()) == (0, NEAT)
    assert "a.net: no mistakes found" in out
    assert run("check", "--fix", "--format", "json", "a.net") == (0, "[]\n", "")


def test_check_diff_writes_nothing(run, file):
    place = file(WRONG)
    code, out, _ = run("check", "--diff", "a.net")
    assert "-const a: f32 = .5\n" in out
    assert "|> Dense(3)" in out
    assert place.read_text() == WRONG
    assert code == 0


def test_check_of_standard_input(run):
    assert run("check", "-", stdin=NEAT.encode())[:2] == (0, "-: no mistakes found\n")
    code, out, _ = run("check", "--format", "concise", "-", stdin=WRONG.encode())
    assert code == 1
    assert out.startswith("<stdin>:3:16: error[T0101]")
    code, _, err = run("check", "--fix", "-", stdin=WRONG.encode())
    assert code == 1
    assert "cannot be mended" in err


@pytest.mark.parametrize("command", [["summary"], ["dump"], ["render", "-o", "a.svg"]])
def test_mistakes_are_told_in_any_format(run, file, command):
    file(WRONG)
    code, _, err = run(command[0], "a.net", *command[1:], "--format", "json")
    assert code == 1
    assert "T0101" in {found["code"] for found in json.loads(err)}
    code, _, err = run(command[0], "a.net", *command[1:], "--format", "github")
    assert err.startswith("::error file=a.net,line=3,col=16")


def test_export_writes_a_text_of_a_text_and_of_a_saved_model(run, file, tmp_path):
    file(NEAT)
    code, out, _ = run("export", "a.net")
    assert (code, out) == (0, NEAT)
    assert run("export", "a.net", "-o", "b.net")[:2] == (0, "wrote b.net\n")
    assert (tmp_path / "b.net").read_text() == NEAT
    load("a.net").M.save("m.tulle")
    assert run("export", "m.tulle")[:2] == (0, NEAT)
    code, _, err = run("export", "a.net", "-o", "no/b.net")
    assert (code, "T0705" in err) == (1, True)


def test_summary_counts_with_sizes(run, file):
    file(f"{NEAT}\ntrain M(y: f32[B, 3]) {{ loss mean_squared_error(y, output) "
         "optimizer sgd(0.1, momentum = 0.9) }\n")  # fmt: skip
    _, out, _ = run("summary", "a.net")
    assert "15 * B\n" in out
    assert "activations    12 * B bytes\n" in out
    _, out, _ = run("summary", "a.net", "--sizes", "B=100")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines()[-4:])
    assert lines["FLOPs"] == "1,500"
    assert lines["activations"] == "1.17 KiB"
    assert lines["gradients"] == "36 B"
    assert lines["optimizer"].endswith(" B")
    code, _, err = run("summary", "a.net", "--sizes", "T=3")
    assert (code, "no input has a size `T`" in err) == (1, True)
    assert run("summary", "a.net", "--sizes", "B:3")[0] == 2


def test_a_setting_is_given_once(run, file):
    path = file("net 1\ndim B\nconfig w: int = 4\nconfig v: int = 3\n")
    assert run("check", path, "--set", "w=1", "--set", "v=2")[0] == 0
    code, _, told = run("check", path, "--set", "w=1", "--set", "w=2")
    assert code == 2
    assert "'w' is given twice" in told
    code, _, told = run("summary", path, "--sizes", "B=1,B=2")
    assert code == 2
    assert "'B' is given twice" in told
