"""Reading records back without TensorFlow: for ``inspect`` and for tests of the writer."""

from __future__ import annotations

import gzip
import pathlib
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from beam_preprocess.common.crc32c import masked_crc32c
from beam_preprocess.errors import DataError

_HEAD = struct.Struct("<QI")
_CRC = struct.Struct("<I")
_DELIMITED = 2  # protobuf wire type
_FLOAT_LIST, _INT64_LIST = 2, 3  # fields of tf.train.Feature


def read_records(path: str | pathlib.Path) -> Iterator[bytes]:
    """Yields the records of one gzip TFRecord file, each checked against its checksums.

    Args:
      path: The file.

    Raises:
      DataError: The file is missing, truncated or damaged.
    """
    try:
        with gzip.open(path, "rb") as stream:
            while head := stream.read(_HEAD.size):
                length, length_crc = _HEAD.unpack(head)
                if _crc(head[:8]) != length_crc:
                    raise DataError(f"{path}: damaged record; preprocess the data again")
                record = stream.read(length)
                if _crc(record) != _CRC.unpack(stream.read(_CRC.size))[0]:
                    raise DataError(f"{path}: damaged record; preprocess the data again")
                yield record
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (EOFError, struct.error, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: truncated or damaged ({error})") from None


def decode_example(record: bytes) -> dict[str, np.ndarray]:
    """The features of one serialized ``tf.train.Example``.

    Args:
      record: Its bytes.

    Returns:
      float32 or int64 [values] by name.

    Raises:
      DataError: A feature is a list of bytes.
    """
    features = {}
    for _, body in _fields(record):
        for _, entry in _fields(body):
            name, feature = (value for _, value in sorted(_fields(entry)))
            kind, values = next(_fields(feature))
            packed = b"".join(value for _, value in _fields(values))
            if kind == _FLOAT_LIST:
                features[name.decode()] = np.frombuffer(packed, "<f4")
            elif kind == _INT64_LIST:
                features[name.decode()] = np.array(list(_varints(packed)), np.uint64).view(np.int64)
            else:
                raise DataError(f"feature {name!r}: neither a float nor an int64 list")
    return features


def _crc(data: bytes) -> int:
    width = -(-max(len(data), 8) // 8) * 8
    aligned = np.zeros((1, width), np.uint8)
    aligned[0, width - len(data) :] = np.frombuffer(data, np.uint8)
    return int(masked_crc32c(aligned, np.array([len(data)]))[0])


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Field numbers and bodies of a message whose fields are all length-delimited."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 != _DELIMITED:
            raise DataError("not a tf.train.Example of this format")
        length, at = _varint(message, at)
        yield tag >> 3, message[at : at + length]
        at += length


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet = data[at]
        at += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value, at
        shift += 7
