"""A study of the ranking goes on where it was stopped, and adds to what is there."""

import csv
import dataclasses
import re
import shutil
import types

import numpy as np
import pytest
from benchmark.conftest import OPTIONS
from benchmark.made_tables import CARD, made_table
from scipy import stats

from nasrec_tf.benchmark.table_build import TableBuild
from nasrec_tf.benchmark.table_files import RowsFile, read_table
from nasrec_tf.common.errors import RunError
from nasrec_tf.studies import rank_correlations
from nasrec_tf.studies.rank_correlations import LEAST, corrected_for_cost
from nasrec_tf.studies.ranking import RankingStudy
from nasrec_tf.studies.ranking_files import claim_ranking
from nasrec_tf.studies.ranking_supernets import parsed_variant
from nasrec_tf.studies.ranking_text import ranking_markdown
from nasrec_tf.studies.study_command import main

NONE = ["--supernet", "none"]
SUPERNETS = ["--supernet", "supernet_epochs=1", "--supernet", "supernet_epochs=1,fine_tune_steps=0"]


def study(directory, *more, supernets=SUPERNETS):
    options = ["ranking", *OPTIONS[1:], "--dir", str(directory), *supernets]
    return main([*options, *map(str, more)])


@pytest.fixture
def place(built, tmp_path):
    shutil.copytree(built, tmp_path / "bench")
    return tmp_path / "bench"


def values(place):
    with (place / "generated" / "ranking" / "ranking.csv").open() as file:
        return {(row["scores"], row["figure"]): row for row in csv.DictReader(file)}


@pytest.mark.slow
def test_architectures_and_supernets_are_added_to_what_is_there(place, capsys):
    assert study(place, "--architectures", 4, "--seeds", 1) == 0
    first = values(place)
    assert {name for name, _ in first} >= {
        "supernet_epochs=1",
        "supernet_epochs=1,fine_tune_steps=0",
    }
    assert -1.0 <= float(first["supernet_epochs=1", "kendall"]["value"]) <= 1.0
    assert len(read_table(place).rows) == 6
    supernets = list((place / "generated" / "ranking").glob("supernet-*"))
    assert len(supernets) == 1  # Scores with and without fine-tuning are of one supernet.
    before = {path: path.read_bytes() for path in supernets[0].glob("scores-*.jsonl")}
    assert len(before) == 2

    assert study(place, "--architectures", 5, "--seeds", 2) == 0
    assert len(read_table(place).rows) == 10
    for path, content in before.items():
        assert path.read_bytes().startswith(content) and path.read_bytes() != content
    ceiling = values(place)["another seed", "kendall"]
    assert values(place)["supernet_epochs=1", "kendall"]["ceiling"] == ceiling["value"] != ""
    text = (place / "generated" / "ranking" / "ranking.md").read_text()
    assert "5 architectures" in text and "nasrec_tf.study ranking" in text

    assert study(place, "--architectures", 5, "--seeds", 2, supernets=NONE) == 0
    assert values(place)["another seed", "kendall"] == ceiling
    assert "supernet_epochs=1" not in {name for name, _ in values(place)}
    capsys.readouterr()


def of_made_table(directory, diverged=(), count=2 * LEAST):
    """The result of a study of trainings alone, all of which are there."""
    file = RowsFile(directory, CARD)
    for each in made_table(count=count).rows.values():
        lost = each.number in diverged and each.seed == 2
        file.add(dataclasses.replace(each, curve=() if lost else each.curve), {"numpy": "2"})
    build = TableBuild(None, CARD, file)
    place = types.SimpleNamespace(card=CARD)
    return RankingStudy(place, directory, build, count, 2, ())()


def test_an_architecture_of_which_one_training_diverged_is_left_out_and_counted(tmp_path):
    whole = of_made_table(tmp_path / "whole")
    assert whole.left_out == 0 and whole.losses.shape == (2 * LEAST, 2)
    cost = [each.name for each in whole.variants]
    assert cost == [f"multiply-accumulates alone, {which} first" for which in ("fewer", "more")]
    less = of_made_table(tmp_path / "less", diverged=(3,))
    assert less.left_out == 1 and less.variants == ()  # Too few to correct for cost.
    assert (less.losses == np.delete(whole.losses, 3, axis=0)).all()
    assert "1 more were left out: a training of theirs diverged" in ranking_markdown(less, "")


