"""docs/first_model.ipynb: from a table to predictions, run from the first cell to the last."""

import json
import pathlib

import pytest

NOTEBOOK = pathlib.Path(__file__).resolve().parents[1] / "docs" / "first_model.ipynb"


def cells():
    body = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (body["nbformat"], body["nbformat_minor"]) == (4, 5)
    return body["cells"]


def test_it_is_kept_without_outputs_and_every_cell_is_python():
    ids = [cell["id"] for cell in cells()]
    assert len(set(ids)) == len(ids)
    for cell in cells():
        text = "".join(cell["source"])
        assert cell["cell_type"] in ("code", "markdown")
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
            compile(text, str(NOTEBOOK), "exec")


@pytest.mark.slow
def test_every_cell_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for cell in cells():
        if cell["cell_type"] == "code":
            text = "".join(cell["source"])
            exec(compile(text, str(NOTEBOOK), "exec"), names)  # noqa: S102 - our own document
    assert names["served"].shape == (3,) and (names["served"] > 0).all()
