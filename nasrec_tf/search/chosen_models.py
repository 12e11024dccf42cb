"""From the trainings that have ended to the models that are reported and exported.

The winner by validation, its further seeds, the ensemble, and the final fit; see ``measure``.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from nasrec_tf.report import CalibrationSummary, DifferenceSummary, QualitySummary
from nasrec_tf.search.attempt import Attempt
from nasrec_tf.search.attempt_training import with_weights
from nasrec_tf.search.final_fit import fit_to_all
from nasrec_tf.search.from_scratch import load_trained
from nasrec_tf.search.kept_logits import VALIDATION_LOGITS, kept_logits
from nasrec_tf.search.results import (
    AttemptResult,
    EnsembleMember,
    EnsembleResult,
    EpochQuality,
    FinalFit,
    SeedResult,
)
from nasrec_tf.search.run import Run
from nasrec_tf.search.winner_quality import Predicted, judged, of_training, predicted

Training = tuple[Attempt, AttemptResult]
Trainings = Sequence[Training]


def seed_attempts(run: Run, winner: Attempt) -> list[Attempt]:
    """The winner with the further seeds that ``--winner-seeds`` asks for.

    Args:
        run: the run.
        winner: its first training.
    """
    return [winner.with_seed(number) for number in range(2, run.config.winner_seeds + 1)]


@dataclasses.dataclass(frozen=True)
class Measured:
    """What is reported of the chosen models.

    Args:
        fitted: the training whose weights are exported, or stand beside an ensemble.
        fit: how it was trained once more; ``None`` unless a final fit was asked for.
        test: quality of the exported network, or of the best one beside an ensemble.
        calibration: of the same; ``None`` where there was no time for it.
        seeds: the winner by seed; none where it was trained once.
        ensemble: ``None`` unless several networks are averaged.
    """

    fitted: Attempt
    fit: FinalFit | None
    test: QualitySummary
    calibration: CalibrationSummary | None
    seeds: tuple[SeedResult, ...] = ()
    ensemble: EnsembleResult | None = None


def measure(run: Run, pool: Trainings, winner: Training, seeds: Trainings) -> Measured:
    """Looks at validation with all that may be averaged, and at test once with all that is chosen.

    After a final fit each network is the one of that fit, on test and in the export; the choice is
    made, and calibration fitted, by the trainings before, which have not seen validation.

    Args:
        run: the run.
        pool: trainings that an ensemble may be chosen from, those that did not diverge.
        winner: the one that validation has chosen.
        seeds: the winner by seed, the first one included; their spread on test is told unless a
            final fit is asked for, which those seeds have not had.
    """
    models = _Models(run)
    validation = _of_validation(run, models, winner[0])
    chosen = [] if validation is None else _selected(run, pool, validation)
    fitted, fit = fit_to_all(run, winner)
    members = [dataclasses.replace(one, fitted=_fitted(run, one.before)) for one in chosen]
    run.say(f"best by validation log loss: candidate {winner[0].rank}; now the test split, once")
    test = models.predicted(fitted, "test")
    quality, calibration = (
        (test.quality(seed=run.config.seed), None)
        if validation is None
        else judged(run, validation, test)
    )
    by_seed = [
        SeedResult(
            directory=str(attempt.directory.relative_to(run.directory.path)),
            validation=result.validation,
            test=models.predicted(attempt, "test").quality(),
        )
        for attempt, result in seeds
        if len(seeds) > 1 and fit is None and run.time.affords(len(test.labels))
    ]
    ensemble = None
    if validation is not None and members:
        ensemble = _ensemble(run, models, members, validation, test)
    return Measured(fitted, fit, quality, calibration, tuple(by_seed), ensemble)


def _fitted(run: Run, training: Training) -> Attempt:
    """A member's final fit; itself where there is none, with the weights that it may have lost."""
    attempt, fit = fit_to_all(run, training)
    if fit is None:
        with_weights(run, *training)
    return attempt


def _of_validation(run: Run, models: "_Models", winner: Attempt) -> Predicted | None:
    """The winner on the validation split; ``None`` where ``--max-hours`` leaves no time for it."""
    is_kept = (winner.directory / VALIDATION_LOGITS).exists()
    if run.time.affords(0 if is_kept else run.records.rows("validation")):
        return models.of_validation(winner)
    without = "calibration" if run.config.ensemble == 1 else "calibration and ensemble"
    run.say(f"retrain: no time for {without}; the winner is exported as it was trained")
    return None


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

    def of_validation(self, attempt: Attempt) -> Predicted:
        """What its best evaluation has found, predicted anew only where that is not kept."""
        kept = of_training(self._run, attempt.directory)
        return self.predicted(attempt, "validation") if kept is None else kept


@dataclasses.dataclass(frozen=True)
class _Member:
    """A network of an ensemble: how often it counts, how it was chosen, and what is exported."""

    before: Training
    count: int
    logits: np.ndarray
    fitted: Attempt


def _selected(run: Run, pool: Trainings, of_winner: Predicted) -> list[_Member]:
    """The members of the best average of the pool; none if that is one network alone."""
    from nasrec_tf.training.ensembles import select

    if run.config.ensemble == 1:
        return []
    labels = of_winner.labels
    logits = [
        kept_logits(attempt.directory, len(labels), f"delete {attempt.directory} to train it again")
        for attempt, _ in pool
    ]
    selection = select(labels, logits, run.config.ensemble, of_winner.weights)
    if len(selection.members) == 1:
        return []
    rows = len(selection.members) * run.records.rows("test")
    if not run.time.affords(rows):
        run.say("retrain: no time for the ensemble on the test split; the best network is exported")
        return []
    return [
        _Member(pool[number], selection.counts[number], logits[number], pool[number][0])
        for number in selection.members
    ]


def _ensemble(
    run: Run,
    models: _Models,
    members: Sequence[_Member],
    of_winner: Predicted,
    single: Predicted,
) -> EnsembleResult:
    """What the average of the members is worth."""
    from nasrec_tf.training.ensembles import averaged, paired_difference

    counts = [member.count for member in members]
    validation = of_winner.of(averaged([member.logits for member in members], counts))
    of_each = [models.predicted(member.fitted, "test").logits for member in members]
    test = single.of(averaged(of_each, counts))
    summary, calibration = judged(run, validation, test)
    found = validation.quality()
    attempts = [member.fitted for member in members]
    costs = [run.model_cost(attempt.architecture, attempt.recipe) for attempt in attempts]
    difference = paired_difference(
        test.labels, test.logits, single.logits, run.config.seed, test.weights
    )
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
            for attempt, count in zip(attempts, counts)
        ),
        validation=EpochQuality(found.log_loss, found.auc),
        test=summary,
        difference=DifferenceSummary(**dataclasses.asdict(difference)),
        calibration=calibration,
        mflops=sum(cost.mflops for cost in costs),
        parameters=sum(cost.parameters for cost in costs),
        embedding_parameters=sum(cost.embedding_parameters for cost in costs),
    )


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
