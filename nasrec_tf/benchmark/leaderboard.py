"""Tables of a benchmark for people: what it holds, and how strategies do on it."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np

from nasrec_tf.benchmark.answers import Benchmark
from nasrec_tf.benchmark.strategy_trials import mean_and_reach
from nasrec_tf.benchmark.surrogate import LEAST_KNOWN, losses_by_identity
from nasrec_tf.strategies.known_strategies import STRATEGIES

NEEDS_SUPERNET = ("dnas", "progressive")
"""Strategies that a table cannot try."""


@dataclasses.dataclass(frozen=True)
class Standing:
    """How a strategy does.

    Args:
        strategy: its name.
        regrets: after each budget, mean over seeds and half of its 95 % interval, in nats.
        seconds: mean wall time of a trial.
    """

    strategy: str
    regrets: tuple[tuple[float, float], ...]
    seconds: float


def standings(
    benchmark: Benchmark,
    dataset: str,
    budgets: Sequence[int],
    seeds: int,
    strategies: Sequence[str] = (),
) -> Iterator[Standing]:
    """Tries strategies, each with every seed; a budget's regret is that of the longest trial then.

    Strategies are set up for the largest budget, so that a smaller one says how fast they are, and
    not what they would do if told that they had no more.

    Args:
        benchmark: the table.
        dataset: name of the data set.
        budgets: architectures after which regrets are told.
        seeds: trials of each strategy.
        strategies: their names; all that a table can try unless given.

    Raises:
        UserError: if an argument cannot be used.
    """
    names = strategies or [name for name in STRATEGIES if name not in NEEDS_SUPERNET]
    for name in names:
        trials = [
            benchmark.strategy_trial(name, dataset, max(budgets), seed) for seed in range(seeds)
        ]
        regrets = tuple(
            mean_and_reach([trial.regrets[min(budget, len(trial.regrets)) - 1] for trial in trials])
            for budget in budgets
        )
        yield Standing(name, regrets, float(np.mean([trial.seconds for trial in trials])))


def leaderboard(found: Sequence[Standing], budgets: Sequence[int]) -> str:
    """Standings as Markdown, the lowest last regret first.

    Args:
        found: of each strategy.
        budgets: that they are of.
    """
    rows = [
        [one.strategy, *(f"{1e3 * mean:.2f} ± {1e3 * reach:.2f}" for mean, reach in one.regrets),
         f"{one.seconds:.1f}"]
        for one in sorted(found, key=lambda one: one.regrets[-1][0])
    ]  # fmt: skip
    columns = ["strategy", *(f"after {budget}" for budget in budgets), "seconds a trial"]
    return markdown_table(columns, rows)


def contents(benchmark: Benchmark) -> str:
    """What a table holds, as Markdown: sizes, noise, and the surrogate's errors.

    Args:
        benchmark: the table.
    """
    rows = []
    for dataset in benchmark.datasets:
        card = benchmark.card(dataset)
        known = benchmark.table.rows_of(card.protocol)
        losses = losses_by_identity(known)
        count = len({row.identity for row in known})
        cells = [dataset, str(count), str(len(known)), str(sum(row.best is None for row in known))]
        if not losses:
            rows.append([*cells, *["-"] * 7])
            continue
        means = [sum(found) / len(found) for found in losses.values()]
        best = benchmark.best(dataset)
        cells += [f"{best.log_loss:.4f}", f"{best.test_log_loss:.4f}", f"{np.median(means):.4f}"]
        constant = card.constant_log_loss
        cells.append("-" if constant is None else f"{constant:.4f}")
        if len(losses) < LEAST_KNOWN:
            rows.append([*cells, *["-"] * 3])
            continue
        errors = benchmark.surrogate(dataset).errors()
        seeds = math.nan if errors.seeds is None else errors.seeds
        rows.append([*cells, f"{seeds:.4f}", f"{errors.rmse:.4f} ({errors.constant_rmse:.4f})",
                     f"{errors.kendall:.2f}"])  # fmt: skip
    columns = ["data set", "architectures", "trainings", "diverged", "best", "(on test)", "median",
               "constant (on test)", "deviation of a seed", "surrogate's error (of the mean's)",
               "surrogate's tau"]  # fmt: skip
    return markdown_table(columns, rows)


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown.

    Args:
        columns: their names.
        rows: cells of each row.

    Example:
        >>> print(markdown_table(["a", "b"], [["1", "2"]]))
        | a | b |
        |---|---|
        | 1 | 2 |
    """
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*lines, *(f"| {' | '.join(cells)} |" for cells in rows)])
