r"""The forms in which raw values write times, and what is derived of them.

A form is a pattern of RE2 with a group for every part of a time. PyArrow and TensorFlow both bring
RE2, so the records and a served model read the same values, and refuse the same ones; what follows
from the parts is written by operators, for NumPy's arrays and for tensors alike.

=====================  ====================================================================
``iso8601``            ``2014-10-21``, ``20141021``; with a time or without, ``T07``,
                       ``T07:30``, ``T07:30:59.25``, behind a ``T``, a blank or ``_``; with
                       a zone or without, ``Z``, ``+02``, ``+02:00``, ``+0200``
``seconds``            since 1970, with a fraction or without
``milliseconds``       since 1970
``YYMMDDHH``           eight digits, of the years 2000 to 2099 (Avazu's first form)
directives             as of Python's ``strptime``, such as ``%d/%m/%Y %H:%M`` and ``%Y%m%d%H``
=====================  ====================================================================

The directives are ``%Y %y %m %b %B %d %H %I %M %S %f %p %z %Z %a %A %T %%``. Names of months and
weekdays are English, short or whole, in letters of either case. One digit is enough where no other
directive stands beside; a blank stands for any number of blanks. ``%y`` is 1969 to 2068, as POSIX
has it; ``%Z`` is UTC, GMT or Z.

An hour, a weekday or a day is the one that is written, whatever the zone behind it; of ``seconds``
and ``milliseconds`` it is that of UTC. Ages and the order of times count the zone; a time without
one is taken for UTC.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from beam_preprocess.common.calendar_days import (
    SECONDS_OF_DAY,
    days_of_month,
    days_since_1970,
    month_and_day,
    weekday,
)
from beam_preprocess.errors import DataError

YYMMDDHH = "YYMMDDHH"
ISO_8601 = "iso8601"
NAMED_FORMATS = (ISO_8601, "seconds", "milliseconds", YYMMDDHH)

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
"""The letters that tell a month by its English name."""

_MONTH_NAMES = (
    "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    "Sep(?:t|tember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?"
)
_WEEKDAY_NAMES = (
    "Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?"
)

NAME_PARTS = ("month_name",)
"""Parts that are names of months; all others but flags are numbers."""

FLAG_PARTS = ("half", "minus", "zone_sign", "fraction", "dash", "dash_again")
"""Parts that are 1 where their first letter is one of ``FLAG_LETTERS`` and else 0."""

FLAG_LETTERS = "Pp123456789-"

DEFAULTS = {"year": 1970, "month": 1, "day": 1, "year_of_century": 70, "hour_of_half": 12}
"""Numbers of parts that are left out; all others are 0."""

_ZONE = r"[+-])(?P<zone_hour>[0-9]{2})(?::?(?P<zone_minute>[0-9]{2}))?"
_ISO_8601_PATTERN = (
    r"(?P<year>[0-9]{4})(?P<dash>-?)(?P<month>[0-9]{2})(?P<dash_again>-?)(?P<day>[0-9]{2})"
    r"(?:[Tt _](?P<hour>[0-9]{2})"
    r"(?::?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,][0-9]+)?)?)? ?"
    r"(?:[Zz]|(?P<zone_sign>" + _ZONE + r")?)?"
)
_COUNT = r"(?P<minus>-?)(?P<count>[0-9]{1,%d})(?:\.0*(?P<fraction>[1-9]?)[0-9]*)?"
_NAMED = {
    ISO_8601: _ISO_8601_PATTERN,
    "seconds": _COUNT % 12,
    "milliseconds": _COUNT % 15,
    YYMMDDHH: (
        r"(?P<year_from_2000>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?P<hour>[0-9]{2})"
    ),
}
_PER_SECOND = {"milliseconds": 1000}

_NUMBERS = {
    "%Y": ("year", "[0-9]{4}"),
    "%y": ("year_of_century", "[0-9]{2}"),
    "%m": ("month", None),
    "%d": ("day", None),
    "%H": ("hour", None),
    "%I": ("hour_of_half", None),
    "%M": ("minute", None),
    "%S": ("second", None),
}
_OTHERS = {
    "%b": f"(?P<month_name>(?i:{_MONTH_NAMES}))",
    "%B": f"(?P<month_name>(?i:{_MONTH_NAMES}))",
    "%a": f"(?i:{_WEEKDAY_NAMES})",
    "%A": f"(?i:{_WEEKDAY_NAMES})",
    "%f": "[0-9]{1,9}",
    "%p": r"(?P<half>[AaPp])\.?[Mm]\.?",
    "%z": f"(?:[Zz]|(?P<zone_sign>{_ZONE})",
    "%Z": "(?i:UTC|GMT|Z)",
    "%%": "%",
}
_LETTERS = {
    **{"YYYY": "%Y", "yyyy": "%Y", "YY": "%y", "yy": "%y", "DD": "%d", "dd": "%d", "HH": "%H"},
    **{"MMM": "%b", "MM": "%m", "mm": "%M", "SS": "%S", "ss": "%S"},
}
"""Letters of Java's and of spreadsheets' forms, longer ones first."""

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FIRST_OF_1900S = 69  # POSIX: %y from here on is 19yy

_FIRST_SECOND = days_since_1970(1, 1, 1) * SECONDS_OF_DAY
_AFTER_LAST_SECOND = days_since_1970(10000, 1, 1) * SECONDS_OF_DAY


class Moment(NamedTuple):
    """Times, as they are written, of one shape.

    Attributes:
      valid: Whether there is such a time; the others are arbitrary where there is none.
      day: Days since 1970.
      second: Of the day.
      ahead: Seconds that the zone is ahead of UTC.
    """

    valid: Any
    day: Any
    second: Any
    ahead: Any

    @property
    def seconds(self) -> Any:
        """Whole seconds since 1970 in UTC, rounded down."""
        return self.day * SECONDS_OF_DAY + self.second - self.ahead


class Derivation(NamedTuple):
    """A category that is derived of a time.

    Attributes:
      categories: What there is, as text.
      place: Which of them a moment has.
      needs_hour: Whether it is the hour, and not the date, that the time has to say.
    """

    categories: tuple[str, ...]
    place: Callable[[Moment], Any]
    needs_hour: bool = False


DERIVED_CATEGORIES = {
    "hour_of_day": Derivation(
        tuple(f"{hour:02d}" for hour in range(24)), lambda moment: moment.second // 3600, True
    ),
    "weekday": Derivation(tuple("0123456"), lambda moment: weekday(moment.day)),
    "day_of_month": Derivation(
        tuple(f"{day:02d}" for day in range(1, 32)), lambda moment: month_and_day(moment.day)[1] - 1
    ),
    "month": Derivation(
        tuple(f"{month:02d}" for month in range(1, 13)),
        lambda moment: month_and_day(moment.day)[0] - 1,
    ),
}


@dataclasses.dataclass(frozen=True)
class TimeFormat:
    """A form of times; made by :func:`time_format`.

    Attributes:
      text: As the description says it.
      pattern: RE2's, of a whole value, with named groups.
      parts: The names of its groups in order.
    """

    text: str
    pattern: str
    parts: tuple[str, ...]

    def capturing(self, part: str) -> str:
        """The pattern with one group, that of a part.

        Args:
          part: One of ``parts``.

        >>> time_format("%H:%M").capturing("minute")
        '^(?:[0-9]{1,2}):(?P<minute>[0-9]{1,2})$'
        """
        return re.sub(rf"\(\?P<(?!{part}>)\w+>", "(?:", self.pattern)

    @property
    def has_date(self) -> bool:
        years = {"year", "year_of_century", "year_from_2000", "count"} & set(self.parts)
        months = {"month", "month_name", "count"} & set(self.parts)
        return bool(years and months and {"day", "count"} & set(self.parts))

    @property
    def has_hour(self) -> bool:
        return bool({"hour", "hour_of_half", "count"} & set(self.parts))

    def moment(self, parts: Mapping[str, Any]) -> Moment:
        """The times that parts make.

        Args:
          parts: Whole numbers of 64 bits, arrays or tensors of one shape, by the names of all
            ``parts``: numbers, for names of months 1 to 12 (0 for none), for flags 1 or 0.
        """
        if "count" in parts:
            return self._moment_of_count(parts)
        some = next(iter(parts.values()))
        nothing = some - some

        def part(name: str) -> Any:
            return parts.get(name, nothing + DEFAULTS.get(name, 0))

        year, month, day = _year(parts, part), part("month"), part("day")
        if "month_name" in parts:
            month = parts["month_name"]
        known = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12)
        valid = known & (day >= 1) & (day <= days_of_month(year, month))
        hour = part("hour")
        if "hour_of_half" in parts:
            twelve = part("hour_of_half")
            valid = valid & (twelve >= 1) & (twelve <= 12)
            hour = twelve % 12 + 12 * part("half")
        minute, second = part("minute"), part("second")
        valid = valid & (hour <= 23) & (minute <= 59) & (second <= 59)
        valid = valid & (part("zone_hour") <= 23) & (part("zone_minute") <= 59)
        valid = valid & (part("dash") >= part("dash_again")) & (part("dash") <= part("dash_again"))
        ahead = 3600 * part("zone_hour") + 60 * part("zone_minute")
        ahead = ahead - 2 * ahead * part("zone_sign")
        day_number = days_since_1970(year, month, day)
        return Moment(valid, day_number, 3600 * hour + 60 * minute + second, ahead)

    def _moment_of_count(self, parts: Mapping[str, Any]) -> Moment:
        count, minus, fraction = parts["count"], parts["minus"], parts["fraction"]
        # Rounded down, whatever the sign.
        count = count - minus * (2 * count + fraction)
        seconds = count // _PER_SECOND.get(self.text, 1)
        valid = (seconds >= _FIRST_SECOND) & (seconds < _AFTER_LAST_SECOND)
        return Moment(valid, seconds // SECONDS_OF_DAY, seconds % SECONDS_OF_DAY, count - count)

    def write(self, moment: datetime.datetime) -> str:
        """A moment in this form.

        Args:
          moment: Without a zone; UTC is meant. With whole seconds.

        >>> time_format("%d-%b-%Y %I:%M %p").write(datetime.datetime(2014, 10, 21, 19, 30))
        '21-Oct-2014 07:30 PM'
        """
        if self.text == ISO_8601:
            return moment.isoformat(" ")
        if "count" in self.parts:
            passed = moment - datetime.datetime(1970, 1, 1)
            count = passed.days * SECONDS_OF_DAY + passed.seconds
            return str(count * _PER_SECOND.get(self.text, 1))
        if self.text == YYMMDDHH:
            return f"{moment.year % 100:02d}{moment:%m%d%H}"
        return "".join(_written(token, moment) for token in _tokens(self.text))


def _year(parts: Mapping[str, Any], part: Callable[[str], Any]) -> Any:
    if "year_from_2000" in parts:
        return 2000 + parts["year_from_2000"]
    if "year_of_century" in parts:
        year = parts["year_of_century"]
        # 1 from 69 on, where a century has to go.
        return 2000 + year - 100 * ((year + 100 - _FIRST_OF_1900S) // 100)
    return part("year")


@functools.cache
def time_format(text: str) -> TimeFormat:
    """The form that a description calls so.

    Args:
      text: One of ``NAMED_FORMATS``, or directives.

    Raises:
      DataError: It is none of them, or says neither date nor hour.

    >>> time_format("%Y%m%d%H").parts
    ('year', 'month', 'day', 'hour')
    >>> time_format("DD/MM/YYYY")
    Traceback (most recent call last):
        ...
    beam_preprocess.errors.DataError: time format 'DD/MM/YYYY' is not known, did you mean \
