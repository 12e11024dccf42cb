"""``python -m beam_preprocess describe FILE``: a guess at the layout of a log, with its reasons."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Iterator, Sequence

from beam_preprocess.common.one_line_options import OneLineParser
from beam_preprocess.common.whole_file import write_whole
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_names import has_name
from beam_preprocess.running.column_guess import Guess, guess_column
from beam_preprocess.running.description_trial import first_fault, further_columns
from beam_preprocess.running.label_guess import NO_LABEL, label_column, label_lines
from beam_preprocess.running.log_sample import sample_log
from beam_preprocess.running.missing_guess import missing_tokens
from beam_preprocess.running.number_forms import NumberReader
from beam_preprocess.running.time_guess import is_beginning
from beam_preprocess.running.toml_lines import entry, plain, quoted

_WEIGHT_NAME = re.compile(r"weight|importance", re.IGNORECASE)
_WEIGHT_REASON = "if it says how much a row counts; then take it out below"
_VECTOR = (
    "items of lists are categories, and fractions are none; if these are ids, name it as sparse, "
    "with multi = true"
)
_GROUP_NAME = re.compile(
    r"^(user|uid|visitor|member|customer|session|query|request)([_.]?id)?$", re.IGNORECASE
)


def describe(patterns: Sequence[str]) -> str:
    """A TOML description of a log, for its owner to correct.

    Args:
      patterns: Paths, globs or directories of it; the first rows are looked at, of several
        files where the first is short.

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
    label = label_column(columns)
    rows = len(sample.columns[0])
    guesses = {
        name: guess_column(name, values, reader, sample.decimal)
        for name, values in columns.items()
        if has_name(name) and name != label
    }
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", pathlib.Path(patterns[0]).stem).strip("-") or "log"
    lines = [
        f"# Guessed from the first {rows:,} rows of {quoted(patterns[0])}: look it through",
        entry("name", name),
        *label_lines(label, columns, rows),
        *(entry(key, value, reason) for key, value, reason in sample.settings),
    ]
    if missing:
        lines.append(entry("missing_tokens", missing, "stand among other values"))
    lines += _time_column(guesses, columns, rows)
    lines += _to_think_of(columns, reader)
    lists = {
        n: Guess("ignore", f"of type {kind}: {_VECTOR}")
        if n in sample.vectors
        else Guess("sparse", f"of type {kind}", multi=True)
        for n, kind in sample.lists
    }
    unreadable = {
        n: Guess("ignore", f"of type {kind}, no single value") for n, kind in sample.unreadable
    }
    for role in ("dense", "sparse", "ignore"):
        lines += _listed(role, {**guesses, **lists, **unreadable})
    lines += _time_lines(guesses)
    text = "\n".join(lines) + "\n"
    if fault := NO_LABEL if label is None else first_fault(text, patterns):
        lines.insert(1, f"# As it stands, a run is refused: {plain(fault)}")
        return "\n".join(lines) + "\n"
    lines[1:1] = [
        f"# Not in the first file, and left out: {quoted(name)}, of {plain(path)}; as a feature it "
        f"is named below, with {entry('absent_columns', 'empty')}"
        for name, path in further_columns(text, patterns).items()
    ]
    return "\n".join(lines) + "\n"


def _to_think_of(columns: dict[str, list[str]], reader: NumberReader) -> Iterator[str]:
    """Keys that only the owner of the log can decide on, as comments."""
    for name, values in columns.items():
        if _WEIGHT_NAME.search(name) and values and all(map(reader.is_number, values)):
            yield f"# {entry('weight', name, _WEIGHT_REASON)}"
    for name, values in columns.items():
        if _GROUP_NAME.search(name) and 1 < len(set(values)) < len(values):
            yield f"# {entry('group', name, 'for the AUC within the rows of one')}"
            return


def _time_column(
    guesses: dict[str, Guess], columns: dict[str, list[str]], rows: int
) -> Iterator[str]:
    """The key for a chronological split, as a comment where that would reject rows."""
    now = _chronological(guesses)
    if now is None:
        return
    if len(columns[now]) == rows:
        yield entry("time_column", now, "for --split chronological")
    else:
        yield f"# {entry('time_column', now, 'rows without a time would be rejected')}"


def _time_lines(guesses: dict[str, Guess]) -> Iterator[str]:
    """The table of times, which stands behind all other keys."""
    times = {name: guess.times for name, guess in guesses.items() if guess.times is not None}
    now = _chronological(guesses)
    if times:
        yield from ("", "[times]  # how they are written, and what is derived of them")
    for name, found in times.items():
        fields = [entry("format", found.forms[0])]
        if found.derived:
            fields.append(entry("derive", list(found.derived)))
        if is_beginning(name) and now not in (None, name):
            fields.append(entry("age_until", now))
        yield f"{quoted(name)} = {{{', '.join(fields)}}}  # {plain(guesses[name].reason)}"


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
        entry = quoted(name)
        if guess.transform is not None:
            entry = f'{{source = {entry}, transform = "{guess.transform}"}}'
        if guess.multi is not None:
            entry = f"{{source = {entry}, multi = {quoted(guess.multi)}}}"
        yield f"    {entry},  # {plain(guess.reason)}"
    yield "]"


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
