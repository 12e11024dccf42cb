"""Where the lines of a block of text begin and end."""

from __future__ import annotations

import numpy as np

NEWLINE = 0x0A
RETURN = 0x0D


class Lines:
    r"""Where the lines of a block begin and end (line breaks excluded).

    Args:
      data: The block.

    >>> lines = Lines(b"1,2\r\n3,4\n5")
    >>> len(lines), lines[0], lines[2], lines.lengths().tolist()
    (3, b'1,2', b'5', [3, 3, 1])
    """

    def __init__(self, data: bytes):
        octets = np.frombuffer(data, np.uint8)
        breaks = np.flatnonzero(octets == NEWLINE)
        open_end = len(data) > 0 and data[-1] != NEWLINE
        self.data = data
        self.ends = np.append(breaks, len(data)) if open_end else breaks
        self.starts = np.concatenate([[0], breaks + 1])[: len(self.ends)].astype(np.int64)
        if len(octets):
            inside = self.ends > self.starts
            returns = inside & (octets[np.maximum(self.ends - 1, 0)] == RETURN)
            self.ends = self.ends - returns

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int | np.integer) -> bytes:
        return self.data[self.starts[index] : self.ends[index]]

    def lengths(self) -> np.ndarray:
        """int64 [lines], bytes of each."""
        return self.ends - self.starts
