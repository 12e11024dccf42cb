"""Tables as values: what they hold, and how several become one."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from nasrec_tf.benchmark.asked_values import check_asked
from nasrec_tf.benchmark.measured_rows import NOT_STATED, DataSetCard, Key, MeasuredRow
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.strict_json import shown


@dataclasses.dataclass(frozen=True)
class MeasuredTable:
    """Rows of any number of data sets.

    Args:
        cards: by protocol.
        environments: what rows were computed with, by digest.
        rows: by key.
    """

    cards: Mapping[str, DataSetCard]
    environments: Mapping[str, Mapping[str, str]]
    rows: Mapping[Key, MeasuredRow]

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets."""
        return tuple(sorted({card.name for card in self.cards.values()}))

    def card(self, dataset: str) -> DataSetCard:
        """What is known of a data set; of several protocols, that of the most rows.

        Args:
            dataset: its name.

        Raises:
            UserError: if there is none of the name.
        """
        check_asked("dataset", dataset, str)
        counts = {protocol: 0 for protocol, card in self.cards.items() if card.name == dataset}
        if not counts:
            raise UserError(
                f"No data set {shown(dataset)} in the table; it has {', '.join(self.datasets)}."
            )
        for protocol, _, _ in self.rows:
            if protocol in counts:
                counts[protocol] += 1
        return self.cards[max(counts, key=lambda protocol: (counts[protocol], protocol))]

    @property
    def passed_over(self) -> dict[str, int]:
        """Rows by data set that are of none of the protocols that ``card`` tells, where any are."""
        asked = {self.card(name).protocol for name in self.datasets}
        counts: dict[str, int] = {}
        for protocol, _, _ in self.rows:
            if protocol not in asked and protocol in self.cards:
                name = self.cards[protocol].name
                counts[name] = counts.get(name, 0) + 1
        return counts

    def rows_of(self, protocol: str) -> list[MeasuredRow]:
        """Rows of a protocol, in the order of number, identity and seed.

        Args:
            protocol: of a card.
        """
        found = [row for key, row in self.rows.items() if key[0] == protocol]
        return sorted(found, key=_place)


def _place(row: MeasuredRow) -> tuple:
    other = row.stream is None or row.number is None
    return other, row.stream or 0, row.number or 0, row.identity, row.seed


def joined(tables: Iterable[MeasuredTable]) -> MeasuredTable:
    """One table of what several hold; the same whatever their order.

    Of rows of one architecture, protocol and seed, which other machines compute with other last
    bits, one stays: the first by its text.

    Args:
        tables: what is put together.

    Example:
        >>> joined([]).datasets
        ()
    """
    cards: dict[str, DataSetCard] = {}
    environments: dict[str, Mapping[str, str]] = {}
    rows: dict[Key, MeasuredRow] = {}
    for table in tables:
        for protocol, card in table.cards.items():
            others = [card, cards[protocol]] if protocol in cards else [card]
            cards[protocol] = min(others, key=_card_order)
        environments |= table.environments
        for key, row in table.rows.items():
            if key not in rows or row.text < rows[key].text:
                rows[key] = row
    used = {row.made_with for row in rows.values()}
    kept = {digest: environments[digest] for digest in sorted(environments) if digest in used}
    return MeasuredTable(dict(sorted(cards.items())), kept, dict(sorted(rows.items())))


def _card_order(card: DataSetCard) -> tuple:
    return card.licence == NOT_STATED, str(card.to_json())


def renamed(
    tables: Iterable[MeasuredTable], whole: MeasuredTable
) -> list[tuple[DataSetCard, DataSetCard]]:
    """Data sets that have another name now, each as it was and as it is.

    Tables of the same records, recipe and space are of one data set, whatever each calls it.

    Args:
        tables: that were put together.
        whole: what they became.
    """
    pairs = [
        (card, whole.cards[protocol]) for table in tables for protocol, card in table.cards.items()
    ]
    return [(before, now) for before, now in pairs if before.name != now.name]


def count_unequal(tables: Iterable[MeasuredTable], whole: MeasuredTable) -> int:
    """Rows of tables whose figures are not those that stayed.

    Args:
        tables: that were put together.
        whole: what they became.
    """

    def figures(row: MeasuredRow) -> tuple[Any, ...]:
        return row.curve, row.mflops, row.parameters, row.embedding_parameters

    return sum(
        figures(row) != figures(whole.rows[key])
        for table in tables
        for key, row in table.rows.items()
    )
