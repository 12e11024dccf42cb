"""Which network is best where a training's outcome is partly chance."""

import csv
import json
import math
import pathlib
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search.search_calls import call, options

from nasrec_tf.search.attempt import Attempt
from nasrec_tf.search.finalist_seeds import (
    best_network,
    expected_seeds,
    kept_trainings,
    leading,
    networks,
    next_seed,
)
from nasrec_tf.search.references import PLAIN
from nasrec_tf.search.results import AttemptFigures, EpochQuality
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.search.training_task import WEIGHTS
from nasrec_tf.training.recipe import Recipe


def attempt(rank: int) -> Attempt:
    return Attempt(rank, SpaceModel(PLAIN), Recipe(), pathlib.Path(f"retrain/{rank:02d}-rate-0.12"))


def figures(rank: int, log_loss: float) -> AttemptFigures:
    found = EpochQuality(log_loss)
    diverged = not math.isfinite(log_loss)
    return AttemptFigures(
        rank=rank,
        learning_rate=0.12,
        steps_per_epoch=10,
        epochs=(found,),
        best_epoch=None if diverged else 0,
        validation=None if diverged else found,
        seconds=1.0,
    )


def played(losses, seeds: int, most: int = 10_000):
    """All trainings of networks of which the losses by seed are given, as a run makes them."""
    attempts = [attempt(rank) for rank in range(1, len(losses) + 1)]
    results = [figures(rank, of_network[0]) for rank, of_network in enumerate(losses, start=1)]
    while (more := next_seed(attempts, results, seeds)) is not None and len(attempts) < most:
        attempts.append(more)
        results.append(figures(more.rank, losses[more.rank - 1][more.seed - 1]))
    return attempts, results


LOSSES = st.lists(
    st.lists(st.floats(0.1, 0.9) | st.just(math.nan), min_size=4, max_size=4),
    min_size=1,
    max_size=6,
)


@given(LOSSES, st.integers(1, 4))
def test_the_network_of_the_lowest_mean_of_all_its_seeds_is_chosen(losses, seeds):
    attempts, results = played(losses, seeds)
    ranked = networks(attempts, results)
    best = best_network(attempts, results)
    assert sorted(number for one in ranked for number in one.numbers) == [*range(len(attempts))]
    for one in ranked:
        assert [attempts[n].seed for n in one.numbers] == [*range(1, len(one.numbers) + 1)]
        scores = [results[number].score for number in one.numbers]
        assert one.mean == statistics.fmean(scores) and results[one.best].score == min(scores)
    if math.isfinite(ranked[0].mean):
        # None that was given up earlier is better than it by what is known of it.
        assert best == ranked[0] and len(best.numbers) == seeds
    else:
        assert all(any(math.isnan(loss) for loss in of_network) for of_network in losses)


def test_networks_that_are_clearly_worse_are_trained_once():
    losses = [[0.50, 0.51, 0.49], [0.30, 0.34, 0.32], [0.31, 0.35, 0.31], [0.40, 0.1, 0.1]]
    attempts, results = played(losses, seeds=3)
    assert [(one.rank, one.seed) for one in attempts] == [
        *[(1, 1), (2, 1), (3, 1), (4, 1)],
        *[(2, 2), (3, 2), (2, 3)],
    ]
    assert attempts[best_network(attempts, results).numbers[0]].rank == 2


def test_a_lucky_training_does_not_win():
    losses = [[0.20, 0.60, 0.61], [0.30, 0.31, 0.32]]
    attempts, results = played(losses, seeds=3)
    assert attempts[best_network(attempts, results).numbers[0]].rank == 2
    attempts, results = played(losses, seeds=1)
    assert attempts[best_network(attempts, results).numbers[0]].rank == 1


def test_a_network_of_which_a_training_diverges_is_chosen_only_if_all_do():
    attempts, results = played([[0.20, math.nan], [0.90, 0.91]], seeds=2)
    assert attempts[best_network(attempts, results).numbers[0]].rank == 2
    attempts, results = played([[0.20, math.nan], [0.10, math.nan]], seeds=2)
    assert results[best_network(attempts, results).best].score == 0.10


