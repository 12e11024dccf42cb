"""What a column of a log is taken for, with the reason: a number, a category, a time, or none."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from beam_preprocess.config import MAX_REJECT_SHARE
from beam_preprocess.dataset.feature_schema import JSON_LISTS
from beam_preprocess.reading.lists import json_items
from beam_preprocess.running.amount_names import is_amount_name
from beam_preprocess.running.comma_readings import CommaReading, comma_reading
from beam_preprocess.running.missing_guess import FEW_VALUES, ID_NAME, far_value
from beam_preprocess.running.number_forms import NumberReader
from beam_preprocess.running.time_guess import TimeGuess, guess_times
from beam_preprocess.running.toml_lines import quoted

_EXACT = 2.0**53

_LONG_TAIL = 20
"""Times its median, that the largest of many counts exceeds."""

_SEPARATORS = ("|", ";", ", ", ",", "^")
_OTHER_SEPARATORS = ("|", ";", "^")
"""Where it has been told before that commas stand in numbers, or that they may."""

_MANY_LISTS, _REPEATED_ITEMS = 0.1, 0.8
"""Shares of values that hold a separator, and of parts between separators that come twice: texts
such as dates and addresses have the one and not the other."""


@dataclasses.dataclass(frozen=True)
class Guess:
    """What a column is taken for.

    Attributes:
      role: ``label``, ``dense``, ``sparse``, ``time`` or ``ignore``.
      reason: Why, in words.
      transform: Of a dense column, where it is not the usual one.
      times: Of a column of times.
      multi: What stands between the items of a multi-valued column, or json, or true of a list of
        Parquet.
    """

    role: str
    reason: str
    transform: str | None = None
    times: TimeGuess | None = None
    multi: str | bool | None = None


def guess_column(name: str, values: list[str], reader: NumberReader, decimal: str | None) -> Guess:
    """What a column is taken for.

    Args:
      name: Its name.
      values: Those of its first rows that are not missing.
      reader: Of the log's numbers.
      decimal: What stands before the decimals of the log; None where nothing tells.
    """
    distinct = len(set(values))
    if distinct <= 1:
        return Guess("ignore", f"has {'one value' if distinct else 'no value'} in these rows")
    if time := _time(name, values):
        return time
    reading = comma_reading(values)
    if lists := _comma_lists(name, values, reading, decimal):
        return lists
    others = [value for value in values if not reader.is_number(value)]
    is_id = bool(ID_NAME.search(name))
    form = reader.unread_form(values)
    if form is not None and distinct > FEW_VALUES and not is_id:
        return Guess(
            "ignore",
            f"numbers in a form that is not read, such as {form}: write them in the log with a "
            "decimal sign and no other (1234.5), or name it as dense if they are so"
            + (f", or as lists: {_as_lists(name)}" if reading is CommaReading.THOUSANDS else ""),
        )
    told = reading is not None or form is not None
    if multi := _multi(values, _OTHER_SEPARATORS if told else _SEPARATORS):
        return multi
    if len(others) > MAX_REJECT_SHARE * len(values):
        return _category(values, distinct)
    numbers = [number for value in values if (number := reader.value(value)) is not None]
    whole = all(number.is_integer() for number in numbers)
    spread = f"from {min(numbers):g} to {max(numbers):g}, {distinct:,} different ones"
    if whole and is_id:
        return _category(values, distinct)
    if whole and not others and _counts_up(numbers):
        return Guess("ignore", "numbers the rows")
    mark = far_value(numbers)
    own = [number for number in numbers if number != mark]
    if whole and (distinct <= FEW_VALUES or not _is_amount(name, own)):
        if distinct == len(values) and distinct > FEW_VALUES:
            return Guess("ignore", f"{_other_in_each(values)}; an amount? Then name it as dense")
        return Guess("sparse", f"whole numbers {spread}")
    rest = f"; rows of others, such as {others[0]}, are rejected" if others else ""
    if mark is not None:
        share = numbers.count(mark) / len(numbers)
        rest += f"; {mark:g} stands in {share:.0%}, far from all others: a missing one? "
        rest += "Then name it in missing_tokens"
    if reading in (CommaReading.EITHER, CommaReading.THOUSANDS):
        rest += f"; if its commas are none of decimals: {_as_lists(name)}"
    return Guess("dense", f"numbers {spread}{rest}", "standardize" if min(numbers) < 0 else None)


def _comma_lists(
    name: str, values: list[str], reading: CommaReading | None, decimal: str | None
) -> Guess | None:
    """A column of digits and commas that is of lists, or may be; None of what is no such."""
    if reading is CommaReading.LIST or (reading is CommaReading.EITHER and decimal == "."):
        return _list_guess(values, ",")
    unsure = reading is CommaReading.EITHER and decimal is None
    if reading is not CommaReading.NEITHER and not unsure:
        return None
    some = next(value for value in values if "," in value)
    told = (
        f'nothing tells whether {some} is a number (then decimal = ",", and name it as dense) or '
        f"a list (then {_as_lists(name)})"
    )
    if len(set(values)) <= FEW_VALUES:
        return Guess("sparse", f"{len(set(values))} different values; {told}")
    return Guess("ignore", told)


def _as_lists(name: str) -> str:
    return f'{{source = {quoted(name)}, multi = ","}} as sparse'


def _multi(values: list[str], separators: Sequence[str]) -> Guess | None:
    """Whether values are lists: a separator in many of them, whose parts come again elsewhere."""
    if values[0].lstrip()[:1] in ("[", "n"):  # or null
        found, bad = json_items(pa.array([value.encode() for value in values], pa.binary()))
        if not len(bad):
            longest = max(len(items) for items in found.to_pylist())
            return Guess("sparse", f"lists of JSON, of up to {longest} items", multi=JSON_LISTS)
    for separator in separators:
        several = sum(separator in value for value in values)
        if several < _MANY_LISTS * len(values):
            continue
        lists = [value.split(separator) for value in values]
        counts = Counter(item for items in lists for item in items)
        repeated = sum(count for count in counts.values() if count > 1)
        if repeated < _REPEATED_ITEMS * counts.total() or len(counts) >= len(set(values)):
            continue
        return _list_guess(values, separator)
    return None


def _list_guess(values: list[str], separator: str) -> Guess:
    lists = [value.split(separator) for value in values]
    several = sum(len(items) > 1 for items in lists)
    different = len({item for items in lists for item in items})
    reason = (
        f"{several / len(values):.0%} of its values are several between {separator!r}, up to "
        f"{max(map(len, lists))}, of {different:,} different ones"
    )
    return Guess("sparse", reason, multi=separator)


def _is_amount(name: str, numbers: list[float]) -> bool:
    """Whether whole numbers count something: by their name, by signs, or by a long tail."""
    middle = sorted(numbers)[len(numbers) // 2]
    long_tail = max(numbers) > _LONG_TAIL * max(1.0, middle)
    return is_amount_name(name) or min(numbers) < 0 or long_tail


def _category(values: list[str], distinct: int) -> Guess:
    if distinct == len(values) and len(values) > FEW_VALUES:
        return Guess("ignore", _other_in_each(values))
    return Guess("sparse", f"{distinct:,} different values")


def _other_in_each(values: list[str]) -> str:
    return f"has another value in each of {len(values):,} rows"


def _time(name: str, values: list[str]) -> Guess | None:
    times = guess_times(name, values)
    if times is None:
        return None
    if len(times.forms) > 1:
        forms = " or ".join(times.forms)
        return Guess(
            "ignore",
            f"times such as {values[0]}, which no value tells whether {forms}: say which, "
            f"times.{quoted(name)} = ...",
        )
    return Guess("time", f"times such as {values[0]}", times=times)


def _counts_up(numbers: list[float]) -> bool:
    exact = numbers[-1] < _EXACT  # beyond, a float and the next are the same
    return exact and all(after == before + 1 for before, after in itertools.pairwise(numbers))
