"""What the page of a comparison shows, as plain values."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from nasrec_tf.report.data_summary import SplitSummary
from nasrec_tf.report.few_rows import caution_of_few_rows

BETTER, WORSE, WITHIN = "better", "worse", "within"
"""What an interval says of a model: beyond it on the one or the other side, or not beyond it."""


@dataclasses.dataclass(frozen=True)
class FigureSummary:
    """A figure over the seeds of a model.

    Args:
        mean: over the seeds.
        deviation: standard deviation of a single seed; ``None`` of one alone.
    """

    mean: float
    deviation: float | None = None


@dataclasses.dataclass(frozen=True)
class GapSummary:
    """A model's figure less that of the model that the run found.

    Args:
        value: the difference.
        interval: 95 % of it, over rows and seeds; ``None`` where it cannot be told.
        verdict: whether the model is better or worse than the found one beyond the interval.
        over_seeds: whether the interval is over seeds as well, which takes two of both models.
    """

    value: float
    interval: tuple[float, float] | None
    verdict: str
    over_seeds: bool = True


@dataclasses.dataclass(frozen=True)
class CostSummary:
    """What it took to come to something.

    Args:
        rows: trained on, those predicted alone counting a third.
        seconds: wall time.
    """

    rows: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class RivalSummary:
    """One model of a comparison.

    Args:
        name: as the user gave it.
        title: what it is.
        found: whether it is the model that the run found.
        recipe: how it was trained, in a line; ``None`` of what is not trained.
        seeds: trainings.
        diverged: of them without a finite figure, which are left out of all others.
        validation: log loss on the validation split.
        log_loss: on the test split, in nats; ``None`` if no training has one.
        auc: on the test split.
        grouped_auc: within groups of the test rows, where that was asked for.
        log_loss_gap: from the found model; ``None`` of that itself.
        auc_gap: likewise.
        grouped_auc_gap: likewise.
        averaged_log_loss: of the average of all trainings' logits; ``None`` of one training.
        averaged_auc: likewise.
        averaged_log_loss_gap: from the found model's average; ``None`` of that itself.
        averaged_auc_gap: likewise.
        mflops: millions of multiply-accumulates per sample.
        parameters: weights without embedding tables.
        embedding_parameters: weights of the embedding tables.
        training_us: microseconds of a training step for each row.
        inference_us: microseconds of a prediction for each row.
        training: of one training.
        tuning: of the choice of its recipe.
        search: of finding it, recipe and all.
    """

    name: str
    title: str
    found: bool = False
    recipe: str | None = None
    seeds: int = 0
    diverged: int = 0
    validation: FigureSummary | None = None
    log_loss: FigureSummary | None = None
    auc: FigureSummary | None = None
    grouped_auc: FigureSummary | None = None
    log_loss_gap: GapSummary | None = None
    auc_gap: GapSummary | None = None
    grouped_auc_gap: GapSummary | None = None
    averaged_log_loss: FigureSummary | None = None
    averaged_auc: FigureSummary | None = None
    averaged_log_loss_gap: GapSummary | None = None
    averaged_auc_gap: GapSummary | None = None
    mflops: float = 0.0
    parameters: int = 0
    embedding_parameters: int = 0
    training_us: float | None = None
    inference_us: float | None = None
    training: CostSummary | None = None
    tuning: CostSummary | None = None
    search: CostSummary | None = None


@dataclasses.dataclass(frozen=True)
class PublishedFigures:
    """What is published of a method on one data set.

    Args:
        method: its name.
        data_set: such as ``"criteo"``.
        log_loss: in nats.
        auc: ``None`` where it is not published.
        mflops: millions of FLOPs as they were counted; likewise.
        protocol: by what split and counter.
    """

    method: str
    data_set: str
    log_loss: float
    auc: float | None
    mflops: float | None
    protocol: str


def method_of(strategy: str, scored_by: str) -> str:
    """A way of searching in a few words.

    Args:
        strategy: what proposes candidates.
        scored_by: what scores them.
    """
    return f"{strategy}, by {scored_by}"


@dataclasses.dataclass(frozen=True)
class SearchSummary:
    """How a search went.

    Args:
        name: of the model that it found.
        strategy: that proposed its candidates.
        scored_by: what scored them.
        scores: number and log loss of its candidates; ``None`` of one without.
        rows_before: that were trained on before the first candidate.
        candidate_rows: that the score of a candidate takes.
    """

    name: str
    strategy: str
    scored_by: str
    scores: Sequence[tuple[int, float | None]]
    rows_before: float = 0.0
    candidate_rows: float = 0.0

    @property
    def method(self) -> str:
        """Strategy and scorer in a few words.

        Example:
            >>> SearchSummary("a", "random", "supernet", []).method
            'random, by supernet'
        """
        return method_of(self.strategy, self.scored_by)

    @property
    def best_so_far(self) -> list[tuple[int, float]]:
        """Place and log loss of each candidate that was better than all before it.

        Example:
            >>> SearchSummary("a", "random", "supernet", [(0, 0.5), (1, None), (2, 0.4), (3, 0.45)]
            ...               ).best_so_far
            [(0, 0.5), (2, 0.4)]
        """
        best: list[tuple[int, float]] = []
        for place, (_, loss) in enumerate(sorted(self.scores)):
            if loss is not None and math.isfinite(loss) and (not best or loss < best[-1][1]):
                best.append((place, loss))
        return best

    def rows_until(self, place: int) -> float:
        """Rows that were trained on until a candidate had its score.

        Args:
            place: of the candidate in the order of creation, from 0.

        Example:
            >>> SearchSummary("a", "random", "supernet", [(0, 0.5)], 1000.0, 50.0).rows_until(0)
            1050.0
        """
        return self.rows_before + (place + 1) * self.candidate_rows


@dataclasses.dataclass(frozen=True)
class StrategySummary:
    """What a way of searching came to, over the models that its runs found.

    Args:
        method: strategy and scorer.
        runs: how many there are.
        log_loss: on the test split; its deviation is that of a run.
        auc: likewise.
        log_loss_gap: from the way of the run that is compared; ``None`` of that itself.
        auc_gap: likewise.
        search: of a run, recipe and all.
    """

    method: str
    runs: int
    log_loss: FigureSummary | None
    auc: FigureSummary | None
    log_loss_gap: GapSummary | None
    auc_gap: GapSummary | None
    search: CostSummary


@dataclasses.dataclass(frozen=True)
class ComparisonSummary:
    """Everything that the page of a comparison shows.

    Args:
        name: heading of the page.
        data_set: name of the data set.
        splits: its splits.
        rule: how recipes came about, in a sentence.
        seeds: trainings asked for of each model.
        rivals: the models.
        group: what tells the groups apart within which AUC is told; ``None`` for none.
        counted_groups: how many of them have both labels; ``None`` where that is not known.
        unfinished: names of models that have not been trained with all seeds.
        searches: of the models that were found.
        strategies: that found them, where there are several.
        published: figures of the paper beside.
        command: what makes the comparison again.
        versions: package to version.
        few_of_a_label: test rows with a click, or without one, where these are too few for
            intervals; ``None`` where there are enough of both.
        exported: what the run exports, where that is not one network as it is trained here.
        left_out: which of the models that were asked for together are not there, and why.
    """

    name: str
    data_set: str
    splits: Sequence[SplitSummary]
    rule: str
    seeds: int
    rivals: Sequence[RivalSummary]
    group: str | None = None
    counted_groups: int | None = None
    unfinished: Sequence[str] = ()
    searches: Sequence[SearchSummary] = ()
    strategies: Sequence[StrategySummary] = ()
    published: Sequence[PublishedFigures] = ()
    command: str | None = None
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    few_of_a_label: int | None = None
    exported: str | None = None
    left_out: Sequence[str] = ()

    @property
    def caution(self) -> str | None:
        """What the figures do not tell, in a sentence or two; ``None`` where that is nothing.

        Example:
            >>> ComparisonSummary("", "", (), "", 1, (), few_of_a_label=7).caution.split(":")[0]
            'Only 7 test rows have the rarer label, too few to tell models apart'
            >>> ComparisonSummary("", "", (), "", 1, (), exported="a pruned network").caution
            'The run exports a pruned network; found is its best network alone, trained anew.'
        """
        parts = [caution_of_few_rows(self.few_of_a_label), self._of_rows_alone]
        if self.exported is not None:
            told = f"The run exports {self.exported}; found is its best network alone, trained anew"
            parts.append(f"{told}.")
        parts += [f"{told}." for told in self.left_out]
        return " ".join(part for part in parts if part) or None

    @property
    def _of_rows_alone(self) -> str | None:
        """What a single training does not tell, and of whom."""
        gaps = [(one.name, one.log_loss_gap) for one in self.ranked]
        told = [(name, gap) for name, gap in gaps if gap is not None and gap.interval is not None]
        alone = [name for name, gap in told if not gap.over_seeds]
        if not alone:
            return None
        whose = "" if len(alone) == len(told) else f" of {', '.join(alone)}"
        return (
            f"Intervals{whose} are over test rows alone and promise too much, since one training "
            "tells no spread of seeds."
        )

    @property
    def strategies_caution(self) -> str | None:
        """What the intervals of strategies do not tell; ``None`` where that is nothing."""
        gaps = [one.log_loss_gap for one in self.strategies]
        if all(gap is None or gap.interval is None or gap.over_seeds for gap in gaps):
            return None
        return (
            "Where a way of searching has one run, intervals are over test rows alone and promise "
            "too much: --strategy-seeds makes more."
        )

    @property
    def ranked(self) -> list[RivalSummary]:
        """The models, the lowest test log loss first; those without one last.

        Example:
            >>> rivals = [RivalSummary("a", "A"), RivalSummary("b", "B", log_loss=FigureSummary(1))]
            >>> [rival.name for rival in ComparisonSummary("", "", (), "", 1, rivals).ranked]
            ['b', 'a']
        """
        return sorted(
            self.rivals, key=lambda one: math.inf if one.log_loss is None else one.log_loss.mean
        )

    @property
    def averages(self) -> list[RivalSummary]:
        """The models whose trainings were averaged, the lowest test log loss of these first."""
        found = [(one.averaged_log_loss, one) for one in self.rivals]
        averaged = [(figure.mean, one) for figure, one in found if figure is not None]
        return [one for _, one in sorted(averaged, key=lambda pair: pair[0])]

    @property
    def ranked_strategies(self) -> list[StrategySummary]:
        """The strategies, the lowest test log loss first; those without one last."""
        return sorted(
            self.strategies, key=lambda one: math.inf if one.log_loss is None else one.log_loss.mean
        )

    @property
    def found(self) -> RivalSummary | None:
        """The model that the run found, once it is there."""
        return next((rival for rival in self.rivals if rival.found), None)