@given(LOSSES, st.integers(1, 4))
def test_weights_are_kept_of_the_best_so_far_and_of_no_more_than_a_plan_counts(losses, seeds):
    attempts, results = played(losses, seeds)
    for made in range(1, len(attempts) + 1):
        so_far = attempts[:made], results[:made]
        kept = leading(*so_far, seeds)
        assert best_network(*so_far).best in kept or seeds > 1
        assert set(networks(*so_far)[0].numbers) <= kept
        assert len(kept) <= kept_trainings(seeds, made)


def test_where_time_was_over_a_network_with_more_seeds_counts_before_one_lucky_training():
    losses = [[0.30, 0.40, 0.3], [0.31, 0.2, 0.2], [0.34, 0.2, 0.2]]
    attempts, results = played(losses, seeds=3, most=4)
    assert len(attempts) == 4 and networks(attempts, results)[0].numbers == (1,)
    assert best_network(attempts, results).numbers == (0, 3)


@pytest.mark.parametrize(
    "together, refined, seeds", [(3, 0, 3), (12, 0, 3), (5, 16, 3), (2, 40, 2)]
)
def test_a_plan_counts_about_as_many_trainings_as_are_made(together, refined, seeds):
    """Where networks differ by as much as their seeds do."""
    draw, made = random.Random(0), []
    for _ in range(60):
        means = [50 + draw.gauss(0, 1) for _ in range(together)]
        attempts, results = [], []
        for rank in range(1, together + refined + 1):
            if rank > together:
                parent = attempts[best_network(attempts, results).numbers[0]].rank - 1
                means.append(means[parent] + draw.gauss(0.5, 1))
            new = attempt(rank)
            while new is not None:
                attempts.append(new)
                results.append(figures(new.rank, draw.gauss(means[new.rank - 1], 1)))
                new = next_seed(attempts, results, seeds) if rank >= together else None
        made.append(len(attempts) - together - refined)
    expected = expected_seeds(seeds, together, refined)
    assert statistics.mean(made) == pytest.approx(expected, rel=0.35)


def test_a_run_chooses_by_means_and_exports_the_best_of_the_networks_trainings(tmp_path):
    given_options = [one for one in options(tmp_path) if one not in ("--refine", "0")]
    ended = call(*given_options, "--refine", "1", "--finalist-seeds", "3", "--winner-seeds", "4")
    assert ended.code == 0, ended.err
    run = tmp_path / "run"
    with (run / "leaderboard.csv").open() as file:
        rows = list(csv.DictReader(file))
    by_network = {}
    for row in rows:
        network = by_network.setdefault((row["search_rank"], row["recipe"]), {})
        network[int(row["seed"])] = float(row["validation_log_loss"])
    means = {name: statistics.fmean(seeds.values()) for name, seeds in by_network.items()}
    best = min(means, key=means.get)
    assert sorted(by_network[best]) == [1, 2, 3] and len(by_network) == 3
    for row in rows:
        of_network = by_network[row["search_rank"], row["recipe"]]
        told = row["mean_validation_log_loss"]
        expected = means[row["search_rank"], row["recipe"]]
        assert told == "" if len(of_network) == 1 else float(told) == pytest.approx(expected)
    result = json.loads((run / "retrain" / "result.json").read_text())
    assert str(result["rank"]) == best[0] and len(result["seeds"]) == 4
    # The fourth seed is the winner's alone.
    fourth = result["seeds"][3]["validation"]["log_loss"]
    lowest = min(*by_network[best].values(), fourth)
    assert result["validation"]["log_loss"] == pytest.approx(lowest)
    kept = [path.parent.name for path in (run / "retrain").glob(f"*/{WEIGHTS}")]
    assert kept == [pathlib.Path(result["directory"]).name]
    assert "over 4 seeds" in ended.out
    page = (run / "report.html").read_text()
    assert "Mean over seeds" in page and "the best over 3 seeds" in page
