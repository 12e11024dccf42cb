"""The best of a search are scored again, by longer scores, before they are trained from scratch."""

import dataclasses
import os
import shutil
import socket
import time

import numpy as np
import pytest
from forked import Forked
from search_calls import call, options, run_of

from nasrec_tf.architecture.space import NASREC_SMALL
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.attempts import ended_attempts
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.run import SEARCH_PROJECT
from nasrec_tf.search.scaling import scale
from nasrec_tf.search.scorers import scoring_plan
from nasrec_tf.search.search_cost import search_cost
from nasrec_tf.search.search_plan import search_rows
from nasrec_tf.search.stages.supernet import load
from nasrec_tf.strategies import best, read_results
from nasrec_tf.strategies.given_candidates import GivenCandidates
from nasrec_tf.strategies.history import LOG_LOSS
from nasrec_tf.strategies.oracle.ledger import JOURNAL
from nasrec_tf.training.scoring import SupernetScorer

AGAIN = ["--rescore", "4", "--rescore-steps", "9"]
PROGRAM = "import sys\nfrom nasrec_tf.search.command import main\nsys.exit(main(sys.argv[1:]))\n"


def rescored(directory):
    """Architectures and scores of what was scored again, in order."""
    found = read_results(directory / "run" / "rescore" / SEARCH_PROJECT)
    return [(each.architecture, dict(each.metrics)) for each in found]


def by_first_scores(directory):
    results = read_results(directory / "run" / "evolution" / SEARCH_PROJECT)
    return [each.architecture for each in best(results, len(results))]


def without_its_search(directory, *stages):
    for stage in (*stages, "retrain", "export"):
        shutil.rmtree(directory / "run" / stage, ignore_errors=True)


def scores_by_hand(directory, architectures, steps):
    run = run_of(directory)
    plan = dataclasses.replace(scoring_plan(run), fine_tune_steps=steps)
    scorer = SupernetScorer(load(run), run.records, plan)
    return [scorer(architecture)[LOG_LOSS] for architecture in architectures]


def test_the_best_by_longer_scores_are_trained_from_scratch(run_files):
    first, cost = by_first_scores(run_files), search_cost(run_of(run_files)).rows
    said = call(*options(run_files), *AGAIN, "--extend")
    assert said.code == 0, said.err
    assert "kept: records, supernet, evolution" in said.out
    longer = scores_by_hand(run_files, first[:4], steps=9)
    assert rescored(run_files) == [
        (architecture, {LOG_LOSS: score, "mflops": metrics["mflops"]})
        for architecture, score, (_, metrics) in zip(first, longer, rescored(run_files))
    ]
    order = [architecture for _, architecture in sorted(zip(longer, first), key=lambda p: p[0])]
    run = run_of(run_files)
    result = run.directory.result("rescore")
    assert list(result.best) == order[:2] and result.candidates == 4
    assert result.best_log_loss == min(longer)
    assert result.shared == len({a.identity for a in first[:2]} & {a.identity for a in order[:2]})
    trained = [attempt.architecture.architecture for attempt, _ in ended_attempts(run)]
    assert trained == order[:2]
    assert search_cost(run).rows - cost == pytest.approx(4 * (9 * 64 + 149 / 3))
    page = " ".join((run_files / "run" / "report.html").read_text().split())
    assert "the 4 best were scored again by 9 steps and 149 validation rows" in page


def test_what_was_not_scored_again_follows_in_the_order_of_its_first_scores(run_files):
    first = by_first_scores(run_files)
    given = [*options(run_files), "--rescore", 2, "--rescore-steps", 9, "--stage", "rescore"]
    given[given.index("--top-k") + 1] = 4
    # The search hands over four now, which its own scores tell anew.
    assert call(*given[:-1], "evolution", "--extend").code == 0
    assert call(*given).code == 0
    result = run_of(run_files).directory.result("rescore")
    assert {a.identity for a in result.best[:2]} == {a.identity for a in first[:2]}
    assert list(result.best[2:]) == first[2:4] and result.shared == 4


def test_scores_that_an_extension_finds_again_are_not_made_again(run_files, monkeypatch):
    asked = []
    score = SupernetScorer.__call__
    monkeypatch.setattr(
        SupernetScorer, "__call__", lambda self, one: asked.append(one) or score(self, one)
    )
    assert call(*options(run_files), *AGAIN, "--extend", "--stage", "rescore").code == 0
    before, asked[:] = rescored(run_files), []
    more = ["--rescore", 6, "--rescore-steps", 9, "--extend", "--stage", "rescore"]
    assert call(*options(run_files), *more).code == 0
    assert rescored(run_files)[:4] == before and len(rescored(run_files)) == 6
    assert asked == [architecture for architecture, _ in rescored(run_files)[4:]]
    asked.clear()
    more[more.index("--rescore-steps") + 1] = 5  # Other scores.
    assert call(*options(run_files), *more).code == 0
    assert len(asked) == 6


