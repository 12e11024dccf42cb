"""The search over candidates (paper 4.3, 4.4 and 5.1)."""

import math
from typing import Any

from nasrec_tf.common.errors import RunError
from nasrec_tf.search.extension import take_back
from nasrec_tf.search.learnt_choices import learnt_distribution
from nasrec_tf.search.option_groups.codesign_options import DEFAULT_HARDWARE
from nasrec_tf.search.option_groups.recipe_options import LOWER_RATES
from nasrec_tf.search.results import EvolutionResult, Skipped, StageResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.scored_candidates import score_candidates
from nasrec_tf.search.scorers import Scores, supernet_scores, training_scores
from nasrec_tf.search.search_plan import MFLOPS, search_strategy
from nasrec_tf.search.stages.supernet import load
from nasrec_tf.strategies import CODESIGN_SPACE, Budget, best, read_results
from nasrec_tf.strategies.history import LOG_LOSS
from nasrec_tf.strategies.strategy import Strategy


def run_stage(run: Run) -> StageResult:
    """Runs the search, or works for its chief; leaves the best candidates.

    Args:
        run: the run.

    Raises:
        RunError: if the supernet or the journal is missing or damaged, or no candidate got a finite
            log loss.
    """
    if run.config.architecture is not None:
        return Skipped(skipped="an architecture was given")
    take_back(run.search_project, _strategy(run))
    search(run)
    results = read_results(run.search_project)
    top = _top(run, results)
    return EvolutionResult(
        candidates=len(results),
        best=tuple(result.architecture for result in top),
        best_hardware=tuple(result.hardware for result in top),
        best_log_loss=min(result.metrics[LOG_LOSS] for result in top),
    )


def _top(run: Run, results):
    """What is trained from scratch: the best, or in a Pareto search what balances best."""
    objectives = run.objectives
    if objectives is None:
        return best(results, run.settings.top_k)
    from nasrec_tf.codesign.knee import nearest_to_ideal

    return nearest_to_ideal(results, objectives, run.settings.top_k)


def hardware_costs(run: Run):
    """Costs of the retrained models on the hardware that a co-design search varies.

    Args:
        run: the run.
    """
    from nasrec_tf.codesign.costs import HardwareCosts
    from pim import load_hardware

    config = run.config
    hardware = load_hardware(config.hardware or DEFAULT_HARDWARE)
    return HardwareCosts(hardware, run.features, run.final_options, config.lossy_converters)


def search(run: Run) -> None:
    """Scores candidates until the search is over, as chief, as worker or alone.

    Args:
        run: the run.

    Raises:
        RunError: if no candidate got a finite log loss; the message says what to change.
    """
    from nasrec_tf.strategies import NoScores

    scores = _scores(run)
    try:
        score_candidates(run, "evolution", _oracle(run, scores.settings), scores.scorer)
    except NoScores as error:
        raise RunError(
            f"{run.directory.path}: no candidate got a finite log loss; {_mend(run)}."
        ) from error


def _mend(run: Run) -> str:
    if run.config.trains_candidates:
        return LOWER_RATES
    return (
        "delete supernet and evolution in it and repeat the command with a lower "
        "--supernet-learning-rate, more --supernet-epochs or a lower --fine-tune-learning-rate"
    )


def _oracle(run: Run, scoring: dict[str, Any]):
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.strategies import ArchitectureOracle

    config = run.config
    return ArchitectureOracle(
        _strategy(run),
        run.space,
        budgets=search_budgets(run),
        hardware=CODESIGN_SPACE if config.codesign else None,
        seed=derived_seed(config.seed, "evolution"),
        scoring=scoring,
        is_over=run.time.is_over,
    )


def search_budgets(run: Run) -> list[Budget]:
    """Costs that the search records of its candidates, with the limits that these keep.

    Args:
        run: the run.
    """
    config = run.config
    limit = math.inf if config.max_mflops is None else config.max_mflops
    budgets = [Budget(MFLOPS, lambda architecture: run.cost(architecture).mflops, limit)]
    if config.codesign:
        limits = {
            "latency_us": config.max_latency_us,
            "energy_nj": config.max_energy_nj,
            "area_mm2": config.max_area_mm2,
        }
        given = {name: limit for name, limit in limits.items() if limit is not None}
        budgets += hardware_costs(run).budgets(given)
    return budgets


def _strategy(run: Run) -> Strategy:
    return search_strategy(
        run.config,
        run.settings,
        run.schema.splits["train"].rows,
        run.objectives,
        learnt_distribution(run) if run.config.learns_choices else None,
    )


def check_budgets(run: Run) -> None:
    """Finds out before hours of work whether the budgets leave a candidate.

    Args:
        run: the run, whose records stage has finished.

    Raises:
        RunError: if they leave none.
    """
    # What is drawn by learnt choices is known only once these have been learnt.
    if "evolution" in run.config.stages and not run.config.learns_choices:
        _oracle(run, {}).check_first()


def _scores(run: Run) -> Scores:
    if run.config.trains_candidates:
        scores = training_scores(run)
    else:
        scores = supernet_scores(run, load(run))
    if not run.config.codesign:
        return scores
    from nasrec_tf.codesign.remembered_scores import RememberedScores

    return scores._replace(scorer=RememberedScores(scores.scorer))
