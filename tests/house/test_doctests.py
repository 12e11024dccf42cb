"""The examples in docstrings and in the documentation do what they show.

They run in one process, so that TensorFlow loads once for all of them.
"""

import doctest
import importlib
import io
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ("beam_preprocess", "nasrec_tf", "pim")
PROMPT = ">>> "


def modules():
    """Names of the modules whose source shows an example."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if PROMPT in path.read_text("utf-8"):
                parts = path.relative_to(ROOT).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def pages():
    """Pages of the documentation that show one."""
    paths = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
    return [path for path in paths if PROMPT in path.read_text("utf-8")]


def run(parts):
    """What went wrong in the examples, as doctest tells it, and how many there were."""
    told, number = io.StringIO(), 0
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for part in parts:
        runner.run(part, out=told.write)
        number += len(part.examples)
    return told.getvalue(), number


@pytest.mark.parametrize("name", modules())
def test_the_examples_of_a_module(name, tmp_path, monkeypatch):
    module = importlib.import_module(name)
    monkeypatch.chdir(tmp_path)
    told, number = run(doctest.DocTestFinder(exclude_empty=True).find(module))
    assert told == ""
    # An example that no docstring holds is seen by no reader either.
    assert number > 0


def test_the_examples_of_the_documentation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in pages():
        text = path.read_text("utf-8")
        page = doctest.DocTestParser().get_doctest(text, {}, path.name, str(path), 0)
        assert run([page])[0] == ""


def test_an_example_that_shows_something_else_is_told():
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", "wrong.md", 0)
    told, number = run([wrong])
    assert number == 1
    assert "Expected:\n    3" in told
