"""Figures of a ranking, against SciPy's and by what they must keep."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nasrec_tf.studies.rank_correlations import (
    FIGURES,
    better_half,
    ceilings,
    corrected_for_cost,
    kendall,
    pearson,
    rank_figures,
    regret,
    spearman,
)

VALUES = st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=30)
PAIRS = VALUES.flatmap(
    lambda ones: st.tuples(
        st.just(np.array(ones)),
        st.lists(st.integers(-50, 50).map(float), min_size=len(ones), max_size=len(ones)).map(
            np.array
        ),
    )
)


@given(PAIRS)
def test_correlations_are_scipys(pair):
    constant = any(np.ptp(values) == 0 for values in pair)
    for mine, theirs in (
        (pearson, stats.pearsonr),
        (spearman, stats.spearmanr),
        (kendall, stats.kendalltau),
    ):
        if constant:
            assert math.isnan(mine(*pair))
        else:
            assert mine(*pair) == pytest.approx(theirs(*pair).statistic, abs=1e-9)


@given(PAIRS, st.integers(1, 30))
def test_regret_falls_with_the_number_looked_at_and_ends_at_nothing(pair, count):
    scores, losses = pair
    few, more = regret(count, scores, losses), regret(count + 1, scores, losses)
    assert 0.0 <= more <= few
    assert regret(len(scores), scores, losses) == 0.0


def test_the_better_half_is_that_of_the_lower_losses():
    losses = np.arange(10.0)
    scores = np.concatenate([np.arange(5.0), 100 - np.arange(5.0)])
    assert better_half(scores, losses) == 1.0 > kendall(scores, losses)


def test_the_better_half_of_an_odd_number_has_the_one_in_the_middle():
    losses, scores = np.arange(5.0), np.array([0.0, 1.0, 0.5, 9.0, 8.0])
    assert better_half(scores, losses) == pytest.approx(1 / 3)


def test_a_ceiling_is_of_each_seed_against_each_other_one():
    """Half and regret are taken by the one that is ranked, and so differ either way."""
    losses = np.random.default_rng(5).uniform(0.4, 0.5, size=(9, 3))
    found = ceilings(losses)
    pairs = [(one, two) for one in range(3) for two in range(3) if one != two]
    for name in ("better half", "regret of 5"):
        by_pair = [FIGURES[name](losses[:, one], losses[:, two]) for one, two in pairs]
        assert found[name].value == pytest.approx(np.mean(by_pair))
        assert found[name].value != pytest.approx(np.mean(by_pair[:2] + by_pair[3:4]))


def simulated(seeds_noise, score_noise, count=100):
    rng = np.random.default_rng(0)
    worth = rng.normal(size=count)
    losses = worth[:, None] + seeds_noise * rng.normal(size=(count, 2))
    return worth + score_noise * rng.normal(size=count), losses


def test_scores_as_noisy_as_a_seed_reach_the_ceiling():
    found = rank_figures(*simulated(0.5, 0.5))
    assert found["kendall"].share == pytest.approx(1.0, abs=0.15)
    assert found["kendall"].interval[0] < found["kendall"].value < found["kendall"].interval[1]


def test_worse_scores_stay_below_it_and_chance_ones_near_nothing():
    poor, chance = (rank_figures(*simulated(0.2, noise))["kendall"] for noise in (1.0, 1e6))
    assert 0.3 < poor.share < 0.9
    assert chance.interval[0] < 0 < chance.interval[1]


def test_the_ceiling_is_what_one_seed_says_of_another_with_its_interval():
    scores, losses = simulated(0.5, 0.5, count=24)
    found = ceilings(losses)
    assert {name: each.value for name, each in found.items()} == {
        name: each.ceiling for name, each in rank_figures(scores, losses).items()
    }
    tau = found["kendall"]
    assert tau.value == pytest.approx(stats.kendalltau(*losses.T).statistic)
    assert tau.interval[0] < tau.value < tau.interval[1] < 1.0
    assert ceilings(np.repeat(losses[:8, :1], 2, axis=1))["kendall"].interval == (1.0, 1.0)
    assert ceilings(losses[:, :1]) is None and ceilings(losses[:3]) is None


def test_with_one_seed_there_is_no_ceiling_and_with_few_architectures_nothing():
    scores, losses = simulated(0.5, 0.5)
    found = rank_figures(scores, losses[:, :1])
    assert set(found) == set(FIGURES)
    assert all(each.ceiling is None and each.share is None for each in found.values())
    assert rank_figures(scores[:3], losses[:3]) is None


def test_scores_that_are_all_alike_have_no_correlation_and_no_warning():
    _, losses = simulated(0.5, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rank_figures(np.ones(len(losses)), losses)
    assert all(math.isnan(found["kendall"].interval[end]) for end in (0, 1))
    assert math.isnan(found["pearson"].value) and found["regret of 5"].value > 0


def test_an_architecture_is_corrected_by_what_the_others_say_alone():
    """Least squares of all but its own fifth, and never of its own log loss."""
    rng = np.random.default_rng(1)
    scores, losses, mflops = rng.normal(size=(3, 20))
    mflops = np.abs(mflops)
    known = np.column_stack([np.ones(20), scores, np.log(1 + 1e6 * mflops)])
    before = corrected_for_cost(scores, losses, mflops)
    alike = np.zeros((20, 20), bool)
    for moved in range(20):
        changed = losses + 5.0 * (np.arange(20) == moved)
        alike[moved] = before == corrected_for_cost(scores, changed, mflops)
    assert (alike.sum(axis=1) == 4).all() and alike.diagonal().all()
    for one in range(20):
        others = ~alike[one]
        weights = np.linalg.solve(known[others].T @ known[others], known[others].T @ losses[others])
        assert before[one] == pytest.approx(known[one] @ weights)


def test_what_diverged_stays_last_and_says_nothing_of_the_others():
    rng = np.random.default_rng(0)
    mflops = rng.uniform(0.01, 1.0, size=40)
    worth = 0.45 + 0.001 * rng.normal(size=40)
    scores = worth + 0.002 * np.log(mflops)
    scores[7] = math.inf
    corrected = corrected_for_cost(scores, worth, mflops)
    rest = np.delete(np.arange(40), 7)
    assert corrected[7] == math.inf and kendall(corrected[rest], worth[rest]) > 0.95


def test_correction_for_cost_finds_what_cost_explains():
    rng = np.random.default_rng(0)
    mflops = rng.uniform(0.01, 1.0, size=100)
    worth = rng.normal(size=100)
    scores = worth + 2.0 * np.log(mflops)
    corrected = corrected_for_cost(scores, worth, mflops)
    assert kendall(scores, worth) < 0.6 < 0.95 < kendall(corrected, worth)
