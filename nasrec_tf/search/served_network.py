"""The network that a finished run exports: the winner or the ensemble, calibrated."""

from typing import Any, NamedTuple

from beam_preprocess.dataset.file_format import SCHEMA_FILE
from nasrec_tf.search.chosen_models import load_ensemble
from nasrec_tf.search.final_model import final_model
from nasrec_tf.search.from_scratch import load_trained
from nasrec_tf.search.results import RetrainResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.training_task import WEIGHTS
from nasrec_tf.search.winner_quality import served_calibration
from nasrec_tf.training.calibration import Calibration


class ServedNetwork(NamedTuple):
    """What is served.

    Args:
        network: with the calibration in its weights.
        calibration: what its logits go through.
        told: a line that tells it.
    """

    network: Any
    calibration: Calibration
    told: str


def served_network(run: Run) -> ServedNetwork:
    """The network that the export of a run holds.

    Args:
        run: the run, whose retrain stage has finished.

    Raises:
        UserError: if it has not, or weights are missing or damaged.
    """
    from nasrec_tf.export.calibrated_head import fold_calibration

    result = final_model(run)
    calibration, told = served_calibration(run.config, result)
    if (run.dataset / SCHEMA_FILE).exists():
        network = _from_run(run, result)
    else:
        network = _from_files(run, result)
    fold_calibration(network, calibration)
    return ServedNetwork(network, calibration, told)


def _from_run(run: Run, result: RetrainResult) -> Any:
    if result.ensemble is not None:
        return load_ensemble(run, result.ensemble)
    directory = run.directory.path / result.directory
    return load_trained(run, result.architecture, directory, result.recipe)


def _from_files(run: Run, result: RetrainResult) -> Any:
    """Of a run whose data set is gone: files of weights tell the network themselves."""
    from nasrec_tf.networks.ensemble import Ensemble
    from nasrec_tf.networks.weights import load_network

    if result.ensemble is None:
        return load_network(run.directory.path / result.directory / WEIGHTS)
    members = result.ensemble.members
    networks = [load_network(run.directory.path / each.directory / WEIGHTS) for each in members]
    return Ensemble(networks, [member.count for member in members])
