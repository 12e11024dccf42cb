"""Every program of the installation can be called from Python with the words of a command line."""

import importlib
import pathlib
import subprocess
import sys

import pytest

from nasrec_tf.common.config_files import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "scripts"
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_words_given_are_read_and_not_those_of_the_process(program, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", [program, "--no-such-option"])
    module, _, name = PROGRAMS[program].partition(":")
    main = getattr(importlib.import_module(module), name)
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_no_option_ends_in_one_line(program, capsys):
    module, _, name = PROGRAMS[program].partition(":")
    main = getattr(importlib.import_module(module), name)
    try:
        code = main(["--no-such-option", "1"])
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr()
    assert code == 2
    assert "error: " in said.err.splitlines()[-1] and not said.out


ASK_ALL = """
import contextlib, importlib, io, sys
for place in sys.argv[1:]:
    module, _, name = place.partition(":")
    main = getattr(importlib.import_module(module), name)
    for words in (["--help"], ["--no-such-option", "1"]):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            with contextlib.suppress(SystemExit):
                main(words)
        loaded = {"tensorflow", "keras", "apache_beam"} & set(sys.modules)
        assert not loaded, (place, words, loaded)
"""


def test_help_and_mistakes_are_told_before_anything_large_is_loaded():
    done = subprocess.run(
        [sys.executable, "-c", ASK_ALL, *PROGRAMS.values()], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