@pytest.mark.slow
def test_a_run_that_was_killed_while_it_scored_again_ends_the_same(run_files):
    said = call(*options(run_files), *AGAIN, "--extend", "--stage", "rescore")
    assert said.code == 0, said.err
    expected = rescored(run_files)
    without_its_search(run_files, "rescore")
    killed = Forked(PROGRAM, [*options(run_files), *AGAIN, "--stage", "rescore"])
    journal = run_files / "run" / "rescore" / SEARCH_PROJECT / JOURNAL
    end = time.monotonic() + 300
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 4):
        assert killed.poll() is None and time.monotonic() < end, killed.err
        time.sleep(0.002)
    killed.kill()
    killed.wait(60)
    assert call(*options(run_files), *AGAIN, "--stage", "rescore").code == 0
    assert rescored(run_files) == expected


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return str(listening.getsockname()[1])


def test_workers_score_again_after_the_search_whatever_their_number(run_files):
    assert call(*options(run_files), *AGAIN, "--extend", "--stage", "rescore").code == 0
    expected = rescored(run_files)
    without_its_search(run_files, "evolution", "rescore")
    place = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": free_port()}
    parts = [
        Forked(PROGRAM, [*options(run_files), *AGAIN], {**os.environ, **place, **part})
        for part in ({"KERASTUNER_TUNER_ID": name} for name in ("chief", "one", "two"))
    ]
    for part in parts:
        assert part.wait(300) == 0, part.err
    assert rescored(run_files) == expected
    assert run_of(run_files).directory.result("export") is not None


def refused(**given):
    with pytest.raises(UserError) as error:
        SearchConfig(**given)
    return str(error.value)


def test_options_that_say_nothing_together_are_refused():
    assert refused(rescore_rows=5) == "--rescore-rows goes with --rescore, which is missing."
    assert refused(rescore=0).startswith("--rescore must be at least 1")
    assert "--rescore goes without --codesign" in refused(rescore=5, rescore_rows=9, codesign=True)
    assert "--rescore goes with --score-by supernet" in refused(
        rescore=5, score_by="training", validation_rows=100
    )
    assert "as they were scored before" in refused(rescore=5)
    assert refused(rescore=5, rescore_steps=3, fine_tune_steps=4).startswith(
        "--rescore-steps 3 is less than --fine-tune-steps 4"
    )
    assert "--rescore-rows 3 is less" in refused(rescore=5, rescore_rows=3, validation_rows=4)
    assert SearchConfig(rescore=5, validation_sample=10).stages[4:6] == ("rescore", "retrain")


def test_scores_that_would_be_the_same_are_refused_before_the_search_begins(tmp_path):
    # There are 149 validation rows, of which either would take all.
    given = [*options(tmp_path), "--rescore", 4, "--rescore-steps", 2, "--rescore-rows", 9_500]
    said = call(*given, "--validation-rows", 9_000)
    assert "scored by 2 steps and 149 validation rows already" in said.error
    assert not (tmp_path / "run" / "supernet" / "result.json").exists()
    # By default a small log's scores have fewer steps than were given: these are not cut.
    assert scale(SearchConfig(fine_tune_steps=30), 1_200).rescore_steps == 30
    shorter = given[: given.index("--rescore-steps")]
    said = call(*shorter, "--rescore-steps", 2, "--fine-tune-steps", 2)
    assert "and would be again by 2 and 149;" in said.error


def test_one_model_has_no_search_to_score_again(tmp_path):
    given = [*options(tmp_path), "--architecture", "lr", *AGAIN, "--stage"]
    for stage in ("records", "supernet", "evolution", "rescore"):
        said = call(*given, stage)
        assert said.code == 0, said.err
    assert run_of(tmp_path).directory.result("rescore").skipped == "an architecture was given"


def test_longer_scores_count_as_rows_of_the_search():
    config = SearchConfig(rescore=40, fine_tune_steps=62, validation_rows=20_480)
    rows = {"train": 36_672_493, "validation": 4_584_062}
    assert search_rows(config, scale(config, rows["train"]), rows) == (
        36_672_493 + 2048 * (62 * 512 + 20_480) + 40 * (500 * 512 + 819_200)
    )


def test_a_list_of_candidates_is_known_by_what_it_holds():
    space = NASREC_SMALL.replace(num_blocks=2)
    one, other = space.widest, space.sample(np.random.default_rng(0))
    assert repr(GivenCandidates((one, other))) != repr(GivenCandidates((other, one)))
    assert repr(GivenCandidates((one,))) == repr(GivenCandidates((one,)))
    with pytest.raises(ValueError, match="at least one"):
        GivenCandidates(())