def test_supernets_of_several_seeds_are_averaged_and_each_is_corrected_for_cost(monkeypatch):
    monkeypatch.setattr(rank_correlations, "ROUNDS", 20)
    rng, count = np.random.default_rng(0), 3 * LEAST
    losses, mflops = rng.uniform(0.4, 0.5, (count, 2)), rng.uniform(1, 9, count)
    means = losses.mean(axis=1)
    scores = [means + rng.normal(0, 0.02, count) + 0.01 * mflops for _ in range(3)]
    texts = ("seed=1", "warmup=false", "seed=2")
    study = RankingStudy(None, None, None, count, 2, [parsed_variant(text) for text in texts])
    found = {each.name: each.figures for each in study._made_of(scores, losses, list(mflops))}
    wanted = {"mean of 2 supernets: default": (scores[0] + scores[2]) / 2}
    for text, values in zip(texts, scores):
        wanted[f"corrected for cost: {text}"] = corrected_for_cost(values, means, list(mflops))
    wanted["multiply-accumulates alone, fewer first"] = np.log(mflops)
    wanted["multiply-accumulates alone, more first"] = -np.log(mflops)
    assert list(found) == list(wanted)
    for name, values in wanted.items():
        tau = stats.kendalltau(values, means).statistic
        assert found[name]["kendall"].value == pytest.approx(tau), name


@pytest.mark.integration
@pytest.mark.parametrize(
    "more, told",
    [
        (["--supernet", "luck=1"], "--supernet takes option=value"),
        (["--supernet", "warmup=maybe"], "warmup must be true or false"),
        (["--supernet", "seed=1,seed=2"], "gives seed twice"),
        (["--supernet", "path_sampler=best"], "--path-sampler"),
        (["--supernet", "supernet_epochs=1"], "the same options are given twice (supernet_epochs"),
        (["--supernet", "seed=1,supernet_epochs=1"], "twice (supernet_epochs=1 and seed=1,supern"),
        (["--supernet", "supernet_epochs=1,layer_norm=true"], "the same options are given twice"),
        (["--architectures", 0], "--architectures must be at least 1"),
    ],
)
def test_mistakes_are_one_line(place, more, told, capsys):
    assert study(place, *more) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and told in line


@pytest.mark.integration
def test_a_space_of_fewer_architectures_is_told_before_any_is_trained(tmp_path, capsys):
    space = tmp_path / "tiny.toml"
    space.write_text(
        'dense_operators = ["fc"]\nsparse_operators = ["efc"]\nmergers = false\n'
        "dense_widths = [16]\nsparse_widths = [16]\n"
    )
    assert study(tmp_path / "bench", "--space", space, "--architectures", 99, supernets=NONE) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search("no new architecture of 'tiny' after [0-9]+ at random: the space has", line)
    assert not read_table(tmp_path / "bench").rows


def test_a_ranking_lies_where_no_other_table_s_or_anything_else_does(tmp_path):
    place = tmp_path / "ranking"
    for _ in range(2):
        with claim_ranking(place, "a" * 16):
            pass
    other = claim_ranking(place, "b" * 16)
    with pytest.raises(RunError, match="is of a study with data, recipe and space"), other:
        pass
    (tmp_path / "pruning.md").touch()
    other = claim_ranking(tmp_path, "a" * 16)
    with pytest.raises(RunError, match="holds 'pruning.md' but no ranking.json"), other:
        pass
    (tmp_path / "before" / "supernet-0123456789abcdef").mkdir(parents=True)
    with claim_ranking(tmp_path / "before", "a" * 16):
        pass


def test_a_ranking_s_directory_is_of_one_process(tmp_path):
    """Two builds, each locked by itself, can have one --out."""
    with claim_ranking(tmp_path, "a" * 16):
        other = claim_ranking(tmp_path, "a" * 16)
        with pytest.raises(RunError, match="another process is working in this directory"), other:
            pass
