"""The run that a plan measures with: the user's options and data, and nothing of it is kept."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

from nasrec_tf.data.features import Features
from nasrec_tf.data.row_counts import RowCounts
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.memory_check import training_bytes
from nasrec_tf.search.option_groups.recipe_options import AUTO
from nasrec_tf.search.run import Run
from nasrec_tf.search.scaling import Settings, scale
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.search.warm_start import planned_note
from nasrec_tf.search.warm_start_note import WarmStartNote
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipe_questions import likely

MOST_HELD_ROWS = 1_000_000
"""Training rows up to which a data set is held in memory to be measured: more would take too long
to load, and are streamed."""


@dataclasses.dataclass(frozen=True)
class Pilot(Run):
    """A run as it would be after its records stage, with a data set that may be a sample of its.

    Networks are built for the sample's tables; counts and sizes are those of the whole log.

    Args:
        data: a data set directory that is read alone.
        rows: rows of the whole log by split; about, if it has not been read.
        table_rows: rows of the embedding tables of the whole log; about, likewise.
    """

    data: pathlib.Path = pathlib.Path()
    rows: Mapping[str, int] = dataclasses.field(default_factory=dict)
    table_rows: tuple[int, ...] = ()
    _sizes: dict[Any, int] = dataclasses.field(default_factory=dict)

    def with_options(self, config: SearchConfig, rows: Mapping[str, int]) -> "Pilot":
        """The same with other options and numbers of rows, where the data need not be opened again.

        Args:
            config: the options.
            rows: by split.
        """
        changed = dataclasses.replace(self, config=config, rows=rows)
        for name in ("schema", "records", "warm_start"):
            if name in self.__dict__:
                changed.__dict__[name] = self.__dict__[name]
        return changed

    def supernet_bytes(self, training: bool) -> int:
        """What the weights of the supernet take.

        Args:
            training: with what training keeps beside them.
        """
        from nasrec_tf.networks.supernet.stored_weights import supernet_memory_bytes

        key = training, self.settings.blocks, self.settings.max_width
        if key not in self._sizes:
            features = self.features.capped(self.config.max_table_rows or None)
            self._sizes[key] = supernet_memory_bytes(
                self.space, features, self.search_options, training
            )
        return self._sizes[key]

    def network_bytes(self, recipe: Recipe) -> int:
        """What the given model takes in training, or the largest one of the space.

        Args:
            recipe: how it is trained.
        """
        key = recipe, self.settings.blocks, self.settings.max_width
        if key not in self._sizes:
            given = self.config.architecture is not None
            model = self.given_model if given else SpaceModel(self.space.widest)
            self._sizes[key] = training_bytes(self, model, recipe)[0]
        return self._sizes[key]

    @functools.cached_property
    def warm_start(self) -> WarmStartNote | None:
        """What the run would keep of the one that it starts from."""
        return planned_note(self.config)

    @functools.cached_property
    def dataset(self) -> pathlib.Path:
        """Where the measured data set is."""
        return self.data

    @property
    def dense_columns(self) -> int:
        """Dense columns of the data set."""
        return len(self.schema.dense)

    @property
    def counts(self) -> RowCounts:
        """Rows of the whole log, for what counts steps."""
        return RowCounts(self.rows)

    @functools.cached_property
    def features(self) -> Features:
        """What networks of the whole log read."""
        return dataclasses.replace(Features.of_schema(self.schema), table_rows=self.table_rows)

    @functools.cached_property
    def settings(self) -> Settings:
        """The options, completed by the size of the whole log."""
        return scale(self.config, self.rows["train"])

    @functools.cached_property
    def records(self) -> Any:
        """The measured data set; streamed if it is large."""
        from nasrec_tf.data.records import FILE_ORDER, IN_MEMORY_BYTES, SHUFFLED, Records

        order = FILE_ORDER if self.config.row_order == "log" else SHUFFLED
        held = self.schema.splits["train"].rows <= MOST_HELD_ROWS
        return Records(self.data, IN_MEMORY_BYTES if held else 0, order)

    @functools.cached_property
    def stated_recipe(self) -> Recipe:
        """The recipe, or where it is still to be chosen what the choice begins with."""
        if self.config.recipe == AUTO and self.warm_start is not None:
            return self.warm_start.recipe.replace(**self.config.recipe_changes())
        if self.config.recipe != AUTO or self.directory.result("recipe") is not None:
            return super().stated_recipe
        changes = self.config.recipe_changes()
        return likely(Recipe(**changes), self.rows["train"], changes)

    @property
    def expected_recipe(self) -> Recipe:
        """The same."""
        return self.stated_recipe
