"""What ``--halving`` would have lost, on trainings that a benchmark's table has whole.

    python -m benchmarks.halving ctr-nas-1 [--dataset criteo-head] [--count 15]

Of the networks that were trained with a seed, sets are drawn by lot, and those of a set are
compared as the search compares its finalists: by the lowest validation log loss so far, after
shares of the steps, where fewer go on each time (``nasrec_tf/search/halving.py``). A table's curves
are looked at seldom: a comparison is made at the first evaluation at or after its share, and those
that meet there are one, after which as few go on as after the last of them.

A line is printed for each data set and seed: how often the winner is the same, or within 0.0001;
what is lost of validation log loss, and of the winner's test log loss; what one drawn by lot would
lose; and how many times fewer rows are trained on.
"""

import argparse
import bisect
import dataclasses
import sys
from collections.abc import Sequence

import numpy as np

from nasrec_tf.benchmark.measured_rows import MeasuredRow
from nasrec_tf.benchmark.table_files import read_table
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.exit_code import exit_code
from nasrec_tf.search.halving import SHARES, further_share, numbers_left

DRAWS = 5000
"""Sets of one data set and seed."""

AS_GOOD = 0.0001
"""Of log loss: no nearer are two trainings told apart."""


@dataclasses.dataclass(frozen=True)
class Curves:
    """Trainings of one data set with one seed.

    Args:
        shares: (points,) of the steps, at which all were evaluated.
        lowest: (networks, points), the lowest validation log loss until then.
        test: (networks,), test log loss where validation was lowest.
    """

    shares: tuple[float, ...]
    lowest: np.ndarray
    test: np.ndarray


def curves_of(rows: Sequence[MeasuredRow]) -> Curves:
    """The trainings of a table that came to their end; those that diverged are left out.

    Args:
        rows: of one data set and seed.
    """
    steps = max((tuple(point.step for point in row.curve) for row in rows), key=len)
    losses, test = [], []
    for row in rows:
        curve = [point.validation_log_loss for point in row.curve]
        best = row.best
        if len(curve) == len(steps) and None not in curve and best is not None:
            if best.test_log_loss is not None:
                losses.append(curve)
                test.append(best.test_log_loss)
    if not losses:
        return Curves((1.0,), np.empty((0, 1)), np.empty(0))
    return Curves(
        tuple(step / steps[-1] for step in steps),
        np.minimum.accumulate(np.array(losses, float), axis=1),
        np.array(test),
    )


def rungs_of(shares: Sequence[float], count: int) -> list[tuple[int, int]]:
    """The comparisons that curves allow: number of the evaluation, and how many go on after it.

    Args:
        shares: of the steps, at which networks were evaluated.
        count: networks that are compared.

    Example:
        >>> rungs_of([1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6, 1], 15), rungs_of([0.25, 0.5, 1], 15)
        ([(0, 8), (1, 4), (2, 2)], [(0, 4), (1, 2)])
    """
    found: dict[int, int] = {}
    for share, left in zip(SHARES, numbers_left(count, keep=1)):
        found[bisect.bisect_left(shares, share)] = left
    return list(found.items())


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What halving comes to on many sets.

    Args:
        same: share of the sets with the same winner.
        as_good: share of those with a winner that is as good.
        lost: mean of what is lost of validation log loss.
        lost_on_test: mean of what is lost of test log loss.
        by_lot: mean of what one by lot loses of validation log loss.
        fewer: times fewer rows.
    """

    same: float
    as_good: float
    lost: float
    lost_on_test: float
    by_lot: float
    fewer: float


def replay(curves: Curves, count: int, rng: np.random.Generator) -> Outcome:
    """Plays halvings over sets that are drawn by lot.

    Args:
        curves: of the networks.
        count: networks of a set.
        rng: draws them.
    """
    rungs = rungs_of(curves.shares, count)
    end = curves.lowest[:, -1]
    lost, lost_on_test, by_lot = np.empty(DRAWS), np.empty(DRAWS), np.empty(DRAWS)
    for draw in range(DRAWS):
        drawn = rng.choice(len(end), count, replace=False)
        going = drawn
        for point, left in rungs:
            going = going[np.argsort(curves.lowest[going, point], kind="stable")[:left]]
        found, best = (among[np.argmin(end[among])] for among in (going, drawn))
        lost[draw] = end[found] - end[best]
        lost_on_test[draw] = curves.test[found] - curves.test[best]
        by_lot[draw] = end[drawn].mean() - end[best]
    trained = further_share(0.0, count, [(curves.shares[point], left) for point, left in rungs])
    return Outcome(
        same=float(np.mean(lost == 0)),
        as_good=float(np.mean(lost <= AS_GOOD)),
        lost=float(lost.mean()),
        lost_on_test=float(lost_on_test.mean()),
        by_lot=float(by_lot.mean()),
        fewer=count / trained,
    )


def measure(options: argparse.Namespace) -> int:
    """Prints what halving comes to on each data set and seed.

    Args:
        options: of the command line.

    Raises:
        UserError: if there is no such data set, or none of so many networks.
    """
    if options.count < 2:
        raise UserError(f"--count must be at least 2. Received: {options.count}")
    table = read_table(options.table)
    if options.dataset is not None and options.dataset not in table.datasets:
        raise UserError(
            f"--dataset must be one of {', '.join(table.datasets)}. Received: {options.dataset}"
        )
    lines = 0
    print("data set, seed: networks; same winner, as good; lost, on test, by lot; fewer rows")
    for protocol, card in table.cards.items():
        if options.dataset not in (None, card.name):
            continue
        rows = table.rows_of(protocol)
        for seed in sorted({row.seed for row in rows}):
            curves = curves_of([row for row in rows if row.seed == seed])
            if len(curves.test) > options.count:
                found = replay(curves, options.count, np.random.default_rng(options.seed))
                print(_line(card.name, seed, len(curves.test), found), flush=True)
                lines += 1
    if not lines:
        raise UserError(
            f"--count {options.count}: no data set has more networks of one seed; lower it."
        )
    return 0


def _line(name: str, seed: int, networks: int, found: Outcome) -> str:
    return (
        f"{name}, {seed}: {networks}; {found.same:.0%}, {found.as_good:.0%}; {found.lost:.4f}, "
        f"{found.lost_on_test:.4f}, {found.by_lot:.4f}; {found.fewer:.1f}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.halving",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("table", help="a name, a file, or a directory of builds")
    parser.add_argument("--dataset", help="name in the table (all)")
    parser.add_argument("--count", type=int, default=15, help="networks that are compared (15)")
    parser.add_argument("--seed", type=int, default=0, help="of the sets (0)")
    return exit_code(lambda: measure(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
