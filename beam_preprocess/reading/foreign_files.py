"""Files that are no delimited text, told by how they begin."""

from __future__ import annotations

import codecs
import json

from beam_preprocess.errors import DataError
from beam_preprocess.reading.packings import found_packing, named_packing

_TABLE = "write it as Parquet or as delimited text"
_PAGE = "perhaps what a server answered in place of the log; fetch it again"

_BEGINNINGS = (
    (b"PK\x03\x04", "is a zip archive or an Excel workbook", "unpack it, or save it as CSV"),
    (b"PAR1", "is Parquet", '--dataset parquet (or file_format = "parquet" in the TOML file)'),
    (b"ARROW1", "is Arrow (Feather)", _TABLE),
    (b"FEA1", "is Feather", _TABLE),
    (b"ORC", "is ORC", _TABLE),
    (b"Obj\x01", "is Avro", _TABLE),
    (b"SQLite format 3\x00", "is a SQLite data base", _TABLE),
    (b"\x89HDF\r\n", "is HDF5", _TABLE),
    (b"version https://git-lfs", "is a pointer of Git LFS", "fetch the file: git lfs pull"),
    *((mark, "is a page of HTML", _PAGE) for mark in (b"<html", b"<!doctype", b"<!DOCTYPE")),
)
"""First bytes by which programs know their own files, what that is, and what to do."""

_TAR_AT, _TAR = 257, b"ustar"

_LOOKED_AT = 400
"""Characters of UTF-16 without its mark: most in the first lines of a log are Latin."""


def check_delimited(begin: bytes, path: str) -> None:
    """Refuses a file that no delimiter makes a table of.

    Args:
      begin: Its first bytes, as they are read: unpacked, and in the encoding that was named.
      path: Of the file, for the message.

    Raises:
      DataError: It is of another kind; the message says which, and what to do.

    >>> check_delimited(b"click,user\\n0,u1\\n", "log.csv")
    >>> check_delimited(b'{"click": 0}\\n', "log.csv")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
      ...
    beam_preprocess.errors.DataError: log.csv: is JSON; write it as Parquet or as delimited text
    """
    packing = found_packing(begin)
    if packing is not None:
        if named_packing(path) is not None:
            raise DataError(f"{path}: is packed twice, within by {packing.name}; unpack it once")
        raise DataError(f"{path}: is packed by {packing.name}; {packing.mend}")
    if begin[_TAR_AT:].startswith(_TAR):
        raise DataError(f"{path}: is a tar archive; unpack it")
    for first, kind, mend in _BEGINNINGS:
        # A column may be called ORC; what follows the mark of a program is no text.
        if begin.startswith(first) and (len(first) > 3 or not begin[3:20].isascii()):
            raise DataError(f"{path}: {kind}; {mend}")
    if begin.startswith(b"sep=") and begin[5:6] in (b"\r", b"\n"):
        raise DataError(
            f"{path} line 1: is a note for Excel, {begin[:5].decode()!r}; take the line out"
        )
    if encoding := wide_encoding(begin):
        raise DataError(
            f"{path}: is in {encoding[:6].upper()}; say so with --file-encoding {encoding} (or "
            "file_encoding in the TOML file)"
        )
    if _is_json(begin):
        raise DataError(f"{path}: is JSON; {_TABLE}")


def check_packing(begin: bytes, path: str) -> None:
    """Refuses a file that is not packed as its name says.

    Args:
      begin: Its first bytes, as they lie there.
      path: Of the file.

    Raises:
      DataError: It is packed otherwise, or not at all.

    >>> check_packing(b"click,user\\n", "log.csv.gz")
    Traceback (most recent call last):
      ...
    beam_preprocess.errors.DataError: log.csv.gz: is not packed by gzip, as its name says; take \
.gz off its name if nothing packed it, or fetch it again
    """
    named, found = named_packing(path), found_packing(begin)
    if named is None or named is found or not begin:
        return
    if found is not None:
        raise DataError(
            f"{path}: is packed by {found.name}, not by {named.name} as its name says; {found.mend}"
        )
    check_delimited(begin, path)
    raise DataError(
        f"{path}: is not packed by {named.name}, as its name says; take {named.ending} off its "
        "name if nothing packed it, or fetch it again"
    )


def wide_encoding(begin: bytes) -> str | None:
    """The name of the encoding if bytes are UTF-16 or UTF-32, with its mark, or UTF-16 without.

    Args:
      begin: The first bytes of a file.

    >>> wide_encoding("click,user".encode("utf-16-le")), wide_encoding(b"click,user")
    ('utf-16-le', None)
    """
    # The mark of UTF-32 begins with that of UTF-16.
    if begin[:4] in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return "utf-32"
    if begin[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    low, high = begin[: 2 * _LOOKED_AT : 2], begin[1 : 2 * _LOOKED_AT : 2]
    for name, text, zeros in (("utf-16-le", low, high), ("utf-16-be", high, low)):
        if zeros.count(0) > len(zeros) / 2 and not text.count(0):
            return name
    return None


def _is_json(begin: bytes) -> bool:
    """Whether the first line is an object or a list of JSON, or a list of objects begins."""
    text = begin.lstrip()
    if text[:1] == b"[" and text[1:].lstrip()[:1] == b"{":
        return True
    line = text.splitlines()[0] if text else b""
    if line[:1] not in (b"{", b"["):
        return False
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        return False
