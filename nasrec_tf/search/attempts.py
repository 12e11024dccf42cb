"""The trainings from scratch that a run makes, and what those that have ended came to."""

import dataclasses
import math
import pathlib
from collections.abc import Sequence

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.saved_state import read_state
from nasrec_tf.search.candidates import candidates
from nasrec_tf.search.config import AUTO
from nasrec_tf.search.results import AttemptFigures, AttemptResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RESULT_FILE
from nasrec_tf.search.trainable import Trainable
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipe_choice import LARGE_ROWS

OTHER_DECAYS = (0.0, 0.5, 2.0)
"""Row decays tried again for the best finalists, by that of the chosen recipe."""


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One training from scratch.

    Args:
        rank: the candidate's rank in the search, from 1.
        architecture: what is trained.
        recipe: how.
        directory: where it leaves its results.
        purpose: initial weights and row order are drawn for it.
    """

    rank: int
    architecture: Trainable
    recipe: Recipe
    directory: pathlib.Path
    purpose: str = "retrain"


def first_attempts(run: Run) -> list[Attempt]:
    """Every candidate with every learning rate.

    Args:
        run: the run.
    """
    directory = run.directory.path / "retrain"
    return [
        Attempt(
            rank,
            architecture,
            run.recipe.replace(learning_rate=rate),
            directory / f"{rank:02d}-rate-{rate:g}",
        )
        for rank, architecture in enumerate(candidates(run), start=1)
        for rate in run.config.learning_rates() or (run.recipe.learning_rate,)
    ]


def further_attempts(
    run: Run, attempts: list[Attempt], results: Sequence[AttemptFigures]
) -> list[Attempt]:
    """The best third again with other row decays, where the recipe is chosen by the run.

    How fast rows should fade depends on the network; the recipe was chosen on another one.

    Args:
        run: the run.
        attempts: the first ones.
        results: what they came to.
    """
    is_given = run.config.recipe != AUTO or "row_decay" in run.config.recipe_changes()
    if is_given or run.schema.splits["train"].rows >= LARGE_ROWS:
        return []
    ranked = sorted(range(len(results)), key=lambda index: (results[index].score, index))
    found = []
    for index in ranked[: math.ceil(len(ranked) / 3)]:
        attempt = attempts[index]
        for factor in OTHER_DECAYS if attempt.recipe.row_decay else ():
            decay = float(f"{factor * attempt.recipe.row_decay:.2g}")
            found.append(
                dataclasses.replace(
                    attempt,
                    recipe=attempt.recipe.replace(row_decay=decay),
                    directory=attempt.directory.with_name(
                        f"{attempt.directory.name}-row-decay-{decay:g}"
                    ),
                )
            )
    return found


def ended_attempts(run: Run) -> list[tuple[Attempt, AttemptFigures]]:
    """The trainings that have ended so far, with their figures.

    Args:
        run: the run.

    Raises:
        RunError: if what the stages left does not fit together.
    """
    attempts, result = first_attempts(run), run.directory.result("retrain")
    figures: list[AttemptFigures | None]
    if result is None:
        figures = [finished(attempt) for attempt in attempts]
    else:
        figures = list(result.attempts[: len(attempts)])
    ended = [found for found in figures if found is not None]
    if len(ended) == len(attempts):
        further = further_attempts(run, attempts, ended)
        attempts = attempts + further
        figures += (
            [finished(attempt) for attempt in further]
            if result is None
            else list(result.attempts[len(ended) :])
        )
    pairs = [(attempt, found) for attempt, found in zip(attempts, figures) if found is not None]
    if result is not None and not _tells_of(attempts, result.attempts):
        raise RunError(
            f"{run.directory.path / 'retrain' / RESULT_FILE}: tells of other trainings than this "
            "run's; delete it to run the retrain stage again."
        )
    return pairs


def _tells_of(attempts: list[Attempt], results: Sequence[AttemptFigures]) -> bool:
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
        if not same or not _tells_of([attempt], [result]):
            raise RunError(f"{path}: tells of another training than this run's; {mend}.")
    return result
