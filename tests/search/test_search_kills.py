"""The main job, killed in each of its stages, ends as if it had not been."""

import json
import pathlib
import time

import numpy as np
import pytest
from forked import Forked
from search_calls import call

from nasrec_tf.search.run import SEARCH_PROJECT
from nasrec_tf.strategies.oracle.ledger import JOURNAL

OPTIONS = (
    "--recipe-share 0.5 --demo-rows 3000 --space nasrec-small --blocks 2 --batch-size 64 "
    "--supernet-epochs 2 "
    "--population 6 --tournament 3 --children 2 --generations 2 --fine-tune-steps 5 --top-k 2 "
    "--refine 1 --finalist-seeds 2 "
    "--retrain-epochs 2 --embedding-dim 16 --retrain-learning-rates 0.12 --normalization none "
    "--checkpoint-seconds 0.05 --no-explain --seed 3 --quiet"
).split()

MAIN = """
import sys
from nasrec_tf.search import main
sys.exit(main(sys.argv[1:]))
"""

PATIENCE_SECONDS = 240


def arguments(directory: pathlib.Path) -> list[str]:
    places = ["--run-dir", str(directory / "run"), "--export-dir", str(directory / "saved_models")]
    return [*OPTIONS, *places]


def finish(directory: pathlib.Path) -> str:
    """Goes on to the end, in this process; the last screen."""
    said = call(*arguments(directory))
    assert said.code == 0, said.err
    return said.out


def kill_when(directory: pathlib.Path, stage: str, has_begun) -> None:
    """Starts the job and kills it as soon as a stage has got somewhere but is not done."""
    process = Forked(MAIN, arguments(directory))
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not has_begun(directory / "run"):
            assert process.poll() is None, process.err
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    ended = (directory / "run" / stage.split()[0] / "result.json").exists()
    assert not ended, f"the {stage} stage was over before it could be killed"


def journal_lines(run: pathlib.Path) -> int:
    """Lines that the search has kept so far; drafts come and go while one looks."""
    try:
        return (run / "evolution" / SEARCH_PROJECT / JOURNAL).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


MOMENTS = {
    "records": lambda run: (run / "records" / "demo.txt").exists(),
    "recipe": lambda run: (run / "recipe" / "002" / "checkpoint").exists(),
    "supernet": lambda run: (run / "supernet" / "checkpoint" / "checkpoint").exists(),
    "evolution": lambda run: journal_lines(run) >= 6,
    "retrain": lambda run: any((run / "retrain").glob("*/validation.json")),
    "retrain of a refinement": lambda run: any((run / "retrain").glob("03-*/validation.json")),
    "retrain of a second seed": lambda run: any((run / "retrain").glob("*-seed-2/validation.json")),
    "export": lambda run: (run / "export" / "version.json").exists(),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("undisturbed")
    finish(directory)
    return directory


ALIKE = ("records", "supernet", "retrain", "retrain of a refinement", "export")
"""Left to a slow test: Beam's own tests kill records, trainings are alike, and refinements are
stopped in ``test_final_models.py``."""


@pytest.fixture(
    scope="module",
    params=[
        [moment for moment in MOMENTS if moment not in ALIKE],
        pytest.param(list(MOMENTS), marks=pytest.mark.slow),
    ],
    ids=["twice", "in every stage"],
)
def killed(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("killed")
    for moment in request.param:
        kill_when(directory, moment, MOMENTS[moment])
    finish(directory)
    return directory


def result(directory: pathlib.Path, stage: str) -> dict:
    return json.loads((directory / "run" / stage / "result.json").read_text())


def test_the_same_architecture_wins(undisturbed, killed):
    assert (
        result(killed, "retrain")["architecture"]
        == (result(undisturbed, "retrain")["architecture"])
    )


def test_the_same_candidates_were_scored_alike(undisturbed, killed):
    for directory in (undisturbed, killed):
        assert result(directory, "evolution")["candidates"] == 10
    keys = ("best", "best_log_loss")
    found, expected = result(killed, "evolution"), result(undisturbed, "evolution")
    assert [found[key] for key in keys] == [expected[key] for key in keys]


def test_the_winner_is_as_good_to_the_bit(undisturbed, killed):
    for split in ("validation", "test"):
        assert result(killed, "retrain")[split] == result(undisturbed, "retrain")[split]


def test_the_winner_has_the_same_weights(undisturbed, killed):
    files = [
        np.load(directory / "run" / result(directory, "retrain")["directory"] / "best.npz")
        for directory in (undisturbed, killed)
    ]
    assert set(files[0]) == set(files[1])
    for name in files[0]:
        np.testing.assert_array_equal(files[0][name], files[1][name])


def test_the_model_is_exported_once(killed):
    model = killed / "saved_models" / "nasrec"
    assert [path.name for path in model.iterdir() if path.name.isdecimal()] == ["1"]
    assert result(killed, "export")["path"] == str((model / "1").resolve())


def test_a_finished_run_is_only_shown_again(killed):
    model = killed / "saved_models" / "nasrec"
    screen = finish(killed)
    assert "test log loss" in screen and str(model / "1") in screen
    assert not (model / "2").exists()
