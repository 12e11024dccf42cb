"""Which values of a log stand for a missing one, as far as its first rows tell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from beam_preprocess.config import MAX_REJECT_SHARE
from beam_preprocess.running.log_sample import LogSample
from beam_preprocess.running.number_forms import MOST_WORDS, NumberReader

FEW_VALUES = 24
"""Whole numbers of so few values, as hours and grades are, are categories."""

ID_NAME = re.compile(r"(^|[\W_])(id|uid|guid|uuid|key|hash|code|zip|ip)$|Id$|ID$")
"""Of a column of ids: ``user_id``, ``userId``, and ``user.id`` as objects of JSON that are made
columns have it."""

_USUAL = {
    *("na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "(null)", "none", "nil", "undefined"),
    *("?", "\\n", "-", "--", "0000-00-00", "0000-00-00 00:00:00"),
}
"""In lower case."""

_MOST_CHARACTERS = 20

_MANY_MARKED, _FAR = 0.02, 2.0
"""Share of the rows, and times the span of all others, from which on a number looks as a mark."""


def missing_tokens(sample: LogSample, reader: NumberReader) -> list[str]:
    """The values that mean missing: usual ones, and the one or two words among numbers.

    Args:
      sample: The first rows.
      reader: Of its numbers.

    >>> columns = (("a", "n/a", "b") * 20, ("-inf",) + tuple(map(str, range(59))))
    >>> missing_tokens(LogSample(("city", "score"), columns, ()), NumberReader())
    ['n/a', '-inf']
    """
    found: dict[str, None] = {}
    for name, values in zip(sample.names, sample.columns, strict=True):
        counts = Counter(value for value in values if value)
        usual = [value for value in counts if value.lower() in _USUAL]
        # Two values are an answer, such as + and -, rather than one and its absence.
        if len(counts) != 2 or all(value not in ("-", "--") for value in usual):
            found.update(dict.fromkeys(usual))
        if not ID_NAME.search(name):
            found.update(dict.fromkeys(_among_numbers(counts, reader)))
    return list(found)


def far_value(numbers: Sequence[float]) -> float | None:
    """The number that may stand for a missing one: in many rows, and far from all others.

    >>> far_value([-999.0] * 9 + [1.5, 2.5, 4.0] * 9), far_value([0.0] * 9 + [1.5, 2.5, 4.0] * 9)
    (-999.0, None)
    """
    counts = Counter(numbers)
    for mark in (min(counts), max(counts)):
        others = [number for number in counts if number != mark]
        if len(others) < 2 or counts[mark] < _MANY_MARKED * len(numbers):
            continue
        nearest = min(abs(number - mark) for number in others)
        if nearest > _FAR * (max(others) - min(others)):
            return mark
    return None


def _among_numbers(counts: Counter[str], reader: NumberReader) -> list[str]:
    words = [value for value in counts if not reader.is_number(value)]
    words = [value for value in words if value.lower() not in _USUAL]
    numbers = len(counts) - len(words)
    if len(words) > MOST_WORDS or numbers <= FEW_VALUES:
        return []
    few = (
        sum(counts[word] for word in words) < MAX_REJECT_SHARE * counts.total()
    )  # slips, such as a total
    long = any(len(word) > _MOST_CHARACTERS or re.search(r"[1-9]", word) for word in words)
    return [] if few or long else words
