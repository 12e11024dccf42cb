"""What is gained by changes of the best, on trainings that a benchmark's table has.

    python -m benchmarks.children ctr-nas-1 [--dataset criteo-head]

A table's architectures come in generations of 32: one drawn at random, one of which each is one to
three fields away from one of the eight best before it, and so on. Parents are chosen by the
validation log loss of one training each, while children are compared here by test log loss, whoever
they are; so nothing of the difference is the luck that a parent was chosen for.

A line is printed for each generation near good ones: how many of it have a finite test log loss,
their mean, and what that is less the mean of all that were drawn at random, with Welch's 95 %
interval over architectures. Further lines tell what the best of a generation by validation has on
test, the mean over generations of either kind.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence

import numpy as np
from scipy import stats

from nasrec_tf.benchmark.architecture_stream import GENERATION, is_random
from nasrec_tf.benchmark.measured_rows import MeasuredRow
from nasrec_tf.benchmark.table_build import FIRST_SEED
from nasrec_tf.benchmark.table_files import read_table
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.exit_code import exit_code

FEWEST = 8
"""Trainings of a generation that are compared: fewer hardly tell a deviation."""


@dataclasses.dataclass(frozen=True)
class Trained:
    """A training with the first seed.

    Args:
        number: of the architecture in its stream.
        validation: lowest log loss of the validation split.
        test: log loss of the test split there.
    """

    number: int
    validation: float
    test: float

    @property
    def generation(self) -> int:
        """That its architecture is of."""
        return self.number // GENERATION


@dataclasses.dataclass(frozen=True)
class Children:
    """A generation near good ones, beside all that were drawn at random.

    Args:
        generation: its number.
        count: trainings of it.
        mean: of their test log losses.
        gain: that less the mean of those drawn at random.
        low, high: 95 % interval of it.
    """

    generation: int
    count: int
    mean: float
    gain: float
    low: float
    high: float


def trained(rows: Sequence[MeasuredRow], stream: int) -> list[Trained]:
    """What there is of a stream, with the first seed; without what diverged.

    Args:
        rows: of one data set.
        stream: its seed.
    """
    found = []
    for row in rows:
        if row.number is None or (row.stream, row.seed) != (stream, FIRST_SEED):
            continue
        if row.best is not None and row.best.test_log_loss is not None:
            found.append(Trained(row.number, row.log_loss, row.best.test_log_loss))
    return sorted(found, key=lambda each: each.number)


def children(found: Sequence[Trained]) -> list[Children]:
    """Generations near good ones, each beside all that were drawn at random.

    Args:
        found: of one data set and stream.
    """
    drawn = [each.test for each in found if is_random(each.number)]
    compared = []
    for generation in sorted({each.generation for each in found}):
        if is_random(generation * GENERATION):
            continue
        losses = [each.test for each in found if each.generation == generation]
        if min(len(losses), len(drawn)) >= FEWEST:
            told = stats.ttest_ind(losses, drawn, equal_var=False).confidence_interval()
            mean = float(np.mean(losses))
            gain = mean - float(np.mean(drawn))
            compared.append(Children(generation, len(losses), mean, gain, told.low, told.high))
    return compared


def chosen(found: Sequence[Trained], at_random: bool) -> list[float]:
    """Test log losses of the best by validation of each whole generation of a kind.

    Args:
        found: of one data set and stream.
        at_random: those that were drawn, or those near good ones.
    """
    best = []
    for generation in sorted({each.generation for each in found}):
        if is_random(generation * GENERATION) is at_random:
            those = [each for each in found if each.generation == generation]
            # One or two of a generation may have diverged.
            if len(those) >= GENERATION - 2:
                best.append(min(those, key=lambda each: each.validation).test)
    return best


def measure(options: argparse.Namespace) -> int:
    """Prints what children have, of each data set and stream.

    Args:
        options: of the command line.

    Raises:
        UserError: if there is no such data set, or none with children.
    """
    table = read_table(options.table)
    if options.dataset is not None and options.dataset not in table.datasets:
        raise UserError(
            f"--dataset must be one of {', '.join(table.datasets)}. Received: {options.dataset}"
        )
    lines: list[str] = []
    for protocol, card in table.cards.items():
        if options.dataset not in (None, card.name):
            continue
        rows = table.rows_of(protocol)
        for stream in sorted({row.stream for row in rows if row.stream is not None}):
            lines += _lines(card.name, stream, trained(rows, stream))
    if not lines:
        raise UserError(
            f"{options.table}: has no generation near good ones of {FEWEST} trainings and more "
            "(python -m nasrec_tf.benchmark build makes them)."
        )
    print("\n".join(lines))
    return 0


def _lines(name: str, stream: int, found: Sequence[Trained]) -> list[str]:
    compared = children(found)
    if not compared:
        return []
    drawn = [each.test for each in found if is_random(each.number)]
    lines = [f"{name}, stream {stream}: {len(drawn)} at random, {np.mean(drawn):.4f}"]
    for each in compared:
        lines.append(
            f"  generation {each.generation}: {each.count}, {each.mean:.4f}; "
            f"{each.gain:+.4f} ({each.low:+.4f} to {each.high:+.4f})"
        )
    for kind, at_random in (("at random", True), ("near good ones", False)):
        best = chosen(found, at_random)
        if best:
            lines.append(f"  the best of 32 {kind}: {np.mean(best):.4f}, of {len(best)}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.children",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("table", help="a name, a file, or a directory of builds")
    parser.add_argument("--dataset", help="name in the table (all)")
    return exit_code(lambda: measure(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
