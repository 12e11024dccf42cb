"""A comparison of what a run found with other models, from beginning to end."""

import contextlib
import dataclasses
import functools
import pathlib
import shlex
from collections.abc import Iterator, Sequence

from nasrec_tf.architecture.memory import check_fits
from nasrec_tf.common.atomic_file import DRAFT_PREFIX, atomic_file
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.locked_directory import is_passing, locked
from nasrec_tf.common.option_values import made_directory
from nasrec_tf.common.own_modules import IMPORT, digests_of_own
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.optimizers.catalogue import OPTIMIZERS
from nasrec_tf.report.comparison_page import write_comparison
from nasrec_tf.report.comparison_summary import ComparisonSummary
from nasrec_tf.report.comparison_text import as_csv, markdown
from nasrec_tf.report.data_summary import SplitSummary
from nasrec_tf.search.memory_check import training_bytes
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.scoring_settings import digest_of_data
from nasrec_tf.studies.config import AUTO, CompareConfig
from nasrec_tf.studies.contenders import Contender, contenders, exported_otherwise, left_out
from nasrec_tf.studies.finished_runs import finished_run, runs_of_the_same_data
from nasrec_tf.studies.grouped_quality import GroupedQuality
from nasrec_tf.studies.planned_cost import PlannedCost, planned_cost
from nasrec_tf.studies.published import published_figures
from nasrec_tf.studies.rival_results import Settings
from nasrec_tf.studies.rival_trainings import RivalTrainings
from nasrec_tf.studies.strategy_rows import strategy_rows
from nasrec_tf.studies.strategy_searches import StrategySearches
from nasrec_tf.studies.table_rows import Outcome, constant_row, of_few_rows, rival_row
from nasrec_tf.training.area_interval import few_of_a_label, rows_by_label
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipes import load_recipe

SETTINGS_FILE = "compare.json"
PAGE, MARKDOWN, CSV = "comparison.html", "comparison.md", "comparison.csv"

OPTION_OF = {"recipe": "--recipe", "learning_rates": "--learning-rates",
             "tuning_passes": "--tuning-passes"}  # fmt: skip

OF_THE_RUN = {"data": "other records", "start": "another batch size or number of passes",
              "operator_balancing": "another --operator-balancing",
              "optimizer": "another file of its optimizer"}  # fmt: skip
