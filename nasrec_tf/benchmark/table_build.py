"""Building a table: architecture after architecture, for as long as one likes."""

import dataclasses
import math
import time

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.benchmark.architecture_stream import GENERATION, ArchitectureStream, is_random
from nasrec_tf.benchmark.measured_rows import DataSetCard, MeasuredRow, architecture_of
from nasrec_tf.benchmark.table_files import RowsFile
from nasrec_tf.search.run import Run

FIRST_SEED = 1
"""Whose figures say which architectures are good ones."""


class TimeIsUp(Exception):
    """A build's time is over; what it has made is kept."""


@dataclasses.dataclass
class TableBuild:
    """Trains what a table of one data set lacks.

    Args:
        run: where the records are.
        card: of the data set.
        file: the table.
        stream_seed: of the stream of architectures.
        seeds: trainings of each architecture of the better half.
        ends_at: time by ``time.monotonic`` after which no training begins.
    """

    run: Run
    card: DataSetCard
    file: RowsFile
    stream_seed: int = 0
    seeds: int = 2
    ends_at: float = math.inf

    def __post_init__(self):
        self.stream = ArchitectureStream(self.card.space, self.stream_seed)
        self._first: dict[int, MeasuredRow] = {}
        for row in self.file.table.rows_of(self.card.protocol):
            if row.stream == self.stream_seed and row.seed == FIRST_SEED:
                self._first[row.number] = row

    def upto(self, count: int | None) -> None:
        """Builds the first architectures of the stream; all there are without a count.

        Args:
            count: how many.

        Raises:
            TimeIsUp: if there was no time for all.
            UserError: if the space has no further architecture.
        """
        generation = 0
        while count is None or generation * GENERATION < count:
            first = generation * GENERATION
            last = first + GENERATION if count is None else min(count, first + GENERATION)
            for number in range(first, last):
                self.numbered(number)
            self._train_better_half(last)
            generation += 1

    def numbered(self, number: int) -> MeasuredRow:
        """An architecture of the stream, trained with the first seed.

        Args:
            number: its place; those of all earlier generations are there if it is near good ones.
        """
        if number not in self._first:
            self._first[number] = self.trained(self._architecture(number), FIRST_SEED, number)
        return self._first[number]

    def _architecture(self, number: int) -> Architecture:
        if is_random(number):
            return self.stream.at_random(number)
        return self.stream.near(number, self._first)

    def _train_better_half(self, count: int) -> None:
        """Gives the better half of what there is so far the further seeds."""
        rows = sorted((self._first[n].log_loss, n) for n in range(count) if n in self._first)
        for loss, number in rows[: (len(rows) + 1) // 2]:
            for seed in range(FIRST_SEED + 1, self.seeds + 1):
                if math.isfinite(loss):
                    architecture = architecture_of(self._first[number].architecture)
                    self.trained(architecture, seed, number)

    def trained(
        self, architecture: Architecture, seed: int, number: int | None = None
    ) -> MeasuredRow:
        """An architecture trained with a seed, now or before.

        Args:
            architecture: what is trained.
            seed: from 1.
            number: its place in the stream, where it is of it.

        Raises:
            TimeIsUp: if there is no time left for it.
        """
        from nasrec_tf.benchmark.bench_training import environment, train_row

        key = (self.card.protocol, architecture.identity, seed)
        found = self.file.table.rows.get(key)
        if found is not None:
            return found
        if time.monotonic() >= self.ends_at:
            raise TimeIsUp
        stream = None if number is None else self.stream_seed
        row = train_row(self.run, self.card, architecture, seed, stream, number)
        self.file.add(row, environment()[1])
        self._tell(row)
        return row

    def _tell(self, row: MeasuredRow) -> None:
        name = row.identity[:8] if row.number is None else f"architecture {row.number}"
        told = "diverged"
        if row.best is not None:
            on_test = row.best.test_log_loss
            shown = "not finite" if on_test is None else f"{on_test:.5f}"
            told = f"log loss {row.log_loss:.5f}, on test {shown}"
        count = len(self.file.table.rows)
        self.run.say(f"{name}, seed {row.seed}: {told}; {row.seconds:.1f} s; row {count}")
