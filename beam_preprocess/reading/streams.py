"""Streams that give the bytes of another one in the form that blocks are read in."""

from __future__ import annotations

import codecs
import io
from typing import Any, BinaryIO

_READ_BYTES = 1 << 16


class _Wrapped(io.RawIOBase):
    """What wraps another stream; a subclass says how bytes become others."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


class BreaksOfReturns(_Wrapped):
    r"""Lines that end with a carriage return alone, as lines that end with a newline.

    Args:
      stream: Of bytes; offsets stay as they are.

    >>> BreaksOfReturns(io.BytesIO(b"a\rb\r")).read()
    b'a\nb\n'
    """

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)


class Recoded(_Wrapped):
    """Text of another encoding as UTF-8, to be read from its beginning on.

    What is no text of that encoding becomes bytes that are none of UTF-8, so that its row is found.

    Args:
      stream: Of bytes.
      encoding: Theirs, as Python calls it.

    >>> Recoded(io.BytesIO("a\\u00e9".encode("utf-16")), "utf-16").read().decode()
    'a\\xe9'
    """

    def __init__(self, stream: BinaryIO, encoding: str):
        super().__init__(stream)
        self._encoding = encoding
        self._restart()

    def _restart(self) -> None:
        self._decoder = codecs.getincrementaldecoder(self._encoding)("surrogateescape")
        self._ready = b""
        self._ended = False
        self._position = 0

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._ended:
            read = self._stream.read(_READ_BYTES)
            self._ended = not read
            text = self._decoder.decode(read, final=self._ended)
            self._ready = text.encode("utf-8", "surrogatepass")
        data, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if (offset, whence) == (0, io.SEEK_CUR):
            return self._position
        if (offset, whence) != (0, io.SEEK_SET):
            raise io.UnsupportedOperation("a recoded stream is read from its beginning on")
        self._stream.seek(0)
        self._restart()
        return 0
