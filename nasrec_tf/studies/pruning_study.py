"""Pruning by lottery tickets beside its controls, on one architecture (paper 6.2, Table 7).

With the same quotas and the same initial weights each time, the networks after 1, 2, ... prunings
are the trainings of one chain. Controls: the same schedule by size and by lot, the dense network,
and the dense network trained for as many epochs as the whole chain takes.
"""

import contextlib
import dataclasses
import pathlib
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from nasrec_tf.benchmark.table_build import TimeIsUp
from nasrec_tf.benchmark.table_workspace import Workspace
from nasrec_tf.codesign.architecture_workload import workload_from_architecture
from nasrec_tf.codesign.costs import arrays_of
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.networks.pruning.prune_settings import PruneSettings
from nasrec_tf.search.from_scratch import load_trained, train_from_scratch
from nasrec_tf.search.results import PrunedTraining
from nasrec_tf.search.ticket_trainings import TicketTrainings
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.search.training_task import WEIGHTS, FromScratch, clear_checkpoint
from nasrec_tf.studies.own_directory import own_directory
from nasrec_tf.studies.paired_intervals import Measured, paired_difference
from nasrec_tf.studies.pruning_result import JudgedNetwork, PruningResult, PruningRow
from nasrec_tf.studies.resampled_quality import resampled_quality
from nasrec_tf.training.area_interval import few_of_a_label, rows_by_label
from nasrec_tf.training.recipe import Recipe
from pim import PimError, estimate, hardware_preset
from pim.hardware.presets import DEFAULT as DEFAULT_DESIGN

JUDGED = "test.json"
SETTINGS_FILE = "pruning.json"
DENSE, AS_LONG = "dense", "dense, as many epochs"


class PruningVariant(NamedTuple):
    """A way of pruning.

    Args:
        text: as it was given, such as ``magnitude:what=units``.
        settings: what it says.
    """

    text: str
    settings: PruneSettings

    @classmethod
    def parsed(cls, text: str, iterations: int) -> "PruningVariant":
        """A variant of a command line.

        Args:
            text: score, and options behind a colon.
            iterations: prunings.

        Raises:
            UserError: if it cannot be used.
        """
        score, _, options = text.partition(":")
        settings = PruneSettings.of_options(score, iterations, options or None, "--variant")
        return cls(text, settings)


class _Trained(NamedTuple):
    """A network that was trained and judged."""

    left: float
    mflops: float
    judged: JudgedNetwork


