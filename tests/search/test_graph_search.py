"""AutoCTR in its own space: a search that is stopped, gone on with, extended, and refused."""

import json
import shutil

import pytest

from nasrec_tf.networks.baselines import baseline, load_baseline
from nasrec_tf.studies.finished_runs import finished_run as finished_run_of
from nasrec_tf.study import main

OPTIONS = ("--strategy", "random", "--blocks", "2", "--score-rows", "128", "--quiet")


@pytest.fixture(scope="module")
def run(finished_run, tmp_path_factory):
    directory = tmp_path_factory.mktemp("graphs") / "run"
    shutil.copytree(finished_run / "run", directory)
    return directory


def call(run, *more):
    return main(["graphs", "--run-dir", str(run), *OPTIONS, *more])


def scores(directory):
    read = [json.loads(file.read_text()) for file in sorted(directory.glob("candidate-*.json"))]
    return [(tuple(each["blocks"]), each["log_loss"], each["mflops"]) for each in read]


@pytest.fixture(scope="module")
def found(run):
    """The directory of a search of two candidates, and what they came to."""
    assert call(run, "--candidates", "2") == 0
    directory = run / "graphs" / "random-0"
    return directory, scores(directory)


def test_the_best_graph_is_a_file_of_a_hand_made_model(run, found):
    features = finished_run_of(run, "--run-dir", True, 60.0).records.features
    directory, each = found
    best = min(each, key=lambda score: score[1])
    assert load_baseline(directory / "found.json").blocks == best[0]
    assert len(each) == 2 and each[0][1] != each[1][1]
    for blocks, loss, mflops in each:
        assert 0.1 < loss < 20.0  # After two steps, of fields as large as they are.
        assert mflops == baseline("block_graph", blocks=blocks).complexity(features).mflops


def test_a_stopped_search_comes_to_the_same_and_more_candidates_add_to_it(run, found, capsys):
    directory, before = found
    (directory / "candidate-0001.json").unlink()
    (directory / "found.json").unlink()
    assert call(run, "--candidates", "2", "--minutes", "1e-9") == 0
    assert "the same command goes on" in capsys.readouterr().out
    assert scores(directory) == before[:1]
    assert call(run, "--candidates", "3") == 0
    after = scores(directory)
    assert after[:2] == before and len({blocks for blocks, *_ in after}) == 3
    assert "found.json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--score-rows", "192"], ["--score-rows 128, not 192", "--out"]),
        (["--blocks", "3"], ["--blocks 2, not 3"]),
        (["--strategy", "evolution"], ["evolution", "autoctr, random, local, predicted"]),
        (["--strategy", "luck"], ["'luck'"]),
        (["--strategy-options", "luck=3"], ["--strategy-options", "'luck'"]),
        (["--candidates", "0"], ["--candidates"]),
        (["--blocks", "65"], ["--blocks", "64"]),
        (["--run-dir", "nowhere"], ["nowhere", "--run-dir"]),
    ],
)
def test_what_cannot_be_asked_for_is_one_line(run, found, more, told, capsys):
    out = ["--out", str(found[0])]
    assert call(run, *out, *more) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and all(part in message for part in told), message


def test_a_damaged_score_is_told_with_its_file(run, found, capsys):
    file = found[0] / "candidate-0000.json"
    content = file.read_text()
    try:
        file.write_text(content.replace("mlp", "fm").replace("sparse", "dense"))
        assert call(run, "--out", str(found[0]), "--candidates", "2") == 2
        message = capsys.readouterr().err
        assert message.count("\n") == 1 and str(file) in message
    finally:
        file.write_text(content)
