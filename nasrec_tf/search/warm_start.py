"""A run on new data that starts from a finished one (``--from``).

Tables keep the rows of the ids that they know, by value; the supernet's kernels and the winner's
weights go on. Optimizers begin anew. What a network has that the earlier run did not is drawn as
ever.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import Any

from beam_preprocess.dataset.schema import Schema
from beam_preprocess.reading.description import Description
from nasrec_tf.architecture.space import search_space
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.data.matched_ids import MatchedIds, column_difference
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.option_groups.recipe_options import AUTO
from nasrec_tf.search.options import flag
from nasrec_tf.search.results import RetrainResult, SupernetResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.trainable import Trainable, load_trainable
from nasrec_tf.search.warm_start_note import FileMark, WarmStartNote, read_warm_start
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipes import load_recipe
from nasrec_tf.training.training_files import CHECKPOINT

FROM = "--from"

OF_SPACE = ("blocks", "max_width", "operators", "max_sources", "dense_embeddings")
"""Options of the search space that are as they were where they are left open."""

OF_SUPERNET = ("space", *OF_SPACE, "supernet_embedding_dim", "layer_norm", "operator_balancing")
"""Options that weights of a supernet fit by."""

OF_NETWORK = ("embedding_dim", "normalization")
"""Fields of a recipe that weights of a network fit by."""


class Source:
    """A finished run that another one starts from.

    Args:
        path: its directory.

    Raises:
        UserError: if it is none, or has not come to its winner.
    """

    def __init__(self, path: str):
        directory = RunDirectory(path, FROM)
        config = directory.stored_config()
        if config is None:
            raise UserError(f"{path}: is no run directory; give that of a finished run to {FROM}.")
        self.path = pathlib.Path(os.path.realpath(path))
        self.run = Run(dataclasses.replace(config, run_dir=path), directory, quiet=True)
        winner = directory.result("retrain")
        if not isinstance(winner, RetrainResult):
            raise UserError(
                f"{path}: its retrain stage has not finished; {FROM} takes a finished run."
            )
        self.winner = winner

    @property
    def winner_recipe(self) -> Recipe:
        """How the winner was trained; with the rate of its first training, if it went on itself."""
        recipe = self.winner.recipe or self.run.recipe
        before = self.run.warm_start
        if before is None or not before.is_winner(self.winner.architecture):
            return recipe
        if self.run.config.learning_rates() is not None:
            return recipe
        return recipe.replace(learning_rate=before.winner_recipe.learning_rate)

    @property
    def has_supernet(self) -> bool:
        """Whether it has trained one."""
        return isinstance(self.run.directory.result("supernet"), SupernetResult)

    @property
    def weights(self) -> pathlib.Path:
        """Those of the winner."""
        from nasrec_tf.search.training_task import WEIGHTS

        return self.path / self.winner.directory / WEIGHTS

    @property
    def supernet(self) -> pathlib.Path:
        """Directory of the supernet's checkpoint."""
        return self.path / "supernet" / CHECKPOINT

    def note(self, config: SearchConfig, marked: bool = True) -> WarmStartNote:
        """What a run that starts from it keeps.

        Args:
            config: the options of that run.
            marked: whether files are read to be known again.

        Raises:
            UserError: if the run cannot start from it.
        """
        chosen = {}
        if self._continues_supernet(config):
            settings = self.run.settings
            of_source = {"blocks": settings.blocks, "max_width": settings.max_width}
            for name in OF_SPACE:
                value = of_source.get(name, getattr(self.run.config, name))
                if getattr(config, name) is None and value is not None:
                    chosen[name] = value
        found = WarmStartNote(
            str(self.path),
            chosen,
            self.run.recipe,
            self.winner.architecture,
            self.winner_recipe,
            {str(path): FileMark.of(path) for path in self._files(config)} if marked else {},
        )
        self._check(found.completed(config), found)
        return found

    def _files(self, config: SearchConfig) -> list[pathlib.Path]:
        """What is read of it."""
        from beam_preprocess.dataset.file_format import MANIFEST_FILE

        files = [self.weights, self.run.dataset.resolve() / MANIFEST_FILE]
        if self._continues_supernet(config):
            files += sorted(path for path in self.supernet.iterdir() if path.is_file())
        return files

    def _continues_supernet(self, config: SearchConfig) -> bool:
        trains = config.architecture is None and not config.trains_candidates
        return trains and self.has_supernet

    def _check(self, config: SearchConfig, note: WarmStartNote) -> None:
        """Refuses a run that cannot start from it."""
        name = self.run.config.run_dir
        if os.path.realpath(config.run_dir) == str(self.path):
            raise UserError(f"{FROM} {name}: is the run's own --run-dir; use another one.")
        if config.codesign or self.run.config.codesign:
            raise UserError(f"{FROM} {name}: goes without --codesign; leave one of them out.")
        if config.distribute != "none":
            raise UserError(f"{FROM} {name}: goes with --distribute none; leave one of them out.")
        if not self.weights.exists():
            raise UserError(f"{self.weights}: the weights of the winner are missing.")
        if config.architecture is not None:
            given = load_trainable(config.architecture)
            if not note.is_winner(given):
                raise UserError(
                    f"--architecture {config.architecture}: is another one than has won in "
                    f"{name}, which is {name}/architecture.json; give that, or leave {FROM} out."
                )
        self._check_recipe(config, note)
        if self._continues_supernet(config):
            self._check_supernet(config)

    def _check_recipe(self, config: SearchConfig, note: WarmStartNote) -> None:
        named = None if config.recipe == AUTO else load_recipe(config.recipe)
        otherwise = note.recipe if named is None else named.replace(**config.recipe_changes())
        recipe = note.recipe_of_winner(config, otherwise)
        for field in OF_NETWORK:
            before, now = getattr(self.winner_recipe, field), getattr(recipe, field)
            if before != now:
                raise UserError(
                    f"{flag(field)} {now}: the network that has won in {self.run.config.run_dir} "
                    f"has {before}; leave it out, or leave {FROM} out."
                )

    def _check_supernet(self, config: SearchConfig) -> None:
        other = dataclasses.replace(self.run, config=config)
        same_space = other.space == self.run.space
        if same_space and other.search_options == self.run.search_options:
            return
        for option in OF_SUPERNET:
            before, now = getattr(self.run.config, option), getattr(config, option)
            if option == "space":
                differs = search_space(before) != search_space(now)
            elif option in ("blocks", "max_width"):
                before = getattr(self.run.settings, option)
                differs = before != now
            else:
                differs = before != now
            if differs:
                raise UserError(
                    f"{flag(option)} {now}: the supernet of {self.run.config.run_dir} was made "
                    f"with {before}; give that, or leave {FROM} out."
                )


