"""A short training is the first part of a training, under a schedule of its own."""

import math

import numpy as np
import pytest
from core_cases import SMALL, SMALL_OPTIONS
from tqdm import tqdm

from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.training.evaluation import Predictor, log_losses
from nasrec_tf.training.loop import train
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.short_training import ShortTrainingPlan, TrainingScorer
from nasrec_tf.training.training_plan import TrainingPlan

SPACE = SMALL.replace(num_blocks=2)
ARCHITECTURE = SPACE.sample(np.random.default_rng(3))
BATCH = 32
RECIPE = Recipe(batch_size=BATCH, epochs=1, row_decay=0.01, learning_rate=0.05)


def network(records):
    return Subnet(ARCHITECTURE, records.features, SMALL_OPTIONS, seed=4)


def scorer(records, rows, recipe=RECIPE, validation_rows=70):
    plan = ShortTrainingPlan(recipe, seed=5, rows=rows, validation_rows=validation_rows)
    return TrainingScorer(lambda architecture: network(records), records, plan)


@pytest.mark.parametrize(
    "changes", [{}, {"weight_average": 0.9}, {"epochs": 2}], ids=["plain", "averaged", "two passes"]
)
def test_over_whole_passes_it_is_the_training_of_the_final_networks(records, tmp_path, changes):
    recipe = RECIPE.replace(**changes)
    whole = network(records)
    with tqdm(disable=True) as bar:
        train(whole, records, TrainingPlan(recipe, seed=5), tmp_path, bar)
    labels, logits = Predictor(whole, records)("validation", 70)
    rows = recipe.epochs * records.steps_per_epoch(BATCH) * BATCH + BATCH - 1
    found = scorer(records, rows, recipe)(ARCHITECTURE)
    assert found == {"log_loss": float(np.mean(log_losses(labels, logits)))}


def test_the_same_architecture_gets_the_same_score_and_more_rows_another_one(records):
    short, again, longer = (scorer(records, rows)(ARCHITECTURE) for rows in (128, 128, 256))
    assert short == again != longer


def test_a_training_that_diverges_has_no_score(records):
    found = scorer(records, 128, RECIPE.replace(learning_rate=1e20, clip_norm=0.0))(ARCHITECTURE)
    assert not math.isfinite(found["log_loss"])


def test_rows_that_are_no_batch_are_refused(records):
    with pytest.raises(UserError, match="--score-rows 31 is fewer than the 32 rows of a batch"):
        scorer(records, 31)


def test_a_rate_that_evaluations_lower_is_refused_where_there_are_none(records):
    with pytest.raises(UserError, match="a short training leaves no validation split for"):
        scorer(records, 128, RECIPE.replace(schedule="plateau"))
