"""The Gregorian calendar in whole numbers, by operators alone.

So that the arrays of NumPy and the tensors of a served graph go through the same lines: what is
written here for one number holds for arrays of any shape, as long as ``//`` and ``%`` round down.
The algorithms are those of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2014),
with years that begin in March, so that the leap day is the last of a year.
"""

from __future__ import annotations

from typing import Any

_ERA_YEARS, _ERA_DAYS = 400, 146097
_YEAR_0 = 719468  # days from the first of March of the year 0 to 1970
_THURSDAY = 3  # 1970-01-01, where Monday is 0

SECONDS_OF_DAY = 86400


def days_since_1970(year: Any, month: Any, day: Any) -> Any:
    """Days from 1970-01-01 to a date.

    Args:
      year: From 1 on.
      month: 1 to 12; 13 is the January after.
      day: Of the month; others than there are count on from its first.

    >>> days_since_1970(1970, 1, 1), days_since_1970(2000, 3, 1), days_since_1970(1969, 12, 31)
    (0, 11017, -1)
    """
    from_march = year - 1 + (month + 9) // 12
    era = from_march // _ERA_YEARS
    of_era = from_march - era * _ERA_YEARS
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = of_era * 365 + of_era // 4 - of_era // 100 + of_year
    return era * _ERA_DAYS + days - _YEAR_0


def days_of_month(year: Any, month: Any) -> Any:
    """How many days a month has.

    Args:
      year: From 1 on.
      month: 1 to 12.

    >>> days_of_month(2024, 2), days_of_month(1900, 2), days_of_month(1999, 12)
    (29, 28, 31)
    """
    return days_since_1970(year, month + 1, 1) - days_since_1970(year, month, 1)


def month_and_day(days: Any) -> tuple[Any, Any]:
    """Month, 1 to 12, and day of the month of a day.

    Args:
      days: Since 1970-01-01.

    >>> month_and_day(0), month_and_day(-1), month_and_day(11016)
    ((1, 1), (12, 31), (2, 29))
    """
    shifted = days + _YEAR_0
    of_era = shifted % _ERA_DAYS
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return (month + 2) % 12 + 1, of_year - (153 * month + 2) // 5 + 1


def weekday(days: Any) -> Any:
    """Day of the week, 0 for Monday to 6.

    Args:
      days: Since 1970-01-01.

    >>> weekday(0), weekday(-4)
    (3, 6)
    """
    return (days + _THURSDAY) % 7
