"""What a run exports and puts on hardware: the winner, or what pruning has left of it."""

import dataclasses

from nasrec_tf.search.results import PruneResult, RetrainResult
from nasrec_tf.search.run import Run


def final_model(run: Run) -> RetrainResult:
    """The winner as the retrain stage left it, with what pruning has changed.

    Args:
        run: the run.

    Raises:
        RunError: if a stage that it needs has not finished, or what that left is damaged.
    """
    result = run.directory.finished("retrain", RetrainResult)
    if run.config.prune is None:
        return result
    pruned = run.directory.finished("prune", PruneResult)
    return dataclasses.replace(
        result,
        directory=pruned.directory,
        architecture=pruned.architecture,
        validation=pruned.validation,
        test=pruned.test,
        calibration=pruned.calibration,
        candidate=None,
    )
