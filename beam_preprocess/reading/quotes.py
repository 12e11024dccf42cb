"""Quoted values: which lines are whole rows, and which rows go over several lines.

A value is quoted if it begins with a quote; a quote further inside is a character as any other (as
RFC 4180, Python, pandas and PyArrow read it). A quoted value ends at the first quote that is
neither doubled nor escaped, and behind that comes the delimiter or the end of the line. A row whose
quoted value holds a line break cannot be kept, and no line of it may pass for a row. So a line
whose quote is not closed is followed to where it is; where it is nowhere closed, or text follows
the closing quote, the quote is a slip and that line alone is malformed.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Iterator

import numpy as np

from beam_preprocess.reading.lines import Lines

_QUOTE = 0x22

OVER_LINES = "quoted value that goes over several lines"
INSIDE = "line within a quoted value that goes over several lines"
NOT_CLOSED = "quote that is not closed on its line"
TEXT_BEHIND = "text behind a closing quote"
ESCAPED = "text behind a closing quote (where \\ escapes quotes, say so: --escape, escape)"


@dataclasses.dataclass(frozen=True)
class Record:
    """A row as far as its quotes tell.

    Attributes:
      end: Offset behind its last line, its line break included.
      fault: Why the first line is malformed; None where the row is whole, on however many lines.
      is_open: Whether the data ended before the quote was closed.
    """

    end: int
    fault: str | None = None
    is_open: bool = False


@dataclasses.dataclass(frozen=True)
class Quotes:
    """How values are quoted.

    Attributes:
      delimiter: One character, as bytes.
      quoting: Whether values may be quoted.
      escape: One character that takes the next one as it is, as bytes; empty for none.
      skip_blanks: Whether blanks before a value are no part of it.
      longest: Bytes of the longest accepted row.
    """

    delimiter: bytes
    quoting: bool
    escape: bytes
    skip_blanks: bool
    longest: int

    def faults(self, lines: Lines) -> list[tuple[int, str]]:
        """The lines of a block that are no whole rows, with the reason.

        Args:
          lines: Of the block, the first of which begins a row.

        >>> quotes = Quotes(b",", True, b"", False, 100)
        >>> lines = Lines(b'1,12" pizza\\n0,"a\\n1,b\\nc",d\\n1,"x" y\\n')
        >>> [line for line, reason in quotes.faults(lines)]
        [1, 2, 3, 4]
        """
        found: list[tuple[int, str]] = []
        behind = 0
        for line in self._odd_lines(lines):
            if line < behind:
                continue
            record = self.record(lines.data, int(lines.starts[line]))
            if record.fault is not None:
                found.append((line, record.fault))
                continue
            behind = int(np.searchsorted(lines.starts, record.end))
            if behind > line + 1:
                found.append((line, OVER_LINES))
                found += [(inside, INSIDE) for inside in range(line + 1, behind)]
        return found

    def overhang(self, data: bytes, following: Callable[[], bytes]) -> int:
        """How many bytes of what follows belong to the last row of a block.

        Args:
          data: Lines of the block, the first of which begins a row.
          following: Gives the lines of the next block; asked if a quote is open at the end alone.
        """
        if not (b'"' in data or (self.escape and self.escape in data)):
            return 0
        lines = Lines(data)
        behind, whole, asked = 0, data, False
        for line in self._odd_lines(lines):
            start = int(lines.starts[line])
            if start < behind:
                continue
            record = self.record(whole, start)
            if record.is_open and not asked:
                whole, asked = data + following(), True
                record = self.record(whole, start)
            if record.fault is None:
                behind = record.end
        return max(0, behind - len(data))

    def record(self, data: bytes, start: int) -> Record:
        """The row that begins at an offset.

        Args:
          data: Lines.
          start: Where one of them begins.
        """
        stop = min(len(data), start + self.longest)
        first_break = data.find(b"\n", start, stop)
        at = start
        while True:
            value = self._value.match(data, at, stop)
            if value is None:  # a quote that is closed nowhere
                return Record(start, NOT_CLOSED, is_open=stop == len(data))
            at = value.end()
            if at >= stop and stop < len(data):
                return Record(start, NOT_CLOSED)
            following = data[at : at + 2]
            if following[:1] in (b"\n", b"") or following == b"\r\n":
                return Record(min(len(data), at + 1 + (following == b"\r\n")))
            if following[:1] != self.delimiter:
                if value.lastgroup != "quoted":
                    return Record(start, NOT_CLOSED, is_open=stop == len(data))
                if first_break >= 0 and at > first_break:  # another row's quote
                    return Record(start, NOT_CLOSED)
                return Record(start, ESCAPED if data[at - 2 : at - 1] == b"\\" else TEXT_BEHIND)
            at += 1

    def _odd_lines(self, lines: Lines) -> Iterator[int]:
        """Lines that have to be looked at value by value: the usual one is found whole at once.

        Usual are lines without a quote, and those whose quotes stand in turn at the beginning and
        at the end of a value.
        """
        octets = np.frombuffer(lines.data, np.uint8)
        odd = np.zeros(len(lines), bool)
        if self.escape:
            odd[_lines_at(lines, np.flatnonzero(octets == self.escape[0]))] = True
        quotes = np.flatnonzero(octets == _QUOTE) if self.quoting else np.zeros(0, np.int64)
        if len(quotes):
            of_line = _lines_at(lines, quotes)
            first = np.searchsorted(of_line, of_line)
            closing = (np.arange(len(quotes)) - first) % 2 == 1
            before = np.append(octets, self.delimiter[0])[quotes - 1]
            behind = np.append(octets, self.delimiter[0])[quotes + 1]
            begins = (quotes == lines.starts[of_line]) | (before == self.delimiter[0])
            ends = (quotes + 1 == lines.ends[of_line]) | (behind == self.delimiter[0])
            odd[of_line[~np.where(closing, ends, begins)]] = True
            odd |= np.bincount(of_line, minlength=len(lines)) % 2 == 1
        return iter(np.flatnonzero(odd).tolist())

    @functools.cached_property
    def _value(self) -> re.Pattern[bytes]:
        """One value from its beginning: a quoted one with its quotes, or one that is not."""
        escape = re.escape(self.escape)
        other = rb"|" + escape + rb"[\s\S]" if escape else b""
        quoted = rb'"[^"%b]*(?:(?:""%b)[^"%b]*)*"(?!")' % (escape, other, escape)
        delimiter = re.escape(self.delimiter)
        plain = rb"(?:[^%b%b\r\n]+|\r(?!\n)%b)*" % (delimiter, escape, other)
        blanks = rb" *(?! )" if self.skip_blanks else b""
        if self.quoting:
            return re.compile(rb'%b(?:(?P<quoted>%b)|(?!")(?P<plain>%b))' % (blanks, quoted, plain))
        return re.compile(rb"%b(?P<plain>%b)" % (blanks, plain))


def _lines_at(lines: Lines, offsets: np.ndarray) -> np.ndarray:
    return np.searchsorted(lines.starts, offsets, side="right") - 1
