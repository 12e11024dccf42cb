"""What a run exports and puts on hardware: the winner, or what pruning has left of it."""

import dataclasses
from typing import NamedTuple

from nasrec_tf.report import QualitySummary
from nasrec_tf.search.results import EpochQuality, PruneResult, RetrainResult
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


def final_or_winner(run: Run) -> RetrainResult:
    """The same, where pruning has not ended the winner.

    Args:
        run: the run.

    Raises:
        RunError: if the retrain stage has not finished, or what a stage left is damaged.
    """
    if run.config.prune is None or run.directory.result("prune") is not None:
        return final_model(run)
    return run.directory.finished("retrain", RetrainResult)


class FinalFigures(NamedTuple):
    """What is exported, in figures.

    Args:
        told: what it is, in a few words.
        validation: quality on the validation split.
        test: on the test split.
    """

    told: str
    validation: EpochQuality
    test: QualitySummary


class FinalCost(NamedTuple):
    """What that costs.

    Args:
        mflops: millions of multiply-accumulates per sample.
        parameters: weights without embedding tables.
        embedding_parameters: weights of the embedding tables.
    """

    mflops: float
    parameters: int
    embedding_parameters: int


def final_figures(run: Run) -> FinalFigures:
    """What an ensemble, the winner, or what pruning has left of it is worth.

    Args:
        run: the run.

    Raises:
        RunError: if the retrain stage has not finished, or what a stage left is damaged.
    """
    result = final_or_winner(run)
    if result.ensemble is not None:
        told = f"mean of {len(result.ensemble.members)} networks"
        return FinalFigures(told, result.ensemble.validation, result.ensemble.test)
    pruned = run.config.prune is not None and run.directory.result("prune") is not None
    told = f"{result.architecture.told}{', pruned' if pruned else ''}"
    return FinalFigures(told, result.validation, result.test)


def final_cost(run: Run) -> FinalCost:
    """What an ensemble, the winner, or what pruning has left of it costs.

    Args:
        run: the run.

    Raises:
        RunError: if the retrain stage has not finished, or what a stage left is damaged.
        UserError, DataError: if its data set is not there any more.
    """
    result = final_or_winner(run)
    if result.ensemble is not None:
        found = result.ensemble
        return FinalCost(found.mflops, found.parameters, found.embedding_parameters)
    cost = run.model_cost(result.architecture, result.recipe)
    return FinalCost(cost.mflops, cost.parameters, cost.embedding_parameters)
