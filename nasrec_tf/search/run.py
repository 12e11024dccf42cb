"""What the stages of a run share."""

import dataclasses
import functools
import pathlib
import sys
from typing import Any

import numpy as np
from tqdm import tqdm

from beam_preprocess.common.progress_lines import (
    LineClock,
    is_terminal,
    progress,
    write_line,
)
from beam_preprocess.dataset.file_format import SCHEMA_FILE
from beam_preprocess.dataset.manifest import verify_file
from beam_preprocess.dataset.schema import Schema
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.complexity import Complexity
from nasrec_tf.architecture.space import SearchSpace, search_space
from nasrec_tf.common.errors import RunError
from nasrec_tf.data.features import Features
from nasrec_tf.operators import BY_LAYER, NO_NORM, NetworkOptions
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.named_data_set import is_replaced
from nasrec_tf.search.option_groups.recipe_options import AUTO
from nasrec_tf.search.results import RecipeResult, RecordsResult
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.scaling import Settings, dense_widths, scale
from nasrec_tf.search.search_plan import SEARCH_PROJECT
from nasrec_tf.search.source_0 import dense_embeddings_rule
from nasrec_tf.search.time_budget import TimeBudget, TimedBar
from nasrec_tf.search.trainable import SpaceModel, Trainable, load_trainable, network_options
from nasrec_tf.search.warm_start_note import WarmStartNote, read_warm_start
from nasrec_tf.strategies.history import LOG_LOSS
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipes import load_recipe


