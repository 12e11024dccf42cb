"""A pruning study: from the command to the page, and on from where it was."""

import contextlib
import io
import json
import types

import pytest
from extreme_rows import SQUARING, extreme_data_set

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.benchmark.table_build import TimeIsUp
from nasrec_tf.common.errors import RunError
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.studies import pruning_study
from nasrec_tf.studies.paired_intervals import paired_difference
from nasrec_tf.studies.pruning_result import JudgedNetwork
from nasrec_tf.studies.pruning_study import PruningStudy, PruningVariant
from nasrec_tf.studies.resampled_quality import ResampledQuality
from nasrec_tf.studies.study_command import main
from nasrec_tf.training.recipe import Recipe

ARCHITECTURE = {
    "format": "nasrec_tf.architecture",
    "version": 1,
    "blocks": [
        {
            "dense_operators": {"fc": 16},
            "sparse_operators": {"efc": 8},
            "dense_sources": [0],
            "sparse_sources": [0],
            "sparse_to_dense": True,
        }
    ],
}


GENERATED = ["--dataset", "generated", "--demo-rows", "1500"]


def study(directory, *more, dataset=None, blocks=ARCHITECTURE["blocks"]):
    path = directory / "architecture.json"
    path.write_text(json.dumps({**ARCHITECTURE, "blocks": blocks}))
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(
            ["pruning", "--dir", str(directory), "--epochs", "1", "--architecture", str(path),
             *(["--dataset", dataset] if dataset else GENERATED), "--quiet", *more]
        )  # fmt: skip
    return code, out.getvalue(), err.getvalue()


@pytest.mark.slow
def test_a_study_sets_ways_of_pruning_beside_the_dense_network(tmp_path):
    options = ("--iterations", "1", "--seeds", "2", "--variant", "magnitude:what=units")
    code, out, _ = study(tmp_path, *options, "--minutes", "0.0001")
    assert code == 0 and out.startswith("time is up")
    code, out, _ = study(tmp_path, *options)
    assert code == 0
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["dense, 0", "dense, as many epochs"]
    place = tmp_path / "generated" / "pruning"
    page, table = (place / "pruning.md").read_text(), (place / "pruning.csv").read_text()
    rows = [line.split(",") for line in table.splitlines()[1:]]
    dense, unpruned, pruned = rows[0], rows[2], rows[3]
    # Before anything goes a network of tickets is the dense one, to the bit.
    assert dense[5:8] == unpruned[5:8] and float(unpruned[9]) == 0.0
    assert float(pruned[3]) < float(dense[3]) and float(pruned[4]) <= float(dense[4])
    assert "Table 7 of the paper" in page and "0.4402" in page
    assert study(tmp_path, *options) == (0, out, "")
    assert (place / "pruning.csv").read_text() == table
    assert not list(place.glob("*/*/*/best.npz"))


@pytest.mark.integration
def test_a_prediction_that_is_not_finite_is_no_figure(tmp_path):
    """Means of it were nan, of which nothing was told."""
    code, out, err = study(
        tmp_path, "--seeds", "1", "--iterations", "1", "--variant", "magnitude",
        dataset=extreme_data_set(tmp_path), blocks=SQUARING["blocks"],
    )  # fmt: skip
    assert code == 2 and out == "" and "dense/seed-1: predictions are not finite on 1 of 200" in err
    assert (
        "smaller --learning-rate, or mend the data: a value of dense feature 'price' is 3e+38"
        in err
    )
    assert not list(tmp_path.glob("log/pruning/**/test.json"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--variant", "size"), "score must be one of mask, magnitude, random. Received: 'size'"),
        (("--variant", "mask", "--variant", "mask"), "the same options are given twice (mask)"),
        (("--seeds", "0"), "--seeds must be at least 1. Received: 0"),
        (("--iterations", "0"), "error: --iterations must be from 1 to 100. Received: 0"),
        (("--variant", "mask:luck=3"), "error: --variant: pruning has no 'luck'; it has"),
        (
            ("--variant", "random:hidden=3"),
            "error: --variant: hidden is of the networks that learn masks, and random has none; l",
        ),
        (("--batch-size", "0"), "error: --batch-size must be at least 1. Received: 0"),
        (("--learning-rate", "nan"), "error: --learning-rate must be a finite number."),
        (("--row-decay", "-1"), "error: --row-decay must be at least 0. Received: -1"),
        (("--epochs", "0"), "error: --epochs must be at least 1. Received: 0"),
        (("--minutes", "0"), "--minutes must be a positive number. Received: 0"),
    ],
)
def test_what_cannot_be_studied_is_told_in_one_line(more, told, tmp_path):
    code, out, err = study(tmp_path, *more)
    assert code == 2 and out == "" and err.count("\n") == 1
    assert told in err
    assert not (tmp_path / "generated").exists()


