"""What a row, a step or a candidate takes on a machine."""

import dataclasses

BATCH_SHARE = 0.92
"""Of a step, what goes with the rows of its batch: between 512 and 128 rows of Frappe, of networks
of 5 and 7 blocks and their supernets, 0.89 to 0.93."""


@dataclasses.dataclass(frozen=True)
class RecordsCost:
    """Of the records stage.

    Args:
        start: seconds whatever the rows.
        reading: seconds for all rows.
        disk: bytes of the data set.
        raw_disk: bytes of a log that is generated.
    """

    start: float
    reading: float
    disk: int
    raw_disk: int


@dataclasses.dataclass(frozen=True)
class TrainingCost:
    """Seconds of a training from scratch.

    Args:
        start: until the first step has been made, and of the first evaluation.
        step: of a step.
        evaluated_row: of a row of the validation split at each evaluation.
        save: of a checkpoint and of the weights.
    """

    start: float
    step: float
    evaluated_row: float
    save: float

    def seconds(self, steps: float, evaluations: float, rows: int) -> float:
        """Of a whole training.

        Args:
            steps: that it makes.
            evaluations: of the validation split.
            rows: of that split.
        """
        each = self.save + rows * self.evaluated_row
        return self.start + steps * self.step + evaluations * each

    def of_batches(self, ratio: float) -> "TrainingCost":
        """With batches of so many times the rows.

        Args:
            ratio: of their rows to those that were measured.
        """
        return dataclasses.replace(self, step=self.step * _of_step(ratio))

    def towards(self, other: "TrainingCost", share: float) -> "TrainingCost":
        """Between this one and another.

        Args:
            other: where it is at a share of 1.
            share: from 0.

        Example:
            >>> TrainingCost(1.0, 2.0, 0.0, 0.0).towards(TrainingCost(1.0, 4.0, 0.0, 0.0), 0.5).step
            3.0
        """
        mixed = {
            field.name: (1 - share) * getattr(self, field.name) + share * getattr(other, field.name)
            for field in dataclasses.fields(self)
        }
        return TrainingCost(**mixed)


@dataclasses.dataclass(frozen=True)
class SupernetCost:
    """Seconds of the supernet.

    Args:
        build: of building it.
        start: of that and of the first step.
        step: of a step of a path that is drawn.
        full_step: of a step of the whole.
        save: of a checkpoint.
    """

    build: float
    start: float
    step: float
    full_step: float
    save: float

    def of_batches(self, ratio: float) -> "SupernetCost":
        """With batches of so many times the rows.

        Args:
            ratio: of their rows to those that were measured.
        """
        share = _of_step(ratio)
        return dataclasses.replace(self, step=self.step * share, full_step=self.full_step * share)


def _of_step(ratio: float) -> float:
    return 1 - BATCH_SHARE + BATCH_SHARE * ratio


@dataclasses.dataclass(frozen=True)
class ScoringCost:
    """Seconds of scoring candidates.

    Args:
        start: loading the supernet, and what the first candidate takes more.
        candidate: of each, whatever its rows.
        tuned_row: of a row that it is tuned on.
        scored_row: of a row of its score.
    """

    start: float
    candidate: float
    tuned_row: float
    scored_row: float


@dataclasses.dataclass(frozen=True)
class UnitCosts:
    """What was measured.

    Args:
        started: seconds until TensorFlow could be used.
        load_row: seconds to parse a row of the records into memory.
        found: trainings of architectures drawn from the space, the middle one first, or of the
            given model.
        plain: of the plain network, with which most of the choice of a recipe is made; ``None``
            where it is neither tried nor a member of the space.
        mixed: of the other network of that choice.
        wide: of the plain network with the widest embeddings that the choice may try.
        wide_dim: the width of those.
        judged_row: seconds of a row of the test split for figures and their intervals.
        export: seconds of an export of the measured network.
        supernet: ``None`` where none is trained.
        scoring: of drawn architectures; ``()`` where no supernet scores.
        written_byte: seconds to write a byte of a checkpoint.
        process_bytes: memory of the process beside weights and rows.
        pruned: of the middle one of the found ones with what pruning adds; ``None`` without it.
        yardsticks: of the models that it is explained beside, in their order.
        parts: of the found one that are left out to explain it.
        proposal: seconds to draw a candidate that follows from scores.
    """

    started: float
    load_row: float
    found: tuple[TrainingCost, ...]
    plain: TrainingCost | None
    mixed: TrainingCost | None
    wide: TrainingCost | None
    wide_dim: int
    judged_row: float
    export: float
    supernet: SupernetCost | None
    scoring: tuple[ScoringCost, ...]
    written_byte: float
    process_bytes: int
    pruned: TrainingCost | None = None
    yardsticks: tuple[TrainingCost, ...] = ()
    parts: int = 0
    proposal: float = 0.0

    def of_batches(self, networks: float, supernet: float) -> "UnitCosts":
        """With batches of so many times the rows: a small log has smaller ones.

        Args:
            networks: of trainings from scratch.
            supernet: of the supernet's training.

        Example:
            >>> cost = TrainingCost(1.0, 0.1, 0.0, 0.0)
            >>> round(cost.of_batches(0.25).step, 4)
            0.031
        """
        others = {
            name: None if (cost := getattr(self, name)) is None else cost.of_batches(networks)
            for name in ("plain", "mixed", "wide", "pruned")
        }
        return dataclasses.replace(
            self,
            found=tuple(cost.of_batches(networks) for cost in self.found),
            yardsticks=tuple(cost.of_batches(networks) for cost in self.yardsticks),
            supernet=None if self.supernet is None else self.supernet.of_batches(supernet),
            **others,
        )
