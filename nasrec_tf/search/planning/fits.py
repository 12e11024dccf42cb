"""What a run is planned to take with other settings."""

import dataclasses
from typing import Any

from nasrec_tf.search.planning.forecast import Forecast
from nasrec_tf.search.planning.samples import limited
from nasrec_tf.search.planning.stage_forecast import Seconds
from nasrec_tf.search.planning.unit_costs import RecordsCost
from nasrec_tf.search.scaling import scale, smaller_space
from nasrec_tf.search.search_plan import search_strategy
from nasrec_tf.search.time_budget import CUT, EVALUATED_ROW, FINISH, MUST, RESERVE, START

FILLED = 0.85
"""Share of the time that the plan may take: what is measured differs from what comes by as much."""

PLAYED = 3
"""Choices of a recipe that are played through for each setting that is weighed."""

Chosen = dict[str, Any]
"""Settings by option, of those that have been chosen."""


@dataclasses.dataclass(frozen=True)
class Fit:
    """Settings, and what they are planned to take.

    Args:
        chosen: by option, those that differ from what would have been.
        seconds: of all that is left.
        planned: by stage, as a time budget wants it.
    """

    chosen: Chosen
    seconds: Seconds
    planned: dict[str, float]

    @property
    def needed(self) -> float:
        """Seconds that a run has to have for this: no stage is to be cut that keeps to its plan.

        What is kept back for the end is more than is planned for it.
        """
        stages = sum(self.planned.get(name, 0.0) for name in ("records", *CUT))
        return max(self.seconds.expected / FILLED, stages + RESERVE * self.planned[FINISH])


def fit_of(forecast: Forecast, values: Chosen) -> Fit:
    """What a run is planned to take with other settings.

    Args:
        forecast: of the run as the size of the data has it.
        values: the settings by option.
    """
    changed = with_settings(forecast, values)
    by_stage = {stage.stage: stage.seconds for stage in changed.stages()}
    # Pruning is not cut either.
    pruning = by_stage["prune"].expected if "prune" in by_stage else 0.0
    finish = changed.finish_seconds() + pruning
    planned = {name: each.expected for name, each in by_stage.items()}
    planned["retrain"] = max(0.0, planned.get("retrain", 0.0) - changed.parts.choosing())
    planned[FINISH] = finish
    planned[MUST] = changed.must_seconds() + pruning
    planned[START] = changed.costs.found[0].start
    planned[EVALUATED_ROW] = changed.costs.found[0].evaluated_row
    planned.setdefault("records", 0.0)
    total = Seconds(0.0, 0.0, 0.0)
    for each in by_stage.values():
        total += each
    return Fit(values, total, planned)


def with_settings(forecast: Forecast, values: Chosen) -> Forecast:
    """The forecast of a run with other settings.

    Args:
        forecast: of the run as the size of the data has it.
        values: the settings by option.
    """
    pilot, records = forecast.pilot, forecast.records
    config = dataclasses.replace(pilot.config, **values)
    rows = dict(pilot.rows)
    if "max_rows" in values:
        before = sum(rows.values())
        found = limited(rows, values["max_rows"], config.validation_data is not None)
        rows = {name: max(1, round(count)) for name, count in found.items()}
        share = sum(rows.values()) / before
        if records is not None:
            records = RecordsCost(
                records.start, records.reading * share, round(records.disk * share), 0
            )
    changed = pilot.with_options(config, rows)
    is_smaller = all(
        getattr(changed.settings, name) <= value for name, value in smaller_space(config).items()
    )
    costs = forecast.smaller if is_smaller and forecast.smaller else forecast.costs
    costs = costs.of_batches(
        (changed.recipe.batch_size or 1) / (pilot.recipe.batch_size or 1),
        changed.settings.batch_size / pilot.settings.batch_size,
    )
    return Forecast(changed, costs, records, PLAYED, forecast.smaller)


def value_of(forecast: Forecast, values: Chosen, name: str) -> int | float:
    """A setting as it is with what has been chosen so far.

    Args:
        forecast: of the run as the size of the data has it.
        values: what has been chosen, by option.
        name: of the setting.
    """
    changed = with_settings(forecast, values)
    pilot = changed.pilot
    if name == "max_rows":
        given = pilot.config.validation_data is not None
        return max(pilot.rows.values()) if given else sum(pilot.rows.values())
    if name == "recipe_share":
        return changed.recipe_share()
    if name == "supernet_rows":
        return min(pilot.rows["train"], pilot.config.supernet_rows or pilot.rows["train"])
    if name == "epoch_rows":
        return pilot.recipe.pass_rows(pilot.rows["train"])
    settings = scale(pilot.config, pilot.rows["train"])
    if name == "candidates":
        return search_strategy(pilot.config, settings, pilot.rows["train"]).trials
    if name == "validation_rows":
        return min(settings.validation_rows, pilot.rows["validation"])
    if name == "rescore_rows":
        return min(settings.rescore_rows, pilot.rows["validation"])
    value: Any = getattr(settings, name)
    return value
