"""Stages that come last, and that not every run has: pruning, and what explains the model."""

import statistics

from nasrec_tf.search.finalist_seeds import expected_seeds
from nasrec_tf.search.option_groups.recipe_options import AUTO
from nasrec_tf.search.planning.forecast_parts import Parts
from nasrec_tf.search.planning.stage_forecast import EARLIEST, StageForecast, about
from nasrec_tf.search.search_cost import FORWARD_SHARE
from nasrec_tf.search.search_plan import (
    candidate_rows,
    rescored,
    rescored_rows,
    search_strategy,
)
from nasrec_tf.search.why import predicted_rows
from nasrec_tf.search.workload import finalists, recipe_passes
from nasrec_tf.search.yardsticks import SHALLOW_TRAININGS, row_budget

EXPLAIN_LOADS = 3
"""Times that a network is loaded and traced to be explained."""


def pruning(parts: Parts) -> StageForecast:
    """Trainings between prunings, and what is left measured.

    Args:
        parts: of the run.
    """
    costs = parts.costs
    assert costs.pruned is not None, "a stage that is left has been measured"
    trainings = parts.pilot.config.prune_settings().iterations + 1
    each = sorted(parts.training(cost) for cost in costs.found)
    dearer = parts.training(costs.pruned) / parts.training(costs.found[0])
    ends = [trainings * dearer * seconds for seconds in (EARLIEST * each[0], each[-1])]
    expected = trainings * dearer * statistics.mean(each)
    validation = parts.pilot.rows["validation"] * costs.found[0].evaluated_row
    beside = parts.choosing() + validation
    size = parts.pilot.network_bytes(parts.pilot.recipe)
    return StageForecast(
        "prune",
        about(expected + beside, *(end + beside for end in ends)),
        parts.memory(size),
        2 * size,
        f"{trainings} trainings",
    )


def explaining(parts: Parts) -> StageForecast:
    """Simple models beside the winner, and rows that tell what it relies on.

    Args:
        parts: of the run.
    """
    pilot, costs, cost = parts.pilot, parts.costs, parts.costs.found[0]
    rows, recipe = pilot.rows, pilot.recipe
    passed = recipe.pass_rows(rows["train"]) * (recipe.epochs or 1)
    budget, trained, seconds = row_budget(pilot.config, _trained_rows(parts)), 0.0, 0.0
    count = 0
    for beside in costs.yardsticks:
        if trained + passed <= budget:
            trained, count = trained + passed, count + 1
            # Logistic regression, the first, has a recipe of its own.
            seconds += parts.training(beside) * (1 + SHALLOW_TRAININGS * (count == 1))
            seconds += rows["test"] * (beside.evaluated_row + costs.judged_row)
    features = len(pilot.schema.dense) + len(pilot.schema.sparse)
    predicted = rows["test"] + predicted_rows(features, costs.parts, rows["test"])
    # It is loaded for the test split, for features and for parts.
    seconds += EXPLAIN_LOADS * cost.start + predicted * cost.evaluated_row
    seconds += parts.loading("test") + rows["test"] * costs.judged_row
    least = seconds * EARLIEST if count else seconds
    return StageForecast(
        "explain",
        about(seconds, least),
        parts.memory(pilot.network_bytes(recipe)),
        0,
        f"{count} simple models beside it",
    )


def _trained_rows(parts: Parts) -> float:
    """Rows that the run trains on, as yardsticks are allowed a share of."""
    pilot, rows = parts.pilot, parts.pilot.rows["train"]
    first = finalists(pilot.config, pilot.settings)
    seeded = expected_seeds(pilot.config.finalist_seeds, first, pilot.settings.refine)
    trainings = parts.whole_trainings(first) + pilot.settings.refine + seeded
    passes = trainings * (pilot.recipe.epochs or 1)
    if pilot.config.recipe == AUTO and pilot.warm_start is None:
        passes += recipe_passes(pilot.config, pilot.settings, pilot.rows)
    trained: float = passes * pilot.recipe.pass_rows(rows)
    if pilot.config.architecture is not None:
        return trained
    if not pilot.config.trains_candidates:
        epoch = min(rows, pilot.config.supernet_rows or rows)
        trained += pilot.settings.supernet_epochs * epoch
    trials = search_strategy(pilot.config, pilot.settings, rows).trials
    scores = [
        (trials, candidate_rows(pilot.config, pilot.settings, pilot.rows)),
        (rescored(pilot.config, trials), rescored_rows(pilot.settings, pilot.rows)),
    ]
    return trained + sum(
        count * (tuned + FORWARD_SHARE * scored) for count, (tuned, scored) in scores
    )
