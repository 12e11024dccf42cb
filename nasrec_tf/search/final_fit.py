"""A chosen network trained once more, on the rows of train and validation together (paper 5.1).

What validation can tell is known by then: architecture, recipe and number of epochs. The learning
rate of a step is that of the same share of the training, so that what stops early stops at the
same rate.
"""

import dataclasses
import pathlib
import shutil

from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.common.time_spent import time_spent
from nasrec_tf.data.joined_splits import JOIN
from nasrec_tf.search.attempt import FIRST, Attempt
from nasrec_tf.search.from_scratch import TimeStop, begin, build, training_plan
from nasrec_tf.search.results import AttemptResult, FinalFit
from nasrec_tf.search.run import Run
from nasrec_tf.search.training_task import WEIGHTS, clear_checkpoint, make_ready
from nasrec_tf.search.warm_start import start_of

PURPOSE = "final fit"
FIT_FILE = "fit.json"
SPLITS = JOIN.join(("train", "validation"))


def fit_to_all(
    run: Run, training: tuple[Attempt, AttemptResult]
) -> tuple[Attempt, FinalFit | None]:
    """The network of the final fit that the run asks for, or the trained one as it is.

    Args:
        run: the run.
        training: what was chosen, and what it came to.

    Raises:
        DivergedError: if losses or weights are no longer finite.
        RunError: if what an earlier call left is damaged.
    """
    if run.config.final_fit == "train":
        return training[0], None
    directory = _fit_directory(training[0])
    has_time = (directory / FIT_FILE).exists() or run.time.has(training[1].seconds)
    fitted = final_fit(run, *training) if has_time else None
    if fitted is None:
        run.say("final fit: no time for it; the network is exported as validation has chosen it")
        return training[0], None
    return fitted


def _fit_directory(winner: Attempt) -> pathlib.Path:
    return winner.directory.with_name(f"{winner.directory.name}-final-fit")


def final_fit(run: Run, winner: Attempt, result: AttemptResult) -> tuple[Attempt, FinalFit] | None:
    """Trains a chosen network on train and validation, going on where an earlier call was stopped.

    No split is left to tell what a part of it is worth, so that one that is cut comes to nothing.

    Args:
        run: the run.
        winner: the training that validation has chosen, or chosen with others.
        result: what it came to.

    Returns:
        The training, whose directory holds the weights, and how it went; ``None`` if the time of
        the run was over before its end.

    Raises:
        DivergedError: if losses or weights are no longer finite.
        RunError: if what an earlier call left is damaged.
    """
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.networks.weights import save_weights
    from nasrec_tf.training.loop import train

    directory = _fit_directory(winner)
    attempt = dataclasses.replace(winner, directory=directory)
    done = read_state(directory / FIT_FILE, FinalFit, f"delete {directory} to train it again")
    if done is not None:
        return attempt, done
    recipe = winner.recipe
    # Further seeds of one network, in an ensemble, are still others after their fits.
    purpose = PURPOSE if winner.purpose == FIRST else f"{winner.purpose} {PURPOSE}"
    plan = training_plan(run, recipe, purpose, SPLITS)
    evaluations = (result.best_epoch or 0) + 1
    steps = plan.evaluation_step(evaluations - 1, run.records)
    make_ready(directory)
    seed = derived_seed(recipe.seed_or(run.config.seed), purpose)
    network = build(run, winner.architecture, recipe, seed)
    begin(network, directory, start_of(run, winner.architecture, recipe))
    run.time.slowness.begin_training()
    stop = TimeStop(run.time, network)
    with time_spent(directory) as spent, run.progress(PURPOSE, steps, "step") as bar:
        train(
            network,
            run.records,
            plan,
            directory,
            bar,
            evaluate=lambda index: index + 1 < evaluations,
            checkpoint_seconds=run.config.checkpoint_seconds,
            stop=stop,
        )
    if stop.was_time:
        shutil.rmtree(directory)
        return None
    save_weights(network, directory / WEIGHTS)
    done = FinalFit(
        rows=run.records.rows(SPLITS),
        epochs=steps / plan.steps_per_epoch(run.records),
        steps=steps,
        seconds=spent(),
    )
    write_state(directory / FIT_FILE, done)
    clear_checkpoint(directory)
    return attempt, done
