"""Trainings from scratch that are compared while they train: who goes on, and what that changes."""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search.search_calls import call, options

from nasrec_tf.architecture.space import NASREC_SMALL
from nasrec_tf.search import attempt_training, finalists, from_scratch
from nasrec_tf.search.attempt import Attempt
from nasrec_tf.search.attempts import next_attempts
from nasrec_tf.search.finalists import looks_of_reference
from nasrec_tf.search.halving import (
    MARGINS,
    SHARES,
    clearly_worse,
    numbers_left,
    rung_steps,
    trained_share,
)
from nasrec_tf.search.results import AttemptFigures, AttemptResult, EpochQuality, Look
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.time_budget import TimeBudget, TimeNote
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.search.training_task import WEIGHTS
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.training_files import CHECKPOINT

SPACE = NASREC_SMALL.replace(num_blocks=2)
MODELS = [SpaceModel(SPACE.sample(np.random.default_rng(seed))) for seed in range(4)]


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_the_better_half_goes_on_until_those_are_left_that_have_to_end(count, keep):
    left = numbers_left(count, keep)
    assert len(left) == len(SHARES)
    before = count
    for number in left:
        assert number in (before, max(keep, -(-before // 2)), count)
        assert min(count, keep) <= number <= before
        before = number
    if count <= 8 * keep:
        assert left[-1] == min(count, keep)


@given(st.integers(1, 10**9))
def test_rungs_rise_and_lie_within_the_training(steps):
    rungs = (0, *rung_steps(steps), steps)
    assert all(one < other for one, other in zip(rungs, rungs[1:]))


LOSSES = st.floats(0.0, allow_nan=False)


@given(st.lists(LOSSES, max_size=3), st.lists(LOSSES, max_size=3))
def test_only_what_is_worse_by_the_margin_at_some_rung_is_given_up(mine, others):
    looks, reference = [[Look(1, loss) for loss in losses] for losses in (mine, others)]
    found = clearly_worse(looks, reference)
    assert found == any(a > b * (1 + m) for a, b, m in zip(mine, others, MARGINS))
    assert not clearly_worse(reference, reference)


@pytest.fixture(scope="module")
def run(finished_run, tmp_path_factory):
    """A run that compares, of which nothing has been trained from scratch."""
    directory = tmp_path_factory.mktemp("halving")
    shutil.copytree(finished_run, directory, dirs_exist_ok=True)
    directory = RunDirectory(directory / "run")
    config = dataclasses.replace(directory.stored_config(), halving=True)
    return Run(config, directory, quiet=True)


def attempts(run, path, models=MODELS):
    recipe = run.recipe.replace(row_decay=0.01, learning_rate=0.05)
    return [
        Attempt(rank, model, recipe, path / str(rank)) for rank, model in enumerate(models, start=1)
    ]


def state(attempt):
    with np.load(attempt.directory / WEIGHTS) as file:
        return {name: file[name] for name in file.files}


def without_times(results):
    return [dataclasses.replace(result, seconds=0.0) for result in results]


@pytest.fixture(scope="module")
def halved(run, tmp_path_factory):
    tried = attempts(run, tmp_path_factory.mktemp("halved"))
    return tried, finalists.halved(run, tried, "halved")


def test_who_ends_has_been_among_the_better_half_at_every_rung(run, halved):
    tried, results = halved
    rungs = attempt_training.rungs(run, tried[0])
    assert sorted(result.stopped or 0 for result in results) == [0, *rungs[1:2] * 2, rungs[2]]
    for rung, count in ((1, 2), (2, 1)):
        there = [result for result in results if len(result.looks) > rung]
        gone = [result for result in there if result.stopped == rungs[rung]]
        kept = [result for result in there if result not in gone]
        assert len(kept) == count
        assert max(r.looks[rung].log_loss for r in kept) <= (
            min(r.looks[rung].log_loss for r in gone)
        )


def test_nothing_but_the_weights_of_who_ended_is_left(halved):
    for attempt, result in zip(*halved):
        assert not (attempt.directory / CHECKPOINT).exists()
        assert (attempt.directory / WEIGHTS).exists() == (result.stopped is None)


def test_who_ends_is_to_the_bit_what_it_is_without_comparisons(run, halved, tmp_path):
    tried, results = halved
    best = min(range(len(results)), key=lambda number: results[number].standing)
    alone = dataclasses.replace(tried[best], directory=tmp_path / "alone")
    expected = attempt_training.train_attempt(run, alone, "alone")
    assert (expected.epochs, expected.validation) == (
        results[best].epochs,
        results[best].validation,
    )
    for name, weights in state(alone).items():
        np.testing.assert_array_equal(weights, state(tried[best])[name])


class Stop(KeyboardInterrupt):
    """The user's Ctrl-C."""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["look", "result"])
def test_stopped_anywhere_it_ends_with_the_same(run, halved, tmp_path, monkeypatch, where):
    """A call is stopped in the middle of a look, or as a training is given up."""
    module, name = {
        "look": ("nasrec_tf.search.epoch_validation", "write_state"),
        "result": ("nasrec_tf.search.attempt_training", "write_state"),
    }[where]
    tried = attempts(run, tmp_path)
    original = getattr(__import__(module, fromlist=[name]), name)
    calls = 0

    def interrupted(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls in (2, 5):
            raise Stop
        return original(*arguments, **options)

    monkeypatch.setattr(f"{module}.{name}", interrupted)
    stops = 0
    while True:
        try:
            results = finalists.halved(run, tried, "stopped")
            break
        except Stop:
            stops += 1
    assert stops >= 1
    assert without_times(results) == without_times(halved[1])
    for mine, other in zip(tried, halved[0]):
        assert (mine.directory / WEIGHTS).exists() == (other.directory / WEIGHTS).exists()


def test_trainings_of_other_recipes_are_not_compared(run, halved, tmp_path):
    tried, results = halved
    slow = attempts(run, tmp_path, MODELS[:1])[0]
    slow = dataclasses.replace(slow, recipe=slow.recipe.replace(learning_rate=1e-6))
    found = finalists.halved(run, [*tried, slow], "other")
    assert without_times(found[:-1]) == without_times(results)
    assert found[-1].stopped is None and found[-1].score > min(r.score for r in results)


@dataclasses.dataclass
class Simulated:
    """Trainings that take time on a clock of their own, in the place of real ones."""

    run: Run
    losses: list[float]
    whole: list[float]
    now: float = 0.0
    cuts: int = 0

    def __post_init__(self):
        self.looks = {number: () for number in range(len(self.losses))}
        self.results = {}
        self.seconds = dict.fromkeys(self.looks, 0.0)

    def finished(self, attempt):
        return self.results.get(attempt.rank - 1)

    def looks_so_far(self, attempt):
        return self.looks[attempt.rank - 1]

    def train_to_rung(self, run, attempt, title, rung):
        number = attempt.rank - 1
        if number in self.results:
            return self.results[number]
        while len(self.looks[number]) <= rung:
            before, after = ((0.0, *SHARES, 1.0)[len(self.looks[number]) + i] for i in (0, 1))
            took = self.whole[number] * (after - before)
            left = run.time.left - run.time._until
            if took > left:  # It is cut in the middle.
                self.now += max(0.0, left)
                self.cuts += 1
                return self._ended(number, cut=1)
            self.now += took
            self.seconds[number] += took
            if len(self.looks[number]) == len(SHARES):
                return self._ended(number)
            self.looks[number] += (Look(len(self.looks[number]) + 1, self.losses[number]),)
        return self._laid_aside(number)

    def _laid_aside(self, number):
        return from_scratch.Trained(
            steps_per_epoch=8, passes=0.0, epochs=(), best_epoch=None, validation=None,
            seconds=self.seconds[number], looks=self.looks[number], ended=False,
        )  # fmt: skip

    def _ended(self, number, cut=None, stopped=None):
        score = None if stopped else self.losses[number]
        found = figures(score, self.looks[number], stopped)
        fields = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
        self.results[number] = AttemptResult(
            **fields | {"cut": cut, "seconds": self.seconds[number]}, architecture=MODELS[0]
        )
        return self.results[number]

    def give_up(self, run, attempt, trained):
        return self._ended(attempt.rank - 1, stopped=trained.looks[-1].step)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    losses=st.lists(st.floats(0.1, 1.0), min_size=2, max_size=15, unique=True),
    paces=st.lists(st.floats(0.2, 5.0), min_size=15, max_size=15),
    hours=st.one_of(st.none(), st.floats(0.01, 5.0)),
)
def test_comparisons_end_in_time_with_one_that_was_among_the_best(run, losses, paces, hours):
    """Trainings take from a fifth to five times an hour; what there is no time for is left out."""
    whole = [3600 * pace for pace in paces[: len(losses)]]
    made = Simulated(run, losses, whole)
    budget = TimeBudget(hours, TimeNote(0.0, {}, {"retrain": 1.0}), clock=lambda: made.now)
    budget.begin("retrain")
    limited = dataclasses.replace(run, time=budget)
    recipe = run.recipe
    tried = [
        Attempt(rank, MODELS[0], recipe, pathlib.Path(str(rank)))
        for rank in range(1, len(losses) + 1)
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("finished", "looks_so_far", "train_to_rung", "give_up"):
            patch.setattr(finalists, name, getattr(made, name))
        results = finalists.halved(limited, tried, "simulated")
    assert results == [made.results[number] for number in range(len(results))]
    ended = [number for number, result in enumerate(results) if result.stopped is None]
    assert ended
    if hours is None:
        assert len(results) == len(losses) and losses.index(min(losses)) in ended
        assert len(ended) == numbers_left(len(losses), 1)[-1]
        return
    assert made.now <= 3600 * hours + 1e-3 and made.cuts <= 1
    slowest = max(whole)
    if 3600 * hours > slowest * trained_share(len(losses), 1):
        assert len(results) == len(losses) and losses.index(min(losses)) in ended
    if made.cuts == 0 or len(results) == 1:
        assert min(losses[: len(results)]) in [losses[number] for number in ended]


def test_where_time_runs_out_the_best_so_far_is_what_is_left(run, tmp_path):
    """A machine that stops being as fast after the first comparisons."""
    now = [0.0]
    budget = TimeBudget(1.0, TimeNote(0.0, {}, {"retrain": 1.0}), clock=lambda: now[0])
    budget.begin("retrain")
    limited = dataclasses.replace(run, time=budget)
    tried = attempts(run, tmp_path)
    taken = []

    def reached(run, attempt, title, rung):
        found = attempt_training.train_to_rung(run, attempt, title, rung)
        taken.append((attempt.rank, rung))
        if len(taken) == 3:
            now[0] = 3599.99
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finalists, "train_to_rung", reached)
        results = finalists.halved(limited, tried, "slow")
    assert len(results) == 3  # The fourth had not begun.
    best = min(range(3), key=lambda number: results[number].looks[1].log_loss)
    (ended,) = [number for number, result in enumerate(results) if result.stopped is None]
    assert ended == best and np.isfinite(results[ended].score)
    assert (tried[ended].directory / WEIGHTS).exists()
    assert not any((one.directory / CHECKPOINT).exists() for one in tried)
    # Gone on with, it stays as it is.
    assert finalists.halved(limited, tried, "again") == results


def figures(score, looks=(), stopped=None, recipe=None):
    epochs = () if score is None else (EpochQuality(score),)
    return AttemptFigures(
        rank=1, learning_rate=0.1, steps_per_epoch=8, epochs=epochs,
        best_epoch=None if score is None else 0, validation=epochs[0] if epochs else None,
        seconds=0.0, looks=looks, stopped=stopped, recipe=recipe,
    )  # fmt: skip


def test_who_was_given_up_comes_behind_who_ended_and_may_not_win():
    looks = (Look(1, 0.3), Look(2, 0.2))
    early, late = figures(None, looks[:1], 1), figures(0.1, looks, 2)
    diverged, ended = figures(None), figures(0.5)
    ranked = sorted([early, diverged, late, ended], key=lambda one: one.standing)
    assert ranked[0] is ended and ranked.index(late) < ranked.index(early)
    assert late.score == float("inf")


def test_a_refinement_is_compared_with_trainings_that_were_looked_at():
    """A further seed was the reference where it was the best, and nothing was given up."""
    recipe = Recipe()
    attempt = Attempt(3, MODELS[0], recipe, pathlib.Path("03"), refines=True)
    looked, worse = (figures(score, (Look(1, score),), recipe=recipe) for score in (0.4, 0.5))
    before = [looked, worse, figures(0.3, recipe=recipe), figures(0.2, (Look(1, 0.2),), 1, recipe)]
    assert looks_of_reference(attempt, before, 1) == looked.looks
    assert looks_of_reference(attempt, before, 2) == worse.looks
    assert looks_of_reference(attempt, before, 3) == ()
    other = dataclasses.replace(attempt, recipe=recipe.replace(row_decay=0.1))
    assert looks_of_reference(other, before, 1) == ()


def test_where_all_that_were_kept_diverge_the_best_of_the_others_is_trained_to_its_end(run):
    tried = next_attempts(run, [], [])
    given_up = figures(None, (Look(1, 0.3),), 1, run.recipe)
    again = next_attempts(run, tried, [figures(None), given_up])
    assert [one.architecture for one in again] == [tried[1].architecture]
    assert again[0].directory not in [one.directory for one in tried]


def test_an_ensemble_has_as_many_trained_to_the_end_as_it_may_take(run):
    run = dataclasses.replace(run, config=dataclasses.replace(run.config, ensemble=3))
    assert finalists.least_kept(run) == 3


@pytest.mark.slow
def test_a_run_gives_up_what_is_behind_and_says_so(finished_run, tmp_path):
    shutil.copytree(finished_run, tmp_path, dirs_exist_ok=True)
    for stage in ("retrain", "export"):
        shutil.rmtree(tmp_path / "run" / stage)
    spoken = [one for one in options(tmp_path) if one not in ("--quiet", "--refine", "0")]
    said = call(*spoken, "--halving", "--refine", 2)
    assert said.code == 0, said.err
    assert "where others are better; given up" in said.out
    found = json.loads((tmp_path / "run" / "retrain" / "result.json").read_text())
    ended = [one for one in found["attempts"] if one["stopped"] is None]
    assert len(ended) < len(found["attempts"]) == 4
    best = min(one["validation"]["log_loss"] for one in ended)
    assert found["validation"]["log_loss"] == best
    board = (tmp_path / "run" / "leaderboard.csv").read_text().splitlines()
    assert len(board) == 5 and "passes" in board[0]
    assert "given up after" in (tmp_path / "run" / "report.html").read_text()