@dataclasses.dataclass(frozen=True)
class PruningStudy:
    """Prunes an architecture in several ways with several seeds.

    Args:
        place: workspace of the data set.
        model: the architecture.
        directory: where trainings are kept.
        variants: ways of pruning.
        iterations: prunings of each.
        seeds: of each.
        ends_at: time by ``time.monotonic`` after which no training begins.
    """

    place: Workspace
    model: SpaceModel
    directory: pathlib.Path
    variants: Sequence[PruningVariant]
    iterations: int
    seeds: int
    ends_at: float

    def __call__(self) -> PruningResult:
        """Goes on from what is there; all figures.

        Raises:
            TimeIsUp: if there was no time for all.
            UserError: if a training diverges, or a prediction is not finite.
        """
        found: dict[tuple[str, int | None], list[_Trained]] = {}
        with self._claim():
            for seed in range(1, self.seeds + 1):
                for key, trained in self._of_seed(seed):
                    found.setdefault(key, []).append(trained)
        dense = _measured(found[DENSE, 0])
        rows = [_row(*key, networks, dense) for key, networks in found.items()]
        few = few_of_a_label(rows_by_label(self.place.run.records, "test"))
        return PruningResult(self.place.card, self.model.told, self.seeds, tuple(rows), few)

    def _claim(self) -> contextlib.AbstractContextManager[None]:
        """Makes the directory the study's own: figures are kept by way and seed alone."""
        settings = {
            "--architecture of the identity": self.model.identity,
            "data, recipe and space of the digest": self.place.card.protocol,
        }
        return own_directory(self.directory, SETTINGS_FILE, settings, known=(DENSE,))

    def _of_seed(self, seed: int) -> Iterator[tuple[tuple[str, int | None], _Trained]]:
        recipe = self.place.card.recipe.replace(seed=seed)
        yield (DENSE, 0), self._dense(recipe, "dense", seed)
        longer = recipe.replace(epochs=(recipe.epochs or 1) * (self.iterations + 1))
        yield (AS_LONG, None), self._dense(longer, f"dense-{longer.epochs}-epochs", seed)
        for variant in self.variants:
            trainings = self._trainings(variant, recipe, seed)
            for iteration in range(self.iterations + 1):
                self._check_time(trainings.directory / f"training-{iteration}")
                figures = trainings.training(iteration)
                yield (variant.text, iteration), self._pruned(trainings, figures)

    def _trainings(self, variant: PruningVariant, recipe: Recipe, seed: int) -> TicketTrainings:
        # A minus sign is a part of a number; all else between letters and digits is not.
        text = re.sub(r"=\s*-", "=minus", variant.text)
        name = re.sub("[^a-z0-9.]+", "-", text)
        directory = self.directory / name / f"seed-{seed}"
        directory.mkdir(parents=True, exist_ok=True)

        def judge(iteration: int, network: Any) -> None:
            self._judge(network, directory / f"training-{iteration}", pruned=True)

        return TicketTrainings(
            *(self.place.run, self.model, recipe, variant.settings, directory),
            judge=judge,
            keeps_weights=False,
        )

    def _pruned(self, trainings: TicketTrainings, figures: PrunedTraining) -> _Trained:
        place = trainings.directory / f"training-{figures.iteration}"
        judged = read_state(place / JUDGED, JudgedNetwork, f"delete {place} to train it again")
        if judged is None:
            raise UserError(f"{place / JUDGED}: is missing; delete {trainings.directory}.")
        return _Trained(figures.left, figures.mflops, judged)

    def _dense(self, recipe: Recipe, name: str, seed: int) -> _Trained:
        run, place = self.place.run, self.directory / name / f"seed-{seed}"
        judged = read_state(place / JUDGED, JudgedNetwork, f"delete {place} to train it again")
        if judged is None:
            self._check_time(place)
            what = FromScratch(self.model, recipe, place, purpose="prune", again="train it again")
            trained = train_from_scratch(run, what, f"{name}, seed {seed}")
            if trained.validation is None:
                raise UserError(
                    f"{place}: the dense network's training diverged; use a smaller "
                    "--learning-rate."
                )
            network = load_trained(run, self.model, place, recipe)
            judged = self._judge(network, place, pruned=False)
            (place / WEIGHTS).unlink()
            clear_checkpoint(place)
            run.say(f"{name}, seed {seed}: test log loss {judged.test.log_loss:.5f}")
        return _Trained(1.0, run.model_cost(self.model, recipe).mflops, judged)

    def _judge(self, network: Any, place: pathlib.Path, pruned: bool) -> JudgedNetwork:
        from nasrec_tf.networks.pruning.masked_subnet import left_architecture
        from nasrec_tf.training.evaluation import Predictor, told_not_finite

        records = self.place.run.records
        labels, logits = Predictor(network, records)("test")
        if told := told_not_finite(logits, records, "test", "use a smaller --learning-rate"):
            raise UserError(f"{place}: {told}.")
        quality = resampled_quality(labels, logits, weights=records.weights("test"))
        left = left_architecture(network) if pruned else network.architecture
        judged = JudgedNetwork(quality, _arrays(left, network))
        write_state(place / JUDGED, judged)
        return judged

    def _check_time(self, place: pathlib.Path) -> None:
        if not (place / JUDGED).exists() and time.monotonic() >= self.ends_at:
            raise TimeIsUp


def _arrays(architecture: Any, network: Any) -> int | None:
    """Crossbar arrays of one copy of the network."""
    try:
        workload = workload_from_architecture(architecture, network.features, network.options)
        report = estimate(workload, hardware_preset(DEFAULT_DESIGN))
    except PimError:
        return None
    return arrays_of(report)


def _measured(networks: Sequence[_Trained]) -> Measured:
    tests = [each.judged.test for each in networks]
    return Measured([test.log_loss for test in tests], [test.log_losses for test in tests])


def _row(name, iterations, networks, dense) -> PruningRow:
    measured = _measured(networks)
    areas = [each.judged.test.auc for each in networks]
    arrays = [each.judged.arrays for each in networks]
    count = len(networks)
    is_dense = name == DENSE
    return PruningRow(
        name=name,
        iterations=iterations,
        left=sum(each.left for each in networks) / count,
        mflops=sum(each.mflops for each in networks) / count,
        arrays=None if None in arrays else sum(arrays) / count,
        log_loss=measured,
        auc=None if None in areas else sum(areas) / count,
        from_dense=None if is_dense else paired_difference(measured, dense),
    )
