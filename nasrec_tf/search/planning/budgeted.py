"""A run with ``--max-hours``: its settings, chosen once, and the time that it has left."""

import dataclasses
import pathlib
import sys
import time
from collections.abc import Mapping
from typing import Any

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.planning.fits import FILLED, Fit
from nasrec_tf.search.planning.fitted_options import (
    LONG_SCORES,
    SHORT_SCORES,
    is_left_open,
    without_use,
)
from nasrec_tf.search.planning.fitting import chosen_lines, fitted
from nasrec_tf.search.planning.run_plan import Plan, make_plan
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.time_budget import TimeBudget, TimeNote, read_note

MEASURED = 0.15
"""Share of the time after which nothing more is measured than what every plan needs: on a machine
that others share, a minute's measuring can take as long as the run is given."""


def with_chosen(config: SearchConfig) -> SearchConfig:
    """The options of a run, with those that an earlier call of it has chosen to fit its time.

    What this call says otherwise goes first, and so does what it says in the place of one of them,
    such as ``--generations`` in that of ``--candidates``.

    Args:
        config: the options of this call.

    Raises:
        RunError: if what is kept of it is damaged.
    """
    note = read_note(pathlib.Path(config.run_dir))
    if note is None:
        return config
    unused = without_use(config) | _short_scores_without_use(config, note.chosen)
    left_open: dict[str, Any] = {
        name: value
        for name, value in note.chosen.items()
        if is_left_open(config, name) and name not in unused
    }
    return dataclasses.replace(config, **left_open)


def _short_scores_without_use(config: SearchConfig, chosen: Mapping[str, Any]) -> set[str]:
    """Short scores are of use with a second scoring alone, and that one with short scores."""
    if "rescore" not in chosen:
        return set()
    if "rescore" in without_use(config):
        return set(SHORT_SCORES)
    said = [not is_left_open(config, name) for name in LONG_SCORES]
    return {"rescore", "rescore_rows"} if all(said) else set()


def budgeted(config: SearchConfig, quiet: bool) -> tuple[SearchConfig, TimeBudget]:
    """The options with which a run fits its time, and that time.

    Args:
        config: the options, with ``max_hours``.
        quiet: say nothing of what is chosen.

    Raises:
        UserError: if options do not go together, or there is too little time for any run.
    """
    begun = time.monotonic()
    check_budget(config)
    directory = RunDirectory(config.run_dir)
    note = read_note(directory.path)
    config = with_chosen(config)
    is_planned = note is not None and note.is_planned
    if is_planned or directory.result("export") is not None:
        return config, TimeBudget(config.max_hours, note, begun)
    measuring = TimeBudget(config.max_hours, note, begun)
    with directory.opened(config), measuring.kept(directory.path):
        found = fitted_plan(config, measuring.spent)
    if not quiet:
        for line in chosen_lines(config, found.fit, found.left):
            print(line, flush=True)
        if found.fit.needed > found.left:
            print(
                "warning: --max-hours is too short even for the least that is tried; stages will "
                "be cut",
                file=sys.stderr,
                flush=True,
            )
    config = dataclasses.replace(config, **found.fit.chosen)
    before = 0.0 if note is None else note.seconds
    note = TimeNote(before, found.fit.chosen, found.fit.planned)
    return config, TimeBudget(config.max_hours, note, begun)


def check_budget(config: SearchConfig) -> None:
    """Refuses what ``--max-hours`` cannot cut.

    Args:
        config: the options.

    Raises:
        UserError: if they hold such.
    """
    if config.halving and len(config.learning_rates() or ()) > 1:
        raise UserError(
            "--max-hours leaves out trainings that come last, and --halving trains those of each "
            "of --retrain-learning-rates for a share: give one rate, or leave out one of the two."
        )
    if config.learns_choices:
        raise UserError(
            f"--max-hours cuts the supernet's training, by which --strategy {config.strategy} "
            "learns; leave one out."
        )


@dataclasses.dataclass(frozen=True)
class FittedPlan:
    """What a run would take without a limit, and the settings that fit its time.

    Args:
        plan: of the run, without what a run with a limit leaves out.
        fit: the settings.
        left: seconds that measuring has left.
    """

    plan: Plan
    fit: Fit
    left: float


def fitted_plan(config: SearchConfig, spent: float = 0.0) -> FittedPlan:
    """Measures the machine, and chooses the settings that are left open.

    Args:
        config: the options, with ``max_hours``.
        spent: seconds of that which have passed, in calls that were killed as they measured too.

    Raises:
        UserError: if there is too little time for any run.
    """
    assert config.max_hours is not None, "what has no limit fits it"
    begun, seconds = time.monotonic() - spent, 3600 * config.max_hours
    # What it tells in the end is left out.
    plan = make_plan(
        dataclasses.replace(config, explain=False, yardsticks="auto"),
        within=max(0.0, MEASURED * seconds - spent),
        limit=FILLED * (seconds - spent),
    )
    directory = RunDirectory(config.run_dir)
    fixed = [
        field.name
        for field in dataclasses.fields(SearchConfig)
        if directory.binds(config.first_reader(field))
    ]
    left = seconds - (time.monotonic() - begun)
    return FittedPlan(plan, fitted(plan.forecast, left, fixed), left)
