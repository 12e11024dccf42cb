"""One training from scratch that a run makes, and what it left if it has ended."""

import dataclasses
import pathlib
from collections.abc import Sequence

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.saved_state import read_state
from nasrec_tf.search.results import AttemptFigures, AttemptResult
from nasrec_tf.search.run_directory import RESULT_FILE
from nasrec_tf.search.seed_directory import first_directory, seed_directory
from nasrec_tf.search.trainable import Trainable
from nasrec_tf.training.recipe import Recipe

FIRST = "retrain"
"""Purpose of all trainings but those of a network with further seeds."""


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One training from scratch.

    Args:
        rank: the candidate's rank in the search, from 1.
        architecture: what is trained.
        recipe: how.
        directory: where it leaves its results.
        purpose: initial weights and row order are drawn for it.
        refines: whether the search did not propose it: it was made from the best so far.
        repeats: whether the architecture was trained before, with another recipe.
        seed: which one of the network's seeds, from 1.
    """

    rank: int
    architecture: Trainable
    recipe: Recipe
    directory: pathlib.Path
    purpose: str = FIRST
    refines: bool = False
    repeats: bool = False
    seed: int = 1

    def with_seed(self, seed: int) -> "Attempt":
        """The same training with another seed, which counts as neither refining nor repeating.

        Args:
            seed: from 2.
        """
        return dataclasses.replace(
            self,
            directory=seed_directory(self.directory, seed),
            purpose=f"{self.purpose} seed {seed}",
            refines=False,
            repeats=False,
            seed=seed,
        )

    @property
    def first_directory(self) -> pathlib.Path:
        """Where the same network was trained by the same recipe with the first seed."""
        return first_directory(self.directory)


def tells_of(attempts: Sequence[Attempt], results: Sequence[AttemptFigures]) -> bool:
    """Whether figures can be those of trainings.

    Args:
        attempts: the trainings.
        results: the figures.
    """
    return len(attempts) == len(results) and all(
        (attempt.rank, attempt.recipe.learning_rate) == (result.rank, result.learning_rate)
        and result.recipe in (None, attempt.recipe)
        for attempt, result in zip(attempts, results)
    )


def finished(attempt: Attempt) -> AttemptResult | None:
    """What a training left, or ``None`` if it has not ended.

    Args:
        attempt: the training.

    Raises:
        RunError: if the file is damaged, or of another training.
    """
    path = attempt.directory / RESULT_FILE
    mend = f"delete {attempt.directory} to train this candidate anew"
    result = read_state(path, AttemptResult, mend)
    if result is not None:
        same = result.architecture.to_json() == attempt.architecture.to_json()
        if not same or not tells_of([attempt], [result]):
            raise RunError(f"{path}: tells of another training than this run's; {mend}.")
    return result
