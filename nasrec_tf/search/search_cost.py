"""What it took a run to find its model, beyond training that once."""

import dataclasses

from nasrec_tf.search.results import (
    AttemptFigures,
    EvolutionResult,
    RecipeResult,
    RescoreResult,
    RetrainResult,
    SupernetResult,
)
from nasrec_tf.search.run import Run
from nasrec_tf.search.search_plan import rescored_rows, search_strategy
from nasrec_tf.search.search_size import PILOTS, drawn_validation_rows, score_rows
from nasrec_tf.search.workload import warmup_steps
from nasrec_tf.strategies.dnas import LogitSearch

FORWARD_SHARE = 1 / 3
"""Of a training row, what a row costs that is only predicted: a step goes forward once and back at
twice the cost."""


@dataclasses.dataclass(frozen=True)
class SearchCost:
    """The cost of a search.

    Args:
        rows: that were trained on, those predicted counting a third.
        seconds: wall time of the stages.
    """

    rows: float
    seconds: float


def search_cost(run: Run) -> SearchCost:
    """What recipe, supernet, evolution and finalists of a run cost.

    Args:
        run: a run whose retrain stage has finished.

    Raises:
        RunError: if what a stage left is damaged.
    """
    rows, seconds = rows_before_candidates(run) + rows_of_scores(run), 0.0
    for result in _results(run):
        if isinstance(result, RetrainResult):
            finalists = _finalists(result, run)
            rows += finalists.rows
            seconds += finalists.seconds
        if isinstance(result, RecipeResult | SupernetResult | EvolutionResult | RescoreResult):
            seconds += result.seconds
    return SearchCost(rows, seconds)


def rows_before_candidates(run: Run) -> float:
    """Rows that were trained on before the first candidate: by recipe and supernet.

    Those that the choice of rows to score by (``--validation-sample``) takes are among them.

    Args:
        run: a run whose stages before the search have finished.

    Raises:
        RunError: if what a stage left is damaged.
    """
    rows = rows_of_the_supernet(run)
    for result in _results(run):
        if isinstance(result, RecipeResult):
            rows += result.row_passes * result.recipe.pass_rows(run.schema.splits["train"].rows)
        elif isinstance(result, EvolutionResult):
            rows += _row_choice(run)
    return rows


def rows_of_the_supernet(run: Run) -> float:
    """Rows that the supernet was trained on.

    Where logits are learnt beside its weights, these have four rows of five, and each path that is
    compared at a step predicts the fifth.

    Args:
        run: a run whose stages before the search have finished.

    Raises:
        RunError: if what a stage left is damaged.
    """
    result = run.directory.result("supernet")
    if not isinstance(result, SupernetResult):
        return 0.0
    rows = result.steps * run.settings.batch_size
    strategy = search_strategy(run.config, run.settings, run.schema.splits["train"].rows)
    if not isinstance(strategy, LogitSearch):
        return rows
    from nasrec_tf.training.row_parts import PARTS

    learnt = max(0, result.steps - 1 - warmup_steps(result.steps))
    predicted = learnt * run.settings.batch_size * strategy.paths / PARTS
    return rows * (PARTS - 1) / PARTS + FORWARD_SHARE * predicted


def _results(run: Run) -> list[object]:
    return [run.directory.result(stage) for stage in run.config.stages]


def rows_of_scores(run: Run) -> float:
    """Rows that the scores of all candidates took, and those that were made again of the best.

    Args:
        run: a run whose search has ended.

    Raises:
        RunError: if what a stage left is damaged.
    """
    rows = 0.0
    for result in _results(run):
        if isinstance(result, EvolutionResult):
            rows += result.candidates * rows_of_a_candidate(run)
        elif isinstance(result, RescoreResult):
            splits = {name: split.rows for name, split in run.schema.splits.items()}
            tuned, scored = rescored_rows(run.settings, splits)
            rows += result.candidates * (tuned + FORWARD_SHARE * scored)
    return rows


def rows_of_a_candidate(run: Run) -> float:
    """Rows that the score of a candidate takes, those predicted counting a third.

    Args:
        run: the run.
    """
    if run.config.trains_candidates:
        return rows_of_a_trained_candidate(run)
    whole = _validation_rows(run)
    scored = drawn_validation_rows(run.config, whole) or whole
    return _tuned_rows(run) + FORWARD_SHARE * scored


def rows_of_a_trained_candidate(run: Run) -> float:
    """The same of a candidate that is trained from scratch, whether or not those of the run are.

    Args:
        run: the run.
    """
    trained = score_rows(run.config, run.schema.splits["train"].rows)
    return trained + FORWARD_SHARE * _validation_rows(run)


def _row_choice(run: Run) -> float:
    """Rows that whole scores of a few architectures take, by which rows are drawn to score by."""
    whole = _validation_rows(run)
    if run.config.trains_candidates or drawn_validation_rows(run.config, whole) is None:
        return 0.0
    return PILOTS * (_tuned_rows(run) + FORWARD_SHARE * whole)


def _tuned_rows(run: Run) -> int:
    return run.settings.fine_tune_steps * run.settings.batch_size


def _validation_rows(run: Run) -> int:
    return min(run.settings.validation_rows, run.schema.splits["validation"].rows)


def _finalists(result: RetrainResult, run: Run) -> SearchCost:
    """Of all trainings from scratch but that of the winner, which every model needs.

    What is done with the winner once it is known, a final fit, is no search for it.
    """
    won = result.rank, result.learning_rate, result.recipe
    attempts, seconds = list(result.attempts), result.seconds
    for attempt in result.attempts:
        if (attempt.rank, attempt.learning_rate, attempt.recipe) == won:
            attempts.remove(attempt)
            seconds -= attempt.seconds
            break
    if result.final_fit is not None:
        seconds -= result.final_fit.seconds
    rows = sum(trained_rows(attempt, run) for attempt in attempts)
    # What --extend has taken again was trained before this stage began.
    return SearchCost(rows, max(sum(attempt.seconds for attempt in attempts), seconds))


def trained_rows(training: AttemptFigures, run: Run) -> float:
    """Rows that a training from scratch took.

    Args:
        training: what it came to.
        run: on whose records.
    """
    recipe = training.recipe or run.stated_recipe
    return training.passes * recipe.pass_rows(run.schema.splits["train"].rows)
