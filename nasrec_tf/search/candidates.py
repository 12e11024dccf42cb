"""What the search hands on to be trained from scratch."""

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.search.results import EvolutionResult
from nasrec_tf.search.run import Run


def candidates(run: Run) -> list[Architecture]:
    """The best architectures of the search, or the one that was given.

    Args:
        run: the run.

    Raises:
        RunError: if the evolution stage has not finished, or what it left is damaged.
    """
    if run.config.architecture is not None:
        return [run.given_architecture]
    return list(run.directory.finished("evolution", EvolutionResult).best)
