"""``--max-hours``: the settings of a run that fit a time, the best of them by what is expected.

What the size of the data asks for is where it begins. While that is planned to take too long, the
cut is made that saves the most time for what it is expected to cost in quality (``WEIGHTS``); where
time is left over, more networks are trained from scratch, then more candidates are scored. What the
user has said is never changed, nor what a stage has read that has begun.

On a large log the first cut is that of ``SHORT_SCORES``: all candidates by short scores, the best
of them again by whole ones. What that loses was measured (docs/scaling.md, "The best scored
again"), and is less than half of the candidates would. There a pass may end before all rows, too:
what is trained on is then a part of the whole log, and vocabularies and figures are of all of it,
while ``max_rows`` leaves the log's first rows alone.
"""

import dataclasses
from collections.abc import Collection
from typing import Any

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.options import flag
from nasrec_tf.search.planning.fitted_options import (
    LEAST,
    LONG_SCORES,
    MOST,
    PASSES,
    SCORED_AGAIN,
    SHORT_SCORES,
    WEIGHTS,
    is_left_open,
    without_use,
)
from nasrec_tf.search.planning.forecast import Forecast
from nasrec_tf.search.planning.samples import limited
from nasrec_tf.search.planning.stage_forecast import Seconds
from nasrec_tf.search.planning.unit_costs import RecordsCost
from nasrec_tf.search.scaling import scale
from nasrec_tf.search.search_plan import search_strategy
from nasrec_tf.search.time_budget import CUT, EVALUATED_ROW, FINISH, MUST, RESERVE, START

FILLED = 0.85
"""Share of the time that the plan may take: what is measured differs from what comes by as much."""

PLAYED = 3
"""Choices of a recipe that are played through for each setting that is weighed."""

LEAST_SHARE = 0.02
"""A share of the rows below which a recipe is not chosen."""

Chosen = dict[str, Any]


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


def fitted(forecast: Forecast, left: float, fixed: Collection[str] = ()) -> Fit:
    """The settings that fit.

    Args:
        forecast: of the run as the size of the data has it.
        left: seconds.
        fixed: options that stages have read that have begun.

    Raises:
        UserError: if the end of a run alone takes longer.
    """
    knobs = _knobs(forecast, fixed)
    values: Chosen = {}
    halvings = dict.fromkeys(knobs, 0)
    found = _fit(forecast, values)
    while found.needed > left:
        cut = _best_cut(forecast, values, knobs, found, halvings)
        if cut is None:
            break
        name, values, found = cut
        halvings[name] += 1
    else:
        values, found = _grown(forecast, values, knobs, found, left)
    needed = found.planned[FINISH] + found.planned["records"]
    if needed > left:
        # Measuring the machine takes time as well, perhaps more than there was.
        rest = f"{left / 3600:.2g} are left" if left > 0 else "measuring that has taken all of them"
        raise UserError(
            f"--max-hours: this machine needs about {needed / 3600:.2g} hours to read the log and "
            f"to export a network, and {rest}: give more, or a smaller "
            "--max-rows."
        )
    return found


def _knobs(forecast: Forecast, fixed: Collection[str]) -> list[str]:
    config = forecast.pilot.config
    unused = without_use(config)
    if config.data is None or forecast.records is None or not forecast.records.disk:
        unused.add("max_rows")
    if config.validation_sample is not None or not all(
        _is_open(config, name, fixed) for name in ("rescore", *SHORT_SCORES)
    ):
        unused |= {"rescore", "rescore_rows"}
    return [name for name in WEIGHTS if _is_open(config, name, fixed) and name not in unused]


def _is_open(config: SearchConfig, name: str, fixed: Collection[str]) -> bool:
    return is_left_open(config, name) and name not in fixed


def _fit(forecast: Forecast, values: Chosen) -> Fit:
    changed = _with(forecast, values)
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


def _with(forecast: Forecast, values: Chosen) -> Forecast:
    """The forecast of a run with other settings."""
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
    costs = forecast.costs.of_batches(
        (changed.recipe.batch_size or 1) / (pilot.recipe.batch_size or 1),
        changed.settings.batch_size / pilot.settings.batch_size,
    )
    return Forecast(changed, costs, records, PLAYED)


def _best_cut(
    forecast: Forecast, values: Chosen, knobs: list[str], now: Fit, halvings: dict[str, int]
) -> tuple[str, Chosen, Fit] | None:
    """The cut that saves most for what it costs; ``None`` if nothing is left to cut."""
    cuts = {name: _cut(forecast, values, name) for name in knobs}
    found = {name: (cut, _fit(forecast, cut)) for name, cut in cuts.items() if cut is not None}
    gains = {
        name: (now.needed - fit.needed) / (WEIGHTS[name] * 2 ** halvings[name])
        for name, (_, fit) in found.items()
        if fit.needed < now.needed
    }
    if gains.keys() & PASSES.keys():
        gains.pop("max_rows", None)  # What it takes away is more than rows to train on.
    if gains:
        best = max(gains, key=gains.__getitem__)
        return best, *found[best]
    # A smaller log asks for more, of a recipe and of trainings with others: half of the rows may
    # gain nothing.
    if "recipe_share" in found:
        cut = {**values, "recipe_share": 0.0}
        return "recipe_share", cut, _fit(forecast, cut)
    fewer = cuts.get("max_rows")
    while fewer is not None:
        fit = _fit(forecast, fewer)
        if fit.needed < now.needed:
            return "max_rows", fewer, fit
        fewer = _cut(forecast, fewer, "max_rows")
    return None


