"""Simple models that a run trains beside what it found: is the search worth it?

Each is trained as the winner was: on the same split, in the same order of rows, by the winner's
recipe. Logistic regression, which that would leave far from what it can do, has a learning rate and
a row decay of its own, chosen by validation; a hand-made model that hardly leaves the click rate by
the winner's recipe is trained by one or two others (``nasrec_tf/training/ways_out.py``). The test
split is looked at once for each.
"""

import dataclasses
import functools
import math
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from nasrec_tf.architecture.presets import presets
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.operators import BY_LAYER, NO_NORM
from nasrec_tf.report import DifferenceSummary, QualitySummary, YardstickSummary
from nasrec_tf.report.explanation_summary import CONSTANT
from nasrec_tf.report.verdict import told_yardstick
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.explained_model import ExplainedModel
from nasrec_tf.search.from_scratch import Trained, load_trained, train_from_scratch
from nasrec_tf.search.memory_check import training_bytes
from nasrec_tf.search.option_groups.retrain_options import YARDSTICKS
from nasrec_tf.search.recipe_search import RecipeSearch
from nasrec_tf.search.run import Run
from nasrec_tf.search.search_cost import search_cost
from nasrec_tf.search.trainable import (
    NOT_OF_BASELINES,
    HandMade,
    SpaceModel,
    Trainable,
    load_trainable,
)
from nasrec_tf.search.training_task import WEIGHTS, FromScratch, clear_checkpoint
from nasrec_tf.search.winner_quality import Predicted
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.ways_out import has_learnt, ways_out

AUTO, _, NONE = YARDSTICKS

HAND_MADE = ("lr", "dlrm")
"""Those that are no architectures of our space."""

SHARE = 0.25
"""With ``AUTO``: they are trained on at most this share of the rows that the run trained on."""

LEAST_ROWS = 3_000_000
"""With ``AUTO`` they may take so many rows in any case: a minute or two."""

SHALLOW_TRAININGS = 10
"""Short trainings that the choice of a recipe for logistic regression may take."""

RESULT, TRAINING, CHOICE = "yardstick.json", "training", "recipe"


def yardsticks(
    run: Run, found: ExplainedModel, test: Predicted, directory: pathlib.Path
) -> tuple[YardstickSummary, ...]:
    """Every yardstick beside the found model, going on where an earlier call was stopped.

    Args:
        run: the run.
        found: what they are compared with.
        test: what that makes of the test split.
        directory: where their trainings lie.

    Raises:
        RunError: if what an earlier call left is damaged.
    """
    if run.config.yardsticks == NONE:
        return ()
    beside = _Beside(run, found, test, directory)
    constant = beside.constant()
    return (() if constant is None else (constant,)) + tuple(beside.trained())


def row_share(run: Run, found: tuple[YardstickSummary, ...]) -> float:
    """Rows that yardsticks were trained on, as a share of those that the run itself trained on.

    Args:
        run: the run.
        found: the yardsticks.
    """
    return sum(one.passes for one in found) * _pass_rows(run, run.recipe) / _rows_of_run(run)


def row_budget(config: SearchConfig, rows_of_run: float) -> float:
    """Rows that yardsticks may be trained on together.

    Args:
        config: the options.
        rows_of_run: that the run itself trained on.
    """
    return max(LEAST_ROWS, SHARE * rows_of_run) if config.yardsticks == AUTO else math.inf


def yardstick_models(run: Run, found: Trainable) -> dict[str, Trainable]:
    """The models that are trained beside a found one, the cheapest first.

    Args:
        run: the run.
        found: what it found, which is not trained again.
    """
    models = {name: load_trainable(name) for name in HAND_MADE}
    name, preset = _nearest_preset(run)
    models[name] = preset
    return {name: model for name, model in models.items() if model.identity != found.identity}


