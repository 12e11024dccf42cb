"""A candidate without a finite score, or with a cost that is not finite, never wins anything."""

import csv
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nasrec_tf.architecture.space import NASREC_SMALL
from nasrec_tf.codesign.knee import nearest_to_ideal
from nasrec_tf.strategies.draws import NothingScored
from nasrec_tf.strategies.history import Candidate, History, Outcome
from nasrec_tf.strategies.oracle.ledger import read_history
from nasrec_tf.strategies.oracle.trial_results import best, from_history, write_leaderboard
from nasrec_tf.strategies.pareto import (
    ParetoEvolution,
    crowding_distances,
    first_front,
    fronts_of,
    pareto_results,
)
from nasrec_tf.strategies.regularized_evolution import RegularizedEvolution

SPACE = NASREC_SMALL.replace(num_blocks=2)
ARCHITECTURES = [SPACE.sample(np.random.default_rng(seed)) for seed in range(40)]
OBJECTIVES = ("log_loss", "energy_nj")
SIZES = {"population": 12, "tournament": 4, "children": 4, "generations": 3}
STRATEGIES = [RegularizedEvolution(**SIZES), ParetoEvolution(**SIZES, objectives=OBJECTIVES)]

ANY = st.sampled_from([math.nan, math.inf, -math.inf, 0.4, 0.5, 0.6])
OUTCOMES = st.lists(
    st.tuples(st.sampled_from(["completed", "diverged", "failed"]), ANY, ANY),
    min_size=20,
    max_size=20,
)


def history_of(outcomes):
    """Candidates that were scored so: (status, log loss, cost); all but failed ones tell a loss."""
    history = History()
    for number, (status, log_loss, cost) in enumerate(outcomes):
        history.add(Candidate(number, 0, None, ARCHITECTURES[number], {"energy_nj": cost}))
        metrics = {} if status == "failed" else {"log_loss": log_loss, "auc": math.nan}
        history.end(number, Outcome(status, metrics, 1.0))
    return history


def is_good(outcome):
    status, log_loss, cost = outcome
    return status == "completed" and math.isfinite(log_loss) and math.isfinite(cost)


@settings(deadline=None, max_examples=60)
@given(outcomes=OUTCOMES, seed=st.integers(0, 5), generation=st.integers(1, 3))
@pytest.mark.parametrize("strategy", STRATEGIES, ids=["one objective", "pareto"])
def test_a_parent_has_a_score_and_without_one_the_search_ends(strategy, outcomes, seed, generation):
    history = history_of(outcomes)
    end = 12 + 4 * (generation - 1)
    good = [number for number in range(end - 12, end) if is_good(outcomes[number])]
    if not good:
        with pytest.raises(NothingScored, match="none of 12 candidates in a row"):
            strategy.parent(generation, history, seed)
        return
    assert strategy.parent(generation, history, seed) in good


@settings(deadline=None, max_examples=60)
@given(outcomes=OUTCOMES)
def test_final_lists_hold_scored_candidates_only(outcomes, tmp_path_factory):
    history = history_of(outcomes)
    results = from_history(history)
    good = {number for number, outcome in enumerate(outcomes) if is_good(outcome)}
    assert {result.number for result in best(results, 100)} == good
    assert (history.best in good) if good else (history.best is None)
    front = pareto_results(results, OBJECTIVES)
    assert {result.number for result in front} <= good
    assert bool(front) == bool(good)
    for result in nearest_to_ideal(results, OBJECTIVES, 5):
        assert result.number in good
    path = tmp_path_factory.mktemp("board") / "leaderboard.csv"
    write_leaderboard(path, results)
    with open(path, newline="") as file:
        assert {int(row["trial"]) for row in csv.DictReader(file)} == good


@given(
    values=arrays(
        float,
        st.tuples(st.integers(1, 12), st.integers(1, 3)),
        elements=st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, 2.0]),
    )
)
@settings(deadline=None)
def test_points_that_are_not_finite_change_nothing_for_the_others(values):
    finite = np.isfinite(values).all(axis=1)
    fronts, distances = fronts_of(values), crowding_distances(values)
    assert fronts[finite].tolist() == fronts_of(values[finite]).tolist()
    assert distances[finite].tolist() == crowding_distances(values[finite]).tolist()
    assert (fronts[~finite] > max(fronts[finite], default=0)).all()
    assert (distances[~finite] == 0).all()


def test_the_front_of_many_results_takes_little_memory():
    """A hundred thousand points compared with each other would take 30 GB."""
    rng = np.random.default_rng(0)
    values = rng.random((100_000, 3))
    members = first_front(values)
    assert 20 < len(members) < 1000
    sample = values[rng.integers(len(values), size=200)]
    for point in sample:
        assert (values[members] <= point).all(axis=1).any()
    for point in values[members[:50]]:
        assert not ((values <= point).all(axis=1) & (values < point).any(axis=1)).any()


def old_line(**event):
    return json.dumps(event) + "\n"


def test_an_old_journal_with_diverged_candidates_loads_and_its_front_has_none_of_them(tmp_path):
    """As version 1 wrote them: a diverged candidate kept its costs, here the lowest of all."""
    lines = [old_line(format="nasrec_tf.search_journal", version=1, settings={"seed": 0})]
    for number, (status, metrics, cost) in enumerate(
        [("completed", {"log_loss": 0.5}, 9.0), ("diverged", {}, 1.0), ("failed", {}, 2.0)]
    ):
        candidate = Candidate(number, 0, None, ARCHITECTURES[number], {"energy_nj": cost})
        lines.append(old_line(event="created", **candidate.to_json()))
        ended = {"status": status, "metrics": metrics, "seconds": 1.0, "message": None}
        lines.append(old_line(event="ended", number=number, **ended))
    (tmp_path / "journal.jsonl").write_text("".join(lines))
    history = read_history(tmp_path)[1]
    assert [history.outcomes[n].status for n in range(3)] == ["completed", "diverged", "failed"]
    assert [r.number for r in pareto_results(from_history(history), OBJECTIVES)] == [0]
    strategy = ParetoEvolution(3, 1, 1, 1, objectives=OBJECTIVES)
    assert {strategy.parent(1, history, seed) for seed in range(20)} == {0}
