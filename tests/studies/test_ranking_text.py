"""What a ranking study says of few architectures, of what diverged, and at full precision."""

import csv
import io
import math

import numpy as np
import pytest
from benchmark.made_tables import CARD
from scipy import stats

from nasrec_tf.benchmark.measured_rows import CurvePoint, MeasuredRow
from nasrec_tf.studies import rank_correlations
from nasrec_tf.studies.rank_correlations import ceilings
from nasrec_tf.studies.ranking import _of_shorter_trainings, _ranked
from nasrec_tf.studies.ranking_result import RankingResult
from nasrec_tf.studies.ranking_text import ranking_csv, ranking_markdown, screen_lines


def made(count, seeds=2, diverged=()):
    rng = np.random.default_rng(0)
    losses = rng.uniform(0.4, 0.5, size=(count, seeds))
    scores = losses.mean(axis=1) + 0.01 * rng.normal(size=count)
    scores[list(diverged)] = math.inf
    variants = (_ranked("default", scores, losses, 12.0),)
    return scores, RankingResult(CARD, losses, 0, variants, ceilings(losses))


def test_too_few_architectures_are_told_as_that():
    _, result = made(3)
    page = ranking_markdown(result, "python -m nasrec_tf.study ranking")
    assert "fewer than 4 architectures there are no figures" in page
    assert screen_lines(result) == ["made: 3 architectures; figures take 4 at least"]
    assert "no figures" not in ranking_markdown(made(4)[1], "")


@pytest.mark.parametrize(("count", "told"), [(5, ()), (6, (5,)), (15, (5,)), (16, (5, 15))])
def test_a_regret_among_all_that_there_are_is_not_told(count, told, monkeypatch):
    """The best of all is among them, whatever the scores."""
    monkeypatch.setattr(rank_correlations, "ROUNDS", 20)
    page = ranking_markdown(made(count)[1], "")
    for number in (5, 15):
        assert (f"regret of {number} |" in page) == (number in told)
        assert (f"| regret of {number} | " in page) == (number in told)
    assert ("Regret:" in page) == bool(told)


def test_the_table_holds_what_scipy_makes_of_the_rows():
    scores, result = made(20)
    rows = {
        (row["scores"], row["figure"]): row
        for row in csv.DictReader(io.StringIO(ranking_csv(result)))
    }
    one, two = result.losses.T
    means = result.losses.mean(axis=1)
    for name, theirs in (
        ("pearson", stats.pearsonr),
        ("spearman", stats.spearmanr),
        ("kendall", stats.kendalltau),
    ):
        row = {field: float(value) for field, value in list(rows["default", name].items())[2:]}
        assert row["value"] == pytest.approx(theirs(scores, means).statistic)
        alone = [theirs(scores, each).statistic for each in (one, two)]
        assert row["of_a_seed"] == pytest.approx(np.mean(alone))
        assert row["ceiling"] == pytest.approx(theirs(one, two).statistic)
    rng = np.random.default_rng(0)
    drawn = [rng.integers(20, size=20) for _ in range(1000)]
    taus = [stats.kendalltau(scores[each], means[each]).statistic for each in drawn]
    row = rows["default", "kendall"]
    ends = (float(row["low"]), float(row["high"]))
    assert ends == pytest.approx(tuple(np.quantile(taus, [0.025, 0.975])))
    best = np.argsort(scores)[:5]
    assert float(rows["default", "regret of 5"]["value"]) == means[best].min() - means.min()


def test_what_diverged_is_last_and_does_not_decide_the_linear_correlation():
    scores, result = made(20, diverged=(4,))
    found, means = result.variants[0].figures, result.losses.mean(axis=1)
    worst = np.where(np.isinf(scores), 1e9, scores)
    assert result.variants[0].diverged == 1
    assert found["kendall"].value == pytest.approx(stats.kendalltau(worst, means).statistic)
    assert found["spearman"].value == pytest.approx(stats.spearmanr(worst, means).statistic)
    at_the_end = np.where(np.isinf(scores), np.sort(scores)[-2], scores)
    assert found["pearson"].value == pytest.approx(stats.pearsonr(at_the_end, means).statistic)


def with_curves(curves):
    """Trainings of architectures, by seed, of given log losses at their evaluations."""

    def row(number, seed, curve):
        points = [
            CurvePoint(10 * place, loss, 0.5, loss, 0.5) for place, loss in enumerate(curve, 1)
        ]
        made_with = "0" * 16
        return MeasuredRow(
            made_with, "{}", str(number), seed, tuple(points), 0.1, 10, 20, 1.0, 1.0, made_with
        )

    return [
        [row(number, seed, curve) for seed, curve in enumerate(trained, 1)]
        for number, trained in enumerate(curves)
    ]


def test_a_training_that_is_stopped_earlier_is_told_against_another_seeds_lowest():
    rng = np.random.default_rng(1)
    curves = rng.uniform(0.4, 0.6, size=(30, 2, 4))
    rows = with_curves(curves.tolist())
    losses = np.array([[row.log_loss for row in trained] for trained in rows])
    found = _of_shorter_trainings(rows, losses)
    assert list(found) == [10, 20, 30]  # After all of them it is the ceiling.
    for count, told in enumerate(found.values(), 1):
        early = curves[:, :, :count].min(axis=2)
        taus = [stats.kendalltau(early[:, one], losses[:, 1 - one]).statistic for one in (0, 1)]
        assert told["kendall"].value == pytest.approx(np.mean(taus))
    result = RankingResult(CARD, losses, 0, (), ceilings(losses), found)
    assert "| 20 | " in ranking_markdown(result, "")
    assert "another seed's losses after 20 steps" in "\n".join(screen_lines(result))
    kept = csv.DictReader(io.StringIO(ranking_csv(result)))
    kendall = {row["scores"]: float(row["value"]) for row in kept if row["figure"] == "kendall"}
    assert kendall["another seed, 20 steps"] == found[20]["kendall"].value


def test_a_training_without_a_finite_loss_so_far_is_ranked_last():
    """As is one that diverged later, by what it had come to."""
    curves = [[[0.5, 0.4]] * 2, [[None, 0.3]] * 2, [[0.2]] * 2, [[0.6, 0.55]] * 2]
    rows = with_curves(curves)
    losses = np.array([[row.log_loss for row in trained] for trained in rows])
    found = _of_shorter_trainings(rows, losses)
    assert list(found) == [10]
    early = np.array([0.5, 9.0, 0.2, 0.6])
    expected = stats.kendalltau(early, losses[:, 0]).statistic
    assert found[10]["kendall"].value == pytest.approx(expected)


def test_a_single_seed_tells_nothing_of_shorter_trainings():
    rows = with_curves(np.random.default_rng(0).uniform(size=(8, 1, 3)).tolist())
    assert _of_shorter_trainings(rows, np.array([[row.log_loss] for (row,) in rows])) == {}
    assert _of_shorter_trainings([], np.zeros((0, 2))) == {}
