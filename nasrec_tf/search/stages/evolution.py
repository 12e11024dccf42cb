"""The search over candidates with the supernet's weights (paper 4.3, 4.4 and 5.1)."""

import math
from typing import Any

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.complexity import complexity
from nasrec_tf.common.errors import RunError
from nasrec_tf.search.config import DEFAULT_HARDWARE
from nasrec_tf.search.run import Run
from nasrec_tf.strategies import CODESIGN_SPACE, MUTATIONS, Budget, best, read_results
from nasrec_tf.strategies.oracle.history import LOG_LOSS

PROJECT = "search"
"""KerasTuner's project in the stage's directory."""


def run_stage(run: Run) -> dict[str, Any]:
    """Runs the search, or works for its chief; leaves the best candidates."""
    if run.config.architecture is not None:
        return {"skipped": "an architecture was given"}
    search(run)
    results = read_results(run.directory.stage("evolution") / PROJECT)
    top = _top(run, results)
    return {
        "candidates": len(results),
        "best": [result.architecture.to_json() for result in top],
        "best_hardware": [result.hardware for result in top],
        "best_log_loss": min(result.metrics["log_loss"] for result in top),
    }


def _top(run: Run, results):
    """What is trained from scratch: the best, or in a Pareto search what balances best."""
    objectives = run_objectives(run)
    if objectives is None:
        return best(results, run.settings.top_k)
    from nasrec_tf.codesign.knee import nearest_to_ideal

    return nearest_to_ideal(results, objectives, run.settings.top_k)


def run_objectives(run: Run) -> tuple[str, ...] | None:
    """What a Pareto search lowers at once; ``None`` where it is the log loss alone."""
    config = run.config
    if not config.codesign or config.strategy == "random" or config.objective == "log-loss":
        return None
    from nasrec_tf.codesign.costs import ENERGY, LATENCY

    return (LOG_LOSS, LATENCY, ENERGY)


def hardware_costs(run: Run):
    """Costs of the retrained models on the hardware that a co-design search varies."""
    from nasrec_tf.codesign.costs import HardwareCosts
    from nasrec_tf.operators import NetworkOptions
    from nasrec_tf.search.run_summary import features
    from pim import load_hardware

    config = run.config
    options = NetworkOptions(
        layer_norm=config.final_layer_norm, operator_balancing=config.operator_balancing
    )
    hardware = load_hardware(config.hardware or DEFAULT_HARDWARE)
    return HardwareCosts(hardware, features(run), options, config.lossy_converters)


def search(run: Run) -> None:
    """Scores candidates until the search is over, as chief, as worker or alone."""
    from nasrec_tf.strategies import NoScores, SubnetTuner

    tuner = SubnetTuner(
        _oracle(run),
        _scorer(run),
        directory=run.directory.stage("evolution"),
        project_name=PROJECT,
        progress=not run.quiet,
    )
    try:
        tuner.search()
    except NoScores as error:
        raise RunError(
            f"{run.directory.path}: no candidate got a finite log loss. Use another --run-dir with "
            "a lower --supernet-learning-rate, more --supernet-epochs or a lower "
            "--fine-tune-learning-rate."
        ) from error


def mflops(run: Run, architecture: Architecture) -> float:
    """Millions of multiply-accumulates of a retrained model (paper, Table 5)."""
    return complexity(architecture, run.records.features).mflops


def _oracle(run: Run):
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.strategies import (
        ParetoEvolutionOracle,
        RandomSearchOracle,
        RegularizedEvolutionOracle,
    )

    config, settings = run.config, run.settings
    limit = math.inf if config.max_mflops is None else config.max_mflops
    options = {
        "budgets": [Budget("mflops", lambda architecture: mflops(run, architecture), limit)],
        "seed": derived_seed(config.seed, "evolution"),
    }
    if config.codesign:
        limits = {
            "latency_us": config.max_latency_us,
            "energy_nj": config.max_energy_nj,
            "area_mm2": config.max_area_mm2,
        }
        given = {name: limit for name, limit in limits.items() if limit is not None}
        options["budgets"] += hardware_costs(run).budgets(given)
        options["hardware"] = CODESIGN_SPACE
    if config.strategy == "random":
        trials = settings.population + settings.children * settings.generations
        return RandomSearchOracle(run.space, max_trials=trials, **options)
    options |= {
        "population": settings.population,
        "tournament": settings.tournament,
        "children": settings.children,
        "generations": settings.generations,
        "mutation": MUTATIONS[config.mutation](),
    }
    objectives = run_objectives(run)
    if objectives is not None:
        return ParetoEvolutionOracle(run.space, objectives=objectives, **options)
    return RegularizedEvolutionOracle(run.space, **options)


def _scorer(run: Run):
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.search.stages.supernet import load
    from nasrec_tf.training.scoring import ScoringPlan, SupernetScorer

    config = run.config
    plan = ScoringPlan(
        batch_size=run.settings.batch_size,
        fine_tune_steps=run.settings.fine_tune_steps,
        learning_rate=config.fine_tune_learning_rate,
        validation_rows=run.settings.validation_rows,
        seed=derived_seed(config.seed, "fine-tuning rows"),
    )
    scorer = SupernetScorer(load(run), run.records, plan)
    if not config.codesign:
        return scorer
    from nasrec_tf.codesign.remembered_scores import RememberedScores

    return RememberedScores(scorer)
