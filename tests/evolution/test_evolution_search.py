"""The parts below the oracle: draws, budgets, history, ledger, assignments."""

import json
import math
import shutil

import numpy as np
import pytest

from nasrec_tf.architecture.space import NASREC_FULL, NASREC_SMALL
from nasrec_tf.common.errors import RunError
from nasrec_tf.strategies.budget import Budget
from nasrec_tf.strategies.draws import INITIAL, Draws, SpaceExhausted, random_stream
from nasrec_tf.strategies.history import (
    COMPLETED,
    DIVERGED,
    FAILED,
    Candidate,
    History,
    Outcome,
)
from nasrec_tf.strategies.oracle.assignments import Assignments, Patience
from nasrec_tf.strategies.oracle.ledger import Ledger, read_history
from nasrec_tf.strategies.regularized_evolution import RegularizedEvolution


def completed(log_loss):
    return Outcome(COMPLETED, {"log_loss": log_loss}, 1.0)


def sources(architecture):
    return float(sum(len(block.dense_sources) for block in architecture.blocks))


def evolve(strategy, scores, draws=None, seed=0):
    """A history of all candidates, candidate n scoring ``scores(n)``."""
    history = History()
    for number in range(strategy.trials):
        assert strategy.ready(number, history)
        candidate = strategy.propose(number, history, draws or Draws(NASREC_SMALL), seed)
        history.add(candidate)
        history.end(number, completed(scores(number)))
    return history


STRATEGY = RegularizedEvolution(population=8, tournament=4, children=2, generations=10)


def test_the_defaults_are_the_paper_s():
    strategy = RegularizedEvolution()
    assert strategy.trials == 128 + 8 * 240
    assert (strategy.population, strategy.tournament) == (128, 64)


def test_parents_are_alive_and_one_generation_has_one_parent():
    history = evolve(STRATEGY, scores=lambda number: number % 5)
    for generation in range(1, 11):
        first = 8 + 2 * (generation - 1)
        children = history.candidates[first : first + 2]
        assert {child.generation for child in children} == {generation}
        (parent,) = {child.parent for child in children}
        assert first - 8 <= parent < first


def test_the_best_of_all_dies_of_age():
    history = evolve(STRATEGY, scores=lambda number: 0.0 if number == 0 else 1.0 + number)
    parents = [candidate.parent for candidate in history.candidates[8:]]
    assert 0 not in parents[2:]
    assert all(candidate.parent is None for candidate in history.candidates[:8])


def test_a_tournament_of_the_whole_population_is_won_by_its_best_and_then_oldest():
    strategy = RegularizedEvolution(population=8, tournament=8, children=2, generations=4)
    history = evolve(strategy, scores=lambda number: 0.1 if number in (3, 5) else 1.0)
    assert [candidate.parent for candidate in history.candidates[8:]] == [3, 3, 3, 3, 5, 5, 6, 6]


def test_a_tournament_draws_without_replacement_and_does_not_always_hold_the_best():
    strategy = RegularizedEvolution(population=8, tournament=4, children=2, generations=10)
    history = evolve(strategy, scores=lambda number: float(number))
    winners = {strategy.parent(1, history, seed) for seed in range(200)}
    # Four different ones of eight always hold one of the five best.
    assert winners == {0, 1, 2, 3, 4}


def test_a_generation_waits_for_all_earlier_ones_in_whatever_order_they_end():
    history = History()
    for number in range(8):
        history.add(STRATEGY.propose(number, history, Draws(NASREC_SMALL), 0))
    for number in (7, 3, 1, 0, 2, 6, 5):
        history.end(number, completed(float(number)))
        assert not STRATEGY.ready(8, history)
    history.end(4, completed(4.0))
    assert STRATEGY.ready(8, history)
    history.add(STRATEGY.propose(8, history, Draws(NASREC_SMALL), 0))
    assert STRATEGY.ready(9, history)


def test_the_initial_population_waits_for_nobody_and_has_no_parent():
    history = History()
    for number in range(8):
        assert STRATEGY.ready(number, history)
        history.add(STRATEGY.propose(number, history, Draws(NASREC_SMALL), 0))
    assert {(c.generation, c.parent) for c in history.candidates} == {(0, None)}


def test_no_architecture_is_drawn_twice():
    draws = Draws(NASREC_SMALL.replace(num_blocks=2, dense_widths=(16, 32), sparse_widths=(16,)))
    strategy = RegularizedEvolution(population=32, tournament=8, children=8, generations=10)
    history = evolve(strategy, scores=lambda number: float(number), draws=draws)
    identities = [candidate.architecture.identity for candidate in history.candidates]
    assert len(set(identities)) == len(identities) == 112


def test_every_candidate_keeps_every_budget_and_carries_its_cost():
    draws = Draws(NASREC_FULL, (Budget("sources", sources, 12), Budget("blocks", len)))
    history = evolve(STRATEGY, scores=lambda number: float(number), draws=draws)
    for candidate in history.candidates:
        assert candidate.costs == {"sources": sources(candidate.architecture), "blocks": 7.0}
        assert candidate.costs["sources"] <= 12


def test_budgets_may_be_given_by_an_iterator():
    draws = Draws(NASREC_SMALL, iter([Budget("blocks", len)]))
    for seed in range(2):
        assert draws.initial(History(), seed)[1] == {"blocks": 7.0}


def test_an_exhausted_space_says_what_was_drawn():
    draws = Draws(NASREC_FULL, (Budget("sources", sources, 3),), max_redraws=50)
    with pytest.raises(SpaceExhausted) as caught:
        draws.initial(History(), 0)
    rng = random_stream(0, INITIAL, 0)
    lowest = min(sources(NASREC_FULL.sample(rng)) for _ in range(51))
    assert str(caught.value) == (
        "of 50 draws in a row 0 were tried before and 50 broke a budget: "
        f"sources <= 3 (lowest drawn: {lowest:g})"
    )


