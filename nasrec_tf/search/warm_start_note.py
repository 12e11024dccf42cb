"""What a run keeps of the finished run that it starts from (``--from``)."""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Sequence
from typing import Annotated, Any

import pydantic

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.saved_state import SAVED, read_state
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.option_groups.recipe_options import AUTO
from nasrec_tf.search.results import SavedRecipe
from nasrec_tf.search.trainable import SavedTrainable, Trainable
from nasrec_tf.training.recipe import Recipe

WARM_START_FILE = "warm_start.json"

WARM_RATE = 0.3
"""Share of a recipe's peak learning rate with which a network goes on, its optimizer's state begun
anew: docs/running.md has what others gave."""

READ_BYTES = 1 << 24

Count = Annotated[int, pydantic.Field(ge=0)]


@dataclasses.dataclass(frozen=True)
class FileMark:
    """A file as it was when a run was begun that reads it.

    Args:
        size: bytes.
        changed: when it was written, in nanoseconds since 1970.
        sha256: of its content.
    """

    __pydantic_config__ = SAVED

    size: Count
    changed: Count
    sha256: str

    @classmethod
    def of(cls, path: pathlib.Path) -> "FileMark":
        """Reads a file.

        Args:
            path: the file.

        Raises:
            RunError: if it cannot be read.
        """
        digest = hashlib.sha256()
        try:
            with open(path, "rb") as file:
                while piece := file.read(READ_BYTES):
                    digest.update(piece)
                found = os.fstat(file.fileno())
        except OSError as error:
            raise RunError(f"{path}: cannot be read: {error.strerror}.") from error
        return cls(found.st_size, found.st_mtime_ns, digest.hexdigest())

    def is_of(self, path: pathlib.Path) -> bool:
        """Whether a file is still what it was; it is read only if it was written since.

        Args:
            path: the file.
        """
        try:
            found = path.stat()
        except OSError:
            return False
        if found.st_size != self.size:
            return False
        return found.st_mtime_ns == self.changed or FileMark.of(path).sha256 == self.sha256


@dataclasses.dataclass(frozen=True)
class WarmStartNote:
    """What follows from the run that another one starts from, and which files it was.

    Args:
        source: its directory.
        chosen: options that were left open and are as they were there.
        recipe: how its networks were trained.
        architecture: its winner.
        winner_recipe: how that was trained first, from scratch.
        files: what is read of it, by path.
    """

    __pydantic_config__ = SAVED

    source: str
    chosen: dict[str, Any]
    recipe: SavedRecipe
    architecture: SavedTrainable
    winner_recipe: SavedRecipe
    files: dict[str, FileMark]

    def completed(self, config: SearchConfig) -> SearchConfig:
        """The options of a run, with those that it has left open.

        Args:
            config: the options.
        """
        left_open: dict[str, Any] = {
            name: value for name, value in self.chosen.items() if getattr(config, name) is None
        }
        return dataclasses.replace(config, **left_open)

    def is_winner(self, model: Trainable) -> bool:
        """Whether a model is the one that won there.

        Args:
            model: any.
        """
        return model.to_json() == self.architecture.to_json()

    def with_winner(self, candidates: Sequence[Trainable]) -> list[tuple[int, Trainable]]:
        """What is trained from scratch with its rank, the winner of the earlier run first.

        Where the search has found it again it keeps that rank, else it comes behind the others.

        Args:
            candidates: of the search, the best first.
        """
        ranked = list(enumerate(candidates, start=1))
        same = [rank for rank, model in ranked if model.identity == self.architecture.identity]
        rank = same[0] if same else len(ranked) + 1
        return [(rank, self.architecture), *(pair for pair in ranked if pair[0] != rank)]

    def recipe_of_winner(self, config: SearchConfig, otherwise: Recipe) -> Recipe:
        """How the winner is trained on: as it was there, at a lower rate, unless options say so.

        Args:
            config: the options.
            otherwise: how the run's other networks are trained.
        """
        recipe = otherwise
        if config.recipe == AUTO:
            recipe = self.winner_recipe.replace(**config.recipe_changes())
        if config.learning_rates() is not None:
            return recipe
        return recipe.replace(learning_rate=float(f"{WARM_RATE * recipe.learning_rate:.2g}"))

    def check_files(self) -> None:
        """Finds out whether the earlier run is still what it was.

        Raises:
            RunError: if not; the message names a file.
        """
        for name, mark in self.files.items():
            if not mark.is_of(pathlib.Path(name)):
                what = "has changed" if os.path.exists(name) else "has gone"
                raise RunError(
                    f"{name}: {what} since this run was begun from it; put back what there was, or "
                    "use another --run-dir."
                )


def read_warm_start(config: SearchConfig) -> WarmStartNote | None:
    """What a run has kept of the one that it starts from; ``None`` if it has not yet, or does not.

    Args:
        config: the options.

    Raises:
        RunError: if the file is damaged.
    """
    if config.warm_start is None:
        return None
    path = pathlib.Path(config.run_dir) / WARM_START_FILE
    note = read_state(path, WarmStartNote, "delete it to read the earlier run again")
    if note is None or note.source != os.path.realpath(config.warm_start):
        return None
    return note
