"""How well supernets rank that are trained or asked in other ways than the search's.

    python -m benchmarks.supernet_ways --dir bench --dataset data/criteo --name criteo \\
        --supernet supernet_epochs=32,supernet_learning_rate=0.06 --way plain --way averaged=0.99

``python -m nasrec_tf.study ranking`` has made the trainings from scratch first, in the same
``--dir``; a supernet's scores are compared with those that are there. Ways, in the published names
where there are any:

- ``plain``: as the search trains it;
- ``fair``: strict fairness of operators, each once in as many steps (Chu et al. 2021, FairNAS);
- ``averaged=D``: the exponential average of the weights with decay D per step is scored;
- ``distilled=S``: a path learns labels that are mixed with what the whole supernet predicts, a
  share S of it (Yu and Huang 2019);
- ``paths=N``: N paths learn a batch, one after the other, in an N-th of the passes;
- ``sandwich=S``: the whole supernet learns each batch before a path does, whose labels are mixed
  with what the whole one predicted (the sandwich rule, Yu et al. 2020, with one path and without
  the smallest one), in half of the passes;
- ``capped=N``: a block of a path reads N sources at most while the supernet learns; candidates
  read what they read;
- ``fits=N``: a score is the mean of N, each with a final layer that was tuned on rows in another
  order;
- ``tuned=STEPS@RATE``: the path's own weights, tables too, go on learning before it is scored,
  with fresh accumulators, in the place of its final layer alone; each candidate begins from the
  supernet's weights.

A line is printed for each as soon as it is there. Nothing is kept.
"""

import argparse
import dataclasses
import functools
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.path_tuning import PathTuning
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.benchmark.architecture_stream import random_numbers
from nasrec_tf.benchmark.measured_rows import architecture_of
from nasrec_tf.benchmark.table_workspace import BuildConfig, Workspace, opened_workspace
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.exit_code import exit_code
from nasrec_tf.search.run import Run
from nasrec_tf.studies.rank_correlations import ceilings, rank_figures
from nasrec_tf.studies.ranking_supernets import parsed_variant

STEPS_AT_ONCE = 32
"""Steps in a call of the traced graph."""

AVERAGE_EVERY = 10
"""Steps from one average of the weights to the next, which takes longer than a step."""

PASSES_SAVED = {"paths": lambda value: int(value), "sandwich": lambda value: 2}
"""How many paths learn each batch: by so much the passes are fewer, for the same cost."""


@dataclasses.dataclass(frozen=True)
class Way:
    """How a supernet is trained or asked.

    Args:
        text: as the user gave it.
        name: of the way.
        value: its number; 0 of those that have none.
        rate: learning rate of ``tuned``.
    """

    text: str
    name: str
    value: float = 0.0
    rate: float = 0.0

    @property
    def paths(self) -> int:
        """Paths that learn each batch."""
        return PASSES_SAVED[self.name](self.value) if self.name in PASSES_SAVED else 1


def parsed_way(text: str) -> Way:
    """A way as command lines give it.

    Args:
        text: such as ``"averaged=0.99"``.

    Raises:
        UserError: if there is no such way, or its number is out of range.
    """
    name, _, value = text.partition("=")
    number, _, rate = value.partition("@")
    try:
        way = Way(text, name, float(number or 0), float(rate or 0))
    except ValueError:
        raise UserError(f"--way {text}: {value!r} is not a number.") from None
    known = {
        "plain": way.value == 0,
        "fair": way.value == 0,
        "averaged": 0 < way.value < 1,
        "distilled": 0 < way.value < 1,
        "paths": way.value >= 2 and way.value == int(way.value),
        "sandwich": 0 <= way.value < 1,
        "capped": way.value >= 1 and way.value == int(way.value),
        "fits": way.value >= 2 and way.value == int(way.value),
        "tuned": way.value >= 1 and way.value == int(way.value) and way.rate > 0,
    }
    if not known.get(name, False):
        raise UserError(
            f"--way {text}: there are plain, fair, averaged=D, distilled=S, paths=N, sandwich=S, "
            "capped=N, fits=N and tuned=STEPS@RATE, where D and S are below 1."
        )
    return way


@dataclasses.dataclass(frozen=True)
class Trained:
    """Architectures that were trained from scratch.

    Args:
        architectures: (A,) of them.
        losses: (A, seeds), the lowest validation log loss of each training.
    """

    architectures: Sequence[Architecture]
    losses: np.ndarray


