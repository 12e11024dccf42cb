"""Figures of a ranking, against SciPy's and by what they must keep."""

import math

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


def test_correction_for_cost_finds_what_cost_explains():
    rng = np.random.default_rng(0)
    mflops = rng.uniform(0.01, 1.0, size=100)
    worth = rng.normal(size=100)
    scores = worth + 2.0 * np.log(mflops)
    corrected = corrected_for_cost(scores, worth, mflops)
    assert kendall(scores, worth) < 0.6 < 0.95 < kendall(corrected, worth)
