"""How well supernets rank architectures, beside trainings from scratch (paper 4.3, 6.3)."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from nasrec_tf.benchmark.architecture_stream import random_numbers
from nasrec_tf.benchmark.measured_rows import MeasuredRow, architecture_of
from nasrec_tf.benchmark.table_build import TableBuild
from nasrec_tf.benchmark.table_workspace import Workspace
from nasrec_tf.studies.rank_correlations import (
    LEAST,
    Ceiling,
    ceilings,
    corrected_for_cost,
    log_cost,
    rank_figures,
    shorter_ceilings,
)
from nasrec_tf.studies.ranking_result import RankedVariant, RankingResult
from nasrec_tf.studies.ranking_supernets import RankingSupernets, Variant


@dataclasses.dataclass(frozen=True)
class RankingStudy:
    """Trains architectures from scratch and scores them by supernets.

    Args:
        place: the table's workspace; what it lacks is added to it.
        directory: where supernets, scores and results are kept.
        build: trains what the table lacks.
        architectures: how many, drawn at random from the space.
        seeds: trainings of each.
        variants: supernets and their scores.
    """

    place: Workspace
    directory: pathlib.Path
    build: TableBuild
    architectures: int
    seeds: int
    variants: Sequence[Variant]

    def __call__(self) -> RankingResult:
        """Goes on from what is there; the figures of all variants."""
        rows = self._rows()
        kept = [trained for trained in rows if all(math.isfinite(row.log_loss) for row in trained)]
        architectures = [architecture_of(trained[0].architecture) for trained in kept]
        losses = np.array([[row.log_loss for row in trained] for trained in kept])
        losses = losses.reshape(len(kept), self.seeds)
        supernets = RankingSupernets(self.place, self.directory)
        scores, found = [], []
        for variant in self.variants:
            values, seconds = supernets.scores(variant, architectures)
            scores.append(np.array(values))
            found.append(_ranked(variant.text, scores[-1], losses, seconds))
            self._tell(found[-1])
        mflops = [trained[0].mflops for trained in kept]
        found += self._made_of(scores, losses, mflops)
        left_out = len(rows) - len(kept)
        return RankingResult(
            self.place.card, losses, left_out, tuple(found), ceilings(losses),
            _of_shorter_trainings(kept, losses),
        )  # fmt: skip

    def _rows(self) -> list[list[MeasuredRow]]:
        """Trainings of each architecture by seed; the first seed of all of them goes first."""
        numbers = random_numbers(self.architectures)
        # All, before any is trained: the space may have fewer.
        drawn = [self.build.stream.at_random(number) for number in numbers]
        by_seed = [
            [self.build.trained(one, seed, number) for one, number in zip(drawn, numbers)]
            for seed in range(1, self.seeds + 1)
        ]
        return [list(rows) for rows in zip(*by_seed)]

    def _made_of(self, scores, losses, mflops) -> list[RankedVariant]:
        """Means over supernets that differ by their seeds alone, and scores corrected for cost."""
        made = []
        groups: dict[str, list[np.ndarray]] = {}
        for variant, values in zip(self.variants, scores):
            groups.setdefault(variant.unseeded, []).append(values)
        for name, group in groups.items():
            if len(group) > 1:
                mean = np.mean(group, axis=0)
                made.append(_ranked(f"mean of {len(group)} supernets: {name}", mean, losses))
        if len(losses) >= 2 * LEAST:
            for variant, values in zip(self.variants, scores):
                corrected = corrected_for_cost(values, losses.mean(axis=1), mflops)
                made.append(_ranked(f"corrected for cost: {variant.text}", corrected, losses))
            cost = log_cost(mflops)
            made.append(_ranked("multiply-accumulates alone, fewer first", cost, losses))
            made.append(_ranked("multiply-accumulates alone, more first", -cost, losses))
        return made

    def _tell(self, variant: RankedVariant) -> None:
        if variant.figures is not None:
            self.place.run.say(f"{variant.name}: tau {variant.figures['kendall'].value:.3f}")


def _of_shorter_trainings(
    rows: Sequence[Sequence[MeasuredRow]], losses: np.ndarray
) -> dict[int, Mapping[str, Ceiling]]:
    """What trainings say of others that end at each evaluation before the last, by steps."""
    curves = [row.curve for trained in rows for row in trained]
    steps = [point.step for point in max(curves, key=len)] if curves else []
    found = {}
    for count, step in enumerate(steps[:-1], start=1):
        early = np.array([[_lowest(row, count) for row in trained] for trained in rows])
        told = shorter_ceilings(np.apply_along_axis(_ranked_last, 0, early), losses)
        if told is not None:
            found[step] = told
    return found


def _lowest(row: MeasuredRow, evaluations: int) -> float:
    """The lowest validation log loss of so many evaluations; infinity where none is finite."""
    known = (point.validation_log_loss for point in row.curve[:evaluations])
    return min((loss for loss in known if loss is not None), default=math.inf)


def _ranked_last(scores: np.ndarray) -> np.ndarray:
    """Scores in which those that are not finite are worse than all others, by next to nothing.

    By how much is not known, and one far off would decide the linear correlation alone.
    """
    finite = np.isfinite(scores)
    worst = np.nextafter(scores[finite].max(), math.inf) if finite.any() else 1.0
    return np.where(finite, scores, worst)


def _ranked(name, scores, losses, seconds=None) -> RankedVariant:
    diverged = int(np.count_nonzero(~np.isfinite(scores)))
    return RankedVariant(name, rank_figures(_ranked_last(scores), losses), diverged, seconds)
