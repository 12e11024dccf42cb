"""Hours, memory and disk of each stage: what is counted, times what it was measured to take."""

import dataclasses
import functools
import statistics
from collections.abc import Callable, Sequence

import numpy as np

from nasrec_tf.search.attempts import other_recipes
from nasrec_tf.search.finalist_seeds import expected_seeds, kept_trainings
from nasrec_tf.search.planning.forecast_parts import Parts
from nasrec_tf.search.planning.later_stages import explaining, pruning
from nasrec_tf.search.planning.pilot import Pilot
from nasrec_tf.search.planning.proposals import candidates_of_scores
from nasrec_tf.search.planning.stage_forecast import EARLIEST, StageForecast, about, nothing
from nasrec_tf.search.planning.unit_costs import RecordsCost, TrainingCost, UnitCosts
from nasrec_tf.search.references import other_plain
from nasrec_tf.search.search_plan import (
    candidate_rows,
    rescored,
    rescored_rows,
    search_strategy,
)
from nasrec_tf.search.search_size import PILOTS
from nasrec_tf.search.workload import (
    final_fits,
    finalists,
    full_steps,
    recipe_passes,
    repeated,
)
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipe_choice import Outcome, RecipeChoice
from nasrec_tf.training.recipe_questions import MIXED, Question, questions

SIMULATIONS = 11
"""Choices of a recipe that are played through with drawn outcomes, unless said otherwise."""

TRIAL_SECONDS = 0.005
"""The search's own work for a candidate (benchmark ``tuner``), beside what draws it by scores."""

RECORDS_BYTES = 400 << 20
"""Memory of a records stage of few values, with Beam, in one process."""

WORKER_BYTES = 260 << 20
"""Of each worker process where there are several (docs/scaling.md)."""

COUNTED_BYTES = 60
"""Of a value of a vocabulary while it is sorted and looked up."""

VALUE_BYTES = 150
"""Of a value of a vocabulary in an export, about."""

REPORT_SECONDS = 3.0
"""Of the page and its drawings."""

