"""Every program of the installation can be called from Python with the words of a command line."""

import importlib
import pathlib

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
