"""What it took a run to find its model, beyond training that once."""

import dataclasses

from nasrec_tf.search.results import EvolutionResult, RecipeResult, RetrainResult, SupernetResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.search_size import drawn_validation_rows, score_rows

FORWARD_SHARE = 1 / 3
"""Of a training row, what a row costs that is only predicted: a step goes forward once and back at
twice the cost."""


@dataclasses.dataclass(frozen=True)
class SearchCost:
    """The cost of a search.

    Args:
        rows: that were trained on, those predicted counting a third.
        seconds: wall time of the stages, each in the call that finished it.
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
    rows, seconds = rows_before_candidates(run), 0.0
    for result in _results(run):
        if isinstance(result, EvolutionResult):
            rows += result.candidates * rows_of_a_candidate(run)
        elif isinstance(result, RetrainResult):
            finalists = _finalists(result, run.schema.splits["train"].rows)
            rows += finalists.rows
            seconds += finalists.seconds
        if isinstance(result, RecipeResult | SupernetResult | EvolutionResult):
            seconds += result.seconds
    return SearchCost(rows, seconds)


def rows_before_candidates(run: Run) -> float:
    """Rows that were trained on before the first candidate: by recipe and supernet.

    Args:
        run: a run whose stages before the search have finished.

    Raises:
        RunError: if what a stage left is damaged.
    """
    rows = rows_of_the_supernet(run)
    for result in _results(run):
        if isinstance(result, RecipeResult):
            rows += result.row_passes * run.schema.splits["train"].rows
    return rows


def rows_of_the_supernet(run: Run) -> float:
    """Rows that the supernet was trained on.

    Args:
        run: a run whose stages before the search have finished.

    Raises:
        RunError: if what a stage left is damaged.
    """
    result = run.directory.result("supernet")
    return result.steps * run.settings.batch_size if isinstance(result, SupernetResult) else 0.0


def _results(run: Run) -> list[object]:
    return [run.directory.result(stage) for stage in run.config.stages]


def rows_of_a_candidate(run: Run) -> float:
    """Rows that the score of a candidate takes, those predicted counting a third.

    Args:
        run: the run.
    """
    config, settings = run.config, run.settings
    trained = settings.fine_tune_steps * settings.batch_size
    if config.trains_candidates:
        trained = score_rows(config, run.schema.splits["train"].rows)
    predicted = min(settings.validation_rows, run.schema.splits["validation"].rows)
    predicted = drawn_validation_rows(config, predicted) or predicted
    return trained + FORWARD_SHARE * predicted


def _finalists(result: RetrainResult, training_rows: int) -> SearchCost:
    """Of all trainings from scratch but that of the winner, which every model needs."""
    won = result.rank, result.learning_rate, result.recipe
    attempts, seconds = list(result.attempts), result.seconds
    for attempt in result.attempts:
        if (attempt.rank, attempt.learning_rate, attempt.recipe) == won:
            attempts.remove(attempt)
            seconds -= attempt.seconds
            break
    passes = sum(attempt.passes for attempt in attempts)
    # A stage that was stopped tells the time of its last call alone.
    return SearchCost(training_rows * passes, max(0.0, seconds))
