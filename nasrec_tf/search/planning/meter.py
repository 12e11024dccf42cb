"""Times a few rows, steps or candidates on this machine, each kind of work on demand."""

import contextlib
import dataclasses
import pathlib
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.search.planning.pilot import Pilot
from nasrec_tf.search.planning.unit_costs import ScoringCost, SupernetCost, TrainingCost
from nasrec_tf.search.search_plan import search_strategy
from nasrec_tf.search.trainable import Trainable
from nasrec_tf.search.workload import warmup_steps
from nasrec_tf.training.recipe import Recipe

Clock = Callable[[], float]
"""The present time in seconds, of any beginning."""

PIECES = 3
"""Pieces of work that are timed; their median counts, so that a disturbed one does not."""

PIECE_SECONDS = 0.3
"""About how long each takes."""

FURTHER_UNITS = 20
"""Units of a piece that is set against a single one."""

DRAWN = 3
"""Architectures of the space that are trained and scored, for a middling one and a range."""

MOST_PIECE_ROWS = 16_384
"""Rows that a candidate is tuned on, and scored over, to be timed."""

JUDGED_ROWS = 100_000
"""Of drawn predictions, for which figures and intervals are computed."""

LOADED_ROWS = 50_000
"""Of the records, which are parsed."""

NETWORK, SUPERNET = "network", "supernet"