def test_a_space_of_one_architecture_says_that_it_was_tried_before():
    tiny = NASREC_SMALL.replace(
        num_blocks=1,
        dense_operators=("fc",),
        sparse_operators=("efc",),
        dense_widths=(16,),
        sparse_widths=(16,),
        mergers=False,
    )
    draws, history = Draws(tiny, max_redraws=30), History()
    design, costs = draws.initial(history, 0)
    history.add(Candidate(0, 0, None, design.architecture, costs))
    with pytest.raises(SpaceExhausted, match="of 30 draws in a row 30 were tried before$"):
        draws.initial(history, 0)


def test_a_cost_that_is_not_finite_keeps_no_budget():
    assert not Budget("latency_us", len).allows(math.nan)
    assert not Budget("latency_us", len).allows(math.inf)


def test_seed_zero_is_a_seed_of_its_own():
    def first(seed):
        return Draws(NASREC_FULL).initial(History(), seed)[0]

    assert first(0) == first(0)
    assert len({first(seed) for seed in range(5)}) == 5


def test_the_best_is_the_lowest_finite_score_and_the_older_of_two():
    history = History()
    rng = np.random.default_rng(0)
    outcomes = [
        Outcome(DIVERGED, {}, 1.0),
        completed(0.5),
        completed(0.4),
        Outcome(FAILED, {}, 9.0, "out of memory"),
        completed(0.4),
    ]
    for number in range(len(outcomes)):
        history.add(Candidate(number, 0, None, NASREC_FULL.sample(rng)))
    for number in (4, 3, 2, 1, 0):
        history.end(number, outcomes[number])
    assert history.best == 2
    assert history.score(0) == history.score(3) == math.inf
    assert history.longest == 9.0


def write_search(directory, count=5):
    ledger = Ledger(directory)
    ledger.begin({"seed": 0})
    rng = np.random.default_rng(0)
    for number in range(count):
        ledger.add(Candidate(number, 0, None, NASREC_FULL.sample(rng), {"mflops": 1.5}))
        ledger.end(number, completed(0.1 * number))
    return ledger


def test_a_ledger_is_read_back_as_it_was_written(tmp_path):
    written = write_search(tmp_path)
    resumed = Ledger(tmp_path)
    assert resumed.exists()
    assert resumed.resume() == {"seed": 0}
    assert list(resumed.events()) == list(written.events())
    assert read_history(tmp_path)[1].candidates == written.history.candidates


def test_two_writers_are_told_apart(tmp_path):
    first = write_search(tmp_path)
    second = Ledger(tmp_path)
    second.resume()
    architecture = NASREC_FULL.sample(np.random.default_rng(9))
    second.add(Candidate(5, 0, None, architecture))
    with pytest.raises(RunError, match="another process writes it too"):
        first.add(Candidate(5, 0, None, architecture))
    assert len(first.history) == 5
    assert len(read_history(tmp_path)[1]) == 6


def test_a_journal_that_cannot_be_written_is_one_clear_error(tmp_path):
    directory = tmp_path / "gone"
    directory.mkdir()
    ledger = write_search(directory)
    shutil.rmtree(directory)
    with pytest.raises(RunError, match="journal.jsonl: cannot be written: No such file"):
        ledger.add(Candidate(5, 0, None, NASREC_FULL.sample(np.random.default_rng(9))))


def test_a_candidate_adds_one_line_to_the_journal_and_nothing_else(tmp_path):
    ledger = write_search(tmp_path)
    before = (tmp_path / "journal.jsonl").read_bytes()
    ledger.add(Candidate(5, 0, None, NASREC_FULL.sample(np.random.default_rng(9))))
    after = (tmp_path / "journal.jsonl").read_bytes()
    assert after.startswith(before)
    assert json.loads(after[len(before) :])["number"] == 5
    assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_candidate_is_lost_once_it_is_out_much_longer_than_any_before():
    clock = Clock()
    assignments = Assignments(Patience(factor=3.0, seconds=60.0), clock)
    assignments.meet("a")
    assignments.hand_out(0, "a")
    clock.now = 60.0
    assert assignments.lost(longest=10.0) == set()
    clock.now = 61.0
    assert assignments.lost(longest=10.0) == {0}
    assert assignments.lost(longest=100.0) == set()
    assert assignments.live_workers(longest=10.0) == set()
    assert assignments.live_workers(longest=100.0) == {"a"}


def test_an_end_frees_every_worker_that_held_the_candidate():
    assignments = Assignments(Patience(), Clock())
    assignments.hand_out(0, "a")
    assignments.hand_out(0, "b")
    assignments.hand_out(1, "c")
    assert sorted(assignments.end(0)) == ["a", "b"]
    assert assignments.held_by("a") is None
    assert assignments.held_by("c") == 1
    assert assignments.unheld([0, 1]) == {0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RegularizedEvolution(population=4, tournament=5), "`tournament` must not exceed"),
        (lambda: RegularizedEvolution(children=0), "`children` must be a positive integer"),
        (lambda: Draws(NASREC_FULL, max_redraws=0), "`max_redraws` must be a positive integer"),
        (lambda: Draws(NASREC_FULL, (Budget("a", len), Budget("a", len))), "names a metric twice"),
        (lambda: Budget("log_loss", len), "`metric` must name a cost"),
        (lambda: Budget("mflops", len, math.nan), "`limit` of budget 'mflops' must be positive"),
        (lambda: Patience(factor=0.5), "`factor` must be at least 1"),
    ],
)
def test_arguments_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