def check_columns(run: Run, now: Schema | Description, data: str) -> None:
    """Refuses data of other columns than those of the run that this one starts from, if it does.

    Args:
        run: the run.
        now: the data set's schema; the description of a log that has not been read, which tells
            the names of columns alone.
        data: what that is called.

    Raises:
        UserError: if there is a difference.
    """
    if run.warm_start is None:
        return
    source = run.warm_start.source
    difference = column_difference(Source(source).run.schema, now)
    if difference is not None:
        raise UserError(
            f"{data}: {difference} in the data of {source}, so its weights do not fit; leave "
            f"{FROM} out."
        )


def warm_started(config: SearchConfig) -> tuple[SearchConfig, WarmStartNote | None]:
    """The options of a run with what it takes from the one that it starts from, and its note.

    Args:
        config: the options.

    Raises:
        UserError: if it cannot start from that.
    """
    if config.warm_start is None:
        return config, None
    note = read_warm_start(config)
    if note is None:
        note = Source(config.warm_start).note(config)
    elif RunDirectory(config.run_dir).result("retrain") is None:
        note.check_files()
    return note.completed(config), note


def planned_note(config: SearchConfig) -> WarmStartNote | None:
    """What a run that is planned would keep; no file is marked for it.

    Args:
        config: the options.

    Raises:
        UserError: if it cannot start from the earlier run.
    """
    if config.warm_start is None:
        return None
    return read_warm_start(config) or Source(config.warm_start).note(config, marked=False)


def start_of(run: Run, model: Trainable, recipe: Recipe) -> Callable[[Any], None] | None:
    """What gives a network the weights that it goes on from; ``None`` where it begins anew.

    Args:
        run: the run.
        model: what is trained.
        recipe: how.
    """
    note = run.warm_start
    if note is None or not note.is_winner(model):
        return None
    if any(getattr(note.winner_recipe, name) != getattr(recipe, name) for name in OF_NETWORK):
        return None

    def start(network: Any) -> None:
        from nasrec_tf.networks.continued_weights import continue_network

        source = Source(note.source)
        rows = source.run.features.table_rows
        found = continue_network(network, source.weights, rows, _ids(run, source))
        run.say(f"retrain: goes on from {source.weights.parent}: {found} are known")

    return start


def continue_supernet(run: Run, model: Any) -> None:
    """Gives a supernet the weights of the one that it goes on from.

    Args:
        run: the run.
        model: the supernet, with its initial weights.

    Raises:
        RunError: if the earlier one is damaged.
    """
    note = run.warm_start
    if note is None:
        return
    source = Source(note.source)
    if not source.has_supernet:
        run.say(f"supernet: begins anew, for {source.path} has trained none")
        return
    from nasrec_tf.networks.continued_weights import KnownRows, TableRows, told_known
    from nasrec_tf.training.checkpoint import stored_weights

    features = Features.of_schema(source.run.schema)
    rows = features.capped(source.run.config.max_table_rows or None).table_rows
    fields = range(features.sparse)
    table = KnownRows(TableRows(model.embedding, fields, rows, _ids(run, source)))
    for variable, values in stored_weights(model, source.supernet):
        if variable is model.embedding.table:
            table.take(0, values)
        else:
            variable.assign(values)
    run.say(f"supernet: goes on from {source.path}: {told_known([table])} are known")


def _ids(run: Run, source: Source) -> MatchedIds:
    return MatchedIds(source.run.dataset.resolve(), run.dataset.resolve())
