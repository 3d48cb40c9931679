"""Files: what cannot be read or written is told, and nothing half-written stays."""

import os

import pytest

from tulle.graph.diagnostics import DataError
from tulle.graph.files import check_readable, check_writable, write_atomically

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def code_of(action, *arguments):
    with pytest.raises(DataError) as caught:
        action(*arguments)
    return caught.value.diagnostics[0]


def test_a_file_that_is_there(tmp_path):
    path = tmp_path / "a"
    path.write_text("text")
    assert check_readable(str(path)) == path


def test_a_missing_file_gets_the_nearest_name(tmp_path):
    (tmp_path / "digits.net").touch()
    told = code_of(check_readable, tmp_path / "digts.net")
    assert told.code == "T0703"
    assert told.help == (f"did you mean `{tmp_path / 'digits.net'}`?",)
    assert code_of(check_readable, tmp_path / "quite.else").help == ()


def test_a_link_to_nowhere(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    told = code_of(check_readable, tmp_path / "loop")
    assert "is a link that leads to no file" in told.message
    assert told.help == ()


def test_no_such_folder(tmp_path):
    assert "no folder" in code_of(check_readable, tmp_path / "no" / "a").message
    told = code_of(check_writable, tmp_path / "no" / "a")
    assert told.code == "T0705"
    assert "mkdir -p" in told.help[0]


@pytest.mark.parametrize("name", ["x.svg", "deeper/x.svg"])
@pytest.mark.parametrize("check", [check_readable, check_writable])
def test_a_path_below_a_file(tmp_path, name, check):
    file = tmp_path / "digits.npz"
    file.touch()
    told = code_of(check, file / name)
    assert f"`{file}` is a file, not a folder" in told.message
    assert told.help == ()


def test_folders_and_devices_are_no_files(tmp_path):
    assert "is a folder" in code_of(check_readable, tmp_path).message
    assert "is a folder" in code_of(check_writable, tmp_path).message
    assert "not an ordinary file" in code_of(check_readable, os.devnull).message
    assert "not an ordinary file" in code_of(check_writable, os.devnull).message


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_names_that_the_system_refuses(tmp_path, name):
    assert code_of(check_readable, tmp_path / name).code == "T0703"
    with pytest.raises(DataError):
        write_atomically(tmp_path / name, lambda file: file.write(b""))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(ROOT, reason="the superuser may write everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    assert code_of(check_writable, tmp_path / "a").code == "T0705"


def test_a_file_is_replaced_when_it_is_complete(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o640)

    def write(file):
        file.write(b"new")
        assert path.read_bytes() == b"old"

    assert write_atomically(path, write) == path
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_new_files_have_the_usual_permissions(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    path = write_atomically(tmp_path / "a", lambda file: file.write(b"x"))
    assert path.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize(
    ("error", "told"),
    [(OSError(28, "No space left"), DataError), (KeyError(), KeyError)],
)
def test_what_fails_half_way_leaves_the_old_file(tmp_path, error, told):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"half")
        raise error

    with pytest.raises(told):
        write_atomically(path, write)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    write_atomically(link, lambda file: file.write(b"x"))
    assert link.is_symlink()
    assert target.read_bytes() == b"x"
