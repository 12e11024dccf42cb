"""What a worker of a chief does: it scores what is handed out, and keeps nothing."""

import time

from nasrec_tf.common.errors import RunError
from nasrec_tf.search.run import Run

WAIT_SECONDS = 0.5
"""How often a worker looks whether the chief has ended a stage."""

MOST_SECONDS = 600.0
"""After which it waits no longer; the chief has only to write down what it found."""


def work(run: Run, only_stage: str | None) -> None:
    """Scores candidates of the search for the chief, and those that are scored again.

    Args:
        run: the run, whose stages before the search have finished.
        only_stage: the stage that the worker was started for; ``None`` for all that have workers.

    Raises:
        RunError, UserError: as the stages.
    """
    from nasrec_tf.search.stages.rescore import score_again

    stages = [stage for stage in ("evolution", "rescore") if stage in run.config.stages]
    asked = [stage for stage in stages if only_stage in (None, stage)] or ["evolution"]
    for stage in asked:
        if _is_finished(run, stage):  # Its chief is gone, and no other will come.
            run.say(f"{stage}: finished before")
        elif stage == "evolution":
            _search(run)
        else:
            _wait(run)
            score_again(run)


def _search(run: Run) -> None:
    from nasrec_tf.search.stages.evolution import search

    try:
        search(run)
    except RunError:
        # A worker that comes late may meet the chief when that scores the best again already.
        if "rescore" not in run.config.stages or not _is_finished(run, "evolution"):
            raise


def _is_finished(run: Run, stage: str) -> bool:
    return run.directory.result(stage) is not None


def _wait(run: Run) -> None:
    """Until the chief has ended the search, whose best candidates are scored again."""
    end = time.monotonic() + MOST_SECONDS
    while not _is_finished(run, "evolution"):
        if time.monotonic() > end:
            raise RunError(
                f"{run.directory.path}: the chief has not ended its search; start it again, then "
                "this worker."
            )
        time.sleep(WAIT_SECONDS)