"""What an extension of the run may change of the trainings, whichever model it finds."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One comparison: its options, its run, and what follows from both.

    Args:
        config: the options.
        run: a run whose retrain stage has finished.
    """

    config: CompareConfig
    run: Run

    @functools.cached_property
    def contenders(self) -> list[Contender]:
        """Who is trained, the found model first; of further searches those that have ended."""
        others = (*self.config.other_runs(), *map(str, self.searches.finished))
        return contenders(self.run, runs_of_the_same_data(others, self.run), self.config.models)

    @functools.cached_property
    def searches(self) -> StrategySearches:
        """The searches by other strategies that were asked for."""
        seeds = self.config.strategy_seeds or 1
        return StrategySearches(self.run, self.config.methods(), seeds)

    @functools.cached_property
    def settings(self) -> Settings:
        """What all models have in common."""
        recipe = None if self.config.recipe == AUTO else load_recipe(self.config.recipe)
        config, start = self.run.config, self.run.completed(recipe or Recipe())
        own_optimizer = digests_of_own([OPTIMIZERS[start.optimizer]])
        return Settings(
            found=self.contenders[0].model.identity,
            rows={name: split.rows for name, split in self.run.schema.splits.items()},
            seed=config.seed,
            recipe=recipe,
            learning_rates=self.config.rates(),
            tuning_passes=self.config.tuning_passes,
            data=digest_of_data(self.run.dataset),
            start=start,
            operator_balancing=config.operator_balancing,
            optimizer=own_optimizer[0] if own_optimizer else None,
        )

    @functools.cached_property
    def trainings(self) -> RivalTrainings:
        """What trains and measures."""
        return RivalTrainings(self.run, self.settings, self.config.directory)

    @functools.cached_property
    def grouped_quality(self) -> GroupedQuality | None:
        """What judges within groups; ``None`` where there are none and none were asked for.

        The column of the data set's groups has every value, a feature those of its vocabulary.
        """
        asked, own = self.config.group, self.run.schema.group
        if asked is None and own is None:
            return None
        return GroupedQuality(self.run, self.config.directory, None if asked == own else asked)

    def check(self) -> None:
        """Finds out whether every model can be trained, before the first one is.

        Raises:
            UserError: if one cannot, by its recipe, by the data's fields or by the memory of the
                machine.
        """
        self.searches.check()  # Before what they found is looked at.
        self._check_names()
        self._check_place()
        recipe, _ = self.trainings.start(), self.grouped_quality
        for contender in self.contenders:
            contender.model.check(recipe)
            needed = training_bytes(self.run, contender.model, recipe)
            try:
                check_fits(
                    *needed,
                    "prepare the data with a higher --min-count",
                    "leave it out of --models",
                )
            except UserError as error:
                raise UserError(f"{contender.name}: {error}") from error

    def _check_names(self) -> None:
        """Finds out before the searches are made whether what they find has names of its own."""
        for path in map(pathlib.Path, self.config.other_runs()):
            name = path.resolve().name
            if name in self.searches.configs:
                mend = "rename the directory"
                if path.resolve() == self.searches.path(name).resolve():
                    mend = "leave it out"
                raise UserError(
                    f"--runs: {path} has the name of a search by --strategies, {name}; {mend}."
                )

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Makes the directory this comparison's own, or finds that it is, and locks it meanwhile.

        Raises:
            RunError: if it is of a comparison with other settings, or of something else, or in use.
        """
        self._check_place()
        directory = made_directory(self.config.directory, "--out")
        with locked(directory, "directory"):
            self._check_place()
            for draft in directory.rglob(f"{DRAFT_PREFIX}*"):
                draft.unlink(missing_ok=True)  # Of a process that was killed.
            write_state(directory / SETTINGS_FILE, self.settings)
            yield

    def _check_place(self) -> None:
        directory = self.config.directory
        if directory.exists() and not directory.is_dir():
            raise RunError(f"{directory}: is not a directory; use another --out.")
        mend = f"delete {directory} to compare again"
        before = read_state(directory / SETTINGS_FILE, Settings, mend)
        if before is not None:
            self._check_same(before)
        elif directory.exists() and not all(map(is_passing, directory.iterdir())):
            raise RunError(
                f"{directory}: holds files but no {SETTINGS_FILE}, so it is no comparison; use "
                "another --out."
            )

    def _check_same(self, before: Settings) -> None:
        for name, option in OPTION_OF.items():
            if getattr(before, name) != getattr(self.settings, name):
                raise RunError(
                    f"{self.config.directory}: this comparison was begun with another {option}; "
                    "repeat it with that, or use another --out."
                )
        for name, told in OF_THE_RUN.items():
            if getattr(before, name) not in (None, getattr(self.settings, name)):
                raise RunError(
                    f"{self.config.directory}: the run has {told} than when this comparison was "
                    "begun; use another --out."
                )
        unknown = {name: None for name in OF_THE_RUN if getattr(before, name) is None}
        if before != dataclasses.replace(self.settings, **unknown):
            raise RunError(
                f"{self.config.directory}: is of another run, or of one that found another model "
                "since; use another --out."
            )

    def plan(self) -> list[PlannedCost]:
        """What each model is going to cost."""
        return [planned_cost(self.trainings, each, self.config.seeds) for each in self.contenders]

    def outcomes(self) -> Iterator[list[Outcome]]:
        """Trains and measures model after model; all that have ended, after each."""
        ended: list[Outcome] = []
        for contender in self.contenders:
            self.run.say(f"{contender.name}: {contender.model.told}")
            tuning = self.trainings.tuned(contender)
            trained, tests = [], []
            for seed in range(1, self.config.seeds + 1):
                trained.append(self.trainings.trained(contender, tuning.recipe, seed))
                tests.append(self.trainings.tested(contender, trained[-1]))
            speed = self.trainings.speed(contender)
            judge = self.grouped_quality
            grouped = self.trainings.grouped(contender, trained, judge) if judge else ()
            averaged = self.trainings.averaged(contender, trained, tests)
            ended.append(Outcome(contender, tuning, trained, tests, speed, grouped, averaged))
            yield ended

    def summary(self, outcomes: Sequence[Outcome]) -> ComparisonSummary:
        """What is shown of the models that have ended.

        Args:
            outcomes: of each, the found model's first.
        """
        found, judge = outcomes[0] if outcomes else None, self.grouped_quality
        rows = [rival_row(self.trainings, outcome, found) for outcome in outcomes]
        constant = self.trainings.constant()
        if constant is not None:
            rows.append(constant_row(constant, found, judge.of_constant() if judge else None))
        done = {outcome.contender.name for outcome in outcomes}
        schema, strategies = self.run.schema, strategy_rows(outcomes)
        counts = rows_by_label(self.run.records, "test")
        few = few_of_a_label(counts)
        if few is not None:
            rows = [of_few_rows(row, sum(counts)) for row in rows]
            strategies = [of_few_rows(row, sum(counts)) for row in strategies]
        log = RunDirectory(self.run.directory.path).environments()
        return ComparisonSummary(
            name=self.run.config.name,
            data_set=schema.name,
            splits=[SplitSummary(name, split.rows, split.label_rate)
                    for name, split in schema.splits.items()],
            rule=self._rule(),
            seeds=self.config.seeds,
            group=judge.name if judge else None,
            counted_groups=judge.counted if judge else None,
            rivals=rows,
            unfinished=[one.name for one in self.contenders if one.name not in done],
            searches=[one.search for one in self.contenders if one.search is not None],
            strategies=strategies,
            published=published_figures(schema.name),
            command=self.command,
            versions=log.environments[-1].packages if log and log.environments else {},
            few_of_a_label=few,
            exported=exported_otherwise(self.run),
            left_out=tuple(left_out(self.run, self.config.models).values()),
        )  # fmt: skip

    def _rule(self) -> str:
        config = self.config
        if config.recipe == AUTO:
            return (
                f"a recipe chosen for each model within {self.trainings.budget():.0f} passes over "
                "the training split"
            )
        rates = ", ".join(f"{rate:g}" for rate in config.rates())
        return f"recipe {config.recipe}" + (f", learning rate of {rates}" if rates else "")

    @property
    def command(self) -> str:
        """What makes the comparison again."""
        words = ["python", "-m", "nasrec_tf.compare"]
        for module in self.config.imports:
            words += [IMPORT, module]
        for field in dataclasses.fields(self.config):
            value = getattr(self.config, field.name)
            if value != field.default and field.name not in ("checkpoint_seconds", "imports"):
                words += [f"--{field.name.replace('_', '-')}", str(value)]
        return shlex.join(words)

    def write(self, summary: ComparisonSummary) -> None:
        """Writes the page, the Markdown and the CSV, each whole or not at all.

        Args:
            summary: what they show.

        Raises:
            UserError: if one cannot be written.
        """
        directory = self.config.directory
        for name, text in ((MARKDOWN, markdown(summary)), (CSV, as_csv(summary))):
            with atomic_file(directory / name) as file:
                file.write(text)
        write_comparison(summary, directory / PAGE)


def load_comparison(config: CompareConfig, quiet: bool = False) -> tuple[Comparison, RunDirectory]:
    """The comparison of a run, and the run's directory.

    Args:
        config: the options.
        quiet: show no progress.

    Raises:
        RunError: if there is no such run, or it has not come so far.
    """
    path = pathlib.Path(config.run_dir)
    run = finished_run(path, "--run-dir", quiet, config.checkpoint_seconds)
    return Comparison(config, run), run.directory
