"""Hours, memory and disk of each stage: what is counted, times what it was measured to take."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence

import numpy as np

from nasrec_tf.architecture.memory import NUMBER_BYTES
from nasrec_tf.search.attempts import other_recipes
from nasrec_tf.search.config import AUTO
from nasrec_tf.search.planning.pilot import Pilot
from nasrec_tf.search.planning.unit_costs import RecordsCost, TrainingCost, UnitCosts
from nasrec_tf.search.search_plan import candidate_rows, search_strategy
from nasrec_tf.search.workload import finalists, full_steps, recipe_passes, repeated
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipe_choice import (
    LARGE_ROWS,
    MIXED,
    Outcome,
    Question,
    RecipeChoice,
    questions,
)

NOISE = 0.1
"""Of a stage's time, by which a machine differs from itself within hours."""

SIMULATIONS = 11
"""Choices of a recipe that are played through with drawn outcomes, unless said otherwise."""

TRIAL_SECONDS = 0.005
"""The search's own work for a candidate (benchmark ``tuner``)."""


EARLIEST = 0.6
"""Share of its steps after which a training may end because it no longer gets better."""

RECORDS_BYTES = 400 << 20
"""Memory of a records stage of few values, with Beam."""

VALUE_BYTES = 150
"""Of a value of a vocabulary, in memory while it is counted, and about on disk."""

REPORT_SECONDS = 3.0
"""Of the page and its drawings."""

JOURNAL_BYTES = 2_000
"""Of a candidate in the journal of a search."""


@dataclasses.dataclass(frozen=True)
class Seconds:
    """A time and its range.

    Args:
        least: the lower end.
        expected: in the middle.
        most: the upper end.
    """

    least: float
    expected: float
    most: float

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(
            self.least + other.least, self.expected + other.expected, self.most + other.most
        )

    def __mul__(self, share: float) -> "Seconds":
        return Seconds(self.least * share, self.expected * share, self.most * share)


