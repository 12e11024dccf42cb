"""The best candidates from scratch, and the choice among them (paper 5.1)."""

import dataclasses
import gc
import json
import pathlib
import shutil
import time
from typing import Any

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RESULT_FILE, write_json
from nasrec_tf.search.stages.candidates import candidates

WEIGHTS = "best.npz"

PATIENCE = 2
"""Epochs without a better validation log loss after which a candidate's training ends."""


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One training from scratch.

    Args:
        rank: the candidate's rank in the search, from 1.
        architecture: what is trained.
        learning_rate: peak learning rate.
        directory: where it leaves its results.
    """

    rank: int
    architecture: Architecture
    learning_rate: float
    directory: pathlib.Path


def run_stage(run: Run) -> dict[str, Any]:
    """Trains the candidates, chooses by validation log loss and reports on the test split once."""
    results = []
    attempts = all_attempts(run)
    for number, attempt in enumerate(attempts, start=1):
        result = finished(attempt)
        if result is None:
            result = train_attempt(run, attempt, f"retrain {number}/{len(attempts)}")
        results.append(result)
        _keep_best_weights(attempts[:number], results)
    best = _best(results)
    winner = attempts[best]
    run.say(f"best by validation log loss: candidate {winner.rank}; now the test split, once")
    return {
        "rank": winner.rank,
        "learning_rate": winner.learning_rate,
        "directory": str(winner.directory.relative_to(run.directory.path)),
        "architecture": winner.architecture.to_json(),
        "validation": results[best]["validation"],
        "test": _test(run, winner),
        "attempts": [
            {key: value for key, value in result.items() if key != "architecture"}
            for result in results
        ],
    }


def all_attempts(run: Run) -> list[Attempt]:
    """Every candidate with every learning rate."""
    directory = run.directory.stage("retrain")
    return [
        Attempt(rank, architecture, rate, directory / f"{rank:02d}-rate-{rate:g}")
        for rank, architecture in enumerate(candidates(run), start=1)
        for rate in run.settings.retrain_learning_rates
    ]


def load(run: Run, architecture: Architecture, path: pathlib.Path):
    """A network with the weights of a file."""
    from nasrec_tf.networks.weights import load_weights

    subnet = _build(run, architecture, seed=None)
    load_weights(subnet, path, f"delete {path.parent} to train it again")
    return subnet


def _build(run: Run, architecture: Architecture, seed: int | None):
    """The untrained stand-alone network, with the full tables."""
    # Networks hold reference cycles: without this, the full tables and accumulators of the one
    # before would still be in memory.
    gc.collect()
    from nasrec_tf.networks.subnet import Subnet
    from nasrec_tf.operators import NetworkOptions

    options = NetworkOptions(
        layer_norm=run.config.final_layer_norm,
        operator_balancing=run.config.operator_balancing,
    )
    return Subnet(architecture, run.records.features, options, seed)


def load_winner(run: Run):
    """The trained network that won."""
    result = run.directory.result("retrain")
    architecture = Architecture.from_json(result["architecture"])
    return load(run, architecture, run.directory.path / result["directory"] / WEIGHTS)


def train_attempt(run: Run, attempt: Attempt, title: str) -> dict[str, Any]:
    """Trains a network from scratch, going on where it was stopped; its quality by epoch."""
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.training.loop import TrainingPlan, train

    plan = TrainingPlan(
        batch_size=run.settings.batch_size,
        epochs=run.settings.retrain_epochs,
        learning_rate=attempt.learning_rate,
        seed=derived_seed(run.config.seed, "retrain rows"),
    )
    attempt.directory.mkdir(exist_ok=True)
    subnet = _build(run, attempt.architecture, derived_seed(run.config.seed, "retrain"))
    validation = _Validation(run, subnet, attempt.directory)
    started = time.monotonic()
    with run.progress(title, plan.steps(run.records), "step") as bar:
        train(
            subnet,
            run.records,
            plan,
            attempt.directory,
            bar,
            after_epoch=validation,
            checkpoint_seconds=run.config.checkpoint_seconds,
        )
    result = {
        "rank": attempt.rank,
        "learning_rate": attempt.learning_rate,
        "architecture": attempt.architecture.to_json(),
        "steps_per_epoch": plan.steps_per_epoch(run.records),
        "epochs": validation.epochs,
        "best_epoch": validation.best_epoch,
        "validation": validation.epochs[validation.best_epoch],
        "seconds": time.monotonic() - started,
    }
    write_json(attempt.directory / RESULT_FILE, result)
    shutil.rmtree(attempt.directory / "checkpoint")
    quality = result["validation"]
    run.say(
        f"candidate {attempt.rank}, learning rate {attempt.learning_rate:g}: validation log loss "
        f"{quality['log_loss']:.5f} after epoch {validation.best_epoch + 1}"
    )
    return result


class _Validation:
    """Evaluates after each epoch and keeps the weights of the best one."""

    def __init__(self, run: Run, subnet, directory: pathlib.Path):
        from nasrec_tf.training.evaluation import Predictor

        self._predict = Predictor(subnet, run.records)
        self._subnet = subnet
        self._directory = directory
        self._path = directory / "validation.json"
        self.epochs: list[dict] = []
        if self._path.exists():
            self.epochs = json.loads(self._path.read_text(encoding="utf-8"))

    @property
    def best_epoch(self) -> int:
        return _lowest([epoch["log_loss"] for epoch in self.epochs])

    def __call__(self, epoch: int) -> bool:
        """Whether to go on: not once several epochs in a row were no better."""
        if epoch >= len(self.epochs):
            self._evaluate(epoch)
        return epoch - self.best_epoch < PATIENCE

    def _evaluate(self, epoch: int) -> None:
        from nasrec_tf.networks.weights import save_weights
        from nasrec_tf.training.evaluation import quality

        found = quality(*self._predict("validation"))
        self.epochs.append({"log_loss": found.log_loss, "auc": found.auc})
        if self.best_epoch == epoch:
            save_weights(self._subnet, self._directory / WEIGHTS)
        write_json(self._path, self.epochs)


def finished(attempt: Attempt) -> dict[str, Any] | None:
    path = attempt.directory / RESULT_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _best(results: list[dict[str, Any]]) -> int:
    return _lowest([result["validation"]["log_loss"] for result in results])


def _lowest(losses: list[float]) -> int:
    """Index of the lowest loss, the first of equal ones; one that is not a number is worst."""
    return min(
        range(len(losses)),
        key=lambda index: (not losses[index] == losses[index], losses[index], index),
    )


def _keep_best_weights(attempts: list[Attempt], results: list[dict[str, Any]]) -> None:
    """Full tables are large: only the best network's weights stay on disk."""
    best = _best(results)
    for index, attempt in enumerate(attempts):
        if index != best:
            (attempt.directory / WEIGHTS).unlink(missing_ok=True)


def _test(run: Run, winner: Attempt) -> dict[str, Any]:
    from nasrec_tf.training.evaluation import Predictor, quality_with_intervals

    subnet = load(run, winner.architecture, winner.directory / WEIGHTS)
    found = quality_with_intervals(*Predictor(subnet, run.records)("test"), run.config.seed)
    return found.to_json()