def _nearest_preset(run: Run) -> tuple[str, Trainable]:
    """Of the published architectures of the run's space the one that costs least on its data."""
    size = "-small" if run.config.space == "nasrec-small" else "-full"
    costs = {
        name: run.cost(preset.architecture).mflops
        for name, preset in presets().items()
        if name.endswith(size)
    }
    best = min(costs, key=lambda name: (costs[name], name))
    return best, SpaceModel(presets()[best].architecture)


def recipe_for(model: Trainable, recipe: Recipe) -> Recipe:
    """The recipe without what a hand-made model has no part for.

    Args:
        model: what is to be trained.
        recipe: the winner's.

    Example:
        >>> recipe = Recipe(row_decay=0.003, normalization="layer", head_dropout=0.1)
        >>> str(recipe_for(load_trainable("lr"), recipe))
        'row_decay 0.003'
    """
    if not isinstance(model, HandMade):
        return recipe
    changes: dict[str, Any] = dict.fromkeys(NOT_OF_BASELINES, 0.0)
    if recipe.normalization == BY_LAYER:
        changes["normalization"] = NO_NORM
    return recipe.replace(**changes)


def refusal(run: Run, model: Trainable, recipe: Recipe) -> str | None:
    """Why a model cannot be trained on the data of a run, by its fields or by memory, if so.

    Args:
        run: the run.
        model: what is to be trained.
        recipe: how.
    """
    from nasrec_tf.common.machine_memory import machine_memory_bytes

    try:
        model.check(recipe)
        needed, _ = training_bytes(run, model, recipe)
    except UserError as error:
        return str(error)
    if needed > machine_memory_bytes():
        return "its training does not fit into the memory of this machine"
    return None


def _rows_of_run(run: Run) -> float:
    """Rows that the run trained on: the search, and the winner's own training."""
    # Of the recipe: its own number of passes, where it says one, not that of the data's size.
    winner = (run.recipe.epochs or run.settings.retrain_epochs) * _pass_rows(run, run.recipe)
    return search_cost(run).rows + winner


def _pass_rows(run: Run, recipe: Recipe) -> int:
    return recipe.pass_rows(run.schema.splits["train"].rows)


