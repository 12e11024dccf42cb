"""``python -m beam_preprocess describe FILE``: a guess at the layout of a log, with its reasons."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa

from beam_preprocess.common.one_line_options import OneLineParser
from beam_preprocess.dataset.feature_schema import JSON_LISTS
from beam_preprocess.errors import DataError
from beam_preprocess.reading.lists import json_items
from beam_preprocess.running.log_sample import LogSample, is_number, sample_log, with_point
from beam_preprocess.running.time_guess import TimeGuess, guess_times, is_beginning

_LABEL_NAMES = (
    "click", "clicked", "is_click", "clk", "label", "target", "y", "class", "conversion",
    "converted", "purchase", "installed", "response", "income", "subscribed", "is_churn",
)  # fmt: skip
_POSITIVE = {"1", "1.0", "yes", "y", "true", "t", "click", "clicked", "positive", "pos", ">50k"}
_MISSING = ("NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?", "\\N")
_FEW_VALUES = 24
"""Whole numbers of so few values, as hours and grades are, are categories."""

_ID_NAME = re.compile(r"(^|_)(id|uid|guid|uuid|key|hash|code|zip|ip)$|Id$|ID$")
_WEIGHT_NAME = re.compile(r"weight|importance", re.IGNORECASE)
_WEIGHT_REASON = "if it says how much a row counts; then take it out below"
_GROUP_NAME = re.compile(
    r"^(user|uid|visitor|member|customer|session|query|request)(_?id)?$", re.IGNORECASE
)
_AMOUNT_NAME = re.compile(
    r"price|cost|amount|count|num|qty|quantity|total|sum|avg|mean|age|duration|size|width|height|"
    r"length|score|rate|rating|days|hours|minutes|seconds|balance|salary|clicks|views|impressions"
)
_LONG_TAIL = 20
"""Times its median, that the largest of many counts exceeds."""

_SEPARATORS = ("|", ";", ", ", ",", "^")
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


def describe(patterns: Sequence[str]) -> str:
    """A TOML description of a log, for its owner to correct.

    Args:
      patterns: Paths, globs or directories of it; the first rows of the first file are looked at.

    Returns:
      The text; reasons stand in its comments.

    Raises:
      DataError: There is no such file, or it is no table.
    """
    sample = sample_log(patterns)
    missing = _missing_tokens(sample)
    numbers = with_point if sample.decimal == "," else str
    columns = {
        name: [numbers(value) for value in values if value and value not in missing]
        for name, values in zip(sample.names, sample.columns, strict=True)
    }
    label = _label(columns)
    rows = len(sample.columns[0])
    guesses = {
        name: _guess(name, values, rows)
        for name, values in columns.items()
        if name and name != label
    }
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", pathlib.Path(patterns[0]).stem).strip("-") or "log"
    lines = [
        f"# Guessed from the first {rows:,} rows of {json.dumps(patterns[0])}: look it through",
        _entry("name", name),
        *_label_lines(label, columns),
        *(_entry(key, value, reason) for key, value, reason in sample.settings),
    ]
    if missing:
        lines.append(_entry("missing_tokens", missing, "stand among other values"))
    if now := _chronological(guesses):
        lines.append(_entry("time_column", now, "for --split chronological"))
    lines += _to_think_of(columns)
    lists = {n: Guess("sparse", f"of type {kind}", multi=True) for n, kind in sample.lists}
    unreadable = {
        n: Guess("ignore", f"of type {kind}, no single value") for n, kind in sample.unreadable
    }
    for role in ("dense", "sparse", "ignore"):
        lines += _listed(role, {**guesses, **lists, **unreadable})
    lines += _time_lines(guesses)
    return "\n".join(lines) + "\n"


def _to_think_of(columns: dict[str, list[str]]) -> Iterator[str]:
    """Keys that only the owner of the log can decide on, as comments."""
    for name, values in columns.items():
        if _WEIGHT_NAME.search(name) and values and all(map(is_number, values)):
            yield f"# {_entry('weight', name, _WEIGHT_REASON)}"
    for name, values in columns.items():
        if _GROUP_NAME.search(name) and 1 < len(set(values)) < len(values):
            yield f"# {_entry('group', name, 'for the AUC within the rows of one')}"
            return


def _missing_tokens(sample: LogSample) -> list[str]:
    found = Counter(value for values in sample.columns for value in set(values))
    return [token for token in _MISSING if token in found]


def _label(columns: dict[str, list[str]]) -> str | None:
    two_valued = [name for name, values in columns.items() if name and len(set(values)) == 2]
    for wanted in _LABEL_NAMES:
        for name in columns:
            if name.lower() == wanted and name in two_valued:
                return name
    binary = [name for name in two_valued if set(columns[name]) <= {"0", "1", "0.0", "1.0"}]
    told = [name for name in two_valued if any(map(_is_click, set(columns[name])))]
    return (binary or told or two_valued or [None])[0]


def _is_click(value: str) -> bool:
    """Whether a value is how clicks are called."""
    return value.lower().rstrip(".") in _POSITIVE


def _label_lines(label: str | None, columns: dict[str, list[str]]) -> list[str]:
    if label is None:
        return ['label = "?"  # no column has two values: name it; {column = ..., above = 3} helps']
    counts = Counter(columns[label])
    shown = " and ".join(f"{value} ({count:,})" for value, count in counts.most_common())
    if set(counts) <= {"0", "1", "0.0", "1.0"}:
        return [_entry("label", label, f"has two values, {shown}")]
    # Beside a 2, as in many tables of answers, 1 may be either.
    known = [] if set(counts) == {"1", "2"} else [value for value in counts if _is_click(value)]
    positive = known[0] if len(known) == 1 else counts.most_common()[-1][0]
    why = "is how clicks are called" if known else "is the rarer value"
    table = f"{{column = {json.dumps(label)}, positive = [{json.dumps(positive)}]}}"
    return [f"label = {table}  # has two values, {shown}; {positive} {why}"]


def _guess(name: str, values: list[str], rows: int) -> Guess:
    distinct = len(set(values))
    if distinct <= 1:
        return Guess("ignore", f"has {'one value' if distinct else 'no value'} in these rows")
    if time := _time(name, values):
        return time
    if multi := _multi(values):
        return multi
    numbers = [float(value) for value in values if is_number(value)]
    if len(numbers) < len(values):
        return _category(values, distinct)
    whole = all(number.is_integer() for number in numbers)
    spread = f"from {min(numbers):g} to {max(numbers):g}, {distinct:,} different ones"
    if whole and _ID_NAME.search(name):
        return _category(values, distinct)
    if whole and _counts_up(numbers):
        return Guess("ignore", "numbers the rows")
    if whole and (distinct <= _FEW_VALUES or not _is_amount(name, numbers)):
        return Guess("sparse", f"whole numbers {spread}")
    transform = "standardize" if min(numbers) < 0 else None
    return Guess("dense", f"numbers {spread}", transform)


def _multi(values: list[str]) -> Guess | None:
    """Whether values are lists: a separator in many of them, whose parts come again elsewhere."""
    lists, bad = json_items(pa.array([value.encode() for value in values], pa.binary()))
    if not len(bad):
        longest = max(len(items) for items in lists.to_pylist())
        return Guess("sparse", f"lists of JSON, of up to {longest} items", multi=JSON_LISTS)
    for separator in _SEPARATORS:
        lists = [value.split(separator) for value in values]
        several = sum(len(items) > 1 for items in lists)
        counts = Counter(item for items in lists for item in items)
        repeated = sum(count for count in counts.values() if count > 1)
        if (
            several < _MANY_LISTS * len(values)
            or "," in separator
            and all(map(is_number, counts))  # 1,5 is a number in many countries
            or repeated < _REPEATED_ITEMS * counts.total()
            or len(counts) >= len(set(values))
        ):
            continue
        longest = max(map(len, lists))
        reason = (
            f"{several / len(values):.0%} of its values are several between {separator!r}, up to "
            f"{longest}, of {len(counts):,} different ones"
        )
        return Guess("sparse", reason, multi=separator)
    return None


def _is_amount(name: str, numbers: list[float]) -> bool:
    """Whether whole numbers count something: by their name, by signs, or by a long tail."""
    middle = sorted(numbers)[len(numbers) // 2]
    long_tail = max(numbers) > _LONG_TAIL * max(1.0, middle)
    return bool(_AMOUNT_NAME.search(name.lower())) or min(numbers) < 0 or long_tail


def _category(values: list[str], distinct: int) -> Guess:
    if distinct == len(values) and len(values) > _FEW_VALUES:
        return Guess("ignore", f"has another value in each of {len(values):,} rows")
    return Guess("sparse", f"{distinct:,} different values")


def _time(name: str, values: list[str]) -> Guess | None:
    times = guess_times(name, values)
    if times is None:
        return None
    if len(times.forms) > 1:
        forms = " or ".join(times.forms)
        return Guess(
            "ignore",
            f"times such as {values[0]}, which no value tells whether {forms}: say which, "
            f"times.{json.dumps(name)} = ...",
        )
    return Guess("time", f"times such as {values[0]}", times=times)


def _counts_up(numbers: list[float]) -> bool:
    return all(after == before + 1 for before, after in zip(numbers, numbers[1:], strict=False))


def _time_lines(guesses: dict[str, Guess]) -> Iterator[str]:
    """The table of times, which stands behind all other keys."""
    times = {name: guess.times for name, guess in guesses.items() if guess.times is not None}
    now = _chronological(guesses)
    if times:
        yield from ("", "[times]  # how they are written, and what is derived of them")
    for name, found in times.items():
        fields = [_entry("format", found.forms[0])]
        if found.derived:
            fields.append(_entry("derive", list(found.derived)))
        if is_beginning(name) and now not in (None, name):
            fields.append(_entry("age_until", now))
        why = " ".join(guesses[name].reason.split())
        yield f"{json.dumps(name, ensure_ascii=False)} = {{{', '.join(fields)}}}  # {why}"


def _chronological(guesses: dict[str, Guess]) -> str | None:
    """The column that a chronological split goes by: the first that is no beginning."""
    times = [name for name, guess in guesses.items() if guess.role == "time"]
    return next((name for name in times if not is_beginning(name)), next(iter(times), None))


def _listed(role: str, guesses: dict[str, Guess]) -> Iterator[str]:
    chosen = {name: guess for name, guess in guesses.items() if guess.role == role}
    if not chosen:
        return
    yield f"{role} = ["
    for name, guess in chosen.items():
        entry = json.dumps(name, ensure_ascii=False)
        if guess.transform is not None:
            entry = f'{{source = {entry}, transform = "{guess.transform}"}}'
        if guess.multi is not None:
            entry = f"{{source = {entry}, multi = {json.dumps(guess.multi)}}}"
        yield f"    {entry},  # {' '.join(guess.reason.split())}"
    yield "]"


def _entry(key: str, value: object, reason: str = "") -> str:
    line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
    return f"{line}  # {reason}" if reason else line


def main(arguments: Sequence[str]) -> int:
    """The command ``python -m beam_preprocess describe``.

    Args:
      arguments: Those behind ``describe``.

    Returns:
      Exit code 0.

    Raises:
      DataError: There is no such log, or the file to write exists.
    """
    parser = OneLineParser(
        prog="python -m beam_preprocess describe",
        description="Guesses the layout of a log and writes it as a TOML description, with the "
        "reasons as comments, to be corrected and given as --dataset.",
    )
    parser.add_argument("log", nargs="+", metavar="FILE", help="a path, glob or directory")
    parser.add_argument("-o", "--output", metavar="FILE.toml", help="default: standard output")
    options = parser.parse_args(arguments)
    text = describe(options.log)
    if options.output is None:
        print(text, end="")
        return 0
    if os.path.exists(options.output):
        raise DataError(f"{options.output}: exists; name another file or remove it")
    pathlib.Path(options.output).write_text(text, encoding="utf-8")
    print(f"{options.output}: look through it, then give it as --dataset")
    return 0