JOURNAL_BYTES = 2_000
"""Of a candidate in the journal of a search."""


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What is left of a run is going to take.

    Args:
        pilot: the run.
        costs: as measured.
        records: of the records stage; ``None`` if it has finished.
        simulations: choices of a recipe that are played through.
        smaller: as measured in the space of a smaller log; ``None`` where it was not.
    """

    pilot: Pilot
    costs: UnitCosts
    records: RecordsCost | None
    simulations: int = SIMULATIONS
    smaller: UnitCosts | None = None

    def stages(self) -> list[StageForecast]:
        """Of each stage that has not finished, in order."""
        made: dict[str, Callable[[], StageForecast]] = {
            "records": self._records,
            "recipe": self._recipe,
            "supernet": self._supernet,
            "evolution": self._evolution,
            "rescore": self._rescore,
            "retrain": self._retrain,
            "prune": lambda: pruning(self.parts),
            "export": self._export,
            "explain": lambda: explaining(self.parts),
        }
        directory = self.pilot.directory
        left = [stage for stage in self.pilot.config.stages if directory.result(stage) is None]
        return [made[stage]() for stage in left if stage in made]

    @functools.cached_property
    def parts(self) -> Parts:
        """What its stages are made of."""
        return Parts(self.pilot, self.costs)

    # Stages.

    def _records(self) -> StageForecast:
        cost, rows = self.records, sum(self.pilot.rows.values())
        assert cost is not None, "a stage that is left has been measured"
        workers = self.pilot.config.workers
        processes = RECORDS_BYTES + WORKER_BYTES * (workers if workers > 1 else 0)
        return StageForecast(
            "records",
            about(cost.start + cost.reading),
            processes + COUNTED_BYTES * sum(self.pilot.table_rows),
            cost.disk + cost.raw_disk,
            f"{rows:,} rows",
        )

    def _recipe(self) -> StageForecast:
        if self.pilot.warm_start is not None:
            return nothing("recipe")
        pilot, rows = self.pilot, self.pilot.rows["train"]
        start = pilot.recipe
        asked = questions(start, rows, pilot.config.recipe_changes())
        budget = recipe_passes(pilot.config, pilot.settings, pilot.rows)
        played = sorted(self._choice(start, asked, budget, n) for n in range(self.simulations))
        seconds = [each for each, _ in played]
        middle = statistics.median(seconds)
        trainings = statistics.median(trained for _, trained in played)
        largest = pilot.recipe.replace(embedding_dim=max(start.embedding_dim, *_widths(asked)))
        return StageForecast(
            "recipe",
            about(middle, seconds[0], seconds[-1]),
            self.parts.memory(self.pilot.network_bytes(largest)),
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
            steps = epochs * self.parts.steps_per_epoch(recipe)
            seconds.append(cost.seconds(steps, epochs, self.pilot.rows["validation"]))
            return Outcome(0.5 + 0.01 * rng.normal(), epochs)

        has_other = (
            self.pilot.config.architecture is None and other_plain(self.pilot.space) is not None
        )
        RecipeChoice(outcome, budget=budget, has_other=has_other)(start, asked)
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
            return nothing("supernet")
        from nasrec_tf.search.stages.supernet import training_plan

        steps = training_plan(pilot).steps(pilot.counts)
        whole = full_steps(steps) if pilot.config.warmup else 0.0
        trained = cost.start + self.parts.loading("train")
        trained += steps * cost.step + whole * (cost.full_step - cost.step)
        size = pilot.supernet_bytes(training=True)
        return StageForecast(
            "supernet",
            about(trained + self.parts.saving(trained, cost.save, size)),
            self.parts.memory(size),
            2 * size,
            f"{steps:,} steps of {pilot.settings.batch_size}",
            steps,
        )

    def _evolution(self) -> StageForecast:
        pilot, costs, rows = self.pilot, self.costs, self.pilot.rows
        if pilot.config.architecture is not None:
            return nothing("evolution")
        strategy = search_strategy(pilot.config, pilot.settings, rows["train"])
        trials = strategy.trials
        tuned, scored = candidate_rows(pilot.config, pilot.settings, rows)
        whole = min(pilot.settings.validation_rows, rows["validation"])
        if costs.supernet is None:
            batch = pilot.recipe.batch_size or 1
            each = [cost.seconds(tuned // batch, 1, scored) for cost in costs.found]
            start = self.parts.loading("train")
        else:
            each = [
                cost.candidate + tuned * cost.tuned_row + scored * cost.scored_row
                for cost in costs.scoring
            ]
            start = costs.supernet.build + costs.supernet.save + costs.scoring[0].start
            if scored < whole:  # Whole scores choose the rows.
                more = statistics.mean((whole - scored) * cost.scored_row for cost in costs.scoring)
                start += PILOTS * (statistics.mean(each) + more)
        start += trials * TRIAL_SECONDS + candidates_of_scores(strategy) * costs.proposal
        ends = [start + trials * seconds for seconds in (min(each), max(each))]
        expected = start + trials * statistics.mean(each)
        return StageForecast(
            "evolution",
            about(expected, *ends),
            self.parts.memory(pilot.supernet_bytes(training=False)),
            trials * JOURNAL_BYTES,
            f"{trials:,} candidates",
            trials,
        )

    def _rescore(self) -> StageForecast:
        pilot, costs = self.pilot, self.costs
        if pilot.config.architecture is not None or costs.supernet is None:
            return nothing("rescore")
        trials = search_strategy(pilot.config, pilot.settings, pilot.rows["train"]).trials
        count = rescored(pilot.config, trials)
        tuned, judged = rescored_rows(pilot.settings, pilot.rows)
        each = [
            cost.candidate + tuned * cost.tuned_row + judged * cost.scored_row + TRIAL_SECONDS
            for cost in costs.scoring
        ]
        start = costs.supernet.build + costs.supernet.save + costs.scoring[0].start
        ends = [start + count * seconds for seconds in (min(each), max(each))]
        return StageForecast(
            "rescore",
            about(start + count * statistics.mean(each), *ends),
            self.parts.memory(pilot.supernet_bytes(training=False)),
            count * JOURNAL_BYTES,
            f"{count:,} candidates again",
            count,
        )

    def _retrain(self) -> StageForecast:
        pilot, costs = self.pilot, self.costs
        first = finalists(pilot.config, pilot.settings)
        others = list(other_recipes(pilot.recipe, pilot.config.recipe_changes()))
        again = repeated(pilot.config, first, pilot.rows) * len(others)
        again += max(0, pilot.config.winner_seeds - pilot.config.finalist_seeds)
        again += final_fits(pilot.config, first + again + pilot.settings.refine)
        refined = pilot.settings.refine
        seeds = pilot.config.finalist_seeds
        seeded = expected_seeds(seeds, first + again, refined)
        each = sorted(self.parts.training(cost) for cost in costs.found)
        plain = each[0] if costs.plain is None else min(each[0], self.parts.training(costs.plain))
        mean = statistics.mean(each)
        beside = self.parts.choosing()
        # What refines the best is as large as that, which may be the plain network.
        whole = self.parts.whole_trainings(first)
        expected = (whole + again + seeded) * mean + refined * (plain + mean) / 2 + beside
        fewest = again + refined + seeds - 1
        least = (whole * each[0] + fewest * plain) * EARLIEST + beside
        most = (whole + again + 2 * seeded) * each[-1] + refined * mean + beside
        trainings = first + again + refined + round(seeded)
        told = f"about {trainings}" if seeded else f"{trainings}"
        kept = trainings if pilot.config.ensemble > 1 else kept_trainings(seeds, trainings)
        size = self.pilot.network_bytes(pilot.recipe)
        return StageForecast(
            "retrain",
            about(expected, least, most),
            self.parts.memory(size),
            2 * size + kept * size // 2,
            f"{told} trainings of up to {pilot.recipe.epochs} epochs",
            trainings,
        )

    def _export(self) -> StageForecast:
        size = self.pilot.network_bytes(self.pilot.recipe) // 2
        further = self.parts.further_weights(self.pilot.recipe)
        seconds = self.costs.export + further * self.costs.written_byte
        members = self.pilot.config.ensemble
        return StageForecast(
            "export",
            about(seconds * members),
            self.parts.memory(2 * members * size),
            members * size + VALUE_BYTES * sum(self.pilot.table_rows),
            "a SavedModel",
        )

    def finish_seconds(self) -> float:
        """Of what comes after the trainings: that, report and export.

        A training that is cut saves what it has, and looks at validation if it has not before.
        """
        after = self.parts.choosing() + self._export().seconds.expected + REPORT_SECONDS
        return self._cut_seconds() + after

    def _cut_seconds(self) -> float:
        cost = self.costs.found[0]
        return cost.save + self.pilot.rows["validation"] * cost.evaluated_row

    def must_seconds(self) -> float:
        """Of it what cannot be left out: the test split, report and export."""
        return self.finish_seconds() - self._cut_seconds() - self.parts.labels()

    def recipe_share(self) -> float:
        """Share of the run's rows that the choice of a recipe may take."""
        pilot = self.pilot
        passes = recipe_passes(pilot.config, pilot.settings, pilot.rows)
        without = dataclasses.replace(pilot.config, recipe_share=0.5)
        others = recipe_passes(without, pilot.settings, pilot.rows)
        return min(0.9, passes / (passes + others))


def _widths(asked: Sequence[Question]) -> tuple[int, ...]:
    found = [question.values for question in asked if question.field == "embedding_dim"]
    return found[0] if found else (0,)
