"""The search over candidates with the supernet's weights (paper 4.3, 4.4 and 5.1)."""

import math
from typing import Any

from nasrec_tf.architecture import Architecture
from nasrec_tf.complexity import complexity
from nasrec_tf.errors import RunError
from nasrec_tf.evolution import MUTATIONS, Budget, best, read_results
from nasrec_tf.search.run import Run

PROJECT = "search"
"""KerasTuner's project in the stage's directory."""


def run_stage(run: Run) -> dict[str, Any]:
    """Runs the search, or works for its chief; leaves the best candidates."""
    if run.config.architecture is not None:
        return {"skipped": "an architecture was given"}
    search(run)
    directory = run.directory.stage("evolution") / PROJECT
    results = read_results(directory)
    top = best(results, run.settings.top_k)
    if not top:
        raise RunError(
            f"{directory}: no candidate got a finite score; train the supernet longer "
            "(--supernet-epochs) or with a lower --supernet-learning-rate."
        )
    return {
        "candidates": len(results),
        "best": [result.architecture.to_json() for result in top],
        "best_log_loss": top[0].metrics["log_loss"],
    }


def search(run: Run) -> None:
    """Scores candidates until the search is over, as chief, as worker or alone."""
    from nasrec_tf.evolution import SubnetTuner

    tuner = SubnetTuner(
        _oracle(run),
        _scorer(run),
        directory=run.directory.stage("evolution"),
        project_name=PROJECT,
        progress=not run.quiet,
    )
    tuner.search()


def mflops(run: Run, architecture: Architecture) -> float:
    """Millions of multiply-accumulates of a retrained model (paper, Table 5)."""
    return complexity(architecture, run.records.features).mflops


def _oracle(run: Run):
    from nasrec_tf.evolution import RandomSearchOracle, RegularizedEvolutionOracle
    from nasrec_tf.records import derived_seed

    config, settings = run.config, run.settings
    limit = math.inf if config.max_mflops is None else config.max_mflops
    options = {
        "budgets": [Budget("mflops", lambda architecture: mflops(run, architecture), limit)],
        "seed": derived_seed(config.seed, "evolution"),
    }
    if config.strategy == "random":
        trials = settings.population + settings.children * settings.generations
        return RandomSearchOracle(run.space, max_trials=trials, **options)
    return RegularizedEvolutionOracle(
        run.space,
        population=settings.population,
        tournament=settings.tournament,
        children=settings.children,
        generations=settings.generations,
        mutation=MUTATIONS[config.mutation](),
        **options,
    )


def _scorer(run: Run):
    from nasrec_tf.records import derived_seed
    from nasrec_tf.scoring import ScoringPlan, SupernetScorer
    from nasrec_tf.search.stages.supernet import load

    config = run.config
    plan = ScoringPlan(
        batch_size=run.settings.batch_size,
        fine_tune_steps=run.settings.fine_tune_steps,
        learning_rate=config.fine_tune_learning_rate,
        validation_rows=run.settings.validation_rows,
        seed=derived_seed(config.seed, "fine-tuning rows"),
    )
    return SupernetScorer(load(run), run.records, plan)
