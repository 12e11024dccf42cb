"""How files are packed: what their names say, and what their first bytes do."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from typing import Any, NamedTuple


class Packing(NamedTuple):
    """A way of packing.

    Attributes:
      name: What people call it.
      ending: Of the name of a file that is packed so.
      marks: One of which such a file begins with.
      open: Unpacks an open file; None where nothing here can.
    """

    name: str
    ending: str
    marks: tuple[bytes, ...]
    open: Callable[[Any], Any] | None

    @property
    def mend(self) -> str:
        """What to do with a file that is packed so and is not called so."""
        if self.open is None:
            return UNPACK
        return f"give it a name that ends in {self.ending}"


UNPACK = "unpack it, or pack it again as .gz"

_BZIP2_BLOCK, _BZIP2_END = b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"
_BZIP2 = [b"BZh%d%s" % (level, magic)
          for level in range(1, 10) for magic in (_BZIP2_BLOCK, _BZIP2_END)]  # fmt: skip
"""Of a block, and of the end of what is empty; a column may be called BZh."""

PACKINGS = (
    Packing("gzip", ".gz", (b"\x1f\x8b",), gzip.open),
    Packing("bzip2", ".bz2", tuple(_BZIP2), bz2.open),
    # The second is of the format before xz, which the same library reads.
    Packing("xz", ".xz", (b"\xfd7zXZ\x00", b"]\x00\x00"), lzma.open),
    Packing("zstd", ".zst", (b"\x28\xb5\x2f\xfd",), None),
    Packing("lz4", ".lz4", (b"\x04\x22\x4d\x18",), None),
)

UNREADABLE = (".zst", ".lz4", ".zip", ".tar", ".tgz", ".7z", ".snappy")
"""Endings of what is not unpacked here."""


def named_packing(path: str) -> Packing | None:
    """The packing that a file's name says, in letters of either case.

    Args:
      path: Of the file.

    >>> named_packing("log.csv.GZ").name, named_packing("log.csv")
    ('gzip', None)
    """
    return next((one for one in PACKINGS if path.lower().endswith(one.ending)), None)


def found_packing(begin: bytes) -> Packing | None:
    """The packing that a file's first bytes are of.

    Args:
      begin: Of the file.

    >>> found_packing(gzip.compress(b"a")).name, found_packing(b"click,user")
    ('gzip', None)
    """
    return next((one for one in PACKINGS if begin.startswith(one.marks)), None)
