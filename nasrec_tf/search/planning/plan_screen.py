"""What ``--plan`` prints."""

import pathlib

from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.planning.budgeted import check_budget, fitted_plan, with_chosen
from nasrec_tf.search.planning.fitting import chosen_lines
from nasrec_tf.search.planning.run_plan import check_fits, make_plan, told
from nasrec_tf.search.preflight import check_options
from nasrec_tf.search.time_budget import read_note
from nasrec_tf.search.warm_start import planned_note


def print_plan(config: SearchConfig) -> None:
    """Tells what a run would take, and with ``--max-hours`` what it would choose to fit.

    Args:
        config: the options.

    Raises:
        DataError, UserError: if options or data cannot be used, or the run cannot fit.
    """
    config = with_chosen(config)
    check_options(config)
    note = planned_note(config)
    config = config if note is None else note.completed(config)
    kept = read_note(pathlib.Path(config.run_dir))
    if config.max_hours is None or (kept is not None and kept.is_planned):
        plan = make_plan(config)
        print(told(plan))
    else:
        check_budget(config)
        found = fitted_plan(config, 0.0 if kept is None else kept.seconds)
        plan = found.plan
        print("\n".join([told(plan), *chosen_lines(config, found.fit, found.left)]))
    check_fits(plan)