'%d/%m/%Y'?: it is iso8601, seconds, milliseconds, YYMMDDHH or directives such as %d/%m/%Y %H:%M
    """
    pattern = _NAMED[text] if text in _NAMED else _pattern(text)
    parts = tuple(re.findall(r"\(\?P<(\w+)>", pattern))
    for part in parts:
        if parts.count(part) > 1:
            raise DataError(f"time format {text!r} says the {part.replace('_', ' ')} twice")
    found = TimeFormat(text, f"^{pattern}$", parts)
    if ("half" in parts) != ("hour_of_half" in parts):
        raise DataError(f"time format {text!r}: %I and %p go together")
    if not found.has_date and not found.has_hour:
        raise DataError(f"time format {text!r} says neither a date (year, month, day) nor an hour")
    return found


def _pattern(text: str) -> str:
    tokens = _tokens(text)
    if not any(token in _NUMBERS for token in tokens):
        raise DataError(
            f"time format {text!r} is not known{_as_directives(text)}: it is "
            f"{', '.join(NAMED_FORMATS)} or directives such as %d/%m/%Y %H:%M"
        )
    pieces = []
    for at, token in enumerate(tokens):
        if token in _NUMBERS:
            name, digits = _NUMBERS[token]
            beside = {*tokens[max(0, at - 1) : at], *tokens[at + 1 : at + 2]} & _NUMBERS.keys()
            pieces.append(f"(?P<{name}>{digits or ('[0-9]{2}' if beside else '[0-9]{1,2}')})")
        elif token in _OTHERS:
            pieces.append(_OTHERS[token])
        elif token.startswith("%") or not token.isascii():
            known = " ".join((*_NUMBERS, *_OTHERS, "%T"))
            raise DataError(f"time format {text!r}: {token} is not known; known are {known}")
        else:
            pieces.append(" +" if token == " " else re.escape(token))
    return "".join(pieces)


def _as_directives(text: str) -> str:
    """What is meant by the letters that other programs write, in words."""
    meant = text
    for letters, directive in _LETTERS.items():
        meant = meant.replace(letters, directive)
    return "" if meant == text else f", did you mean {meant!r}?"


def _tokens(text: str) -> list[str]:
    return re.findall(r"%.?|.", text.replace("%T", "%H:%M:%S"), re.DOTALL)


def _written(token: str, moment: datetime.datetime) -> str:
    special = {
        "%Y": f"{moment.year:04d}",  # strftime of glibc writes no zeros before
        "%b": MONTHS[moment.month - 1].capitalize(),
        "%B": MONTHS[moment.month - 1].capitalize(),
        "%a": _WEEKDAYS[moment.weekday()],
        "%A": _WEEKDAYS[moment.weekday()],
        "%f": "0",
        "%p": "PM" if moment.hour >= 12 else "AM",
        "%z": "+0000",
        "%Z": "UTC",
    }
    if token in special:
        return special[token]
    return moment.strftime(token) if token in _NUMBERS or token == "%%" else token
