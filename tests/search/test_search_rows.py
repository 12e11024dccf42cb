"""What a search cost, in rows: counted by hand for each stage, and for passes that end early."""

import types

import pytest

from nasrec_tf.architecture.space import NASREC_SMALL
from nasrec_tf.report import QualitySummary
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.finalist_seeds import expected_seeds
from nasrec_tf.search.planning import later_stages
from nasrec_tf.search.results import (
    AttemptFigures,
    EpochQuality,
    EvolutionResult,
    FinalFit,
    RecipeResult,
    RetrainResult,
    SupernetResult,
)
from nasrec_tf.search.scaling import scale
from nasrec_tf.search.search_cost import (
    rows_before_candidates,
    rows_of_a_candidate,
    rows_of_a_trained_candidate,
    rows_of_the_supernet,
    search_cost,
)
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.training.recipe import Recipe

TRAIN, VALIDATION = 10_000, 3_000
FOUND = NASREC_SMALL.replace(num_blocks=1).widest
QUALITY = EpochQuality(log_loss=0.5, auc=0.7)
OF_TEST = QualitySummary(0.5, 100)

CANDIDATE = 5 * 100 + 2_000 / 3
"""Rows of a score: five steps of the final layer, and a third of what is predicted."""


def run_of(results, **options):
    """What is read of a run, of so many rows, with batches of 100."""
    tuning = {} if "score_by" in options else {"fine_tune_steps": 5}
    config = SearchConfig(batch_size=100, validation_rows=2_000, **tuning, **options)
    splits = {"train": TRAIN, "validation": VALIDATION}
    return types.SimpleNamespace(
        config=config,
        settings=scale(config, TRAIN),
        schema=types.SimpleNamespace(
            splits={name: types.SimpleNamespace(rows=rows) for name, rows in splits.items()}
        ),
        directory=types.SimpleNamespace(result=results.get),
        stated_recipe=Recipe(),
    )


def supernet(steps=1_000):
    return SupernetResult(steps=steps, parameters=1, seconds=10.0)


def evolution(candidates=7):
    return EvolutionResult(
        candidates=candidates, best=(FOUND,), best_hardware=(None,), best_log_loss=0.5, seconds=20.0
    )


def attempt(rank, epochs, recipe, seconds=1.0):
    return AttemptFigures(
        rank=rank, learning_rate=recipe.learning_rate, steps_per_epoch=10, recipe=recipe,
        epochs=(QUALITY,) * epochs, best_epoch=0, validation=QUALITY, seconds=seconds,
    )  # fmt: skip


def retrain(recipe, attempts, **more):
    winner = attempts[0]
    return RetrainResult(
        rank=winner.rank, learning_rate=recipe.learning_rate, recipe=recipe, directory="retrain/01",
        architecture=SpaceModel(FOUND), validation=QUALITY, test=OF_TEST,
        attempts=tuple(attempts), seconds=100.0, **more,
    )  # fmt: skip


@pytest.mark.parametrize(("epoch_rows", "of_a_pass"), [(0, TRAIN), (500, 500), (99_999, TRAIN)])
def test_a_search_costs_all_that_its_stages_train_on_but_the_winner(epoch_rows, of_a_pass):
    recipe = Recipe(batch_size=100, epochs=3, epoch_rows=epoch_rows)
    chosen = RecipeResult(
        recipe=recipe, architecture=SpaceModel(FOUND), trials=(), row_passes=12.5, seconds=5.0
    )
    trainings = [attempt(1, 3, recipe, 8.0), attempt(2, 2, recipe), attempt(3, 1, recipe)]
    run = run_of(
        {"recipe": chosen, "supernet": supernet(), "evolution": evolution(),
         "retrain": retrain(recipe, trainings)}
    )  # fmt: skip
    assert rows_before_candidates(run) == pytest.approx(12.5 * of_a_pass + 1_000 * 100)
    found = search_cost(run)
    assert found.rows == pytest.approx(
        12.5 * of_a_pass + 1_000 * 100 + 7 * CANDIDATE + (2 + 1) * of_a_pass
    )
    assert found.seconds == pytest.approx(5 + 10 + 20 + (100 - 8))


def test_a_final_fit_is_no_search():
    recipe = Recipe(batch_size=100, epochs=1)
    fit = FinalFit(rows=TRAIN + VALIDATION, epochs=1.0, steps=130, seconds=30.0)
    run = run_of({"retrain": retrain(recipe, [attempt(1, 1, recipe, 8.0)], final_fit=fit)})
    assert (search_cost(run).rows, search_cost(run).seconds) == (0.0, 100 - 8 - 30)


def test_trainings_that_were_taken_again_have_taken_their_time():
    """After ``--extend`` the stage itself has taken less than they have: it was nothing at all."""
    recipe = Recipe(batch_size=100, epochs=1)
    trainings = [attempt(1, 1, recipe, 800.0), attempt(2, 1, recipe, 700.0)]
    assert search_cost(run_of({"retrain": retrain(recipe, trainings)})).seconds == 700.0


def test_rows_that_are_drawn_to_score_by_are_chosen_by_whole_scores_of_four():
    results = {"supernet": supernet(), "evolution": evolution()}
    run = run_of(results, validation_sample=300)
    assert rows_of_a_candidate(run) == pytest.approx(500 + 300 / 3)
    assert rows_before_candidates(run) == pytest.approx(100_000 + 4 * CANDIDATE)
    whole = run_of(results, validation_sample=2_000)  # As many as there are: none is drawn.
    assert rows_of_a_candidate(whole) == pytest.approx(CANDIDATE)
    assert rows_before_candidates(whole) == pytest.approx(100_000)


def test_logits_have_a_fifth_of_the_rows_which_each_path_predicts():
    run = run_of({"supernet": supernet()}, strategy="dnas", strategy_options="paths=6")
    # Of 1,000 steps the first fifth trains weights alone, and logits begin after the next.
    learnt = 1_000 - 200 - 1
    assert rows_of_the_supernet(run) == pytest.approx(1_000 * 80 + learnt * 20 * 6 / 3)


def test_a_candidate_that_is_trained_is_predicted_as_well():
    run = run_of({}, strategy="random", score_by="training", score_rows=4_000)
    assert rows_of_a_candidate(run) == pytest.approx(4_000 + 2_000 / 3)
    assert rows_of_a_trained_candidate(run_of({}, strategy="random")) == pytest.approx(
        TRAIN + 2_000 / 3
    )


def test_a_plan_counts_the_rows_that_a_run_trains_on_by_its_shorter_passes():
    config = SearchConfig(
        recipe="paper", batch_size=100, fine_tune_steps=5, validation_rows=2_000, top_k=4, refine=2,
        supernet_epochs=3, supernet_rows=2_000, epoch_rows=500, candidates=48,
        finalist_seeds=3,
    )  # fmt: skip
    pilot = types.SimpleNamespace(
        config=config, settings=scale(config, TRAIN), warm_start=None,
        rows={"train": TRAIN, "validation": VALIDATION},
        recipe=Recipe(batch_size=100, epochs=2, epoch_rows=500),
    )  # fmt: skip
    parts = types.SimpleNamespace(pilot=pilot, whole_trainings=lambda first: first)
    seeded = expected_seeds(3, 4, 2)
    trainings = (4 + 2 + seeded) * 2 * 500
    assert later_stages._trained_rows(parts) == pytest.approx(
        trainings + 3 * 2_000 + 48 * CANDIDATE
    )
