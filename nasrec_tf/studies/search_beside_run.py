"""A search in a space of its own, beside a finished run."""

from collections.abc import Callable
from typing import Any

from nasrec_tf.benchmark.table_build import TimeIsUp
from nasrec_tf.search.run import Run


def search_beside(run: Run, search: Callable[[], list[Any]]) -> list[Any] | None:
    """What a search finds; ``None`` where its time was up, which is told.

    Args:
        run: a finished run, whose directory is this process's alone for as long.
        search: goes on from what is there.

    Raises:
        UserError: if the run's data or recipe cannot be used.
        RunError: if the directory is of another search, or the run is in use.
    """
    from nasrec_tf.search.tensorflow_setup import configure_tensorflow, user_errors

    with run.directory.opened(run.directory.stored_config()):
        configure_tensorflow(run.config.device)
        with user_errors(run):
            try:
                return search()
            except TimeIsUp:
                print("time is up; the same command goes on from here")
                return None
