"""How fast a network trains and predicts, measured on batches that are in memory."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from nasrec_tf.search.run import Run
from nasrec_tf.studies.rival_results import SpeedResult
from nasrec_tf.training.evaluation import EVALUATION_BATCH
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.trainer import one_device
from nasrec_tf.training.training_plan import TrainingPlan

BATCHES = 16
"""Different batches that are held in memory and gone over again and again."""

ROUNDS = 3
"""Of which the fastest counts: whatever else the machine does only makes one slower."""

ROUND_SECONDS = 0.4
"""About how long each takes."""


def measure_speed(run: Run, network: Any, recipe: Recipe) -> SpeedResult:
    """Times training steps and predictions; the network's weights change.

    Args:
        run: what it is trained on.
        network: of the run's features.
        recipe: how it is trained; complete.
    """
    inference = _inference_us(run, network)
    plan = TrainingPlan(recipe, seed=0)
    plan.compile(network, run.records)
    batches = run.records.training_batches(plan.batch_size, 0, 0).take(BATCHES).cache().repeat()
    trainer, iterator = one_device(network), iter(batches)
    seconds = _seconds_per_call(lambda: trainer.steps(iterator, 1))
    return SpeedResult(1e6 * seconds / plan.batch_size, inference, plan.batch_size)


def _inference_us(run: Run, network: Any) -> float:
    limit = BATCHES * EVALUATION_BATCH
    batches = [inputs for inputs, *_ in run.records.batches("validation", EVALUATION_BATCH, limit)]
    # All of one size, as in a long split.
    batches = batches[:-1] or batches
    predict = tf.function(
        lambda inputs: network(inputs, training=False),
        input_signature=[run.records.input_spec],
        autograph=False,
    )
    turns = itertools.cycle(batches)
    seconds = _seconds_per_call(lambda: predict(next(turns)).numpy())
    return 1e6 * seconds / int(batches[0]["sparse"].shape[0])


def _seconds_per_call(call: Callable[[], object]) -> float:
    """The fastest round's, after a call that traces."""
    call()
    fastest = float("inf")
    for _ in range(ROUNDS):
        calls, started = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - started) < ROUND_SECONDS or not calls:
            call()
            calls += 1
        fastest = min(fastest, elapsed / calls)
    return fastest
