"""How the numbers of a log are written: which are read, and which would be if they were plain."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

import numpy as np

_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}(?:\1\d{3})*")
_LARGEST = float(np.finfo(np.float32).max)

_THOUSANDS = r"[1-9]\d{0,2}(?P<gap>[.,'’ \u00a0\u202f])\d{3}(?:(?P=gap)\d{3})*(?:[.,]\d+)?"
_DIGITS = rf"(?:{_THOUSANDS}|\d*[.,]?\d+)"
_MONEY = r"(?:[$€£¥₹₽]|EUR|USD|GBP|CHF)"
_MARKED = re.compile(
    rf"[(]?[+\-−]?\s*{_MONEY}?\s*[+\-−]?{_DIGITS}(?:[eE][+-]?\d+)?\s*(?:[%‰]|{_MONEY})?[-−]?[)]?"
)
"""Numbers as people and spreadsheets write them, of which programs read the plain ones alone."""

MOSTLY = 0.9
"""Share of a column's values that are numbers, where some mean missing."""

MOST_WORDS = 2
"""Different words that stand for a missing number in one column."""

_SOME = 0.1
"""Share of them that have a comma, beside whole ones such as spreadsheets leave."""


@dataclasses.dataclass(frozen=True)
class NumberReader:
    """Reads values as dense columns do.

    Attributes:
      decimal: What stands before the decimals, ``.`` or ``,``.
    """

    decimal: str = "."

    def value(self, text: str) -> float | None:
        """The number that a value is; None if it is none that can be read.

        >>> NumberReader().value("-1.5"), NumberReader().value("1_000"), NumberReader().value("inf")
        (-1.5, None, None)
        >>> NumberReader(",").value("-1,5"), NumberReader(",").value("1.5")
        (-1.5, None)
        """
        if self.decimal != ".":
            text = text.replace(".", "?").replace(self.decimal, ".")
        try:
            number = float(text)
        except ValueError:
            return None
        return number if "_" not in text and abs(number) <= _LARGEST else None

    def is_number(self, text: str) -> bool:
        """Whether a value is a number."""
        return self.value(text) is not None

    def unread_form(self, values: Sequence[str]) -> str | None:
        """A value that is no number, where nearly all of a column are numbers but for their form.

        >>> NumberReader().unread_form(["$1,200.50", "$3.20"])
        '$1,200.50'
        >>> NumberReader().unread_form(["1.200", "7"]), NumberReader().unread_form(["1.2", "7"])
        ('1.200', None)
        """
        others = [value for value in values if not self.is_number(value)]
        if not others:
            return self._thousands(values)
        marked = [value for value in others if _MARKED.fullmatch(value.strip())]
        if len(values) - len(others) + len(marked) <= MOSTLY * len(values):
            return None
        return marked[0] if len(marked) > (1 - MOSTLY) * len(others) else None

    def _thousands(self, values: Sequence[str]) -> str | None:
        """A number whose point may stand behind thousands: there are no other decimals than of
        three digits, and what has none is below a thousand."""
        pointed = [value for value in values if "." in value]
        whole = [value for value in values if "." not in value]
        if pointed and whole and all(map(_GROUPED.fullmatch, pointed)):
            if all(abs(float(value)) < 1000 for value in whole):
                return pointed[0]
        return None


def decimal_comma(columns: Iterable[Sequence[str]]) -> str | None:
    """A number with a decimal comma, if a log has such and no numbers with a decimal point.

    Args:
      columns: The values of each, as text.

    Returns:
      The first; None too where each comma stands before three digits, and so may be of thousands.

    >>> decimal_comma([["1,5", "2"]]), decimal_comma([["1,5", "2"], ["2.5", "3"]])
    ('1,5', None)
    >>> decimal_comma([["1,500", "2"]]), decimal_comma([["1,500", "2"], ["1,5", "7"]])
    (None, '1,500')
    """
    found, grouped = [], True
    for values in columns:
        present = [value for value in values if value]
        words = {value for value in present if not any(map(str.isdigit, value))}
        if len(words) <= MOST_WORDS:
            present = [value for value in present if value not in words]
        points = [value for value in present if "." in value and NumberReader().is_number(value)]
        if not all(map(_GROUPED.fullmatch, points)):
            return None
        commas = [value for value in present if _COMMA_NUMBER.fullmatch(value)]
        whole = sum(map(NumberReader(",").is_number, present)) - len(commas)
        if len(commas) > _SOME * len(present) and len(commas) + whole > MOSTLY * len(present):
            found.append(commas[0])
            grouped &= all(map(_GROUPED.fullmatch, commas))
    return None if grouped or not found else found[0]
