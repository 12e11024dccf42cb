"""The winner pruned by lottery tickets, and what is left of it measured (paper 6.2)."""

from typing import Any

from nasrec_tf.search.results import PruneResult, RetrainResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.ticket_trainings import TicketTrainings
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.search.training_task import WEIGHTS
from nasrec_tf.search.winner_quality import judged, predicted

FINAL = "final"
"""Directory of the network that is left."""


def run_stage(run: Run) -> PruneResult:
    """Prunes the winner, trains what is left, and reports on the test split once.

    Args:
        run: the run.

    Raises:
        UserError: if a training diverges, or there is nothing to prune.
    """
    from nasrec_tf.networks.weights import save_weights

    result = run.directory.finished("retrain", RetrainResult)
    recipe = result.recipe or run.recipe.replace(learning_rate=result.learning_rate)
    directory = run.directory.stage("prune")
    winner = SpaceModel(result.architecture.architecture)
    trainings = TicketTrainings(run, winner, recipe, run.config.prune_settings(), directory)
    figures = trainings()
    network = _left(trainings)
    place = directory / FINAL
    place.mkdir(exist_ok=True)
    save_weights(network, place / WEIGHTS)
    validation, test = (predicted(run, network, split, place) for split in ("validation", "test"))
    quality, calibration = judged(run, validation, test)
    model = SpaceModel(network.architecture)
    cost, before = (run.model_cost(each, recipe) for each in (model, winner))
    return PruneResult(
        trainings=figures,
        architecture=model,
        directory=str(place.relative_to(run.directory.path)),
        validation=figures[-1].validation,
        test=quality,
        calibration=calibration,
        mflops=cost.mflops,
        mflops_before=before.mflops,
        parameters=cost.parameters,
        parameters_before=before.parameters,
    )


def _left(trainings: TicketTrainings) -> Any:
    """The plain network; the masked one, whose table is as large, is out of memory by then."""
    from nasrec_tf.networks.pruning.masked_subnet import folded

    return folded(trainings.trained())
