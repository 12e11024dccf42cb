"""From the models that several runs found to a row for each way of searching."""

from collections.abc import Sequence

from nasrec_tf.report.comparison_summary import CostSummary, StrategySummary
from nasrec_tf.studies.paired_intervals import Measured
from nasrec_tf.studies.table_rows import Outcome, figure_summary, gap_summary


def strategy_rows(outcomes: Sequence[Outcome]) -> list[StrategySummary]:
    """What each way of searching came to; none where all models were found by one.

    A run is a seed of its way: its model may have been trained with several seeds, of which the
    mean counts.

    Args:
        outcomes: of the models that have ended, those of the same way side by side or not.
    """
    ways: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        search = outcome.contender.search
        if search is not None:
            ways.setdefault(search.method, []).append(outcome)
    if len(ways) < 2:
        return []
    first = next(iter(ways.values()))
    return [_row(way, found, None if found is first else first) for way, found in ways.items()]


def _row(way: str, found: Sequence[Outcome], first: Sequence[Outcome] | None) -> StrategySummary:
    log_loss, auc = _log_loss(found), _auc(found)
    costs = [cost for each in found if (cost := each.contender.cost)]
    return StrategySummary(
        way,
        len(found),
        figure_summary(log_loss),
        figure_summary(auc),
        gap_summary(log_loss, _log_loss(first), better_if_lower=True) if first else None,
        gap_summary(auc, _auc(first), better_if_lower=False) if first else None,
        mean_cost(costs),
    )


def mean_cost(costs: Sequence[CostSummary]) -> CostSummary:
    """What one search took, the mean of several.

    Args:
        costs: of each; at least one.

    Example:
        >>> mean_cost([CostSummary(100.0, 3.0), CostSummary(300.0, 4.0)])
        CostSummary(rows=200.0, seconds=3.5)
    """
    return CostSummary(
        sum(cost.rows for cost in costs) / len(costs),
        sum(cost.seconds for cost in costs) / len(costs),
    )


def _log_loss(found: Sequence[Outcome]) -> Measured | None:
    return over_runs([outcome.log_loss for outcome in found])


def _auc(found: Sequence[Outcome]) -> Measured | None:
    return over_runs([outcome.auc for outcome in found])


def over_runs(found: Sequence[Measured | None]) -> Measured | None:
    """A figure by run, of its values by seed; ``None`` where no run has one.

    Args:
        found: of each run.

    Example:
        >>> over_runs([Measured([1.0, 3.0], [[1.0, None], [3.0, 3.0]]), Measured([5.0], [[4, 6]])])
        Measured(values=[2.0, 5.0], resampled=[[2.0, None], [4.0, 6.0]], has_seeds=True)
    """
    known = [each for each in found if each is not None]
    if not known:
        return None
    resampled = [[_mean(draw) for draw in zip(*each.resampled)] for each in known]
    return Measured([each.mean for each in known], resampled)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
