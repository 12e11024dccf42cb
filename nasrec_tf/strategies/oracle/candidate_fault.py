"""Whether a candidate of a journal is one that its search can have drawn."""

from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.strategies.draws import Draws
from nasrec_tf.strategies.history import Candidate
from nasrec_tf.strategies.strategy import Strategy


def candidate_fault(candidate: Candidate, strategy: Strategy, draws: Draws) -> str | None:
    """Why a search cannot have drawn a candidate; ``None`` where it can have.

    Args:
        candidate: such as a journal tells of.
        strategy: of the search.
        draws: rules that every candidate keeps.
    """
    generation = strategy.generation_of(candidate.number)
    if candidate.generation != generation:
        return f"is of generation {generation}, not {candidate.generation}"
    is_first = candidate.parent is None
    if is_first != (generation == 0) and not (is_first and strategy.may_restart):
        return f"has parent {candidate.parent} in generation {generation}"
    metrics = sorted(budget.metric for budget in draws.budgets)
    if sorted(candidate.costs) != metrics:
        return f"has the costs {sorted(candidate.costs)}, not {metrics}"
    choices = draws.hardware.choices if draws.hardware else {}
    hardware = candidate.hardware or {}
    if sorted(hardware) != sorted(choices):
        return f"has hardware {sorted(hardware)}, not {sorted(choices)}"
    for name, value in hardware.items():
        if value not in choices[name]:
            return f"has {name} {value}, not one of {choices[name]}"
    try:
        draws.space.check(candidate.architecture)
    except ArchitectureError as error:
        return str(error).rstrip(".")
    return None
