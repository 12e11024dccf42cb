"""docs/first_model.ipynb: from a table to predictions, run from the first cell to the last."""

import json
import pathlib

import pytest

import nasrec_tf

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


SMALLER = dict(blocks=1, batch_size=256, population=2, children=1, retrain_epochs=1, explain=False)
"""In place of the notebook's own, which are for a reader who waits for minutes."""


@pytest.mark.parametrize(
    "options", [SMALLER, pytest.param({}, marks=pytest.mark.slow)], ids=["smaller", "as it stands"]
)
def test_every_cell_runs(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    search, names = nasrec_tf.run_search, {}
    monkeypatch.setattr(nasrec_tf, "run_search", lambda **given: search(**given | options))
    for cell in cells():
        if cell["cell_type"] == "code":
            text = "".join(cell["source"])
            exec(compile(text, str(NOTEBOOK), "exec"), names)  # noqa: S102 - our own document
    assert names["served"].shape == (3,) and (names["served"] > 0).all()
