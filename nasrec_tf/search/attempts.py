"""The trainings from scratch that a run makes, and what those that have ended came to."""

import dataclasses
import math
import pathlib
from collections.abc import Collection, Iterator, Sequence

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.errors import RunError
from nasrec_tf.common.saved_state import read_state
from nasrec_tf.operators import NO_NORM
from nasrec_tf.search.attempt import Attempt, finished, tells_of
from nasrec_tf.search.candidates import candidates
from nasrec_tf.search.finalist_seeds import best_network, networks, next_seed
from nasrec_tf.search.option_groups.recipe_options import AUTO
from nasrec_tf.search.refinement import neighbour, plain_candidates
from nasrec_tf.search.results import AttemptFigures, AttemptResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RESULT_FILE
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.search.workload import repeated
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipes import recipe_names

OTHER_DECAYS = (0.0, 0.5, 2.0)
"""Row decays tried again for the best finalists, by that of the chosen recipe."""


def next_attempts(
    run: Run, attempts: Sequence[Attempt], results: Sequence[AttemptFigures]
) -> list[Attempt]:
    """What is trained once all trainings so far have ended; nothing if that was all.

    Args:
        run: the run.
        attempts: the trainings so far, none to begin with.
        results: what they came to, in the same order.
    """
    if not attempts:
        return _of_search(run)
    if all(math.isinf(result.score) for result in results):
        made = {attempt.directory for attempt in attempts}
        given_up = [n for n in _ranking(results) if results[n].stopped is not None]
        again = [_to_the_end(attempts[n]) for n in given_up]
        again = [attempt for attempt in again if attempt.directory not in made]
        if again:
            return again[:1]
    seeded = next_seed(attempts, results, run.config.finalist_seeds)
    if seeded is not None:
        return [seeded]
    refined = sum(attempt.refines for attempt in attempts)
    if refined < run.settings.refine:
        child = _refined(run, attempts, results, refined)
        if child is not None:
            return [child]
    if any(attempt.repeats for attempt in attempts):
        return []
    return _with_other_recipes(run, attempts, results)


def _to_the_end(attempt: Attempt) -> Attempt:
    """One that was given up, once more: where all that were kept diverged in the end."""
    name = f"{attempt.directory.name}-to-the-end"
    return dataclasses.replace(
        attempt, directory=attempt.directory.with_name(name), refines=False, repeats=True
    )


def expected_count(run: Run, attempts: Sequence[Attempt]) -> int:
    """How many trainings a run makes, as far as that is known.

    Args:
        run: the run.
        attempts: the trainings so far.
    """
    refined = sum(attempt.refines for attempt in attempts)
    return len(attempts) + max(0, run.settings.refine - refined)


def _of_search(run: Run) -> list[Attempt]:
    """Every candidate with every learning rate; what an earlier run has found, first of all."""
    note, found = run.warm_start, candidates(run)
    ranked = enumerate(found, start=1) if note is None else note.with_winner(found)
    attempts = []
    for rank, architecture in ranked:
        recipe = run.recipe
        if note is not None and note.is_winner(architecture):
            recipe = note.recipe_of_winner(run.config, recipe)
        for rate in run.config.learning_rates() or (recipe.learning_rate,):
            directory = _directory(run) / f"{rank:02d}-rate-{rate:g}"
            recipe = recipe.replace(learning_rate=rate)
            attempts.append(Attempt(rank, architecture, recipe, directory))
    return attempts


def _directory(run: Run) -> pathlib.Path:
    return run.directory.path / "retrain"


def _refined(
    run: Run, attempts: Sequence[Attempt], results: Sequence[AttemptFigures], number: int
) -> Attempt | None:
    """Plain networks first, then changes of whatever is best so far; none if none is new."""
    from nasrec_tf.data.records import derived_seed

    parent = attempts[best_network(attempts, results).numbers[0]]
    tried = {attempt.architecture.identity for attempt in attempts}
    limit = math.inf if run.config.max_mflops is None else run.config.max_mflops

    def allows(architecture: Architecture) -> bool:
        return run.cost(architecture).mflops <= limit

    rank = max(attempt.rank for attempt in attempts) + 1
    directory = _directory(run) / f"{rank:02d}-rate-{parent.recipe.learning_rate:g}"
    plain = plain_candidates(run.space)
    found = plain[number] if number < len(plain) else None
    if found is not None and _holds_another(directory, found):
        found = None
    if found is None or found.identity in tried or not allows(found):
        assert parent.architecture.architecture is not None, "hand-made models are not refined"
        found = neighbour(
            parent.architecture.architecture,
            run.space,
            allows,
            tried,
            derived_seed(run.config.seed, "refinement"),
            number,
        )
    if found is None:
        return None
    return Attempt(rank, SpaceModel(found), parent.recipe, directory, refines=True)


