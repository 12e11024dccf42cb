"""From the trainings that have ended to the models that are reported and exported.

The winner by validation, its further seeds, the ensemble, and the final fit; see ``measure``.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from nasrec_tf.report import CalibrationSummary, DifferenceSummary, QualitySummary
from nasrec_tf.search.attempts import Attempt
from nasrec_tf.search.from_scratch import load_trained
from nasrec_tf.search.kept_logits import kept_logits
from nasrec_tf.search.results import (
    AttemptResult,
    EnsembleMember,
    EnsembleResult,
    EpochQuality,
    SeedResult,
)
from nasrec_tf.search.run import Run
from nasrec_tf.search.winner_quality import Predicted, judged, predicted

Trainings = Sequence[tuple[Attempt, AttemptResult]]


def seed_attempts(run: Run, winner: Attempt) -> list[Attempt]:
    """The winner with the further seeds that ``--winner-seeds`` asks for.

    Args:
        run: the run.
        winner: its first training.
    """
    return [
        dataclasses.replace(
            winner,
            directory=winner.directory.with_name(f"{winner.directory.name}-seed-{number}"),
            purpose=f"{winner.purpose} seed {number}",
        )
        for number in range(2, run.config.winner_seeds + 1)
    ]


@dataclasses.dataclass(frozen=True)
class Measured:
    """What is reported of the chosen models.

    Args:
        test: quality of the exported network, or of the best one beside an ensemble.
        calibration: of the same.
        seeds: the winner by seed; none where it was trained once.
        ensemble: ``None`` unless several networks are averaged.
    """

    test: QualitySummary
    calibration: CalibrationSummary
    seeds: tuple[SeedResult, ...] = ()
    ensemble: EnsembleResult | None = None


def measure(
    run: Run, pool: Trainings, winner: Attempt, fitted: Attempt, seeds: Trainings
) -> Measured:
    """Looks at validation with all that may be averaged, and at test once with all that is chosen.

    Args:
        run: the run.
        pool: trainings that an ensemble may be chosen from, those that did not diverge.
        winner: the one that validation has chosen.
        fitted: the training that is exported in its place after a final fit; else the same.
        seeds: the winner by seed, the first one included.
    """
    models = _Models(run)
    validation = models.predicted(winner, "validation")
    test = models.predicted(fitted, "test")
    quality, calibration = judged(run, validation, test)
    ensemble = None
    if run.config.ensemble > 1:
        ensemble = _ensemble(run, models, pool, validation.labels, test)
    by_seed = [
        SeedResult(
            directory=str(attempt.directory.relative_to(run.directory.path)),
            validation=result.validation,
            test=_plain_quality(models.predicted(attempt, "test")),
        )
        for attempt, result in seeds
        if len(seeds) > 1
    ]
    return Measured(quality, calibration, tuple(by_seed), ensemble)


class _Models:
    """Predictions of trained networks, of which one at a time is in memory; each made once."""

    def __init__(self, run: Run):
        self._run = run
        self._found: dict[tuple[str, str], Predicted] = {}

    def predicted(self, attempt: Attempt, split: str) -> Predicted:
        key = str(attempt.directory), split
        if key not in self._found:
            network = load_trained(
                self._run, attempt.architecture, attempt.directory, attempt.recipe
            )
            self._found[key] = predicted(self._run, network, split, attempt.directory)
        return self._found[key]


def _ensemble(
    run: Run, models: _Models, pool: Trainings, labels: np.ndarray, single: Predicted
) -> EnsembleResult | None:
    """The best average of the pool; ``None`` if that is one network alone."""
    from nasrec_tf.training.ensembles import averaged, paired_difference, select
    from nasrec_tf.training.evaluation import quality

    logits = [
        kept_logits(attempt.directory, len(labels), f"delete {attempt.directory} to train it again")
        for attempt, _ in pool
    ]
    selection = select(labels, logits, run.config.ensemble)
    if len(selection.members) == 1:
        return None
    chosen = [pool[number] for number in selection.members]
    counts = [selection.counts[number] for number in selection.members]
    validation = Predicted(labels, averaged(logits, selection.counts))
    of_each = [models.predicted(attempt, "test").logits for attempt, _ in chosen]
    test = Predicted(single.labels, averaged(of_each, counts))
    summary, calibration = judged(run, validation, test)
    found = quality(*validation)
    costs = [run.model_cost(attempt.architecture, attempt.recipe) for attempt, _ in chosen]
    difference = paired_difference(*test, single.logits, run.config.seed)
    return EnsembleResult(
        members=tuple(
            EnsembleMember(
                rank=attempt.rank,
                learning_rate=attempt.recipe.learning_rate,
                directory=str(attempt.directory.relative_to(run.directory.path)),
                architecture=attempt.architecture,
                count=count,
                recipe=attempt.recipe,
            )
            for (attempt, _), count in zip(chosen, counts)
        ),
        validation=EpochQuality(found.log_loss, found.auc),
        test=summary,
        difference=DifferenceSummary(**dataclasses.asdict(difference)),
        calibration=calibration,
        mflops=sum(cost.mflops for cost in costs),
        parameters=sum(cost.parameters for cost in costs),
        embedding_parameters=sum(cost.embedding_parameters for cost in costs),
    )


def _plain_quality(test: Predicted) -> QualitySummary:
    from nasrec_tf.training.evaluation import quality

    return QualitySummary(**quality(*test).to_json())


def load_ensemble(run: Run, found: EnsembleResult) -> Any:
    """The networks of an ensemble as one.

    Args:
        run: the run.
        found: which they are.

    Raises:
        RunError: if the weights of one are missing or damaged.
    """
    from nasrec_tf.networks.ensemble import Ensemble

    members = [
        load_trained(run, member.architecture, run.directory.path / member.directory, member.recipe)
        for member in found.members
    ]
    return Ensemble(members, [member.count for member in found.members])
