"""ISO 8601 times to seconds, alike on every version of Python.

``datetime.fromisoformat`` of Python 3.10 reads less than that of 3.11, so that the same log would
have other rejects.
"""

from __future__ import annotations

import datetime
import re

_DATE = r"(?P<year>[0-9]{4})(?P<dash>-?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})"
_TIME = (
    r"(?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})"
    r"(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?)?"
)
_ZONE = r"(?P<zone>[Zz]|(?P<sign>[+-])(?P<zone_hour>[0-9]{2})(?::?(?P<zone_minute>[0-9]{2}))?)"
_MOMENT = re.compile(f"{_DATE}(?:[Tt _]{_TIME} ?{_ZONE}?)?")

_EPOCH = datetime.datetime(1970, 1, 1)


def seconds_of(text: str) -> int:
    """Whole seconds from 1970 to a time, rounded down; a time without a zone is read as UTC.

    Args:
      text: A date, ``2014-10-21`` or ``20141021``; with a time or without, ``T07``, ``T07:30`` or
        ``T07:30:59.25``, behind a ``T``, a space or ``_``; with a zone or without, ``Z``, ``+02``,
        ``+02:00`` or ``+0200``.

    Raises:
      ValueError: It is no such time.

    >>> seconds_of("1970-01-02"), seconds_of("1970-01-01 01:00:00.9+01:00")
    (86400, 0)
    >>> seconds_of("19691231T235959Z")
    -1
    >>> seconds_of("2014-13-01")
    Traceback (most recent call last):
        ...
    ValueError: month must be in 1..12
    """
    found = _MOMENT.fullmatch(text)
    if not found:
        raise ValueError(f"not an ISO 8601 time: {text!r}")
    parts = {name: int(value) for name, value in found.groupdict("0").items() if value.isdigit()}
    day = datetime.datetime(parts["year"], parts["month"], parts["day"])
    moment = day.replace(hour=parts["hour"], minute=parts["minute"], second=parts["second"])
    if parts["zone_hour"] > 23 or parts["zone_minute"] > 59:
        raise ValueError(f"no zone is that far from UTC: {text!r}")
    ahead = 3600 * parts["zone_hour"] + 60 * parts["zone_minute"]
    if found["sign"] == "-":
        ahead = -ahead
    passed = moment - _EPOCH
    return passed.days * 86400 + passed.seconds - ahead
