"""``python -m beam_preprocess describe FILE``: a guess at the layout of a log, with its reasons."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import pathlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa

from beam_preprocess.common.one_line_options import OneLineParser
from beam_preprocess.common.whole_file import write_whole
from beam_preprocess.config import MAX_REJECT_SHARE
from beam_preprocess.dataset.feature_schema import JSON_LISTS
from beam_preprocess.errors import DataError
from beam_preprocess.reading.lists import json_items
from beam_preprocess.running.amount_names import is_amount_name
from beam_preprocess.running.comma_readings import CommaReading, comma_reading
from beam_preprocess.running.description_trial import first_fault
from beam_preprocess.running.log_sample import sample_log
from beam_preprocess.running.missing_guess import FEW_VALUES, ID_NAME, far_value, missing_tokens
from beam_preprocess.running.number_forms import NumberReader
from beam_preprocess.running.time_guess import TimeGuess, guess_times, is_beginning

_LABEL_NAMES = (
    "click", "clicked", "is_click", "clk", "label", "target", "y", "class", "conversion",
    "converted", "purchase", "installed", "response", "income", "subscribed", "is_churn",
)  # fmt: skip
_POSITIVE = {"1", "1.0", "yes", "y", "true", "t", "click", "clicked", "positive", "pos", ">50k"}
_BINARY = {"0", "1", "0.0", "1.0"}
_MOST_SHOWN = 6
_WEIGHT_NAME = re.compile(r"weight|importance", re.IGNORECASE)
_WEIGHT_REASON = "if it says how much a row counts; then take it out below"
_GROUP_NAME = re.compile(
    r"^(user|uid|visitor|member|customer|session|query|request)(_?id)?$", re.IGNORECASE
)
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
    reader = NumberReader(sample.decimal or ".")
    missing = missing_tokens(sample, reader)
    columns = {
        name: [value for value in values if value and value not in missing]
        for name, values in zip(sample.names, sample.columns, strict=True)
    }
    label = _label(columns)
    rows = len(sample.columns[0])
    guesses = {
        name: _guess(name, values, reader, sample.decimal)
        for name, values in columns.items()
        if name and name != label
    }
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", pathlib.Path(patterns[0]).stem).strip("-") or "log"
    lines = [
        f"# Guessed from the first {rows:,} rows of {_quoted(patterns[0])}: look it through",
        _entry("name", name),
        *_label_lines(label, columns, rows),
        *(_entry(key, value, reason) for key, value, reason in sample.settings),
    ]
    if missing:
        lines.append(_entry("missing_tokens", missing, "stand among other values"))
    lines += _time_column(guesses, columns, rows)
    lines += _to_think_of(columns, reader)
    lists = {n: Guess("sparse", f"of type {kind}", multi=True) for n, kind in sample.lists}
    unreadable = {
        n: Guess("ignore", f"of type {kind}, no single value") for n, kind in sample.unreadable
    }
    for role in ("dense", "sparse", "ignore"):
        lines += _listed(role, {**guesses, **lists, **unreadable})
    lines += _time_lines(guesses)
    text = "\n".join(lines) + "\n"
    if label is not None and (fault := first_fault(text, patterns)):
        lines.insert(1, f"# As it stands, a run is refused: {_plain(fault)}")
    return "\n".join(lines) + "\n"


def _to_think_of(columns: dict[str, list[str]], reader: NumberReader) -> Iterator[str]:
    """Keys that only the owner of the log can decide on, as comments."""
    for name, values in columns.items():
        if _WEIGHT_NAME.search(name) and values and all(map(reader.is_number, values)):
            yield f"# {_entry('weight', name, _WEIGHT_REASON)}"
    for name, values in columns.items():
        if _GROUP_NAME.search(name) and 1 < len(set(values)) < len(values):
            yield f"# {_entry('group', name, 'for the AUC within the rows of one')}"
            return


def _time_column(
    guesses: dict[str, Guess], columns: dict[str, list[str]], rows: int
) -> Iterator[str]:
    """The key for a chronological split, as a comment where that would reject rows."""
    now = _chronological(guesses)
    if now is None:
        return
    if len(columns[now]) == rows:
        yield _entry("time_column", now, "for --split chronological")
    else:
        yield f"# {_entry('time_column', now, 'rows without a time would be rejected')}"


def _label(columns: dict[str, list[str]]) -> str | None:
    two_valued = [
        name
        for name, values in columns.items()
        if name and (len(set(values)) == 2 or _is_binary(values))
    ]
    for name in _called_labels(columns):
        if name in two_valued:
            return name
    binary = [name for name in two_valued if _is_binary(columns[name])]
    told = [name for name in two_valued if any(map(_is_click, set(columns[name])))]
    return (binary or told or two_valued or [None])[0]


def _called_labels(columns: dict[str, list[str]]) -> list[str]:
    """The columns that are called as labels are, the likeliest first."""
    return [name for wanted in _LABEL_NAMES for name in columns if name.lower() == wanted]


def _is_binary(values: list[str]) -> bool:
    """Whether values are 0 and 1, but for words in few rows, such as a header that comes again."""
    counts = Counter(values)
    others = [value for value in counts if value not in _BINARY]
    few = sum(counts[value] for value in others) <= MAX_REJECT_SHARE * len(values)
    both = len({value[0] for value in counts if value in _BINARY}) == 2
    return both and few and not any(map(NumberReader().is_number, others))


def _is_click(value: str) -> bool:
    """Whether a value is how clicks are called."""
    return value.lower().rstrip(".") in _POSITIVE


def _label_lines(label: str | None, columns: dict[str, list[str]], rows: int) -> list[str]:
    if label is None:
        why = "no column has two values: name it; {column = ..., above = 3} helps"
        for name in _called_labels(columns)[:1]:
            values = [value for value, _ in Counter(columns[name]).most_common(_MOST_SHOWN)]
            shown = ", ".join(values) if values else "none"
            different = len(set(columns[name]))
            why += f"; {_quoted(name)} has {different} value{'s' * (different != 1)}: {shown}"
            if different == 1 and (empty := rows - len(columns[name])):
                why += f", and none in {empty:,} rows: if these are no clicks, write a 0 there"
        return [_entry("label", "?", why)]
    counts = Counter(columns[label])
    shown = " and ".join(f"{value} ({count:,})" for value, count in counts.most_common())
    if _is_binary(columns[label]):
        rest = "" if set(counts) <= _BINARY else "; rows of a word are rejected"
        return [_entry("label", label, f"has the values {shown}{rest}")]
    # Beside a 2, as in many tables of answers, 1 may be either.
    known = [] if set(counts) == {"1", "2"} else [value for value in counts if _is_click(value)]
    positive = known[0] if len(known) == 1 else counts.most_common()[-1][0]
    why = "is how clicks are called" if known else "is the rarer value"
    table = f"{{column = {_quoted(label)}, positive = [{_quoted(positive)}]}}"
    return [f"label = {table}  # {_plain(f'has two values, {shown}; {positive} {why}')}"]


def _guess(name: str, values: list[str], reader: NumberReader, decimal: str | None) -> Guess:
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
    return f'{{source = {_quoted(name)}, multi = ","}} as sparse'


def _multi(values: list[str], separators: Sequence[str]) -> Guess | None:
    """Whether values are lists: a separator in many of them, whose parts come again elsewhere."""
    lists, bad = json_items(pa.array([value.encode() for value in values], pa.binary()))
    if not len(bad):
        longest = max(len(items) for items in lists.to_pylist())
        return Guess("sparse", f"lists of JSON, of up to {longest} items", multi=JSON_LISTS)
    for separator in separators:
        lists = [value.split(separator) for value in values]
        several = sum(len(items) > 1 for items in lists)
        counts = Counter(item for items in lists for item in items)
        repeated = sum(count for count in counts.values() if count > 1)
        if (
            several < _MANY_LISTS * len(values)
            or repeated < _REPEATED_ITEMS * counts.total()
            or len(counts) >= len(set(values))
        ):
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
            f"times.{_quoted(name)} = ...",
        )
    return Guess("time", f"times such as {values[0]}", times=times)


def _counts_up(numbers: list[float]) -> bool:
    exact = numbers[-1] < _EXACT  # beyond, a float and the next are the same
    return exact and all(after == before + 1 for before, after in itertools.pairwise(numbers))


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
        yield f"{_quoted(name)} = {{{', '.join(fields)}}}  # {_plain(guesses[name].reason)}"


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
        entry = _quoted(name)
        if guess.transform is not None:
            entry = f'{{source = {entry}, transform = "{guess.transform}"}}'
        if guess.multi is not None:
            entry = f"{{source = {entry}, multi = {_quoted(guess.multi)}}}"
        yield f"    {entry},  # {_plain(guess.reason)}"
    yield "]"


def _entry(key: str, value: object, reason: str = "") -> str:
    line = f"{key} = {_quoted(value)}"
    return f"{line}  # {_plain(reason)}" if reason else line


def _quoted(value: object) -> str:
    """A text, a number or a list of them as TOML has it: as JSON, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(reason: str) -> str:
    """A reason as a comment of one line, whatever characters the values have that it shows."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in " ".join(reason.split()))


def main(arguments: Sequence[str]) -> int:
    """The command ``python -m beam_preprocess describe``.

    Args:
      arguments: Those behind ``describe``.

    Returns:
      Exit code 0.

    Raises:
      DataError: There is no such log, or the file to write exists or cannot be written.
    """
    parser = OneLineParser(
        prog="python -m beam_preprocess describe",
        description="Guesses the layout of a log and writes it as a TOML description, with the "
        "reasons as comments, to be corrected and given as --dataset.",
    )
    parser.add_argument("log", nargs="+", metavar="FILE", help="a path, glob or directory")
    parser.add_argument("-o", "--output", metavar="FILE.toml", help="default: standard output")
    options = parser.parse_args(arguments)
    if options.output is not None and os.path.lexists(options.output):
        raise DataError(f"{options.output}: exists; name another file or remove it")
    text = describe(options.log)
    if options.output is None:
        print(text, end="")
        return 0
    try:
        # A part of it would be taken for the whole, and stand in the way of the next one.
        write_whole(options.output, text.encode())
    except OSError as error:
        raise DataError(f"{options.output}: cannot be written: {error.strerror}") from None
    print(f"{options.output}: look through it, then give it as --dataset")
    return 0
