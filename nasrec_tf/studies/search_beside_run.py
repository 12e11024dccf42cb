"""A search in a space of its own, beside a finished run."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from nasrec_tf.benchmark.table_build import TimeIsUp
from nasrec_tf.search.run import Run


class Search(Protocol):
    """A search that takes data and recipe of a finished run."""

    @property
    def run(self) -> Run:
        """The run."""

    def check(self) -> None:
        """Finds out whether it can be made."""

    def __call__(self) -> list[Any]:
        """Goes on from what is there."""


S = TypeVar("S", bound=Search)


def search_beside(made: Callable[[], S]) -> tuple[S, list[Any]] | None:
    """A search and what it finds; ``None`` where its time was up, which is told.

    Args:
        made: the search, of what its run has left by then.

    Raises:
        UserError: if the run's data or recipe cannot be used.
        RunError: if the directory is of another search, or the run is in use.
    """
    from nasrec_tf.search.tensorflow_setup import configure_tensorflow, user_errors

    search = made()
    search.check()
    directory = search.run.directory
    with directory.opened(directory.stored_config()):
        # What another process has made of the run before it was this one's is what counts.
        search = made()
        search.check()
        configure_tensorflow(search.run.config.device)
        with user_errors(search.run):
            try:
                return search, search()
            except TimeIsUp:
                print("time is up; the same command goes on from here")
                return None
