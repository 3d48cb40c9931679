"""The command `tulle` as tests call it."""

import io
import sys

import pytest

from tulle import cli


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder: code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, stdin=b""):
        stream = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
        monkeypatch.setattr(sys, "stdin", stream)
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        assert "internal error" not in captured.err
        return code, captured.out, captured.err

    return call
