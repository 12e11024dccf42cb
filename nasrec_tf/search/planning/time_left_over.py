"""What ``--max-hours`` has time left for once its settings fit."""

from collections.abc import Sequence
from typing import Any

from nasrec_tf.search.planning.cuts import of_fewer_rows, scored_again
from nasrec_tf.search.planning.fits import Chosen, Fit, fit_of, value_of
from nasrec_tf.search.planning.fitted_options import FILLED_UP, MOST, PASSES, WEIGHTS
from nasrec_tf.search.planning.forecast import Forecast

PARTS = 16
"""Rows that were halved are given back in such parts of them."""

Cut = tuple[str, Any]
"""A setting that was cut, and what was chosen of it before; ``None`` where nothing was."""

WITH_OTHERS = frozenset({"rescore", "blocks", "max_rows"})
"""Cuts that others follow from: they stay."""


def given_back(forecast: Forecast, now: Fit, left: float, cuts: Sequence[Cut]) -> Fit:
    """Without cuts that later ones have made needless, the dearest first.

    Args:
        forecast: of the run as the size of the data has it.
        now: what fits.
        left: seconds.
        cuts: that have been made, in order.
    """
    names = {name for name, _ in cuts} - WITH_OTHERS
    if "max_rows" in now.chosen:  # What was cut of a longer log is no measure for a shorter one.
        return now
    for name in sorted(names, key=lambda name: (-WEIGHTS[name], name)):
        if any(passes == name and rows in now.chosen for rows, passes in PASSES.items()):
            continue  # Passes are whole where there are several.
        for before in (before for other, before in reversed(cuts) if other == name):
            more = _without(now.chosen, name)
            more = scored_again(forecast, more if before is None else {**more, name: before})
            found = fit_of(forecast, more)
            if found.needed > left:
                break
            now = found
    return now


def _without(chosen: Chosen, name: str) -> Chosen:
    return {other: value for other, value in chosen.items() if other != name}


def filled(forecast: Forecast, now: Fit, left: float) -> Fit:
    """With as many of the rows that were halved as fit: a half leaves up to half of the time.

    Args:
        forecast: of the run as the size of the data has it.
        now: what fits.
        left: seconds.
    """
    for name in FILLED_UP:
        halved = now.chosen
        if name not in halved:
            continue
        whole = value_of(forecast, _without(halved, name), name)
        for parts in range(PARTS - 1, 0, -1):
            rows = int(halved[name]) * (PARTS + parts) // PARTS
            more = {**halved, name: rows}
            if name == "max_rows":
                more = of_fewer_rows(forecast, more, halved)
            found = fit_of(forecast, more) if rows < whole else None
            if found is not None and found.needed <= left:
                now = found
                break
    return now


def grown(forecast: Forecast, now: Fit, left: float, knobs: Sequence[str]) -> Fit:
    """With more of what helps, as long as it fits.

    Args:
        forecast: of the run as the size of the data has it.
        now: what fits.
        left: seconds.
        knobs: settings that may be chosen.
    """
    growing = [name for name in MOST if name in knobs and name not in now.chosen]
    while growing:
        name = growing.pop(0)
        value = int(value_of(forecast, now.chosen, name))
        more = {**now.chosen, name: min(MOST[name], max(2, 2 * value))}
        more = scored_again(forecast, more)
        if value >= MOST[name]:
            continue
        found = fit_of(forecast, more)
        if found.needed <= left:
            now = found
            growing.append(name)
    return now
