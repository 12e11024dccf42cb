"""What the search hands on to be trained from scratch."""

from nasrec_tf.search.results import EvolutionResult, RescoreResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.trainable import SpaceModel, Trainable


def candidates(run: Run) -> list[Trainable]:
    """The best architectures of the search, or the model that was given.

    Args:
        run: the run.

    Raises:
        RunError: if the search has not finished, or what it left is damaged.
    """
    if run.config.architecture is not None:
        return [run.given_model]
    if run.config.rescore is not None:
        best = run.directory.finished("rescore", RescoreResult).best
    else:
        best = run.directory.finished("evolution", EvolutionResult).best
    return [SpaceModel(architecture) for architecture in best]