def _cut(forecast: Forecast, values: Chosen, name: str) -> Chosen | None:
    """What is chosen where one setting more is cut; ``None`` where it is at its least."""
    if name == "rescore":
        is_cut = name not in values and _has_long_scores(forecast, values)
        return _scored_again(forecast, {**values, **SHORT_SCORES, name: 1}) if is_cut else None
    if name == "rescore_rows" and "rescore" not in values:
        return None
    if name in PASSES and _value(forecast, values, PASSES[name]) > LEAST[PASSES[name]]:
        return None
    less = _less(forecast, values, name)
    if less is None:
        return None
    cut = {**values, name: less}
    if name == "max_rows":
        cut = _of_fewer_rows(forecast, cut, values)
    return _scored_again(forecast, cut)


def _scored_again(forecast: Forecast, values: Chosen) -> Chosen:
    """With as many candidates scored again, where some are, as the finalists ask for."""
    if "rescore" not in values:
        return values
    return {**values, "rescore": SCORED_AGAIN * int(_value(forecast, values, "top_k"))}


def _of_fewer_rows(forecast: Forecast, cut: Chosen, before: Chosen) -> Chosen:
    """What is chosen where less of the log is read, without what that has made pointless.

    A smaller log is gone over more often and has further trainings: not where time is short.
    """
    rows = _with(forecast, cut).pilot.rows["train"]
    cut = {name: value for name, value in cut.items() if name not in PASSES or value < rows}
    for name in sorted({"refine", *PASSES.values()} - without_use(forecast.pilot.config)):
        usual = int(_value(forecast, before, name))
        if _value(forecast, cut, name) > usual:
            cut[name] = usual
    if "rescore" not in cut:
        return cut
    # Scores of a smaller log are shorter, and short ones lose more.
    of_short = {"rescore", "rescore_rows", *SHORT_SCORES}
    whole = {name: value for name, value in cut.items() if name not in of_short}
    return cut if _has_long_scores(forecast, whole) else whole


def _has_long_scores(forecast: Forecast, values: Chosen) -> bool:
    """Whether scores are as long as those of which it is known what short ones lose."""
    return all(int(_value(forecast, values, name)) >= LONG_SCORES[name] for name in LONG_SCORES)


def _less(forecast: Forecast, values: Chosen, name: str) -> int | float | None:
    """Half of a setting, or as much of it as the search needs; ``None`` at its least."""
    now = _value(forecast, values, name)
    if name == "recipe_share":
        half = now / 2 if now / 2 >= LEAST_SHARE else 0.0
        return half if now > 0 else None
    most = int(now)
    if most <= LEAST[name]:
        return None
    less = max(int(LEAST[name]), most // 2)
    if _is_searchable(forecast, {**values, name: less}):
        return less
    while most - less > 1:
        middle = (less + most) // 2
        if _is_searchable(forecast, {**values, name: middle}):
            most = middle
        else:
            less = middle
    return most if most < int(now) else None


def _is_searchable(forecast: Forecast, values: Chosen) -> bool:
    """Whether settings leave the search enough candidates: it asks for more than a population."""
    pilot = _with(forecast, values).pilot
    if pilot.config.architecture is not None:
        return True
    try:
        search_strategy(pilot.config, pilot.settings, pilot.rows["train"])
    except UserError:
        return False
    return True


def _value(forecast: Forecast, values: Chosen, name: str) -> int | float:
    """A setting as it is with what has been chosen so far."""
    changed = _with(forecast, values)
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


def _grown(
    forecast: Forecast, values: Chosen, knobs: list[str], now: Fit, left: float
) -> tuple[Chosen, Fit]:
    """More of what helps, as long as it fits."""
    growing = [name for name in MOST if name in knobs and name not in values]
    while growing:
        name = growing.pop(0)
        value = int(_value(forecast, values, name))
        more = {**values, name: min(MOST[name], max(2, 2 * value))}
        more = _scored_again(forecast, more)
        if value >= MOST[name]:
            continue
        found = _fit(forecast, more)
        if found.needed <= left:
            values, now = more, found
            growing.append(name)
    return values, now


def chosen_lines(config: SearchConfig, fit: Fit, left: float) -> list[str]:
    """What has been chosen, for people.

    Args:
        config: the options.
        fit: the settings.
        left: seconds.
    """
    options = " ".join(
        f"{flag(name)} {value if isinstance(value, int) else format(value, 'g')}"
        for name, value in fit.chosen.items()
    )
    lines = [
        f"time: {left / 3600:.2g} h are left of --max-hours {config.max_hours:g}; planned are "
        f"{fit.seconds.expected / 3600:.2g} ({fit.seconds.least / 3600:.2g} to "
        f"{fit.seconds.most / 3600:.2g})",
        f"time: chosen to fit: {options or 'what the size of the data asks for'}",
    ]
    if "max_rows" in fit.chosen:
        lines.append("time: of a log in the order of time its first rows are the oldest")
    return lines
