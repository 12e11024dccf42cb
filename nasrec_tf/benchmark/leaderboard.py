"""Tables of a benchmark for people: what it holds, and how strategies do on it."""

import csv
import dataclasses
import functools
import io
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from nasrec_tf.benchmark.answers import Benchmark
from nasrec_tf.benchmark.strategy_trials import mean_and_reach
from nasrec_tf.benchmark.surrogate import LEAST_KNOWN, losses_by_identity
from nasrec_tf.report.chart_frame import INK, add_legend, new_figure, to_svg
from nasrec_tf.report.comparison_charts import LINES, STROKES
from nasrec_tf.report.markdown_table import markdown_table
from nasrec_tf.strategies.dnas import LogitSearch
from nasrec_tf.strategies.known_strategies import STRATEGIES

RANDOM = "random"
"""The strategy that the others are set beside."""

SETTLED = 10
"""Architectures after which a chart shows all regrets."""


@dataclasses.dataclass(frozen=True)
class Standing:
    """How a strategy does.

    Args:
        strategy: its name.
        regrets: by seed, after each architecture that it has asked for, in nats.
        seconds: mean wall time of a trial.
    """

    strategy: str
    regrets: tuple[tuple[float, ...], ...]
    seconds: float

    @functools.cached_property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """Regret after each architecture, mean over seeds and half of its 95 % interval."""
        return tuple(mean_and_reach(regrets) for regrets in zip(*self.regrets))

    def after(self, budget: int) -> tuple[float, float]:
        """Its regret after so many architectures.

        Args:
            budget: from 1 to those that it was tried with.
        """
        return self.curve[budget - 1]

    def less(self, other: "Standing", budget: int) -> tuple[float, float]:
        """Its regret less another strategy's, paired by seed, with half of the 95 % interval.

        Args:
            other: tried with the same seeds.
            budget: from 1 to those that both were tried with.

        Example:
            >>> one = Standing("one", ((0.2,), (0.5,), (0.3,)), 0.1)
            >>> other = Standing("other", ((0.1,), (0.4,), (0.2,)), 0.1)
            >>> [round(value, 3) for value in one.less(other, 1)]
            [0.1, 0.0]
        """
        return mean_and_reach(
            [mine[budget - 1] - theirs[budget - 1]
             for mine, theirs in zip(self.regrets, other.regrets, strict=True)]
        )  # fmt: skip


def tried_strategies() -> list[str]:
    """Names of the strategies that a table can try: those that need no supernet to learn by."""
    return [name for name, kind in STRATEGIES.items() if not issubclass(kind, LogitSearch)]


def standings(
    benchmark: Benchmark,
    dataset: str,
    budget: int,
    seeds: int,
    strategies: Sequence[str] = (),
    tried: Callable[[], object] = lambda: None,
) -> Iterator[Standing]:
    """Tries strategies, each with every seed.

    Strategies are set up for the whole budget, so that the regret after fewer architectures says
    how fast they are, and not what they would do if told that they had no more. A trial that ends
    before keeps its last regret.

    Args:
        benchmark: the table.
        dataset: name of the data set.
        budget: architectures that each may ask for.
        seeds: trials of each strategy.
        strategies: their names; all that a table can try unless given.
        tried: called after each trial.

    Raises:
        UserError: if an argument cannot be used.
    """
    for name in strategies or tried_strategies():
        trials = []
        for seed in range(seeds):
            trials.append(benchmark.strategy_trial(name, dataset, budget, seed))
            tried()
        regrets = tuple(trial.regrets + (budget - len(trial.regrets)) * trial.regrets[-1:]
                        for trial in trials)  # fmt: skip
        yield Standing(name, regrets, float(np.mean([trial.seconds for trial in trials])))


def leaderboard(found: Sequence[Standing], budgets: Sequence[int]) -> str:
    """Standings as Markdown, the lowest last regret first.

    Where random search is among them, the last regret less its own as well, paired by seed: whether
    a strategy is better than luck.

    Args:
        found: of each strategy.
        budgets: after which their regrets are told, in thousandths of a nat.
    """
    luck = next((one for one in found if one.strategy == RANDOM), None)
    rows = []
    for one in ranked(found):
        cells = [one.strategy, *(_thousandths(*one.after(budget)) for budget in budgets)]
        if luck is not None:
            told = "-" if one is luck else _thousandths(*one.less(luck, budgets[-1]), sign="+")
            cells.append(told)
        rows.append([*cells, f"{one.seconds:.1f}"])
    columns = ["strategy", *(f"after {budget}" for budget in budgets)]
    columns += [] if luck is None else ["less random's"]
    return markdown_table([*columns, "seconds a trial"], rows)


def _thousandths(mean: float, reach: float, sign: str = "") -> str:
    return f"{1e3 * mean:{sign}.2f} ± {1e3 * reach:.2f}"


def ranked(found: Sequence[Standing]) -> list[Standing]:
    """Standings in the order of their last regrets, the lowest first.

    Args:
        found: of each strategy.
    """
    return sorted(found, key=lambda one: one.curve[-1][0])


def leaderboard_csv(found: Sequence[Standing]) -> str:
    """Every regret at full precision, in nats, the mean over seeds first.

    Args:
        found: of each strategy.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    seeds = [f"seed_{seed}" for seed in range(len(found[0].regrets))] if found else []
    writer.writerow(["strategy", "architectures", "regret", "half_interval", *seeds])
    for one in ranked(found):
        for count, (mean, reach) in enumerate(one.curve, start=1):
            writer.writerow(
                [one.strategy, count, mean, reach, *(r[count - 1] for r in one.regrets)]
            )
    return text.getvalue()


def regret_chart(found: Sequence[Standing]) -> str:
    """Regret by budget as SVG, with 95 % intervals.

    Args:
        found: of each strategy.
    """
    figure, axes = new_figure(height=4.4)
    for place, one in enumerate(ranked(found)):
        counts = np.arange(1, len(one.curve) + 1)
        mean, reach = 1e3 * np.array(one.curve).T
        colour = LINES[place % len(LINES)]
        axes.plot(counts, mean, color=colour, linewidth=1.4, label=one.strategy,
                  linestyle=STROKES[place // len(LINES) % len(STROKES)])  # fmt: skip
        axes.fill_between(counts, mean - reach, mean + reach, color=colour, alpha=0.12, linewidth=0)
    axes.axhline(0.0, color=INK, linewidth=1, linestyle="--")
    # The first few architectures, and their intervals, are as bad as chance has them, and would
    # flatten the rest. No regret is below 0.
    lasts = [1e3 * one.curve[min(SETTLED, len(one.curve)) - 1][0] for one in found]
    top = 1.3 * max(max(lasts), 0.1)
    axes.set_ylim(-0.1 * top, top)
    add_legend(axes)
    axes.set(xlabel="architectures asked for", ylabel="regret, thousandths of a nat")
    return to_svg(figure, "regret", "Regret of each strategy by the architectures it asked for")


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
        told = best.log_loss, best.test_log_loss, float(np.median(means)), card.constant_log_loss
        cells += ["-" if value is None else f"{value:.4f}" for value in told]
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
