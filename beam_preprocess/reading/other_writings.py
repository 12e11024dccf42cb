"""What programs do to the text of a value: the same value, written otherwise, is another category.

Looked for within a log, where parts of it may come of two programs, and between a log and the one
that a model was trained on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

_OTHER_CASE = "in other letters, small or capital"

_WITHOUT_POINT, _WITH_POINT = "without .0", "with .0"
_COMPOSED, _DECOMPOSED = "composed (Unicode's NFC)", "decomposed (Unicode's NFD)"

_WRITINGS: dict[str, Callable[[str], str]] = {
    "without blanks around": str.strip,
    _WITHOUT_POINT: lambda text: re.sub(r"^(-?[0-9]+)\.0+$", r"\1", text),
    _WITH_POINT: lambda text: re.sub(r"^(-?[0-9]+)$", r"\1.0", text),
    "without zeros at the end": lambda text: re.sub(r"^(-?[0-9]+\.[0-9]*[1-9])0+$", r"\1", text),
    "without leading zeros": lambda text: re.sub(r"^0+(?=.)", "", text),
    _COMPOSED: lambda text: unicodedata.normalize("NFC", text),
    _DECOMPOSED: lambda text: unicodedata.normalize("NFD", text),
    "without quotes": lambda text: text.strip("\"'"),
    _OTHER_CASE: str.lower,
}
"""What other programs do to values, undone."""

_OPPOSITES = ((_WITHOUT_POINT, _WITH_POINT), (_COMPOSED, _DECOMPOSED))
"""Of which a column that is written in one way knows one: the other changes none of its values."""

_TRIED_VALUES = 2000
_WRITTEN_TWICE = 0.05
"""Share of the values of a column that stand in it once more, or might, in another writing."""


def rewritten(texts: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Texts in each way of writing, and what that way is called.

    Args:
      texts: Some texts.

    >>> dict(rewritten(["007", "a "]))["without leading zeros"]
    ['7', 'a ']
    """
    for how, write in _WRITINGS.items():
        yield how, [write(text) for text in texts]


class Twin(NamedTuple):
    """Two texts of one value.

    Attributes:
      text: The one.
      other: The other.
      how: What ``other`` is, beside ``text``.
    """

    text: str
    other: str
    how: str


def twins(texts: Sequence[str], values: pa.Array) -> Iterator[list[Twin]]:
    """For each way of writing, the texts that another value of a column has in that way.

    Args:
      texts: Some texts.
      values: Of the column, Arrow strings.

    >>> for found in twins(["7.0", "Oslo"], pa.array(["7", "oslo", "Oslo"])):
    ...     if found: print(*found)
    Twin(text='7.0', other='7', how='without .0')
    Twin(text='Oslo', other='oslo', how='in other letters, small or capital')
    """
    for how, write in _WRITINGS.items():
        known = pc.utf8_lower(values) if how == _OTHER_CASE else values
        places = pc.index_in(pa.array(map(write, texts), pa.string()), value_set=known).to_pylist()
        pairs = [
            (text, values[place].as_py())
            for text, place in zip(texts, places, strict=True)
            if place is not None
        ]
        yield [Twin(text, other, how) for text, other in pairs if text != other]


def written_twice(values: pa.Array) -> Twin | None:
    """Two values of a column that is written in two ways, if these are no exceptions.

    Args:
      values: Distinct ones, Arrow strings.

    >>> written_twice(pa.array(["5", "6", "5.0"])), written_twice(pa.array(["a", "b"]))
    (Twin(text='5.0', other='5', how='without .0'), None)
    """
    step = max(1, len(values) // _TRIED_VALUES)
    texts = values.take(pa.array(range(0, len(values), step), pa.int64())).to_pylist()
    enough = max(1.0, _WRITTEN_TWICE * len(texts))
    for found in twins(texts, values):
        if len(found) >= enough:
            return found[0]
    # Where values are nearly unique, few stand there twice.
    for how, opposite in _OPPOSITES:
        one = [text for text in texts if _WRITINGS[how](text) != text]
        other = [text for text in texts if _WRITINGS[opposite](text) != text]
        if min(len(one), len(other)) >= enough:
            return Twin(one[0], other[0], how)
    return None
