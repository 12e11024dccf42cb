"""Candidates as KerasTuner's trials, which its tuners and its tools read."""

import copy
import logging
import math
from collections.abc import Mapping

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from nasrec_tf.architecture.space import SearchSpace
from nasrec_tf.strategies.history import (
    COMPLETED,
    DIVERGED,
    FAILED,
    LOG_LOSS,
    Candidate,
    Outcome,
    is_scored,
)
from nasrec_tf.strategies.oracle import architecture_genes

logger = logging.getLogger(__name__)


def running_trial(
    candidate: Candidate,
    trial_id: str,
    registered: keras_tuner.HyperParameters,
    space: SearchSpace,
) -> Trial:
    """The trial of a candidate that is to be scored.

    It shares the registered choices with all other trials: a copy for each of thousands would
    take most of the search's memory.
    """
    hyperparameters = copy.copy(registered)
    hyperparameters.values = architecture_genes.to_values(candidate.architecture, space)
    for name, value in (candidate.hardware or {}).items():
        hyperparameters.values[architecture_genes.hardware_name(name)] = value
    return Trial(hyperparameters, trial_id=trial_id)


def empty_trial(status: str) -> Trial:
    """What a worker gets if there is nothing to score now.

    Args:
        status: that tells the worker to ask again or to stop.
    """
    return Trial(keras_tuner.HyperParameters(), trial_id="", status=status)


def set_metrics(trial: Trial, metrics: Mapping[str, float], step: int = 0) -> None:
    """Replaces a trial's metrics while it runs; values that are not finite are left out.

    A log loss that is not finite becomes infinity, so that it is known to have been reported.

    Args:
        trial: the trial.
        metrics: by name.
        step: that KerasTuner keeps with them.
    """
    finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
    trial.metrics = type(trial.metrics)()
    for name, value in ({LOG_LOSS: math.inf} | finite).items():
        trial.metrics.register(name, direction="min")
        trial.metrics.update(name, value, step=step)


def has_score(trial: Trial) -> bool:
    """Whether a log loss, finite or not, was reported for the trial.

    Args:
        trial: the trial.
    """
    return trial.metrics.exists(LOG_LOSS)


def outcome_of(trial: Trial, status: str, message: str | None, seconds: float) -> Outcome:
    """How a trial ended, for the history.

    Args:
        trial: the oracle's trial, with its metrics.
        status: the status with which a worker ended it.
        message: what the worker told, if anything.
        seconds: wall time of its scoring.
    """
    if status != TrialStatus.COMPLETED:
        reason = _last_line(message)
        told = reason or "its worker tells why"
        logger.warning("Candidate %s failed: %s", trial.trial_id, told)
        return Outcome(FAILED, {}, seconds, reason)
    metrics = {name: float(trial.metrics.get_last_value(name)) for name in trial.metrics.metrics}
    outcome = Outcome(COMPLETED, metrics, seconds)
    if outcome.status == DIVERGED:
        logger.warning("Candidate %s diverged: its log loss is not finite.", trial.trial_id)
    return outcome


def show_outcome(trial: Trial, outcome: Outcome, costs: Mapping[str, float]) -> None:
    """Makes a trial tell how its candidate ended.

    One without a score is a failed trial, so that no tool ranks it.

    Args:
        trial: the trial.
        outcome: how its candidate ended.
        costs: of the candidate, by metric.
    """
    trial.message = outcome.message
    if not is_scored(outcome.status, {**outcome.metrics, **costs}):
        trial.status = TrialStatus.FAILED
        trial.metrics = type(trial.metrics)()
        return
    trial.status = TrialStatus.COMPLETED
    trial.score = outcome.score
    set_metrics(trial, {**outcome.metrics, **costs})


def _last_line(message: str | None) -> str | None:
    lines = (message or "").strip().splitlines()
    return lines[-1] if lines else None
