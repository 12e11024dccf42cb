"""What commas between digits stand for: decimals, as in ``3,5``, or the items of a list.

A column of either looks the same at a glance. What the one cannot be tells the other: programs
that write numbers leave no zero at the front and, unless all have as many decimals, none at the
end; and the items of a list are of one kind, wherever they stand in it.
"""

from __future__ import annotations

import enum
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from beam_preprocess.config import MAX_REJECT_SHARE
from beam_preprocess.running.number_forms import (
    GROUPED,
    MOSTLY,
    NumberReader,
    ungrouped,
    without_words,
)

_PAIR = re.compile(r"(?P<sign>[+-]?)(?P<first>\d*),(?P<second>\d+)(?P<power>[eE][+-]?\d+)?")
_SEVERAL = re.compile(r"\d+(?:,\d+){2,}")
_WHOLE = re.compile(r"[+-]?\d+")

_UNLIKELY = math.log(1e-3)
_SLIPS = MAX_REJECT_SHARE
"""Share of the values that may be of another kind than a column's."""

_ANOTHER_KIND = 0.3
"""Share of a side's parts that are never on the other, beyond chance, from which on they are no
items of one kind. Lists in order, whose first items are the smallest, have some."""

_MANY_SEVERAL = 0.1
_WIDE = 3
"""Digits behind a comma, from which on they may be an id of another kind than the one before."""

_SPREAD = 10
"""Different whole parts, from which on the decimals behind them begin with any digit."""


class CommaReading(enum.Enum):
    """What the commas of a column stand for, by its own values.

    ``EITHER`` may be decimals or lists, ``NEITHER`` looks like none of them, and ``THOUSANDS`` are
    those or decimals, of three digits each.
    """

    DECIMALS = "decimals"
    LIST = "list"
    EITHER = "either"
    NEITHER = "neither"
    THOUSANDS = "thousands"


def decimal_sign(columns: Iterable[Sequence[str]]) -> tuple[str, str] | None:
    """What stands before the decimals in a log, where some column shows it.

    Args:
      columns: The values of each, as text.

    Returns:
      ``.`` or ``,``, and a number that has it; None where neither is sure. A comma is not where
      every one stands before three digits and so may be of thousands.

    >>> decimal_sign([["1,05", "22,5", "-3,5", "-2,5"]]), decimal_sign([["-3,5"], ["2.5", "3"]])
    ((',', '1,05'), ('.', '2.5'))
    >>> decimal_sign([["1,500", "2"]]), decimal_sign([["3,7", "7,2", "5"]])
    (None, None)
    """
    found = None
    for values in columns:
        for value in values:
            if "." in value and NumberReader().is_number(value) and not GROUPED.fullmatch(value):
                return ".", value
        if found is None and comma_reading(values) is CommaReading.DECIMALS:
            found = ",", next(filter(_PAIR.fullmatch, values))
    return found


def comma_reading(values: Sequence[str]) -> CommaReading | None:
    """What the commas of a column stand for; None where it has none, or is not of digits.

    >>> comma_reading(["7,12", "12,30,7", "30"]), comma_reading(["-0,25", "-1,5", "2"])
    (<CommaReading.LIST: 'list'>, <CommaReading.DECIMALS: 'decimals'>)
    >>> comma_reading(["3,7", "7,2", "5"]), comma_reading(["a,b", "c"])
    (<CommaReading.EITHER: 'either'>, None)
    """
    values = without_words(values)
    pairs = [value for value in values if _PAIR.fullmatch(value)]
    several = [value for value in values if _SEVERAL.fullmatch(value)]
    wholes = [value for value in values if _WHOLE.fullmatch(value)]
    commas = len(pairs) + len(several)
    if commas <= _SLIPS * len(values) or commas + len(wholes) <= MOSTLY * len(values):
        return None
    grouped = all(map(GROUPED.fullmatch, pairs + several)) and not ungrouped(wholes)
    if not grouped and len(several) > _MANY_SEVERAL * commas:
        return CommaReading.LIST
    evidence = _Evidence(set(pairs), set(several), set(wholes), grouped)
    no_numbers, no_lists = evidence.against_numbers(), evidence.against_lists()
    if no_numbers:
        return CommaReading.NEITHER if no_lists else CommaReading.LIST
    if grouped:
        return CommaReading.THOUSANDS
    return CommaReading.DECIMALS if no_lists else CommaReading.EITHER