@dataclasses.dataclass(frozen=True)
class Run:
    """One run: its options, its directory, and what follows from both.

    Args:
        config: the options.
        directory: the run directory, opened.
        quiet: show no progress.
        time: how long it may still take.
    """

    config: SearchConfig
    directory: RunDirectory
    quiet: bool = False
    time: TimeBudget = dataclasses.field(default_factory=TimeBudget)

    @functools.cached_property
    def space(self) -> SearchSpace:
        """The search space under the options."""
        config = self.config
        changes: dict[str, Any] = {"num_blocks": self.settings.blocks}
        if config.operators is not None:
            changes["operators"] = config.operators
        if config.max_sources is not None:
            changes["max_sources"] = config.max_sources
        space = search_space(config.space)
        changes["dense_widths"] = dense_widths(space, self.settings.max_width)
        changes["dense_embeddings"] = dense_embeddings_rule(config, space, self.dense_columns)
        space = space.replace(**changes)
        if config.codesign and (config.bits is not None or not space.bits):
            space = space.replace(bits=config.bit_widths())
        if config.separate_bits:
            space = space.replace(separate_bits=True)
        return space

    @property
    def _records_result(self) -> RecordsResult:
        result = self.directory.result("records")
        if result is None:
            raise RunError(f"{self.directory.path}: the records stage has not been run yet.")
        return result

    @functools.cached_property
    def dataset(self) -> pathlib.Path:
        """Where the data set is.

        Raises:
            RunError: if the records stage has not been run.
        """
        path = pathlib.Path(self._records_result.dataset)
        return path if path.is_absolute() else self.directory.path / path

    @property
    def dense_columns(self) -> int | None:
        """Dense columns, as the records stage left them; ``None`` of one before that told them.

        Raises:
            RunError: if the records stage has not been run.
        """
        return self._records_result.dense_columns

    @functools.cached_property
    def schema(self) -> Schema:
        """What the data set says of itself, read without TensorFlow.

        Raises:
            DataError: if it is not what was written.
            RunError: if it is another one than the run was begun with.
        """
        verify_file(self.dataset, SCHEMA_FILE)
        made = self.directory.result("records")
        if made is not None and is_replaced(self.dataset, made):
            raise RunError(
                f"{self.dataset}: is another data set than the one that {self.directory.path} was "
                "begun with; put back what there was (an export of the run does without)."
            )
        return Schema.load(self.dataset)

    @functools.cached_property
    def features(self) -> Features:
        """What networks of this run read, with the full tables."""
        return Features.of_schema(self.schema)

    @functools.cached_property
    def records(self) -> Any:
        """The data set, a ``nasrec_tf.data.records.Records``."""
        from nasrec_tf.data.records import FILE_ORDER, SHUFFLED, Records

        order = FILE_ORDER if self.config.row_order == "log" else SHUFFLED
        return Records(self.dataset, order=order)

    @functools.cached_property
    def given_model(self) -> Trainable:
        """The architecture or hand-made model that is trained, where none is searched for."""
        return load_trainable(self.config.architecture)

    @functools.cached_property
    def warm_start(self) -> WarmStartNote | None:
        """What it keeps of the finished run that it starts from, if it does.

        Raises:
            RunError: if that is damaged.
        """
        return read_warm_start(self.config)

    @functools.cached_property
    def settings(self) -> Settings:
        """The options, completed by the size of the data set."""
        return scale(self.config, self.schema.splits["train"].rows)

    @functools.cached_property
    def stated_recipe(self) -> Recipe:
        """How the final networks are trained, as far as the size of the data does not decide.

        Raises:
            RunError: if the recipe is to be chosen and the recipe stage has not finished.
            RecipeError: if a recipe file cannot be used.
        """
        if self.config.recipe == AUTO:
            return self.directory.finished("recipe", RecipeResult).recipe
        return load_recipe(self.config.recipe).replace(**self.config.recipe_changes())

    @property
    def expected_recipe(self) -> Recipe:
        """The stated recipe, or while it has not been chosen that which the choice begins with."""
        if self.config.recipe == AUTO and self.directory.result("recipe") is None:
            known = Recipe() if self.warm_start is None else self.warm_start.recipe
            return known.replace(**self.config.recipe_changes())
        return self.stated_recipe

    @functools.cached_property
    def recipe(self) -> Recipe:
        """How the final networks are trained.

        Raises:
            RunError: if the recipe is to be chosen and the recipe stage has not finished, or the
                records stage has not.
            RecipeError: if a recipe file cannot be used.
        """
        return self.completed(self.stated_recipe)

    def completed(self, recipe: Recipe) -> Recipe:
        """A recipe with what it leaves open, by the options and the size of the data.

        Args:
            recipe: the recipe.
        """
        return recipe.replace(
            batch_size=recipe.batch_size or self.settings.batch_size,
            epochs=recipe.epochs or self.settings.retrain_epochs,
        )

    def recipe_options(self, recipe: Recipe) -> NetworkOptions:
        """What holds for an architecture's network that is trained from scratch with a recipe.

        Args:
            recipe: the recipe.
        """
        return network_options(recipe, self.config.operator_balancing)

    @property
    def search_options(self) -> NetworkOptions:
        """What holds for the supernet as a whole."""
        config = self.config
        return NetworkOptions(
            embedding_dim=config.supernet_embedding_dim,
            normalization=BY_LAYER if config.layer_norm else NO_NORM,
            operator_balancing=config.operator_balancing,
        )

    @property
    def final_options(self) -> NetworkOptions:
        """What holds for the networks that are trained from scratch, and for all their costs."""
        return self.recipe_options(self.stated_recipe)

    def cost(self, architecture: Architecture) -> Complexity:
        """Cost of the network that is trained from scratch with an architecture.

        Args:
            architecture: the architecture.
        """
        return self.model_cost(SpaceModel(architecture))

    def model_cost(self, model: Trainable, recipe: Recipe | None = None) -> Complexity:
        """Cost of a model that is trained from scratch.

        Args:
            model: the model.
            recipe: how; as the run states it unless given.
        """
        recipe = recipe or self.stated_recipe
        return model.complexity(self.features, recipe, self.config.operator_balancing)

    @property
    def search_project(self) -> pathlib.Path:
        """Where the search keeps its candidates."""
        return self.directory.path / "evolution" / SEARCH_PROJECT

    @property
    def objectives(self) -> tuple[str, ...] | None:
        """What a Pareto search lowers at once; ``None`` where it is the log loss alone."""
        config = self.config
        if not config.codesign or config.strategy != "evolution" or config.objective == "log-loss":
            return None
        from nasrec_tf.codesign.costs import ENERGY, LATENCY

        return (LOG_LOSS, LATENCY, ENERGY)

    @functools.cached_property
    def line_clock(self) -> LineClock:
        """When a log file is told how far the run is."""
        return LineClock()

    def progress(self, name: str, total: int, unit: str) -> Any:
        """A progress bar with rate and time left; in a log file, a line every minute.

        Args:
            name: what is counted up.
            total: how many there are.
            unit: of one of them.
        """
        bar = progress(
            *(name, total, unit),
            quiet=self.quiet,
            clock=self.line_clock,
            file=sys.stderr,
            dynamic_ncols=True,
            mininterval=0.5,
        )
        return TimedBar(bar, name, self.time) if self.time.limited else bar

    def predicted(self, predict: Any, what: str, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Labels and logits of a split, with progress where that takes long.

        Args:
            predict: the ``Predictor``.
            what: is predicted, for the screen.
            split: the split.
        """
        with progress(
            *(f"{what} on {split}", predict.records.rows(split), "row"),
            quiet=self.quiet,
            clock=self.line_clock,
            file=sys.stderr,
            dynamic_ncols=True,
            mininterval=0.5,
            delay=2,
            leave=False,
            unit_scale=True,
        ) as bar:
            return predict(split, counted=bar.update)

    def log(self, text: str) -> None:
        """Writes a line with the time where no terminal shows how far the run is.

        Args:
            text: the line.
        """
        if not self.quiet and not is_terminal(sys.stderr):
            write_line(text)

    def say(self, text: str) -> None:
        """Prints a line, above a bar if there is one.

        Args:
            text: the line.
        """
        if not self.quiet:
            tqdm.write(text, file=sys.stdout)
            sys.stdout.flush()
