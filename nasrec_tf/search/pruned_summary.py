"""What the report tells of a pruning."""

from nasrec_tf.networks.pruning.prune_settings import (
    ELEMENTS,
    MAGNITUDE,
    MASK,
    RANDOM,
    REMAINING,
    UNITS,
    PruneSettings,
)
from nasrec_tf.report import PruningStepSummary, PruningSummary
from nasrec_tf.search.results import PruneResult, RetrainResult
from nasrec_tf.search.run import Run

WAYS = {
    MASK: "those of the lowest masks that were learnt",
    MAGNITUDE: "the smallest",
    RANDOM: "drawn by lot",
}
THINGS = {ELEMENTS: "single weights", UNITS: "whole units"}


def pruning_summary(run: Run) -> PruningSummary | None:
    """How the winner was pruned, and what is left of it; ``None`` where it has not been.

    Args:
        run: the run.

    Raises:
        RunError: if what a stage left is damaged.
    """
    result = run.directory.result("prune")
    if result is None:
        return None
    settings = run.config.prune_settings()
    winner = run.directory.finished("retrain", RetrainResult)
    steps = [
        PruningStepSummary(each.iteration, each.left, each.mflops, each.validation.log_loss)
        for each in result.trainings
    ]
    return PruningSummary(
        way=_way(settings),
        leaves_smaller=settings.what == UNITS,
        steps=steps,
        winner=winner.test,
        left=result.test,
        mflops=(result.mflops_before, result.mflops),
        parameters=(result.parameters_before, result.parameters),
        costs=_costs(run),
    )


def _way(settings: PruneSettings) -> str:
    of = "what was left" if settings.of == REMAINING else "all"
    return f"{settings.share:.0%} of {of} went ({THINGS[settings.what]}, {WAYS[settings.score]})"


def _costs(run: Run) -> dict[str, tuple[float, float]]:
    """Winner's and pruned network's on the same hardware."""
    result = run.directory.result("hardware")
    if result is None or result.unpruned_costs is None:
        return {}
    return {
        name: (before, result.costs[name])
        for name, before in result.unpruned_costs.items()
        if name in result.costs
    }


def told_pruned(run: Run) -> str:
    """What pruning has left of the winner, in a sentence; nothing where it has not been pruned.

    Args:
        run: the run.
    """
    result: PruneResult | None = run.directory.result("prune")
    if result is None:
        return ""
    return (
        f" It was pruned then ({run.config.prune}, {run.config.prune_iterations} times): the "
        f"exported network executes {result.mflops:.4f} of {result.mflops_before:.4f} million "
        f"multiply-accumulates, with a test log loss of {result.test.log_loss:.4f}."
    )