def trained(place: Workspace, count: int, seeds: int) -> Trained:
    """The random architectures of a table of which there are all trainings.

    Args:
        place: the table's workspace.
        count: how many were drawn.
        seeds: trainings of each.

    Raises:
        UserError: if there are none.
    """
    numbers = set(random_numbers(count))
    found: dict[str, dict[int, Any]] = {}
    for row in place.file.table.rows.values():
        if row.number in numbers and row.stream == 0 and row.seed <= seeds:
            found.setdefault(row.identity, {})[row.seed] = row
    whole = [
        rows
        for rows in found.values()
        if len(rows) == seeds and all(math.isfinite(row.log_loss) for row in rows.values())
    ]
    if not whole:
        raise UserError(
            f"{place.card.name}: no architecture has {seeds} trainings; run `python -m "
            "nasrec_tf.study ranking --supernet none` with the same --dir first."
        )
    return Trained(
        [architecture_of(rows[1].architecture) for rows in whole],
        np.array([[rows[seed].log_loss for seed in range(1, seeds + 1)] for rows in whole]),
    )


def trained_supernet(run: Run, way: Way):
    """The supernet, trained in a way; the mean loss of its last steps.

    Args:
        run: whose options it is trained by.
        way: how.
    """
    from nasrec_tf.networks.supernet.samplers import path_sampler
    from nasrec_tf.search.stages.supernet import build, training_plan
    from nasrec_tf.training.trainer import OneDevice
    from nasrec_tf.training.weight_average import WeightAverage

    plan = training_plan(run)
    epochs = max(1, plan.epochs // way.paths)
    plan = dataclasses.replace(plan, recipe=plan.recipe.replace(epochs=epochs))
    model = build(run)
    if way.name == "fair":
        model.sampler.sampler = _fair_sampler(run.space)
    if way.name == "capped":
        capped = dataclasses.replace(run.space, max_sources=int(way.value))
        model.sampler.sampler = path_sampler(run.config.path_sampler, capped)
    # Schedule and warm-up count updates, of which a step makes one for each path.
    _compile(model, plan, run, way.paths)
    trainer = OneDevice(model, _train_step(model, way))
    averaged = way.name == "averaged"
    average = WeightAverage(model, way.value, AVERAGE_EVERY) if averaged else None
    made, losses = 0, np.zeros(1)
    for epoch in range(plan.epochs):
        batches = iter(run.records.training_batches(plan.batch_size, epoch, plan.seed))
        end = made + plan.steps_per_epoch(run.records)
        while made < end:
            count = min(STEPS_AT_ONCE, end - made)
            if average is not None:
                count = min(count, average.steps_until_next(made))
            losses = trainer.steps(batches, count)
            made += count
            if average is not None:
                average.after_step(made)
        model.optimizer.settle()
    if average is not None:
        average.apply()
    return model, float(losses.mean())


def _compile(model, plan, run, paths):
    from nasrec_tf.optimizers.adagrad import Adagrad
    from nasrec_tf.optimizers.schedules import WarmupCosine

    plan.compile(model, run.records)
    if paths > 1:
        rate = WarmupCosine(plan.recipe.learning_rate, paths * plan.steps(run.records))
        optimizer = Adagrad(rate, row_decay=plan.recipe.row_decay)
        model.compile(optimizer, loss=model.loss, jit_compile=False)
        optimizer.build(model.trainable_variables)


def _fair_sampler(space):
    """Draws the operators of a block in an order that has each once before any comes again."""
    import tensorflow as tf

    from nasrec_tf.networks.supernet.samplers import SingleOperatorAnyConnection

    class FairSampler(SingleOperatorAnyConnection):
        def __init__(self):
            super().__init__(space)
            self.step = tf.Variable(0, trainable=False)
            counts = {len(space.dense_operators), len(space.sparse_operators)}
            first = tf.zeros([space.num_blocks], tf.int32)
            self.first = {count: tf.Variable(first, trainable=False) for count in counts}

        def __call__(self, generator):
            path = super().__call__(generator)
            self.step.assign_add(1)
            return path

        def _operators(self, generator, operators):
            first = self.first[operators]
            drawn = generator.uniform([self.space.num_blocks], 0, operators, tf.int32)
            first.assign(tf.where(self.step % operators == 0, drawn, first))
            return tf.one_hot((first + self.step) % operators, operators, True, False)

    return FairSampler()


def _train_step(model, way: Way) -> Callable[[Any], dict[str, Any]] | None:
    """A step in a way; ``None`` for the supernet's own."""
    import keras
    import tensorflow as tf

    def drawn():
        return model.sampler(model.generator, tf.convert_to_tensor(model.optimizer.iterations))

    def mixed(labels, logits):
        return (1 - way.value) * labels + way.value * tf.sigmoid(tf.stop_gradient(logits))

    def distilled(inputs, labels, weights):
        whole = model(inputs, path=model.encode(model.space.widest))
        return model.train_on_path(drawn(), inputs, mixed(labels, whole), weights)[1]

    def paths(inputs, labels, weights):
        for _ in range(way.paths):
            _, loss = model.train_on_path(drawn(), inputs, labels, weights)
        return loss

    def sandwich(inputs, labels, weights):
        widest = model.encode(model.space.widest)
        whole, _ = model.train_on_path(widest, inputs, labels, weights)
        return model.train_on_path(drawn(), inputs, mixed(labels, whole), weights)[1]

    steps = {"distilled": distilled, "paths": paths, "sandwich": sandwich}
    if way.name not in steps:
        return None

    def train_step(data):
        return {"loss": steps[way.name](*keras.utils.unpack_x_y_sample_weight(data))}

    return train_step


def scores(run: Run, model, way: Way, architectures: Sequence[Architecture]) -> np.ndarray:
    """The score of each architecture, (architectures,).

    Args:
        run: by whose options candidates are scored.
        model: the trained supernet.
        way: ``tuned`` and ``fits`` score otherwise than the search does.
        architectures: of its space.
    """
    from nasrec_tf.search.scorers import scoring_plan
    from nasrec_tf.training.scoring import SupernetScorer

    plan = scoring_plan(run)
    if way.name == "tuned":
        plan = dataclasses.replace(plan, fine_tune_steps=0)
        tuned = PathTuning(run, model, int(way.value), way.rate)
    seeds = range(plan.seed, plan.seed + (int(way.value) if way.name == "fits" else 1))
    plans = [dataclasses.replace(plan, seed=seed) for seed in seeds]
    scorers = [SupernetScorer(model, run.records, each) for each in plans]
    found = []
    for architecture in architectures:
        if way.name == "tuned":
            tuned(architecture)
        found.append(np.mean([scorer(architecture)["log_loss"] for scorer in scorers]))
    return np.array(found)


def measure(options: argparse.Namespace) -> int:
    """Trains and scores in every way.

    Args:
        options: of the command line.

    Raises:
        UserError: if an option cannot be used, or the table lacks the trainings.
    """
    variant = parsed_variant(options.supernet)
    ways = [parsed_way(text) for text in options.way or ["plain"]]
    config = BuildConfig(options.dir, options.dataset, name=options.name)
    with opened_workspace(config, quiet=True) as place:
        rows = trained(place, options.architectures, options.seeds)
        ceiling = ceilings(rows.losses)
        told = f", one training ranks another by {ceiling['kendall'].value:.2f}" if ceiling else ""
        print(f"{place.card.name}: {len(rows.architectures)} architectures{told}", flush=True)
        search = dataclasses.replace(place.run.config, **variant.options)
        run = Run(search, place.run.directory, quiet=True)
        for way in ways:
            _measure_way(run, way, rows)
    return 0


def _measure_way(run: Run, way: Way, rows: Trained) -> None:
    started = time.monotonic()
    model, loss = trained_supernet(run, way)
    seconds = time.monotonic() - started
    found = scores(run, model, way, rows.architectures)
    scoring = (time.monotonic() - started - seconds) / len(found)
    figures = rank_figures(np.where(np.isfinite(found), found, 1e9), rows.losses)
    show = functools.partial(_shown, figures)
    print(
        f"{way.text:<16} tau {show('kendall')}, better half {show('better half')}; scores of "
        f"{np.median(found):.4f}, last training loss {loss:.4f}; {seconds:.0f} s and "
        f"{scoring:.2f} s a candidate",
        flush=True,
    )


def _shown(figures: Any, name: str) -> str:
    if figures is None:
        return "of too few"
    low, high = figures[name].interval
    return f"{figures[name].value:.3f} ({low:.2f} to {high:.2f})"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.supernet_ways",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dir", required=True, help="where the table is")
    parser.add_argument("--dataset", required=True, help="generated, or a data set's directory")
    parser.add_argument("--name", help="what the table calls it")
    parser.add_argument("--architectures", type=int, default=100, help="drawn at random (100)")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each (2)")
    parser.add_argument("--supernet", default="default", help="options, as of study ranking")
    parser.add_argument("--way", action="append", help="may be repeated (plain)")
    return exit_code(lambda: measure(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
