"""``--max-hours``: the settings of a run that fit a time, the best of them by what is expected.

What the size of the data asks for is where it begins. While that is planned to take too long, the
cut is made that saves the most time for what it is expected to cost in quality (``WEIGHTS``); where
time is left over, cuts that others have made needless are undone, and then more networks are
trained from scratch and more candidates are scored. What the user has said is never changed, nor
what a stage has read that has begun.

On a large log the first cut is that of ``SHORT_SCORES``: all candidates by short scores, the best
of them again by whole ones. What that loses was measured (docs/scaling.md, "The best scored
again"), and is less than half of the candidates would. There a pass may end before all rows, too:
what is trained on is then a part of the whole log, and vocabularies and figures are of all of it,
while ``max_rows`` leaves the log's first rows alone. And networks may be of fewer blocks and
narrower ones, as on a small log: what takes half of the time sees twice the rows.
"""

from collections.abc import Collection

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.options import flag
from nasrec_tf.search.planning.cuts import best_cut
from nasrec_tf.search.planning.fits import Fit, fit_of
from nasrec_tf.search.planning.fitted_options import (
    SHORT_SCORES,
    SMALLER_SPACE,
    WEIGHTS,
    is_left_open,
    without_use,
)
from nasrec_tf.search.planning.forecast import Forecast
from nasrec_tf.search.planning.time_left_over import Cut, filled, given_back, grown
from nasrec_tf.search.time_budget import FINISH


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
    cuts: list[Cut] = []
    found = fit_of(forecast, {})
    while found.needed > left:
        cut = best_cut(forecast, found, knobs, [name for name, _ in cuts])
        if cut is None:
            break
        name, after = cut
        cuts.append((name, found.chosen.get(name)))
        found = after
    else:
        found = given_back(forecast, found, left, cuts)
        found = filled(forecast, found, left)
        found = grown(forecast, found, left, knobs)
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
    if forecast.smaller is None or not all(_is_open(config, each, fixed) for each in SMALLER_SPACE):
        unused.add("blocks")
    return [name for name in WEIGHTS if _is_open(config, name, fixed) and name not in unused]


def _is_open(config: SearchConfig, name: str, fixed: Collection[str]) -> bool:
    return is_left_open(config, name) and name not in fixed


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
