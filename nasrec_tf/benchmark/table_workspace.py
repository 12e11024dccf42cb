"""Where a table of one data set is built: records, card and rows."""

import contextlib
import dataclasses
import math
import pathlib
import re
from collections.abc import Iterator

from beam_preprocess.dataset.manifest import is_data_set, verify_what_is_read
from nasrec_tf.benchmark.measured_rows import NOT_STATED, DataSetCard
from nasrec_tf.benchmark.table_files import RowsFile
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.option_values import made_directory
from nasrec_tf.common.strict_json import shown
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.options import flag
from nasrec_tf.search.results import RecordsResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.training.recipe import Recipe, RecipeError
from nasrec_tf.training.recipes import load_recipe

GENERATED = "generated"
"""In place of a data set: the log of ``nasrec_tf.demo``, which anybody can make again."""

GENERATED_SEED = 1
GENERATED_LICENCE = "none needed: made by nasrec_tf.demo"

BLOCKS, MAX_WIDTH = 4, 64
"""NASRec-Full with fewer blocks and without its widest operators: a training takes seconds."""

BATCHES, MOST_STEPS = (128, 256, 512), 128
"""Rows of a batch: the smallest by which an epoch has at most so many steps, or the largest."""

SHORT_STEPS, MOST_SHORT_EPOCHS = 400, 3
"""Steps of a training at least, if so many epochs hold them."""

SHORT = Recipe(row_decay=0.003, evaluations_per_epoch=2)
"""The paper's, with the row decay of the recipe for small data sets (docs/recipes.md)."""