class _Beside:
    """Trains and measures yardsticks, each of which is kept in a file once it is done."""

    def __init__(self, run: Run, found: ExplainedModel, test: Predicted, directory: pathlib.Path):
        self._run, self._result, self._directory = run, found.result, directory
        self._test = test

    def constant(self) -> YardstickSummary | None:
        """The training split's click rate for every row; ``None`` if there is one label alone."""
        rate = self._run.schema.splits["train"].label_rate
        if not 0 < rate < 1:
            return None

        def measured() -> YardstickSummary:
            logits = np.full(len(self._test.labels), math.log(rate / (1 - rate)), np.float32)
            test, difference = self._judged(logits)
            return YardstickSummary(CONSTANT, "the click rate alone", test, difference)

        return self._kept(CONSTANT, measured)

    def trained(self) -> list[YardstickSummary]:
        """The models, as many as may be trained."""
        run, result = self._run, self._result
        budget = row_budget(run.config, _rows_of_run(run))
        recipe = result.recipe or run.recipe.replace(learning_rate=result.learning_rate)
        done, rows = [], 0.0
        for name, model in yardstick_models(run, result.architecture).items():
            own = recipe_for(model, recipe)
            planned = _pass_rows(run, own) * (own.epochs or run.settings.retrain_epochs)
            refused = self._refused(model, own, rows + planned > budget)
            if refused is None:
                rows += planned
                found = self._kept(name, functools.partial(self._trained, name, model, own))
            else:
                found = YardstickSummary(name, _title(name, model), left_out=refused)
            done.append(found)
            run.say(told_yardstick(found))
        return done

    def _refused(self, model: Trainable, recipe: Recipe, is_over: bool) -> str | None:
        """Why a model cannot be trained, if it cannot."""
        if is_over:
            return (
                f"it would take more than {SHARE:.0%} of the rows that the run trained on "
                "(--yardsticks all trains it)"
            )
        return refusal(self._run, model, recipe)

    def _kept(self, name: str, make: Callable[[], YardstickSummary]) -> YardstickSummary:
        directory = self._directory / name
        path = directory / RESULT
        done = read_state(path, YardstickSummary, f"delete {directory} to measure it again")
        if done is None:
            done = make()
            directory.mkdir(parents=True, exist_ok=True)
            write_state(path, done)
        # Also where an earlier call was stopped between the two: full tables are large.
        for training in directory.iterdir():
            if training.is_dir():
                (training / WEIGHTS).unlink(missing_ok=True)
                clear_checkpoint(training)
        return done

    def _trained(self, name: str, model: Trainable, recipe: Recipe) -> YardstickSummary:
        run = self._run
        recipe, passes = self._own_recipe(name, model, recipe)
        directory = self._directory / name / TRAINING
        training = self._from_scratch(name, model, recipe, directory)
        passes += training.passes
        for field, other in _ways_out(model, recipe, training):
            run.say(f"{name}: hardly learns by the winner's recipe; trying {other}")
            there = self._directory / name / field
            found = self._from_scratch(name, model, other, there)
            passes += found.passes
            if _score(found) < _score(training):
                training, recipe, directory = found, other, there
            if _learnt(found):
                break
        cost = run.model_cost(model, recipe)
        test = difference = None
        if training.validation is not None:
            logits = self._logits(model, directory, recipe)
            if np.isfinite(logits).all():
                test, difference = self._judged(logits)
        return YardstickSummary(
            name=name,
            title=_title(name, model),
            test=test,
            difference=difference,
            recipe=str(recipe),
            mflops=cost.mflops,
            parameters=cost.parameters,
            embedding_parameters=cost.embedding_parameters,
            passes=passes,
            seconds=training.seconds,
        )

    def _from_scratch(
        self, name: str, model: Trainable, recipe: Recipe, directory: pathlib.Path
    ) -> Trained:
        # The purpose of the finalists': the same order of rows.
        what = FromScratch(model, recipe, directory, again="train it again")
        return train_from_scratch(self._run, what, f"beside it: {name}")

    def _own_recipe(self, name: str, model: Trainable, recipe: Recipe) -> tuple[Recipe, float]:
        """The recipe for a model, and the passes that its choice took, which cost little here."""
        if not model.is_shallow:
            return recipe, 0.0
        start = self._run.completed(recipe)
        passes = SHALLOW_TRAININGS * start.epochs
        directory = self._directory / name / CHOICE
        found = RecipeSearch(self._run, model, directory, passes, "its share of passes")(start)
        return found.recipe, found.row_passes

    def _logits(self, model: Trainable, directory: pathlib.Path, recipe: Recipe) -> np.ndarray:
        from nasrec_tf.training.evaluation import Predictor

        network = load_trained(self._run, model, directory, recipe)
        predict = Predictor(network, self._run.records)
        return self._run.predicted(predict, "yardstick", "test")[1]

    def _judged(self, logits: np.ndarray) -> tuple[QualitySummary, DifferenceSummary]:
        from nasrec_tf.training.ensembles import paired_difference

        test, seed = self._test, self._run.config.seed
        difference = paired_difference(test.labels, test.logits, logits, seed, test.weights)
        found = DifferenceSummary(**dataclasses.asdict(difference))
        return test.of(logits).quality(seed=seed), found


def _ways_out(
    model: Trainable, recipe: Recipe, training: Trained
) -> tuple[tuple[str, Recipe], ...]:
    """What else a model is trained by: nothing where it has learnt, its recipe is its own, or the
    time was over."""
    is_tried = isinstance(model, HandMade) and not model.is_shallow and training.cut is None
    return ways_out(recipe, ()) if is_tried and not _learnt(training) else ()


def _learnt(training: Trained) -> bool:
    return training.validation is not None and has_learnt(training.validation.auc)


def _score(training: Trained) -> float:
    return math.inf if training.validation is None else training.validation.log_loss


def _title(name: str, model: Trainable) -> str:
    return model.told if isinstance(model, HandMade) else f"the preset {name}"
