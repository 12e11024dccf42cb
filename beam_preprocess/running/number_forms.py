"""How the numbers of a log are written: which are read, and which would be if they were plain."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

import numpy as np

GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}(?:\1\d{3})*")
"""A thousand and more with separators, or so it may be."""

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
        values = without_words(values)
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
        if pointed and whole and all(map(GROUPED.fullmatch, pointed)) and not ungrouped(whole):
            return pointed[0]
        return None


def ungrouped(wholes: Iterable[str]) -> bool:
    """Whether whole numbers of a thousand and more stand without a separator.

    >>> ungrouped(["7", "999"]), ungrouped(["7", "-1000"])
    (False, True)
    """
    return any(abs(float(value)) >= 1000 for value in wholes)


def without_words(values: Sequence[str]) -> list[str]:
    """The values but empty ones, and but words where these are so few that they mean missing.

    >>> without_words(["1", "", "unknown", "x2"])
    ['1', 'x2']
    """
    present = [value for value in values if value]
    words = {value for value in present if not any(map(str.isdigit, value))}
    return [v for v in present if v not in words] if len(words) <= MOST_WORDS else present