def test_the_network_is_given_so_that_nothing_would_read_where_others_are_drawn_from(
    tmp_path, capsys
):
    required = ["--dir", str(tmp_path), "--dataset", "generated", "--architecture", "x"]
    for option in ("--space", "--blocks", "--max-width"):
        with pytest.raises(SystemExit):
            main(["pruning", *required, option, "3"])
        assert capsys.readouterr().err == f"error: unknown option {option}; see --help\n"


def without_time(directory, *, width=16, protocol="a", iterations=1):
    """A study that has no time to train; the names of what it would train are kept."""
    blocks = [{**ARCHITECTURE["blocks"][0], "dense_operators": {"fc": width}}]
    card = types.SimpleNamespace(protocol=protocol, recipe=Recipe(epochs=2))
    return PruningStudy(
        types.SimpleNamespace(card=card, run=None),
        SpaceModel(Architecture.from_json({**ARCHITECTURE, "blocks": blocks})),
        directory, [], iterations, 1, 0.0,
    )  # fmt: skip


@pytest.mark.parametrize("other", [{"width": 32}, {"protocol": "b"}])
def test_a_study_of_another_network_or_other_data_does_not_take_the_figures(other, tmp_path):
    place = tmp_path / "pruning"
    for _ in range(2):
        with pytest.raises(TimeIsUp):
            without_time(place)()
    with pytest.raises(RunError, match="is of a study with .* give another --out"):
        without_time(place, **other)()


def test_a_directory_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "theirs.csv").write_text("1")
    with pytest.raises(RunError, match="holds 'theirs.csv' but no pruning.json"):
        without_time(tmp_path)()
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.csv"]


def test_the_control_that_trains_as_long_is_another_one_for_other_iterations(tmp_path, monkeypatch):
    asked = []

    def dense(study, recipe, name, seed):
        asked.append((name, recipe.epochs))
        assert recipe.seed == seed

    monkeypatch.setattr(PruningStudy, "_dense", dense)
    for iterations in (1, 5):
        list(without_time(tmp_path, iterations=iterations)._of_seed(iterations))
    longer = [each for each in asked if each[0] != "dense"]
    assert longer == [("dense-4-epochs", 4), ("dense-12-epochs", 12)]


def test_rows_are_over_seeds_and_set_beside_the_dense_network():
    def trained(left, mflops, loss, auc, arrays):
        quality = ResampledQuality(loss, auc, (loss, loss + 0.01), (auc, auc))
        return pruning_study._Trained(left, mflops, JudgedNetwork(quality, arrays))

    dense = [trained(1.0, 2.0, 0.50, 0.70, 8), trained(1.0, 2.0, 0.52, 0.72, 8)]
    pruned = [trained(0.6, 1.0, 0.55, 0.66, 4), trained(0.4, 1.4, 0.54, 0.64, 5)]
    base = pruning_study._measured(dense)
    first = pruning_study._row("dense", 0, dense, base)
    assert first.from_dense is None and first.log_loss == base
    row = pruning_study._row("mask", 3, pruned, base)
    assert (row.name, row.iterations, row.log_loss.values) == ("mask", 3, [0.55, 0.54])
    assert (row.left, row.mflops, row.arrays, row.auc) == pytest.approx((0.5, 1.2, 4.5, 0.65))
    assert row.from_dense.value == pytest.approx(0.035)
    assert row.from_dense == paired_difference(row.log_loss, base)
    unknown = pruning_study._row("mask", 3, [pruned[0], trained(0.4, 1.4, 0.54, None, None)], base)
    assert unknown.arrays is unknown.auc is None


def test_ways_that_differ_by_a_sign_are_kept_apart(tmp_path):
    study = without_time(tmp_path)
    ways = [PruningVariant.parsed(f"mask:bias={bias}", 1) for bias in ("4", "-4")]
    places = [study._trainings(way, Recipe(), 1).directory for way in ways]
    assert places[0] != places[1] and places[0] == tmp_path / "mask-bias-4" / "seed-1"
