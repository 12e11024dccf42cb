"""What the search hands on to be trained from scratch."""

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.search.results import EvolutionResult
from nasrec_tf.search.run import Run


def candidates(run: Run) -> list[Architecture]:
    """The best architectures of the search, or the one that was given."""
    if run.config.architecture is not None:
        return [run.given_architecture]
    return list(run.directory.finished("evolution", EvolutionResult).best)
