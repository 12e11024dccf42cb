"""Which form the times of a column are written in, as far as its values tell."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.common.calendar_days import days_since_1970, weekday
from beam_preprocess.dataset.time_formats import ISO_8601, YYMMDDHH, Moment, time_format
from beam_preprocess.reading.moments import moments_of

_TIME_NAME = re.compile(
    r"(^|_)(time|timestamp|date|datetime|day|hour|ts|dt|dob)(_|$)|time|date|stamp"
)
_SINCE_NAME = re.compile(r"birth|born|dob|since|regist|sign|join|creat|open|install|start")

_DATES = (
    *("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y"),
    *("%d %b %Y", "%d-%b-%Y", "%d/%b/%Y", "%b %d, %Y", "%b %d %Y", "%d-%b-%y", "%d. %b %Y"),
    *("%a, %d %b %Y", "%a, %b %d, %Y", "%a %b %d %Y", "%a %d %b %Y"),
    "%Y-%m-%d",  # where days or hours have one digit, which ISO 8601 has not
)
_HOURS = ("", " %H", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %I %p")
_WHOLE = (
    "%d/%b/%Y:%T %z",  # web servers
    *("%a, %d %b %Y %T %z", "%a, %d %b %Y %T %Z"),  # mail
    *("%a %b %d %T %Y", "%a %b %d %T %Z %Y"),  # C, Unix
)
_OF_DIGITS = (
    *("%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y%m%d%H%M%S%f"),
    *(YYMMDDHH, "%y%m%d"),
)
_SINCE_1970 = ("seconds", "milliseconds")

# Digits alone may be any number: they are times if they would all be of these days. From the 19th
# of May 2033 on, seconds since 1970 look like a year with a month.
_EVER = (days_since_1970(1900, 1, 1), days_since_1970(2100, 1, 1))
_DIGITS = (days_since_1970(1995, 1, 1), days_since_1970(2045, 1, 1))
_COUNTS = (days_since_1970(2001, 1, 1), days_since_1970(2033, 5, 18))
_FIRST_VALUES = 8
_MANY_VALUES = 24
"""Different values that are all times, before digits are taken for times whatever their name."""


@dataclasses.dataclass(frozen=True)
class TimeGuess:
    """What the times of a column may be.

    Attributes:
      forms: That read every value, each in another way; several where no value tells them apart.
      moments: The times by the first of them.
    """

    forms: tuple[str, ...]
    moments: Moment

    @property
    def has_hours(self) -> bool:
        return len(np.unique(self.moments.second // 3600)) > 1

    @property
    def derived(self) -> tuple[str, ...]:
        """The categories that differ between the values."""
        hours = ("hour_of_day",) if self.has_hours else ()
        weekdays = len(np.unique(weekday(self.moments.day))) > 1
        return hours + (("weekday",) if weekdays else ())


def guess_times(name: str, values: Sequence[str]) -> TimeGuess | None:
    """The times of a column; None if it has none.

    Args:
      name: Of the column, which counts where the values are digits alone.
      values: Some of them, at least one, none missing.

    >>> guess_times("seen", ["03/04/2024", "05/06/2024"]).forms
    ('%d/%m/%Y', '%m/%d/%Y')
    >>> guess_times("seen", ["03/04/2024", "25/06/2024"]).forms
    ('%d/%m/%Y',)
    >>> guess_times("hour", ["14102107"]).forms
    ('YYMMDDHH',)
    """
    distinct = pa.array(sorted(set(values)))
    forms: list[str] = []
    found: list[Moment] = []
    for form in _candidates(name, values):
        # Most forms fit none of the values: a few tell, and their pattern does before their days.
        first, read = distinct[:_FIRST_VALUES], time_format(form)
        if not pc.all(pc.match_substring_regex(first, read.pattern)).as_py():
            continue
        if not moments_of(first, read).valid.all():
            continue
        moments = moments_of(distinct, read)
        days = _COUNTS if form in _SINCE_1970 else _DIGITS if form in _OF_DIGITS else _EVER
        inside = moments.valid & (moments.day >= days[0]) & (moments.day < days[1])
        if not inside.all():
            continue
        if all((moments.seconds != other.seconds).any() for other in found):
            forms.append(form)
            found.append(moments)
    return TimeGuess(tuple(forms), found[0]) if forms else None


def is_beginning(name: str) -> bool:
    """Whether a column is called as something that began and has an age since.

    >>> is_beginning("birth_date"), is_beginning("click_time")
    (True, False)
    """
    return bool(_SINCE_NAME.search(name.lower()))


def _candidates(name: str, values: Sequence[str]) -> Iterator[str]:
    if not all(re.fullmatch(r"[0-9]+(\.[0-9]*)?", value) for value in values):
        if any(value[:1] in "+-." and re.fullmatch(r"[-+.0-9eE]+", value) for value in values):
            return  # numbers
        yield ISO_8601
        yield from (date + hour for date, hour in itertools.product(_DATES, _HOURS))
        yield from _WHOLE
        return
    named = bool(_TIME_NAME.search(name.lower()))
    if named:
        yield from _SINCE_1970
    if named or len(set(values)) >= _MANY_VALUES:
        yield from _OF_DIGITS
