"""Which column of a log is its label, and what is written of it in a description."""

from __future__ import annotations

import re
from collections import Counter

from beam_preprocess.config import MAX_REJECT_SHARE
from beam_preprocess.running.missing_guess import FEW_VALUES
from beam_preprocess.running.number_forms import NumberReader
from beam_preprocess.running.toml_lines import entry, plain, quoted

_LABEL_NAMES = (
    "click", "clicked", "is_click", "clk", "label", "target", "y", "class", "conversion",
    "converted", "purchase", "installed", "response", "income", "subscribed", "is_churn",
)  # fmt: skip
_POSITIVE = {"1", "1.0", "yes", "y", "true", "t", "click", "clicked", "positive", "pos", ">50k"}
_BINARY = {"0", "1", "0.0", "1.0"}
_ACTS = {"click", "clicked", "clicks", "clk", "purchase", "purchased", "converted", "conversion"}
"""Words of a name or a value that say what was done, and not what somebody is."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_MOST_SHOWN = 6
_GRADE_NAME = re.compile(r"rating|stars?$|score|grade|vote", re.IGNORECASE)

NO_LABEL = "no column is known to be the label; write which one is in place of the ? below"
"""What stands on top of a description without a label."""


def label_column(columns: dict[str, list[str]]) -> str | None:
    """The column that tells what was clicked, as far as names and values tell; None if none does.

    Args:
      columns: From name to the values that are not missing.
    """
    two_valued = [
        name
        for name, values in columns.items()
        if name and (len(set(values)) == 2 or _is_binary(values))
    ]
    for name in _called_labels(columns):
        if name in two_valued:
            return name
    acts = [name for name in two_valued if _tells_an_act(name, columns[name])]
    binary = [name for name in two_valued if _is_binary(columns[name])]
    told = [name for name in two_valued if any(map(_is_click, set(columns[name])))]
    return (acts or binary or told or two_valued or [None])[0]


def _tells_an_act(name: str, values: list[str]) -> bool:
    """Whether a name, such as ``user_clicked``, or a value, such as ``click``, is of an act."""
    words = {word.lower() for word in _WORD.findall(name)}
    return bool(_ACTS & (words | {value.lower() for value in set(values)}))


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


def label_lines(label: str | None, columns: dict[str, list[str]], rows: int) -> list[str]:
    """The lines of a description that say which column is the label.

    Args:
      label: As ``label_column`` gives it.
      columns: From name to the values that are not missing.
      rows: That were looked at.
    """
    if label is None:
        return [entry("label", "?", _what_to_write(columns, rows))]
    counts = Counter(columns[label])
    shown = " and ".join(f"{value} ({count:,})" for value, count in counts.most_common())
    shown += _others_told(label, columns)
    if _is_binary(columns[label]):
        rest = "" if set(counts) <= _BINARY else "; rows of a word are rejected"
        return [entry("label", label, f"has the values {shown}{rest}")]
    # Beside a 2, as in many tables of answers, 1 may be either.
    known = [] if set(counts) == {"1", "2"} else [value for value in counts if _is_click(value)]
    positive = known[0] if len(known) == 1 else counts.most_common()[-1][0]
    why = "is how clicks are called" if known else "is the rarer value"
    table = f"{{column = {quoted(label)}, positive = [{quoted(positive)}]}}"
    return [f"label = {table}  # {plain(f'has two values, {shown}; {positive} {why}')}"]


def _others_told(label: str, columns: dict[str, list[str]]) -> str:
    """Which columns may be meant in place of one that is not called as labels are."""
    others = [name for name in columns if name != label and name and _is_binary(columns[name])]
    if not others or label in _called_labels(columns) or _tells_an_act(label, columns[label]):
        return ""
    return f"; so have {', '.join(map(quoted, others[:_MOST_SHOWN]))}: is it this one?"


def _what_to_write(columns: dict[str, list[str]], rows: int) -> str:
    """Why no column is known to be the label, and what its owner writes there."""
    graded = next((name for name in columns if _is_grade(name, columns[name])), None)
    middle = 3.0
    if graded is not None:
        grades = list(map(float, columns[graded]))
        middle = (min(grades) + max(grades)) / 2
    column = quoted("NAME" if graded is None else graded)
    why = (
        "no column has two values, as clicks have: write its name here; if it has more values, "
        f'{{column = {column}, positive = ["A"]}} says which ones are clicks, and {{column = '
        f"{column}, above = {middle:g}}} that numbers above are"
    )
    for name in _called_labels(columns)[:1]:
        values = [value for value, _ in Counter(columns[name]).most_common(_MOST_SHOWN)]
        shown = ", ".join(values) if values else "none"
        different = len(set(columns[name]))
        why += f"; {quoted(name)} has {different} value{'s' * (different != 1)}: {shown}"
        if different == 1 and (empty := rows - len(columns[name])):
            why += f", and none in {empty:,} rows: if these are no clicks, write a 0 there"
    return why


def _is_grade(name: str, values: list[str]) -> bool:
    """Whether a column is of grades, such as stars."""
    few = 2 < len(set(values)) <= FEW_VALUES
    return bool(_GRADE_NAME.search(name)) and few and all(map(NumberReader().is_number, values))
