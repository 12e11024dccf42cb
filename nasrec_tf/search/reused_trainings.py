"""Trainings that a run has made before it was extended, taken again where they are the same.

A training follows from architecture, recipe, purpose, seed and data alone, so that one made for
another rank is to the bit the one that would be made now.
"""

import dataclasses
import math
import pathlib
import shutil

from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.attempt import Attempt
from nasrec_tf.search.config import SearchConfig, load_options
from nasrec_tf.search.kept_logits import VALIDATION_LOGITS
from nasrec_tf.search.made_of import MADE_OF_FILE, MadeOf, made_of
from nasrec_tf.search.results import AttemptResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RESULT_FILE
from nasrec_tf.search.seed_directory import seed_of
from nasrec_tf.search.superseded import CONFIG_FILE, of_run
from nasrec_tf.search.training_task import under_way

DEPENDS_ON = ("seed", "operator_balancing", "device", "warm_start")
"""Options that a training follows from beside its recipe and the records."""


def reused(run: Run, attempt: Attempt) -> AttemptResult | None:
    """What the same training came to before; its directory is then as if it had been made there.

    Args:
        run: the run.
        attempt: the training.

    Returns:
        ``None`` where there is none, or where it has not gone to its end, or what comes after
        needs more of it than was kept.

    Raises:
        RunError: if what is kept is damaged.
    """
    # Halving looks at trainings on their way; one that is made once more goes on.
    if run.settings.halving or under_way(attempt.directory):
        return None
    now = made_of(run.directory.path, run.dataset)
    for aside in of_run(run.directory.path):
        if not (aside / CONFIG_FILE).exists():
            continue  # Made in the moment before a kill.
        # Of other data, even if options name it alike; an earlier version did not tell.
        if now is None or now != read_state(aside / MADE_OF_FILE, MadeOf, f"delete {aside}"):
            continue
        options = load_options(aside / CONFIG_FILE)
        stored = {name: options.get(name, getattr(SearchConfig, name)) for name in DEPENDS_ON}
        if any(getattr(run.config, name) != value for name, value in stored.items()):
            continue
        for path in sorted((aside / "retrain").glob(f"*/{RESULT_FILE}")):
            found = read_state(path, AttemptResult, f"delete {path.parent}")
            if found is None or seed_of(path.parent) != attempt.seed:
                continue
            if not _is_same(found, attempt):
                continue
            if _is_enough(run, path.parent, found):
                return _taken(path.parent, found, attempt)
    return None


def _is_same(found: AttemptResult, attempt: Attempt) -> bool:
    whole = found.stopped is None and found.cut is None and not found.looks
    alike = found.architecture.to_json() == attempt.architecture.to_json()
    return whole and alike and found.recipe == attempt.recipe


def _is_enough(run: Run, directory: pathlib.Path, found: AttemptResult) -> bool:
    """Whether what was kept is what the choice looks at: of an ensemble, the logits of all."""
    logits = directory / VALIDATION_LOGITS
    return run.config.ensemble == 1 or not math.isfinite(found.score) or logits.exists()


def _taken(before: pathlib.Path, found: AttemptResult, attempt: Attempt) -> AttemptResult:
    result = dataclasses.replace(found, rank=attempt.rank)
    shutil.rmtree(attempt.directory, ignore_errors=True)  # Of a copy that was stopped.
    shutil.copytree(before, attempt.directory, ignore=shutil.ignore_patterns(RESULT_FILE))
    write_state(attempt.directory / RESULT_FILE, result)
    return result