RECIPE_OPTIONS = ("learning_rate", "row_decay", "batch_size", "epochs")
"""Fields of the recipe that have an option of their own."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclasses.dataclass(frozen=True)
class BuildConfig:
    """What the building of a table is told.

    Args:
        directory: where tables are built, each in a directory of its name.
        dataset: ``generated``, or a directory that beam_preprocess wrote.
        name: of the data set in the table; that of its description unless given.
        licence: of the data.
        demo_rows: rows of the generated log.
        space: name or file of the search space.
        blocks: choice blocks.
        max_width: widest dense operator.
        recipe: by which every architecture is trained, by name or file; the short form unless
            given. What it leaves open of batch and passes is the short form's.
        learning_rate, row_decay, batch_size, epochs: in place of the recipe's.
        device: as the search's.

    Raises:
        UserError: if a value cannot be used; the message names the option.

    Example:
        >>> BuildConfig("bench", "generated", name="a/b")
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: --name must be up to 64 letters, digits, dots, dashes \
and underscores. Received: 'a/b'
    """

    directory: str
    dataset: str
    name: str | None = None
    licence: str | None = None
    demo_rows: int = 30_000
    space: str = "nasrec-full"
    blocks: int = BLOCKS
    max_width: int = MAX_WIDTH
    recipe: str | None = None
    learning_rate: float | None = None
    row_decay: float | None = None
    batch_size: int | None = None
    epochs: int | None = None
    device: str = "auto"

    def __post_init__(self):
        if self.name is not None and not _NAME.fullmatch(self.name):
            raise UserError(
                "--name must be up to 64 letters, digits, dots, dashes and underscores. Received: "
                f"{shown(self.name)}"
            )
        if self.dataset != GENERATED and not is_data_set(self.dataset):
            raise UserError(
                f"--dataset must be {GENERATED!r} or a directory that beam_preprocess wrote. "
                f"Received: {shown(self.dataset)}"
            )
        if self.dataset != GENERATED and self.demo_rows != type(self).demo_rows:
            raise UserError(f"--demo-rows goes with --dataset {GENERATED}; leave it out.")
        for name in RECIPE_OPTIONS:
            if getattr(self, name) is not None:
                self._check_recipe(name)
        self._stated_recipe()  # Raises what a run could not go on with.

    def _check_recipe(self, name: str) -> None:
        """Refuses what no recipe can be, by the option's name instead of the recipe's field."""
        try:
            Recipe(**{name: getattr(self, name)})
        except RecipeError as error:
            raise UserError(f"{flag(name)}{str(error).removeprefix(name)}") from None

    def _stated_recipe(self) -> Recipe:
        """What is said of the recipe; what depends on the rows is left open."""
        stated = SHORT if self.recipe is None else load_recipe(self.recipe)
        given = {name: getattr(self, name) for name in RECIPE_OPTIONS}
        return stated.replace(**{n: value for n, value in given.items() if value is not None})

    def search_config(self, place: pathlib.Path) -> SearchConfig:
        """The options of the run that the records belong to.

        Args:
            place: of the run.
        """
        is_generated = self.dataset == GENERATED
        config = SearchConfig(
            run_dir=str(place),
            data=None if is_generated else (str(pathlib.Path(self.dataset).resolve()),),
            space=self.space,
            blocks=self.blocks,
            max_width=self.max_width,
            # The same space for data sets with and without dense features.
            dense_embeddings="any",
            recipe="paper",
            seed=GENERATED_SEED,
            device=self.device,
        )
        return dataclasses.replace(config, demo_rows=self.demo_rows) if is_generated else config

    def recipe_for(self, training_rows: int) -> Recipe:
        """How every architecture is trained.

        Args:
            training_rows: rows of the training split.
        """
        stated = self._stated_recipe()
        fitting = (batch for batch in BATCHES if training_rows <= MOST_STEPS * batch)
        batch = stated.batch_size or next(fitting, BATCHES[-1])
        steps = max(1, training_rows // batch)
        epochs = stated.epochs or min(MOST_SHORT_EPOCHS, math.ceil(SHORT_STEPS / steps))
        return stated.replace(batch_size=batch, epochs=epochs)


@dataclasses.dataclass(frozen=True)
class Workspace:
    """An opened place where a table is built.

    Args:
        run: whose records are trained on.
        card: of the data set.
        file: the rows.
    """

    run: Run
    card: DataSetCard
    file: RowsFile


@contextlib.contextmanager
def opened_workspace(config: BuildConfig, quiet: bool = False) -> Iterator[Workspace]:
    """Makes records, card and table where they are missing, and keeps others from them.

    Args:
        config: the options.
        quiet: show no progress.

    Raises:
        UserError: if the data cannot be used.
        RunError: if what is there is of other options, or another process builds there.
    """
    from nasrec_tf.search.stages import stage_function
    from nasrec_tf.search.tensorflow_setup import configure_tensorflow, user_errors

    name = config.name or _own_name(config)
    place = pathlib.Path(config.directory) / name
    made_directory(place, "--dir")
    directory = RunDirectory(place / "run", "--dir")
    options = config.search_config(directory.path)
    directory.check_made_with(options, "repeat it with those, or use another --name or --dir")
    with directory.opened(options):
        run = Run(directory.stored_config() or options, directory, quiet)
        if directory.result("records") is None:
            directory.finish("records", stage_function("records")(run), 0.0)
        verify_what_is_read(run.dataset)
        card = _card(config, name, run)
        file = RowsFile(place, card, config.licence)
        card = file.cards[card.protocol]
        configure_tensorflow(config.device)
        try:
            with user_errors(run):
                yield Workspace(run, card, file)
        finally:
            file.close()


def _own_name(config: BuildConfig) -> str:
    if config.dataset == GENERATED:
        return GENERATED
    from beam_preprocess.dataset.schema import Schema

    name = Schema.load(config.dataset).name
    if not _NAME.fullmatch(name):
        raise UserError(f"--name is needed: {config.dataset} calls itself {shown(name)}.")
    return name


def _card(config: BuildConfig, name: str, run: Run) -> DataSetCard:
    from nasrec_tf.search.scoring_settings import digest_of_data

    records = run.directory.finished("records", RecordsResult)
    is_generated = config.dataset == GENERATED
    return DataSetCard(
        name=name,
        source=f"nasrec_tf.demo, {config.demo_rows} rows, seed {GENERATED_SEED}"
        if is_generated
        else records.name,
        licence=config.licence or (GENERATED_LICENCE if is_generated else NOT_STATED),
        digest=digest_of_data(run.dataset),
        rows=records.rows,
        label_rates=records.label_rates,
        dense=len(run.schema.dense),
        table_rows=tuple(run.features.table_rows),
        constant_log_loss=records.constant_log_loss,
        best_log_loss=records.demo.best_log_loss if records.demo else None,
        recipe=config.recipe_for(records.rows["train"]),
        space=run.space,
        weighted=run.schema.weight is not None,
    )