def _holds_another(directory: pathlib.Path, found: Architecture) -> bool:
    """Whether a version with fewer plain candidates has trained another network there."""
    path = directory / RESULT_FILE
    result = read_state(path, AttemptResult, f"delete {directory} to train this candidate anew")
    return result is not None and result.architecture.identity != found.identity


def _with_other_recipes(
    run: Run, attempts: Sequence[Attempt], results: Sequence[AttemptFigures]
) -> list[Attempt]:
    """The best third of the search's number again, where the recipe is chosen by the run.

    How fast rows should fade and whether to normalise depends on the network; the recipe was
    chosen on others.
    """
    rows = {name: split.rows for name, split in run.schema.splits.items()}
    fixed = run.config.recipe_changes()
    firsts = [network.numbers[0] for network in networks(attempts, results)]
    ended = [index for index in firsts if results[index].stopped is None]
    best = ended[: repeated(run.config, len(_of_search(run)), rows)]
    return [
        dataclasses.replace(
            attempts[index],
            recipe=recipe,
            directory=attempts[index].directory.with_name(
                f"{attempts[index].directory.name}-{name}"
            ),
            refines=False,
            repeats=True,
        )
        for index in best
        for name, recipe in other_recipes(attempts[index].recipe, fixed)
    ]


def other_recipes(recipe: Recipe, fixed: Collection[str]) -> Iterator[tuple[str, Recipe]]:
    """What a finalist is trained with again, each with a name.

    Args:
        recipe: that it was trained with.
        fixed: fields that are not to change.
    """
    if "row_decay" not in fixed and recipe.row_decay:
        for factor in OTHER_DECAYS:
            decay = float(f"{factor * recipe.row_decay:.2g}")
            yield f"row-decay-{decay:g}", recipe.replace(row_decay=decay)
    if "normalization" not in fixed and recipe.normalization != NO_NORM:
        yield "normalization-none", recipe.replace(normalization=NO_NORM)


def _ranking(results: Sequence[AttemptFigures]) -> list[int]:
    """Indices, the lowest validation log loss first, the first of equal ones first."""
    return sorted(range(len(results)), key=lambda index: (results[index].standing, index))


def ended_attempts(run: Run) -> list[tuple[Attempt, AttemptFigures]]:
    """The trainings that have ended so far, with their figures.

    Args:
        run: the run.

    Raises:
        RunError: if what the stages left does not fit together.
    """
    kept = run.directory.result("retrain")
    attempts: list[Attempt] = []
    results: list[AttemptFigures | None] = []
    while None not in results and (more := next_attempts(run, attempts, _all(results))):
        if kept is None:
            results += [finished(attempt) for attempt in more]
        else:
            results += kept.attempts[len(attempts) : len(attempts) + len(more)]
        attempts += more
        if len(results) < len(attempts):
            break
    if kept is not None and kept.out_of_time:
        attempts = attempts[: len(kept.attempts)]
    if kept is not None and not tells_of(attempts, kept.attempts):
        name = run.config.recipe
        # What a file holds is no option, so that nothing else has told.
        changed = ""
        if name != AUTO and name not in recipe_names():
            changed = f" If {name} has changed since, put back what was in it."
        raise RunError(
            f"{run.directory.path / 'retrain' / RESULT_FILE}: tells of other trainings than this "
            f"run's; delete it to run the retrain stage again.{changed}"
        )
    return [(attempt, found) for attempt, found in zip(attempts, results) if found is not None]


def _all(results: Sequence[AttemptFigures | None]) -> list[AttemptFigures]:
    return [result for result in results if result is not None]
