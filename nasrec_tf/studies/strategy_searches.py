"""Searches by other strategies, made for a comparison from what its run has left."""

import dataclasses
import functools
import gc
import pathlib
from collections.abc import Sequence
from typing import Any

from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.search.branch import branch
from nasrec_tf.search.command import completed_run
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.extension import Extension
from nasrec_tf.search.options_together import without_effect
from nasrec_tf.search.preflight import check_options
from nasrec_tf.search.results import EvolutionResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.search_cost import (
    rows_of_a_trained_candidate,
    rows_of_scores,
    rows_of_the_supernet,
    search_cost,
)
from nasrec_tf.search.search_size import score_rows
from nasrec_tf.search.stages.records import RAW_LOG_OPTIONS
from nasrec_tf.strategies.strategy import TRAINING
from nasrec_tf.studies.config import SearchMethod

DIRECTORY = "strategies"
"""Of the searches, in the directory of the run."""

LAST_STAGE = "retrain"
"""Its model is what a comparison trains; nothing after it is looked at."""

AFTER_THE_SEARCH = (
    "ensemble", "calibrate", "final_fit", "winner_seeds", "prune", "prune_iterations",
    "prune_options", "yardsticks", "tensorboard", "mlflow", "max_hours",
)  # fmt: skip
"""Options that do not change which model is found, left as they are by default."""


@dataclasses.dataclass(frozen=True)
class StrategySearches:
    """Searches as that of a run, by other strategies and with other seeds.

    Each is a run of its own in ``RUN/strategies``, with the records and the recipe of the run; one
    of the same seed whose candidates the same supernet scores takes that as well. Candidates that
    are trained from scratch get as many rows in all as the run took for supernet and scores.

    Args:
        run: whose search it is; its retrain stage has finished.
        methods: what is to search, and by which scores.
        seeds: searches of each; the first one has the seed of the run.

    Raises:
        UserError: if the run has searched for nothing.
    """

    run: Run
    methods: Sequence[SearchMethod]
    seeds: int

    def __post_init__(self):
        if self.methods and not isinstance(self._evolution, EvolutionResult):
            raise UserError(
                f"--strategies: {self.run.directory.path} has searched for nothing, since an "
                "architecture was given; leave it out."
            )

    @property
    def _evolution(self) -> Any:
        return self.run.directory.result("evolution")

    @functools.cached_property
    def configs(self) -> dict[str, SearchConfig]:
        """Options of each search, by the name of its directory; that of the run is not made again.

        Raises:
            UserError: if one cannot be made.
        """
        found, own = {}, self.run.config
        for method in self.methods:
            for seed in range(own.seed, own.seed + self.seeds):
                is_own = (method.name, method.score_by) == (own.strategy, own.score_by)
                if not (is_own and seed == own.seed):
                    found[f"{method.word}-{seed}"] = self._config(method, seed)
        return found

    def path(self, name: str) -> pathlib.Path:
        """The directory of a search.

        Args:
            name: a name in ``configs``.
        """
        return self.run.directory.path / DIRECTORY / name

    @property
    def unfinished(self) -> list[str]:
        """Names of the searches that are still to be made or gone on with."""
        return [
            name
            for name in self.configs
            if RunDirectory(self.path(name)).result(LAST_STAGE) is None
        ]

    @property
    def finished(self) -> list[pathlib.Path]:
        """Directories of the searches that have ended."""
        unfinished = self.unfinished
        return [self.path(name) for name in self.configs if name not in unfinished]

    def check(self) -> None:
        """Finds out whether every search can be made, before the first one is.

        One that is there learns where the data set lies, since the run may have been moved.

        Raises:
            UserError: if one cannot.
            RunError: if one is there that was made with other options or before the run was
                extended.
        """
        for name, config in self.configs.items():
            directory = RunDirectory(self.path(name))
            stored = directory.stored_config()
            other = None if stored is None else directory.extension(config, stored)
            if other is not None:
                raise _of_another_run(other)
            if stored is not None:
                with directory.opened(config):
                    pass
        for name in self.unfinished:
            try:
                check_options(self.configs[name])
            except UserError as error:
                raise _refused(name, error) from error

    def told(self) -> str:
        """What is still to be done, in a line."""
        cost = search_cost(self.run)
        count = len(self.unfinished)
        return (
            f"before that, {count} search{'' if count == 1 else 'es'}: "
            f"{', '.join(self.unfinished)}; that of "
            f"the run took {cost.rows / 1e6:.3g} M rows and {cost.seconds / 60:.3g} min"
        )

    def make(self) -> None:
        """Makes what is missing, one search after the other.

        Raises:
            UserError, DataError: if one cannot be made.
        """
        for name in self.unfinished:
            self.run.say(f"search {name}: {self.path(name)}")
            config = self.configs[name]
            completed_run(config, "records", self.run.quiet)
            directory = RunDirectory(config.run_dir)
            with directory.opened(config):
                branch(self.run, directory)
            for stage in config.stages[1 : config.stages.index(LAST_STAGE) + 1]:
                completed_run(config, stage, self.run.quiet)
            gc.collect()  # Networks hold reference cycles.

    def _config(self, method: SearchMethod, seed: int) -> SearchConfig:
        own = self.run.config
        unread = {
            name
            for names in without_effect(method.name, method.score_by).values()
            for name in names
            if name != "codesign"  # Changes what is searched for: told by the options' own check.
        }
        left_open = (*AFTER_THE_SEARCH, "demo_rows", *RAW_LOG_OPTIONS, *unread)
        changes: dict[str, Any] = {name: getattr(SearchConfig, name) for name in left_open}
        place = self.run.directory.path / DIRECTORY / f"{method.word}-{seed}"
        changes |= {
            "data": (str(self.run.dataset.resolve()),),
            "strategy": method.name,
            "score_by": method.score_by,
            "seed": seed,
            "run_dir": str(place),
            "export_dir": str(place / "models"),
            "explain": False,
        }
        if method.name != own.strategy:
            changes["strategy_options"] = None
        if method.score_by != own.score_by:
            changes |= self._size(method)
        try:
            return dataclasses.replace(own, **changes)
        except UserError as error:
            raise _refused(method.word, error) from error

    def _size(self, method: SearchMethod) -> dict[str, Any]:
        """How many candidates there are where others than those of the run are scored."""
        if method.score_by != TRAINING:
            return {"generations": None, "candidates": self._evolution.candidates}
        rows = rows_of_the_supernet(self.run) + rows_of_scores(self.run)
        # A budget is of rows that are trained on; those that a score is taken over cost as well.
        trained = score_rows(self.run.config, self.run.records.rows("train"))
        budget = int(rows * trained / rows_of_a_trained_candidate(self.run))
        return {"generations": None, "candidates": None, "score_budget": budget}


def _refused(name: str, error: UserError) -> UserError:
    return UserError(
        f"--strategies {name}: {error} Leave it out, or search so with options of your own "
        "(python -m nasrec_tf.search) and name that run in --runs."
    )


def _of_another_run(difference: Extension) -> RunError:
    """Why a search that is there is not taken."""
    return RunError(
        f"{difference.directory}: was searched with other options than the run has now "
        f"({difference.told}); delete it to search again."
    )
