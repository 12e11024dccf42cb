"""What a table is asked: the public face of the benchmark."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.presets import load_architecture
from nasrec_tf.benchmark.asked_values import check_asked, check_whole
from nasrec_tf.benchmark.measured_rows import (
    CurvePoint,
    DataSetCard,
    MeasuredRow,
    architecture_of,
)
from nasrec_tf.benchmark.measured_table import MeasuredTable
from nasrec_tf.benchmark.strategy_trials import Trial, TrialResult, strategy_trial
from nasrec_tf.benchmark.surrogate import Surrogate
from nasrec_tf.benchmark.table_files import read_table
from nasrec_tf.codesign.costs import costs_at_8_bits
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.trainable import network_options
from nasrec_tf.strategies.strategy import Strategy
from pim.hardware.presets import DEFAULT as DEFAULT_DESIGN

Given = Architecture | Mapping[str, Any] | str | pathlib.Path
"""An architecture, what its JSON file holds, or the path of one (or a preset by name)."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What an architecture came to: of one seed, or the mean of those that there are.

    Args:
        architecture: what was trained.
        log_loss: on the validation split, at the evaluation where it was lowest.
        auc: there; ``None`` where it is not defined.
        test_log_loss: on the test split, at that evaluation; ``None`` where a prediction there was
            not finite.
        test_auc: likewise, or where it is not defined.
        mflops: millions of multiply-accumulates per sample.
        parameters: weights without embedding tables.
        embedding_parameters: weights of the embedding tables.
        seconds: wall time of a training.
        seeds: that the figures are of.
        curves: learning curve of each of them.
        card: of the data set.
    """

    architecture: Architecture
    log_loss: float
    auc: float | None
    test_log_loss: float | None
    test_auc: float | None
    mflops: float
    parameters: int
    embedding_parameters: int
    seconds: float
    seeds: tuple[int, ...]
    curves: tuple[tuple[CurvePoint, ...], ...] = dataclasses.field(repr=False)
    card: DataSetCard = dataclasses.field(repr=False)

    def hardware_costs(self, hardware: str | pathlib.Path = DEFAULT_DESIGN) -> dict[str, float]:
        """Latency (us), energy (nJ) and area (mm2) of an inference in memory, by ``pim``.

        At 8 bits, which the table's networks were not trained with; with the full tables.

        Args:
            hardware: a preset of ``pim``, or a file that describes a design.

        Raises:
            PimError: if there is no such preset.
            UserError: if it is neither a name nor a file.
        """
        check_asked("hardware", hardware, str, pathlib.Path)
        options = network_options(self.card.recipe, self.card.operator_balancing)
        return costs_at_8_bits(self.architecture, self.card.features, options, str(hardware))


class Benchmark:
    """Architectures that were trained from scratch, and what is likely of all others.

    Args:
        table: what was measured.

    Raises:
        UserError: if it is none; ``load`` reads one.

    docs/benchmark.md has examples.
    """

    def __init__(self, table: MeasuredTable):
        check_asked("table", table, MeasuredTable)
        self.table = table
        self._surrogates: dict[tuple[str, str], Surrogate] = {}
        self._grouped: dict[str, dict[str, list[MeasuredRow]]] = {}

    @classmethod
    def load(cls, name_or_path: str | pathlib.Path) -> "Benchmark":
        """A table that comes with the package, a file, or a directory that one is built in.

        Args:
            name_or_path: such as ``"ctr-nas-1"``.

        Raises:
            UserError: if there is none, or it is damaged.
        """
        return cls(read_table(name_or_path))

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets."""
        return self.table.datasets

    def card(self, dataset: str) -> DataSetCard:
        """What a data set is, and how architectures were trained on it.

        Args:
            dataset: its name.

        Raises:
            UserError: if there is none of the name.
        """
        return self.table.card(dataset)

    def architectures(self, dataset: str) -> list[Architecture]:
        """Every architecture of which ``query`` knows an answer, in the order of their numbers.

        Those of which every training diverged are left out.

        Args:
            dataset: its name.

        Raises:
            UserError: if there is none of the name.
        """
        rows = [row for row in self._rows(dataset) if row.best is not None]
        texts = {row.identity: row.architecture for row in rows}
        return [architecture_of(text) for text in texts.values()]

    def query(self, architecture: Given, dataset: str, seed: int | None = None) -> Answer:
        """What was measured of an architecture, or of another that computes the same function.

        Args:
            architecture: the architecture, its JSON form, or the path of a file with that.
            dataset: name of the data set.
            seed: of the training; the mean over those that there are unless given.

        Raises:
            UserError: if it was not trained on that, or diverged, or is no architecture.
        """
        if seed is not None:
            check_whole("seed", seed, 0)
        identity = _architecture(architecture).identity
        found = self._by_identity(dataset).get(identity, [])
        ended = [row for row in found if row.best is not None]
        rows = [row for row in ended if seed in (None, row.seed)]
        if not rows:
            what = "" if seed is None or not found else f" with seed {seed!r}"
            hint = "`predict` tells what it is likely worth"
            if ended:
                hint = f"seeds there are: {', '.join(str(row.seed) for row in ended)}"
            raise UserError(
                f"The table has no finished training of architecture {identity} on "
                f"{dataset!r}{what}; {hint}."
            )
        return _answer(self.card(dataset), rows)

    def best(self, dataset: str) -> Answer:
        """The architecture of the lowest mean validation log loss.

        Those with two seeds or more are compared, where there are any: a lucky seed does not win.

        Args:
            dataset: its name.

        Raises:
            UserError: if there is none of the name, or no training has ended well.
        """
        known = [
            [row for row in rows if row.best is not None]
            for rows in self._by_identity(dataset).values()
        ]
        least = min(2, max(map(len, known), default=0))
        if not least:
            raise UserError(f"{dataset}: no training has ended well.")
        card = self.card(dataset)
        answers = [_answer(card, rows) for rows in known if len(rows) >= least]
        return min(answers, key=lambda answer: answer.log_loss)

    def predict(self, architecture: Given, dataset: str, split: str = "validation") -> float:
        """The log loss that is likely of an architecture of the space.

        Args:
            architecture: in the table or not; as ``query`` takes it.
            dataset: name of the data set.
            split: ``"validation"`` or ``"test"``.

        Raises:
            UserError: if it is not of the space, or the table is too small.
        """
        return float(self.surrogate(dataset, split)([_architecture(architecture)])[0])

    def surrogate(self, dataset: str, split: str = "validation") -> Surrogate:
        """What predicts, with its own errors.

        Args:
            dataset: name of the data set.
            split: ``"validation"`` or ``"test"``.

        Raises:
            UserError: if the table is too small, or has no such data set.
        """
        check_asked("split", split, str)
        if split not in ("validation", "test"):
            raise UserError(f"`split` must be validation or test. Received: {split!r}")
        key = self.card(dataset).name, split
        if key not in self._surrogates:
            self._surrogates[key] = Surrogate(self.card(dataset), self._rows(dataset), split)
        return self._surrogates[key]

    def strategy_trial(
        self,
        strategy: str | Strategy | Callable[[Trial], None],
        dataset: str,
        budget: int = 100,
        seed: int = 0,
        noise: float | None = None,
    ) -> TrialResult:
        """Tries a strategy on what the surrogate says of the whole space.

        Args:
            strategy: a name of ``nasrec_tf.strategies.STRATEGIES``, a strategy, or a function that
                is given a ``Trial`` and scores architectures by it until its budget is spent.
            dataset: name of the data set.
            budget: architectures that it may score.
            seed: of its randomness and of the noise.
            noise: deviation of a score; that between seeds of the table unless given.

        Raises:
            UserError: if an argument cannot be used.
        """
        surrogate = self.surrogate(dataset)
        return strategy_trial(self.card(dataset), surrogate, strategy, budget, seed, noise)

    def _rows(self, dataset: str) -> list[MeasuredRow]:
        return self.table.rows_of(self.card(dataset).protocol)

    def _by_identity(self, dataset: str) -> dict[str, list[MeasuredRow]]:
        name = self.card(dataset).name
        if name not in self._grouped:
            found: dict[str, list[MeasuredRow]] = {}
            for row in self._rows(dataset):
                found.setdefault(row.identity, []).append(row)
            self._grouped[name] = found
        return self._grouped[name]


def _architecture(given: Given) -> Architecture:
    if isinstance(given, Architecture):
        return given
    check_asked("architecture", given, Architecture, Mapping, str, pathlib.Path)
    if isinstance(given, str | pathlib.Path):
        return load_architecture(str(given))
    return Architecture.from_json(given)


def _answer(card: DataSetCard, rows: list[MeasuredRow]) -> Answer:
    def mean(name):
        values = [getattr(row.best, name) for row in rows]
        return None if None in values else sum(values) / len(values)

    first = rows[0]
    return Answer(
        architecture=architecture_of(first.architecture),
        log_loss=mean("validation_log_loss"),
        auc=mean("validation_auc"),
        test_log_loss=mean("test_log_loss"),
        test_auc=mean("test_auc"),
        mflops=first.mflops,
        parameters=first.parameters,
        embedding_parameters=first.embedding_parameters,
        seconds=sum(row.seconds for row in rows) / len(rows),
        seeds=tuple(row.seed for row in rows),
        curves=tuple(row.curve for row in rows),
        card=card,
    )