@dataclasses.dataclass(frozen=True)
class StageForecast:
    """What a stage is going to take.

    Args:
        stage: its name.
        seconds: wall time.
        memory: bytes of the process at most.
        disk: bytes that it has on disk at most.
        told: what it does, in numbers.
        count: steps, candidates or trainings, of a stage that goes on where it was stopped.
    """

    stage: str
    seconds: Seconds
    memory: int
    disk: int
    told: str
    count: int = 0


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What is left of a run is going to take.

    Args:
        pilot: the run.
        costs: as measured.
        records: of the records stage; ``None`` if it has finished.
        simulations: choices of a recipe that are played through.
    """

    pilot: Pilot
    costs: UnitCosts
    records: RecordsCost | None
    simulations: int = SIMULATIONS

    def stages(self) -> list[StageForecast]:
        """Of each stage that has not finished, in order."""
        made: dict[str, Callable[[], StageForecast]] = {
            "records": self._records,
            "recipe": self._recipe,
            "supernet": self._supernet,
            "evolution": self._evolution,
            "retrain": self._retrain,
            "export": self._export,
        }
        directory = self.pilot.directory
        left = [stage for stage in self.pilot.config.stages if directory.result(stage) is None]
        return [made[stage]() for stage in left if stage in made]

    # Stages.

    def _records(self) -> StageForecast:
        cost, rows = self.records, sum(self.pilot.rows.values())
        assert cost is not None, "a stage that is left has been measured"
        tables = sum(self.pilot.table_rows)
        return StageForecast(
            "records",
            _about(cost.start + cost.reading),
            RECORDS_BYTES + VALUE_BYTES * tables,
            cost.disk + cost.raw_disk,
            f"{rows:,} rows",
        )

    def _recipe(self) -> StageForecast:
        pilot, rows = self.pilot, self.pilot.rows["train"]
        start = pilot.recipe
        asked = questions(start, rows, pilot.config.recipe_changes())
        budget = recipe_passes(pilot.config, pilot.settings, rows)
        played = sorted(self._choice(start, asked, budget, n) for n in range(self.simulations))
        seconds = [each for each, _ in played]
        middle = statistics.median(seconds)
        trainings = statistics.median(trained for _, trained in played)
        largest = pilot.recipe.replace(embedding_dim=max(start.embedding_dim, *_widths(asked)))
        return StageForecast(
            "recipe",
            _about(middle, seconds[0], seconds[-1]),
            self._memory(self.pilot.network_bytes(largest)),
            2 * self.pilot.network_bytes(largest),
            f"some {trainings:.0f} trainings",
            round(trainings),
        )

    def _choice(
        self, start: Recipe, asked: Sequence[Question], budget: float, seed: int
    ) -> tuple[float, int]:
        """Seconds and trainings of a choice in which chance alone decides."""
        rng, seconds = np.random.default_rng(seed), []

        def outcome(question: Question, recipe: Recipe, replica: int) -> Outcome:
            cost = self._cost_of_trial(question, recipe)
            epochs = recipe.epochs or 1
            steps = epochs * self._steps_per_epoch(recipe)
            seconds.append(cost.seconds(steps, epochs, self.pilot.rows["validation"]))
            return Outcome(0.5 + 0.01 * rng.normal(), epochs)

        RecipeChoice(outcome, budget=budget)(start, asked)
        return sum(seconds), len(seconds)

    def _cost_of_trial(self, question: Question, recipe: Recipe) -> TrainingCost:
        costs = self.costs
        if question.judge == MIXED and costs.mixed is not None:
            return costs.mixed
        narrow = costs.plain or costs.found[0]
        if costs.wide is None:
            return narrow
        first, last = self.pilot.recipe.embedding_dim, costs.wide_dim
        share = min(1.0, max(0.0, (recipe.embedding_dim - first) / (last - first)))
        return narrow.towards(costs.wide, share)

    def _supernet(self) -> StageForecast:
        pilot, cost = self.pilot, self.costs.supernet
        if cost is None:
            return _nothing("supernet")
        from nasrec_tf.search.stages.supernet import training_plan

        steps = training_plan(pilot).steps(pilot.counts)
        whole = full_steps(steps) if pilot.config.warmup else 0.0
        trained = cost.start + self._loading("train")
        trained += steps * cost.step + whole * (cost.full_step - cost.step)
        size = pilot.supernet_bytes(training=True)
        return StageForecast(
            "supernet",
            _about(trained + self._saving(trained, cost.save, size)),
            self._memory(size),
            2 * size,
            f"{steps:,} steps of {pilot.settings.batch_size}",
            steps,
        )

    def _evolution(self) -> StageForecast:
        pilot, costs, rows = self.pilot, self.costs, self.pilot.rows
        if pilot.config.architecture is not None:
            return _nothing("evolution")
        trials = search_strategy(pilot.config, pilot.settings, rows["train"]).trials
        tuned, scored = candidate_rows(pilot.config, pilot.settings, rows["train"])
        scored = min(scored, rows["validation"])
        if costs.supernet is None:
            batch = pilot.recipe.batch_size or 1
            each = [cost.seconds(tuned // batch, 1, scored) for cost in costs.found]
            start = self._loading("train")
        else:
            each = [
                cost.candidate + tuned * cost.tuned_row + scored * cost.scored_row
                for cost in costs.scoring
            ]
            start = costs.supernet.build + costs.supernet.save + costs.scoring[0].start
        ends = [start + trials * (seconds + TRIAL_SECONDS) for seconds in (min(each), max(each))]
        expected = start + trials * (statistics.mean(each) + TRIAL_SECONDS)
        return StageForecast(
            "evolution",
            _about(expected, *ends),
            self._memory(pilot.supernet_bytes(training=False)),
            trials * JOURNAL_BYTES,
            f"{trials:,} candidates",
            trials,
        )

    def _retrain(self) -> StageForecast:
        pilot, costs = self.pilot, self.costs
        first = finalists(pilot.config, pilot.settings)
        again = 0
        if pilot.config.recipe == AUTO and pilot.rows["train"] < LARGE_ROWS:
            others = other_recipes(pilot.recipe, pilot.config.recipe_changes())
            again = repeated(first) * len(list(others))
        again += pilot.config.winner_seeds - 1
        again += pilot.config.final_fit != "train"
        refined = pilot.settings.refine
        each = sorted(self._training(cost) for cost in costs.found)
        plain = each[0] if costs.plain is None else min(each[0], self._training(costs.plain))
        mean = statistics.mean(each)
        beside = self.choosing_seconds()
        # What refines the best is as large as that, which may be the plain network.
        expected = (first + again) * mean + refined * (plain + mean) / 2 + beside
        least = (first * each[0] + (again + refined) * plain) * EARLIEST + beside
        most = (first + again) * each[-1] + refined * mean + beside
        kept = first + again + refined if pilot.config.ensemble > 1 else 1
        size = self.pilot.network_bytes(pilot.recipe)
        return StageForecast(
            "retrain",
            _about(expected, least, most),
            self._memory(size),
            2 * size + kept * size // 2,
            f"{first + again + refined} trainings of up to {pilot.recipe.epochs} epochs",
            first + again + refined,
        )

    def _export(self) -> StageForecast:
        size = self.pilot.network_bytes(self.pilot.recipe) // 2
        measured = self._weights_of_sample()
        seconds = self.costs.export + max(0, size - measured) * self.costs.written_byte
        members = self.pilot.config.ensemble
        return StageForecast(
            "export",
            _about(seconds * members),
            self._memory(2 * members * size),
            members * size + VALUE_BYTES * sum(self.pilot.table_rows),
            "a SavedModel",
        )

    def choosing_seconds(self) -> float:
        """Of the retrain stage, what comes after its trainings: validation and test once more."""
        costs, rows = self.costs, self.pilot.rows
        looked_at = rows["test"] + rows["validation"]
        seconds = looked_at * costs.found[0].evaluated_row + rows["test"] * costs.judged_row
        for split in ("validation", "test"):
            seconds += self._loading(split)
        return seconds + costs.found[0].start

    def finish_seconds(self) -> float:
        """Of what comes after the trainings: that, report and export."""
        return self.choosing_seconds() + self._export().seconds.expected + REPORT_SECONDS

    def recipe_share(self) -> float:
        """Share of the run's rows that the choice of a recipe may take."""
        pilot, rows = self.pilot, self.pilot.rows["train"]
        passes = recipe_passes(pilot.config, pilot.settings, rows)
        without = dataclasses.replace(pilot.config, recipe_share=0.5)
        others = recipe_passes(without, pilot.settings, rows)
        return min(0.9, passes / (passes + others))

    # What they are made of.

    def _training(self, cost: TrainingCost) -> float:
        recipe = self.pilot.recipe
        epochs = recipe.epochs or 1
        evaluations = epochs * recipe.evaluations_per_epoch
        steps = epochs * self._steps_per_epoch(recipe)
        seconds = cost.seconds(steps, evaluations, self.pilot.rows["validation"])
        size = self.pilot.network_bytes(recipe)
        beside = evaluations * max(0, size - 2 * self._weights_of_sample())
        return seconds + beside * self.costs.written_byte

    def _steps_per_epoch(self, recipe: Recipe) -> int:
        return recipe.epoch_steps(self.pilot.counts.steps_per_epoch(recipe.batch_size or 1))

    def _loading(self, split: str) -> float:
        """Seconds to bring a split into memory; none if it is streamed."""
        return self.costs.load_row * self.pilot.rows[split] if self._held(split) else 0.0

    def _held(self, split: str) -> int:
        """Bytes of a split that is held in memory."""
        from nasrec_tf.data.records import IN_MEMORY_BYTES

        records = self.pilot.records
        each = records.loading_bytes(split) / max(1, records.rows(split))
        needed = round(each * self.pilot.rows[split])
        return needed if needed <= IN_MEMORY_BYTES else 0

    def _saving(self, seconds: float, save: float, size: int) -> float:
        """Seconds of the checkpoints of a training, of a network of full size."""
        saves = 1 + seconds / self.pilot.config.checkpoint_seconds
        return saves * max(save, size * self.costs.written_byte)

    def _memory(self, weights: int) -> int:
        held = sum(self._held(split) for split in ("train", "validation"))
        return self.costs.process_bytes + weights + held

    def _weights_of_sample(self) -> int:
        """Bytes of the tables of a network of the measured data set."""
        rows = sum(self.pilot.schema.sparse_rows)
        return NUMBER_BYTES * rows * self.pilot.recipe.embedding_dim


def _widths(asked: Sequence[Question]) -> tuple[int, ...]:
    found = [question.values for question in asked if question.field == "embedding_dim"]
    return found[0] if found else (0,)


def _about(expected: float, least: float | None = None, most: float | None = None) -> Seconds:
    least = expected if least is None else min(least, expected)
    most = expected if most is None else max(most, expected)
    return Seconds(least * (1 - NOISE), expected, most * (1 + NOISE))


def _nothing(stage: str) -> StageForecast:
    return StageForecast(stage, Seconds(0.0, 0.0, 0.0), 0, 0, "nothing to do")
