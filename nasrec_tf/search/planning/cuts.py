"""What ``--max-hours`` cuts: the setting of which half saves the most for what it costs."""

from collections.abc import Sequence

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.planning.fits import Chosen, Fit, fit_of, value_of, with_settings
from nasrec_tf.search.planning.fitted_options import (
    LEAST,
    LONG_SCORES,
    PASSES,
    SCORED_AGAIN,
    SHORT_SCORES,
    SMALLER_SPACE,
    WEIGHTS,
    without_use,
)
from nasrec_tf.search.planning.forecast import Forecast
from nasrec_tf.search.scaling import FEW_ROWS, smaller_space
from nasrec_tf.search.search_plan import search_strategy

LEAST_SHARE = 0.02
"""A share of the rows below which a recipe is not chosen."""


def best_cut(
    forecast: Forecast, now: Fit, knobs: Sequence[str], made: Sequence[str]
) -> tuple[str, Fit] | None:
    """The cut that saves most for what it costs; ``None`` if nothing is left to cut.

    Args:
        forecast: of the run as the size of the data has it.
        now: what has been chosen.
        knobs: settings that may be.
        made: settings that have been cut, each as often as it was.

    Returns:
        Which setting is cut, and what is chosen then.
    """
    cuts = {name: _cut(forecast, now.chosen, name) for name in knobs}
    found = {name: fit_of(forecast, cut) for name, cut in cuts.items() if cut is not None}
    gains = {
        name: (now.needed - fit.needed) / (WEIGHTS[name] * 2 ** made.count(name))
        for name, fit in found.items()
        if fit.needed < now.needed
    }
    if gains.keys() & PASSES.keys():
        gains.pop("max_rows", None)  # What it takes away is more than rows to train on.
    if gains:
        best = max(gains, key=gains.__getitem__)
        return best, found[best]
    # A smaller log asks for more, of a recipe and of trainings with others: half of the rows may
    # gain nothing.
    if "recipe_share" in found:
        return "recipe_share", fit_of(forecast, {**now.chosen, "recipe_share": 0.0})
    fewer = cuts.get("max_rows")
    while fewer is not None:
        fit = fit_of(forecast, fewer)
        if fit.needed < now.needed:
            return "max_rows", fit
        fewer = _cut(forecast, fewer, "max_rows")
    return None


def _cut(forecast: Forecast, values: Chosen, name: str) -> Chosen | None:
    """What is chosen where one setting more is cut; ``None`` where it is at its least."""
    if name == "rescore":
        is_cut = name not in values and _has_long_scores(forecast, values)
        return scored_again(forecast, {**values, **SHORT_SCORES, name: 1}) if is_cut else None
    if name == "blocks":
        return None if name in values else {**values, **smaller_space(forecast.pilot.config)}
    if name == "rescore_rows" and "rescore" not in values:
        return None
    if name in PASSES and value_of(forecast, values, PASSES[name]) > LEAST[PASSES[name]]:
        return None
    less = _less(forecast, values, name)
    if less is None:
        return None
    cut = {**values, name: less}
    if name == "max_rows":
        cut = of_fewer_rows(forecast, cut, values)
    return scored_again(forecast, cut)


def scored_again(forecast: Forecast, values: Chosen) -> Chosen:
    """With as many candidates scored again, where some are, as the finalists ask for.

    Args:
        forecast: of the run as the size of the data has it.
        values: what has been chosen.
    """
    if "rescore" not in values:
        return values
    return {**values, "rescore": SCORED_AGAIN * int(value_of(forecast, values, "top_k"))}


def of_fewer_rows(forecast: Forecast, cut: Chosen, before: Chosen) -> Chosen:
    """What is chosen where less of the log is read, without what that has made pointless.

    A smaller log is gone over more often and has further trainings: not where time is short.

    Args:
        forecast: of the run as the size of the data has it.
        cut: what is chosen, with the rows.
        before: what was chosen before.
    """
    rows = with_settings(forecast, cut).pilot.rows["train"]
    cut = {name: value for name, value in cut.items() if name not in PASSES or value < rows}
    if rows < FEW_ROWS:  # The space of so few is smaller anyway, perhaps more so.
        cut = {name: value for name, value in cut.items() if name not in SMALLER_SPACE}
    for name in sorted({"refine", *PASSES.values()} - without_use(forecast.pilot.config)):
        usual = int(value_of(forecast, before, name))
        if value_of(forecast, cut, name) > usual:
            cut[name] = usual
    if "rescore" not in cut:
        return cut
    # Scores of a smaller log are shorter, and short ones lose more.
    of_short = {"rescore", "rescore_rows", *SHORT_SCORES}
    whole = {name: value for name, value in cut.items() if name not in of_short}
    return cut if _has_long_scores(forecast, whole) else whole


def _has_long_scores(forecast: Forecast, values: Chosen) -> bool:
    """Whether scores are as long as those of which it is known what short ones lose."""
    return all(int(value_of(forecast, values, name)) >= LONG_SCORES[name] for name in LONG_SCORES)


def _less(forecast: Forecast, values: Chosen, name: str) -> int | float | None:
    """Half of a setting, or as much of it as the search needs; ``None`` at its least."""
    now = value_of(forecast, values, name)
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
    pilot = with_settings(forecast, values).pilot
    if pilot.config.architecture is not None:
        return True
    try:
        search_strategy(pilot.config, pilot.settings, pilot.rows["train"])
    except UserError:
        return False
    return True
