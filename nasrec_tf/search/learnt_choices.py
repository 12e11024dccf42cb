"""The logits that a supernet's training leaves for a strategy that draws by them."""

import dataclasses
import math
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.codesign.costs import costs_at_8_bits
from nasrec_tf.common.errors import RunError
from nasrec_tf.common.saved_state import SAVED, read_state, write_state
from nasrec_tf.search.run import Run
from nasrec_tf.strategies.choice_distribution import ChoiceDistribution
from nasrec_tf.strategies.dnas import MFLOPS, LogitSearch
from pim import PimError

LOGITS_FILE = "logits.json"
"""In the directory of the supernet stage."""


@dataclasses.dataclass(frozen=True)
class LearntLogits:
    """Logits over the last temperature.

    Args:
        logits: nested lists by name, of ``choice_shapes``.
    """

    __pydantic_config__ = SAVED

    logits: dict[str, list[Any]]


def choice_trainer(run: Run, strategy: LogitSearch, model: Any, steps: int, first_step: int) -> Any:
    """What trains a supernet by turns with the logits of its paths.

    Args:
        run: the run.
        strategy: with its settings.
        model: the compiled supernet, whose paths a ``LogitsSampler`` draws.
        steps: of the training.
        first_step: from which on the logits are learnt.
    """
    from nasrec_tf.training.choice_training import ChoicePlan, ChoiceTrainer

    plan = ChoicePlan(
        first_step=first_step,
        steps=steps,
        paths=strategy.paths,
        rate=strategy.rate,
        temperature=strategy.temperature,
        cost_weight=strategy.cost_weight,
        in_turn=strategy.in_turn,
    )
    return ChoiceTrainer(model, model.sampler.sampler, plan, path_cost(run, strategy.cost))


def path_cost(run: Run, name: str) -> Callable[[Architecture], float]:
    """What tells the cost of an architecture that logits are learnt by.

    Args:
        run: the run.
        name: one of ``COSTS`` of ``strategies/dnas.py``.
    """
    if name == MFLOPS:
        return lambda architecture: run.cost(architecture).multiply_accumulates
    options = run.recipe_options(run.stated_recipe)

    def in_memory(architecture: Architecture) -> float:
        try:
            return costs_at_8_bits(architecture, run.features, options)[name]
        except PimError:  # The hardware cannot hold it; a step of such a path teaches nothing.
            return math.inf

    return in_memory


def keep_logits_of(trainer: Any, directory: pathlib.Path, steps: int) -> None:
    """Writes what was learnt.

    Args:
        trainer: of ``choice_trainer``, at its end.
        directory: of the supernet stage.
        steps: of the training.
    """
    trainer.set_temperature(steps)
    learnt = {name: value.tolist() for name, value in trainer.sampler.distribution().items()}
    write_state(directory / LOGITS_FILE, LearntLogits(learnt))


def learnt_distribution(run: Run) -> ChoiceDistribution:
    """What the logits draw.

    Args:
        run: a run whose supernet stage has finished.

    Raises:
        RunError: if they are missing or damaged.
    """
    path = run.directory.path / "supernet" / LOGITS_FILE
    mend = f"delete {path.parent} to train the supernet again"
    found = read_state(path, LearntLogits, mend)
    if found is None:
        raise RunError(
            f"{path}: is missing, which --strategy {run.config.strategy} draws by; {mend}."
        )
    try:
        logits = {name: np.array(value, float) for name, value in found.logits.items()}
        return ChoiceDistribution(run.space, logits)
    except ValueError as error:
        raise RunError(f"{path}: not usable: {error}; {mend}.") from error