class Timed:
    """Seconds of what is done within."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self.seconds = 0.0

    def __enter__(self) -> "Timed":
        self._started = self._clock()
        return self

    def __exit__(self, *exception: object) -> None:
        self.seconds = self._clock() - self._started


def middle(work: Callable[[int], Any], most: int, clock: Clock = time.perf_counter) -> float:
    """Seconds of a unit of work: the median over a few pieces.

    Args:
        work: does so many units.
        most: units that may be done at a time.
        clock: tells the time.
    """
    work(1)  # What the first call takes more is no part of it.
    with Timed(clock) as one:
        work(1)
    count = max(1, min(most, int(PIECE_SECONDS / max(one.seconds, 1e-6))))
    found = []
    for _ in range(PIECES):
        with Timed(clock) as piece:
            work(count)
        found.append(piece.seconds / count)
    return statistics.median(found)


def further(work: Callable[[int], Any], most: int, clock: Clock = time.perf_counter) -> float:
    """Seconds of a unit of work beyond the first, without what each call takes by itself.

    Args:
        work: does so many units.
        most: units that there are; of a single one all of its time is taken.
        clock: tells the time.

    Example:
        >>> now = [0.0]
        >>> def work(count):
        ...     now[0] += 5 + 2 * count  # Opens files for five seconds.
        >>> further(work, 100, lambda: now[0])
        2.0
    """
    if most < 2:
        return middle(work, 1, clock)
    work(1)  # As above.
    count, found = min(most, FURTHER_UNITS), []
    for _ in range(PIECES):
        with Timed(clock) as one:
            work(1)
        with Timed(clock) as several:
            work(count)
        found.append(max(0.0, several.seconds - one.seconds) / (count - 1))
    return statistics.median(found)


class Meter:
    """Measures with one pilot; each kind of work on demand.

    Args:
        pilot: the run.
        directory: for checkpoints and exports, which goes afterwards.
        clock: tells the time.
    """

    def __init__(self, pilot: Pilot, directory: pathlib.Path, clock: Clock = time.perf_counter):
        self._pilot = pilot
        self._directory = directory
        self._clock = clock
        self._rng = np.random.default_rng(pilot.config.seed)
        self._saved_bytes, self._saved_seconds = 0, 0.0
        self.largest_bytes = 0

    def architectures(self) -> list[Architecture]:
        """Drawn from the space, within the limit on their cost where one comes soon."""
        run = self._pilot
        found: list[Architecture] = []
        limit = run.config.max_mflops
        for _ in range(100 * DRAWN):
            drawn = run.space.sample(self._rng)
            if limit is None or run.cost(drawn).mflops <= limit:
                found.append(drawn)
            if len(found) == DRAWN:
                break
        # The middle one by cost first: it is measured even where time is short.
        found.sort(key=lambda one: run.cost(one).mflops)
        return found[1:2] + found[:1] + found[2:] if len(found) == DRAWN else found

    def load_row(self) -> float:
        """Seconds to parse a row of the records into memory."""
        from nasrec_tf.data.records import Records

        records = Records(self._pilot.data, memory_limit=0)
        seconds = []
        rows = min(records.rows("train"), LOADED_ROWS)
        for limit in (1, rows):
            with Timed(self._clock) as load:
                for _ in records.batches("train", 4096, limit):
                    pass
            seconds.append(load.seconds)
        return max(0.0, seconds[1] - seconds[0]) / rows

    def training(self, model: Trainable, recipe: Recipe) -> TrainingCost:
        """A training from scratch.

        Args:
            model: what is trained.
            recipe: how; complete.
        """
        from nasrec_tf.networks.weights import save_weights
        from nasrec_tf.search.from_scratch import build, training_plan
        from nasrec_tf.search.training_task import WEIGHTS
        from nasrec_tf.training.checkpoint import Checkpoint
        from nasrec_tf.training.evaluation import Predictor
        from nasrec_tf.training.trainer import one_device

        run = self._pilot
        plan = training_plan(run, _fitting(recipe, run))
        rows = run.records.rows("validation")
        with Timed(self._clock) as start:
            network = build(run, model, recipe, run.config.seed)
            plan.compile(network, run.records)
            trainer, batches = one_device(network), _endless(run, plan)
            trainer.steps(batches, 1)
            predict = Predictor(network, run.records)
            predict("validation", 1)
        step = middle(lambda count: trainer.steps(batches, count), 200, self._clock)
        # A streamed split is opened anew at each evaluation.
        evaluated = further(
            lambda count: predict("validation", 1024 * count), rows // 1024, self._clock
        )
        network.optimizer.settle()
        with self._saving() as save:
            Checkpoint(network, self._directory / NETWORK).save()
            save_weights(network, self._directory / WEIGHTS)
        return TrainingCost(start.seconds, step, evaluated / min(1024, rows), save.seconds)

    def supernet(self) -> tuple[SupernetCost, Any]:
        """The supernet's training; and the supernet."""
        from nasrec_tf.search.stages.supernet import build, training_plan
        from nasrec_tf.training.checkpoint import Checkpoint

        run = self._pilot
        plan = training_plan(run)
        with Timed(self._clock) as building:
            model = build(run)
        with Timed(self._clock) as start:
            plan.compile(model, run.records)
            trainer, batches = self._supernet_trainer(model, plan), _endless(run, plan)
            trainer.steps(batches, 1)
        iterations = model.optimizer.iterations
        # The chance of the whole supernet goes by the step: 1 at first, none after the warm-up.
        steps = warmup_steps(plan.steps(run.records))

        def at(step: int) -> Callable[[int], Any]:
            def work(count: int) -> None:
                iterations.assign(step)
                trainer.steps(batches, count)

            return work

        drawn = middle(at(steps + 1), 100, self._clock)
        full = middle(at(0), 1, self._clock) if run.config.warmup else drawn
        with self._saving() as save:
            Checkpoint(model, self._directory / SUPERNET).save()
        built = building.seconds
        return SupernetCost(built, built + start.seconds, drawn, full, save.seconds), model

    def _supernet_trainer(self, model: Any, plan: Any) -> Any:
        """What makes its steps, as the stage has it."""
        from nasrec_tf.search.learnt_choices import choice_trainer
        from nasrec_tf.strategies.dnas import LogitSearch
        from nasrec_tf.training.trainer import OneDevice

        run = self._pilot
        strategy = search_strategy(run.config, run.settings, run.rows["train"])
        if not isinstance(strategy, LogitSearch):
            return OneDevice(model)
        steps = plan.steps(run.records)
        return choice_trainer(run, strategy, model, steps, warmup_steps(steps))

    def masked(self, architecture: Architecture, recipe: Recipe) -> TrainingCost:
        """A training of a network between its prunings, with all weights.

        Args:
            architecture: what is pruned.
            recipe: how it is trained; complete.
        """
        from nasrec_tf.networks.pruning.tickets import pruned_matrices, whole_ticket
        from nasrec_tf.search.masked_model import MaskedModel

        run, pruning = self._pilot, self._pilot.config.prune_settings()
        options = run.recipe_options(recipe)
        matrices = pruned_matrices(architecture, run.features, options, pruning)
        ticket = whole_ticket(matrices, pruning)
        return self.training(MaskedModel(architecture, pruning, ticket), recipe)

    def yardsticks(self, found: Trainable, recipe: Recipe) -> tuple[TrainingCost, ...]:
        """Trainings of the models that a network is explained beside.

        Args:
            found: the network.
            recipe: how; complete.
        """
        from nasrec_tf.search.yardsticks import NONE, recipe_for, refusal, yardstick_models

        if self._pilot.config.yardsticks == NONE:
            return ()
        models = yardstick_models(self._pilot, found).values()
        trained = [(model, recipe_for(model, recipe)) for model in models]
        return tuple(
            self.training(model, own)
            for model, own in trained
            if refusal(self._pilot, model, own) is None
        )

    def parts(self, model: Trainable, recipe: Recipe) -> int:
        """How many parts of a network are left out to explain it.

        Args:
            model: the network.
            recipe: how it is trained.
        """
        from nasrec_tf.networks.ablation import ablations
        from nasrec_tf.search.from_scratch import build

        if model.architecture is None:
            return 0
        return len(ablations(build(self._pilot, model, recipe, None)))

    def scoring(
        self, supernet: Any, drawn: Sequence[Architecture], is_late: Callable[[], bool]
    ) -> list[ScoringCost]:
        """Scores of candidates by a supernet.

        Args:
            supernet: of ``supernet``.
            drawn: the candidates.
            is_late: whether no more than the first is to be measured.
        """
        from nasrec_tf.search.scorers import scoring_plan
        from nasrec_tf.training.scoring import SupernetScorer

        run, plan = self._pilot, scoring_plan(self._pilot)
        found: list[ScoringCost] = []
        scorer = SupernetScorer(supernet, run.records, plan)
        steps = min(plan.fine_tune_steps, max(1, MOST_PIECE_ROWS // plan.batch_size))
        rows = min(plan.validation_rows, run.records.rows("validation"), MOST_PIECE_ROWS)
        start = 0.0
        for architecture in drawn:
            if found and is_late():
                break

            def seconds(steps: int, rows: int, architecture=architecture) -> float:
                scorer.plan = dataclasses.replace(plan, fine_tune_steps=steps, validation_rows=rows)
                return middle(
                    lambda count: [scorer(architecture) for _ in range(count)], 2, self._clock
                )

            if not found:
                with Timed(self._clock) as first:
                    scorer(architecture)
                start = first.seconds
            least = seconds(0, 1)
            tuned = seconds(steps, 1) - least if steps else 0.0
            scored = seconds(0, rows) - least
            found.append(
                ScoringCost(
                    start,
                    least,
                    max(0.0, tuned) / max(1, steps * plan.batch_size),
                    max(0.0, scored) / rows,
                )
            )
        return found

    @property
    def written_byte(self) -> float:
        """Seconds to write a byte of a checkpoint, as all that were written tell."""
        return self._saved_seconds / max(1, self._saved_bytes)

    @contextlib.contextmanager
    def _saving(self) -> Iterator[Timed]:
        """Within it a network is saved."""
        with Timed(self._clock) as save:
            yield save
        files = [file for file in self._directory.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        self._saved_bytes += size
        self._saved_seconds += save.seconds
        self.largest_bytes = max(self.largest_bytes, size)
        _empty(self._directory)

    def judged_row(self) -> float:
        """Seconds of a row of the test split for figures and their intervals."""
        from nasrec_tf.search.winner_quality import Predicted, judged

        rows = min(JUDGED_ROWS, max(2, self._pilot.rows["test"]))
        labels = (np.arange(rows) % 4 == 0).astype(np.float32)
        drawn = Predicted(labels, self._rng.normal(size=rows).astype(np.float32))
        with Timed(self._clock) as judging:
            judged(self._pilot, drawn, drawn)
        return judging.seconds / rows

    def export(self, model: Trainable, recipe: Recipe) -> float:
        """Seconds of an export, as the stage makes it.

        Args:
            model: what is exported, untrained.
            recipe: how it would be trained.
        """
        from nasrec_tf.export.saved_model import export_saved_model
        from nasrec_tf.search.from_scratch import build

        run = self._pilot
        with Timed(self._clock) as export:
            network = build(run, model, recipe, run.config.seed)
            export_saved_model(network, run.schema, run.dataset, self._directory, run.config.name)
        _empty(self._directory)
        return export.seconds


def _fitting(recipe: Recipe, run: Pilot) -> Recipe:
    """With batches that a sample fills."""
    return recipe.replace(batch_size=min(recipe.batch_size, run.records.rows("train")))


def _endless(run: Pilot, plan: Any) -> Iterator[Any]:
    """Batches, epoch after epoch, as one ``tf.data`` iterator."""
    import tensorflow as tf

    batches = run.records.training_batches(plan.batch_size, 0, plan.seed)
    return iter(tf.data.Dataset.repeat(batches))


def _empty(directory: pathlib.Path) -> None:
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