class _Evidence:
    """What a column's values tell; each counts once, as one may come in many rows for its own
    reasons, such as the tags of one customer."""

    def __init__(
        self,
        pairs: Collection[str],
        several: Collection[str],
        wholes: Collection[str],
        grouped: bool,
    ) -> None:
        self._pairs = list(filter(None, map(_PAIR.fullmatch, sorted(pairs))))
        parts = [value.split(",") for value in sorted(several)]
        self._grouped = grouped
        self._several = 0 if grouped else len(several)
        self._firsts = [pair["first"] for pair in self._pairs] + [items[0] for items in parts]
        self._alone = [value.lstrip("+-") for value in wholes]
        self._behind = [pair["second"] for pair in self._pairs]
        self._behind += [item for items in parts for item in items[1:]]

    def against_numbers(self) -> bool:
        """Whether numbers do not look like that, whether with decimals or with thousands."""
        widths = set(map(len, self._behind))
        padded = sum(len(item) > 1 and item[-1] == "0" for item in self._behind)
        return (
            self._some(self._several)
            or self._some(sum(map(_begins_with_zero, self._firsts + self._alone)))
            or (not self._grouped and len(widths) > 1 and self._some(padded))
            or self._one_vocabulary() < _UNLIKELY
            or self._no_item_twice() < _UNLIKELY
            or self._digit_missing_behind() < _UNLIKELY
        )

    def against_lists(self) -> bool:
        """Whether lists of ids do not look like that."""
        signed = {pair["first"] for pair in self._pairs if pair["sign"]}
        before = self._firsts + self._alone
        zeros = sum(map(_begins_with_zero, self._behind))
        return (
            len(signed) > 1  # one such as -1 may be an id
            or self._some(sum(pair["power"] is not None for pair in self._pairs))
            or (self._some(zeros) and not any(map(_begins_with_zero, before)))
            or (not self._of_two_kinds() and self._never_before() < _UNLIKELY)
            or (
                not self._of_two_kinds()
                and max(_strange(before, self._behind), _strange(self._behind, before))
                > _ANOTHER_KIND
            )
        )

    def _of_two_kinds(self) -> bool:
        """Whether values may be pairs of ids of two kinds, such as a shop's and an item's, of
        which the one is never on the side of the other either."""
        wide = min(map(len, self._behind), default=0) >= _WIDE
        return wide and not set(self._firsts + self._alone) <= {"", "0"}

    def _some(self, count: int) -> bool:
        """Whether values are more than slips."""
        return count > max(1, _SLIPS * len(self._firsts))

    def _one_vocabulary(self) -> float:
        """How likely what stands behind a comma stands alone or before one as well, by chance.

        A bound by Chernoff, as a logarithm."""
        before = set(self._firsts + self._alone)
        behind = set(self._behind)
        known = Counter(map(len, before))
        expected = sum(min(1.0, known[len(item)] / _texts(len(item))) for item in behind)
        both = len(behind & before)
        if both <= expected or not expected:
            return 0.0
        return both - expected - both * math.log(both / expected)

    def _no_item_twice(self) -> float:
        """How likely no value has the same on both sides of its comma, by chance."""
        firsts = {pair["first"] for pair in self._pairs}
        seconds = {pair["second"] for pair in self._pairs}
        if any(pair["first"] == pair["second"] for pair in self._pairs):
            return 0.0
        different = len({(pair["first"], pair["second"]) for pair in self._pairs})
        return _none_drawn(len(firsts) * len(seconds), len(firsts & seconds), different)

    def _digit_missing_behind(self) -> float:
        """How likely nothing behind commas begins with some digit, by chance."""
        wide = {item for item in self._behind if len(item) > 1}
        if len(set(self._firsts)) < _SPREAD:
            return 0.0
        widths = Counter(map(len, wide))
        never = set("0123456789") - {item[0] for item in wide}
        none = sum(
            _none_drawn(10**width, 10 ** (width - 1), count) for width, count in widths.items()
        )
        # A zero is what ids lack; any other digit is one of nine.
        return none if "0" in never else none + math.log(9) if never else 0.0

    def _never_before(self) -> float:
        """How likely what is never before a comma is behind so many, by chance: in lists that are
        in no order, the items of a pair might as well stand the other way round."""
        before = set(self._firsts + self._alone)
        pairs = {(pair["first"], pair["second"]) for pair in self._pairs}
        falling = sum(float(first or 0) > float(second) for first, second in pairs)
        if falling <= _SLIPS * len(pairs):
            return 0.0
        behind = sum(second not in before for _, second in pairs)
        items = before | set(self._behind)
        return (len(items) - behind) * math.log(2)


def _begins_with_zero(item: str) -> bool:
    return len(item) > 1 and item[0] == "0"


def _texts(width: int) -> int:
    """Numbers of some digits that do not begin with a zero; 0 itself is one."""
    return 10 if width == 1 else 9 * 10 ** (width - 1)


def _strange(items: Sequence[str], others: Sequence[str]) -> float:
    """The share of items that are not among others, beyond those that were just not seen there.

    What more of the others would bring is as often new as they have come but once (Good and
    Turing), up to the error of samples of such sizes."""
    counts = Counter(others)
    if not items or not others:
        return 0.0
    unseen = sum(count == 1 for count in counts.values()) / len(others)
    strange = sum(item not in counts for item in items) / len(items) - unseen
    return strange - (1 / len(items) + 1 / len(others)) ** 0.5


def _none_drawn(total: int, marked: int, draws: int) -> float:
    """The logarithm of the chance that draws without return from some things hit no marked one."""
    if draws > total - marked:
        return -math.inf
    return sum(math.log((total - marked - n) / (total - n)) for n in range(draws))
