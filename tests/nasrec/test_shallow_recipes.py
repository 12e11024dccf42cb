"""Logistic regression is trained by steps of its own, with decay only where that is better."""

import pytest

from nasrec_tf.search.trainable import load_trainable
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipe_choice import Outcome, RecipeChoice
from nasrec_tf.training.recipe_questions import LARGE_ROWS
from nasrec_tf.training.shallow_recipes import shallow_questions, shallow_start

START = Recipe(batch_size=128, epochs=5, row_decay=0.003)

# Validation log losses of logistic regression, the best of five passes, by rate and row decay.
CRITEO_HEAD = {(0.12, 0.0): 0.4927, (0.48, 0.0): 0.5045, (1.92, 0.0): 0.7468, (0.12, 0.01): 0.4857,
               (0.48, 0.01): 0.4737, (1.92, 0.01): 0.4779}  # fmt: skip
MOVIELENS = {(0.12, 0.0): 0.4532, (0.48, 0.0): 0.3552, (1.92, 0.0): 0.3352, (7.7, 0.0): 0.4559,
             (0.48, 0.001): 0.5607, (1.92, 0.001): 0.5607}  # fmt: skip


def chosen(losses, budget=1000):
    """What is chosen among measured trainings; others are worse than all of them."""

    def measure(question, recipe, replica):
        place = min(losses, key=lambda known: _distance(known, recipe))
        far = _distance(place, recipe) > 1.5
        return Outcome(9.0 if far else losses[place], passes=5)

    start = shallow_start(START, ())
    found = RecipeChoice(measure, budget)(start, shallow_questions(start, 8_000, ()))
    return round(found.learning_rate, 2), found.row_decay > 0


def _distance(known, recipe):
    rate, decay = known
    unlike = (decay > 0) != (recipe.row_decay > 0)
    return 10 * unlike + max(rate, recipe.learning_rate) / min(rate, recipe.learning_rate)


@pytest.mark.parametrize("losses, best", [(CRITEO_HEAD, (0.48, True)), (MOVIELENS, (1.92, False))])
def test_the_best_of_measured_trainings_is_found_within_ten_of_them(losses, best):
    assert chosen(losses, budget=50) == best


def test_models_without_hidden_layers_are_those_that_are_asked_so():
    shallow = {name for name in ("lr", "fm", "dlrm", "deepfm") if load_trainable(name).is_shallow}
    assert shallow == {"lr", "fm"}
    assert not load_trainable("nasrec-criteo-small").is_shallow


def test_what_is_given_stays_and_other_optimizers_keep_their_steps():
    assert shallow_start(START, {"row_decay", "learning_rate"}) == START
    adam = START.replace(optimizer="adam", learning_rate=0.001)
    assert shallow_start(adam, ()) == adam.replace(row_decay=0.0)
    asked = shallow_questions(START, 8_000, {"learning_rate"})
    assert [question.field for question in asked] == ["row_decay", "embedding_dim", "epochs"]


def test_large_logs_are_asked_for_little():
    fields = [question.field for question in shallow_questions(START, LARGE_ROWS, ())]
    assert fields == ["row_decay"]
