"""Text files as blocks of whole lines, the same blocks for a plain and for a compressed file.

A file is cut at multiples of :data:`BLOCK_BYTES` of its uncompressed bytes; a line belongs to the
block in which it begins. So any worker can read any block of a plain file by itself, and what a
block holds does not depend on the runner.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from beam_preprocess.errors import DataError
from beam_preprocess.reading.foreign_files import check_packing
from beam_preprocess.reading.packings import UNPACK, UNREADABLE, named_packing
from beam_preprocess.reading.quotes import Quotes
from beam_preprocess.reading.streams import BreaksOfReturns, Recoded

# Part of the format: the stratified split works within a block (see splits.py), so another size
# gives another split. One MiB is about 4,000 Criteo rows: enough to spread the cost of a NumPy
# call, and little memory.
BLOCK_BYTES = 1 << 20

_BOM = b"\xef\xbb\xbf"
_SKIP_BYTES = 1 << 16
_MARK_BYTES = 512


@dataclasses.dataclass(frozen=True)
class InputFile:
    """One raw file.

    Attributes:
      index: Position among the input files of its split group, sorted by path.
      path: Where it lies.
      size: Bytes on disk.
      split: The split that it was given for, or None.
      limit: Offset (uncompressed) before which a line must begin to be read, or None; a number of
        rows for Parquet.
      row_groups: Rows of each row group of a Parquet file; empty for text.
      block_rows: Rows of a block of a Parquet file; 0 for text.
      encoding: Of a text file that has to become UTF-8 first; None for one that is.
      ends_with_returns: Whether the lines of a text file end with carriage returns alone.
      partitions: Columns that the names of its directories give it (``day=3/``), and their values.
      columns: Those of the file itself, in its order; None where they are those of the log.
    """

    index: int
    path: str
    size: int
    split: str | None = None
    limit: int | None = None
    row_groups: tuple[int, ...] = ()
    block_rows: int = 0
    encoding: str | None = None
    ends_with_returns: bool = False
    partitions: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] | None = None

    @property
    def in_one_go(self) -> bool:
        """Whether text can be read from its beginning only: compressed, or not UTF-8."""
        return not self.block_rows and (self.encoding is not None or bool(_opener(self.path)))

    @property
    def block_count(self) -> int | None:
        """Blocks of the file; None where only reading it tells (compressed text)."""
        if self.in_one_go:
            return None
        if self.block_rows:
            return sum(-(-rows // self.block_rows) for rows in self.row_groups)
        end = self.size if self.limit is None else min(self.size, self.limit)
        return -(-end // BLOCK_BYTES)


@dataclasses.dataclass(frozen=True)
class TextBlock:
    """The lines that begin in one block.

    Attributes:
      index: Number of the block in its file.
      offset: Where ``data`` begins, in uncompressed bytes of the file.
      data: Whole lines, the first of which begins there.
    """

    index: int
    offset: int
    data: bytes


def _opener(path: str) -> Callable[[Any], Any] | None:
    """What unpacks a file, by the ending of its name in letters of either case."""
    packing = named_packing(path)
    return None if packing is None else packing.open


def check_readable(path: str) -> None:
    """Refuses a compression that cannot be read.

    Args:
      path: Of a file; its ending tells.

    Raises:
      DataError: It is one of those, or is called so and is none.
    """
    if not path.lower().endswith(UNREADABLE):
        return
    with _opened(path) as raw:
        check_packing(raw.read(_MARK_BYTES), path)
    raise DataError(f"{path}: this compression is not supported; {UNPACK}")


def _opened(path: str) -> BinaryIO:
    """The bytes of a file as they lie there.

    Beam's own decompression ends a truncated gzip silently; the standard library raises.
    """
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


def unpacked_share(file: InputFile, most: int) -> float:
    """Bytes of UTF-8 that a byte of a text file on disk becomes, as its beginning tells.

    Args:
      file: The file.
      most: Bytes that are unpacked to see it.

    Raises:
      DataError: It cannot be read.
    """
    opener = _opener(file.path)
    try:
        with _opened(file.path) as raw:
            begin = raw.read(most) if opener is None else opener(raw).read(most)
            read = raw.tell()
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{file.path}: cannot be read ({error}); fetch it again") from None
    if file.encoding is not None:
        begin = begin.decode(file.encoding, errors="ignore").encode()
    return len(begin) / max(1, read)


@contextlib.contextmanager
def open_text(file: InputFile) -> Iterator[BinaryIO]:
    """Opens the uncompressed bytes of a file.

    Args:
      file: The file; the ending of its path tells the compression.

    Raises:
      DataError: It cannot be read or is damaged, also where reading it later shows that; the
        message names it.
    """
    with contextlib.ExitStack() as stack:
        try:
            raw = stack.enter_context(_opened(file.path))
            opener = _opener(file.path)
            if opener is not None:
                check_packing(raw.read(_MARK_BYTES), file.path)
                raw.seek(0)
                raw = stack.enter_context(io.BufferedReader(opener(raw), BLOCK_BYTES))
            if file.encoding is not None:
                raw = io.BufferedReader(Recoded(raw, file.encoding), BLOCK_BYTES)
            if file.ends_with_returns:
                raw = io.BufferedReader(BreaksOfReturns(raw), BLOCK_BYTES)
            yield raw
        except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
            raise DataError(
                f"{file.path}: truncated or damaged compressed file ({error}); fetch it again"
            ) from None
        except FileNotFoundError:
            raise DataError(f"{file.path}: no such file") from None
        except PermissionError:
            raise DataError(f"{file.path}: no permission to read it") from None
        except OSError as error:
            raise DataError(
                f"{file.path}: cannot be read ({error.strerror or error}); fetch it again"
            ) from None


def read_blocks(
    file: InputFile, first: int, last: int | None, max_row_bytes: int, quotes: Quotes | None = None
) -> Iterator[TextBlock]:
    """Yields the blocks of a file in order.

    A line longer than ``max_row_bytes`` may come truncated, yet still longer than that. Lines that
    belong to a row begun in the block before, in a quoted value, are in that block.

    Args:
      file: The file.
      first: First block.
      last: The block to stop before; None for the end of the file.
      max_row_bytes: Longest accepted row.
      quotes: How values are quoted; None where every line begins a row.

    Raises:
      DataError: The file cannot be read.
    """
    if quotes is None:
        yield from _read_blocks(file, first, last, max_row_bytes)
        return
    # Where the rows of a block begin is told by the block before it, and by that alone: alike for
    # whoever begins to read there.
    blocks = _read_blocks(file, max(0, first - 1), None, max_row_bytes)
    block, taken = next(blocks, None), 0
    while block is not None and (last is None or block.index < last):
        ahead = _Ahead(blocks)
        more = quotes.overhang(block.data, ahead.data)
        if block.index >= first:
            data = block.data[taken:] + ahead.data()[:more] if more else block.data[taken:]
            yield TextBlock(block.index, block.offset + taken, data)
        if last is not None and block.index + 1 == last:
            return
        block, taken = ahead.block(), more


class _Ahead:
    """The block behind the present one, read when it is asked for."""

    def __init__(self, blocks: Iterator[TextBlock]):
        self._blocks = blocks
        self._asked = False
        self._block: TextBlock | None = None

    def block(self) -> TextBlock | None:
        if not self._asked:
            self._asked, self._block = True, next(self._blocks, None)
        return self._block

    def data(self) -> bytes:
        block = self.block()
        return b"" if block is None else block.data


def _read_blocks(
    file: InputFile, first: int, last: int | None, max_row_bytes: int
) -> Iterator[TextBlock]:
    with open_text(file) as stream:
        position = _seek_line(stream, first)
        index = first
        while last is None or index < last:
            end = (index + 1) * BLOCK_BYTES
            if file.limit is not None:
                if position >= file.limit:
                    return
                end = min(end, file.limit)
            data, following = _read_lines(stream, position, end, max_row_bytes)
            if not data and position < end:
                return
            yield TextBlock(index, position, data)
            position = following
            index += 1


def _seek_line(stream: BinaryIO, block: int) -> int:
    """Moves to the first line that begins in ``block`` or later; returns its offset."""
    if block == 0:
        if stream.read(len(_BOM)) == _BOM:
            return len(_BOM)
        stream.seek(0)
        return 0
    position = stream.seek(block * BLOCK_BYTES - 1)
    return position + _skip_line(stream)


def _skip_line(stream: BinaryIO) -> int:
    skipped = 0
    while piece := stream.readline(_SKIP_BYTES):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def _read_lines(stream: BinaryIO, position: int, end: int, max_row_bytes: int) -> tuple[bytes, int]:
    """The lines that begin in [position, end) and the offset behind them."""
    if position >= end:
        return b"", position
    data = stream.read(end - position)
    following = position + len(data)
    if data and not data.endswith(b"\n"):
        tail = stream.readline(max_row_bytes + 1)
        following += len(tail)
        data += tail
        if len(tail) > max_row_bytes and not tail.endswith(b"\n"):
            following += _skip_line(stream)
    return data, following
