"""Batches of rows to framed TFRecords of ``tf.train.Example``, and back, without TensorFlow.

The encoder lays a whole batch out as one byte matrix with slack where a varint may be shorter, and
then keeps the used bytes: no Python code runs per row. The result is byte for byte what
``tf.train.Example.SerializeToString(deterministic=True)`` and ``TFRecordWriter`` give.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from beam_preprocess.common.crc32c import masked_crc32c

_DELIMITED = 2  # protobuf wire type
_FRAME_HEAD = 12  # uint64 length, uint32 masked CRC of it
_CRC_BYTES = 4


@dataclasses.dataclass
class Matrix:
    """Byte strings, one a row.

    Attributes:
      data: uint8 [rows, width].
      used: bool [rows, width], the bytes in use.
    """

    data: np.ndarray
    used: np.ndarray

    def lengths(self) -> np.ndarray:
        return self.used.sum(axis=1, dtype=np.int64)


def encode_records(
    label: np.ndarray,
    dense: np.ndarray,
    sparse: np.ndarray,
    weight: np.ndarray | None = None,
    group: np.ndarray | None = None,
    longest: Sequence[int | None] | None = None,
) -> tuple[bytes, np.ndarray]:
    """TFRecords, framed and joined, of one batch.

    Args:
      label: [rows], 0 or 1.
      dense: float32 [rows, dense features], possibly of no columns.
      sparse: int64 [rows, ids of all sparse features], at least 0, or ``PADDING_ID`` behind the
        last item of a list.
      weight: [rows], how much each counts; None if they all count alike.
      group: uint64 [rows]; None if there are no groups.
      longest: Of each sparse feature the ids of a list, padding included, or None where it has
        single values, as all have unless given.

    Returns:
      The records, and int64 [rows] how many bytes each takes.

    >>> records, sizes = encode_records(np.ones(2), np.zeros((2, 1)), np.array([[7], [300]]))
    >>> len(records), sizes.tolist()
    (147, [73, 74])
    """
    if len(label) == 0:
        return b"", np.zeros(0, np.int64)
    features = []
    if dense.shape[1]:
        features.append(_float_feature(b"dense", dense.astype("<f4")))
    if group is not None:
        features.append(_int64_feature(b"group", group[:, None]))
    features.append(_float_feature(b"label", label.astype("<f4")[:, None]))
    features += _sparse_features(sparse, longest)
    if weight is not None:
        features.append(_float_feature(b"weight", weight.astype("<f4")[:, None]))
    example = _delimited(1, _join(features))
    return _frame(example)


def _sparse_features(sparse: np.ndarray, longest: Sequence[int | None] | None) -> Iterator[Matrix]:
    """A feature for each list, then one of all single ids; protobuf's order is by name."""
    if longest is None:
        yield _int64_feature(b"sparse", sparse)
        return
    ends = np.cumsum([width or 1 for width in longest])
    lists = {
        f"list_{field}": sparse[:, ends[field] - width : ends[field]]
        for field, width in enumerate(longest)
        if width is not None
    }
    for name in sorted(lists):
        yield _int64_feature(name.encode(), lists[name])
    singles = [end - 1 for end, width in zip(ends, longest, strict=True) if width is None]
    if singles:
        yield _int64_feature(b"sparse", sparse[:, singles])


def _float_feature(name: bytes, values: np.ndarray) -> Matrix:
    packed = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
    payload = Matrix(packed, np.ones_like(packed, bool))
    return _map_entry(name, _delimited(2, _delimited(1, payload)))


def _int64_feature(name: bytes, values: np.ndarray) -> Matrix:
    rows, columns = values.shape
    width = max(1, -(-int(values.max(initial=0)).bit_length() // 7))
    data, used = _varints(values, width)
    used &= (values >= 0)[..., None]
    payload = Matrix(data.reshape(rows, columns * width), used.reshape(rows, columns * width))
    return _map_entry(name, _delimited(3, _delimited(1, payload)))


def _map_entry(name: bytes, feature: Matrix) -> Matrix:
    key = _constant(bytes([1 << 3 | _DELIMITED, len(name)]) + name, len(feature.data))
    return _delimited(1, _join([key, _delimited(2, feature)]))


def _delimited(field: int, payload: Matrix) -> Matrix:
    """``payload`` as the length-delimited protobuf field of that number (below 16)."""
    lengths = payload.lengths()
    width = max(1, -(-int(payload.data.shape[1]).bit_length() // 7))
    data, used = _varints(lengths, width)
    tag = _constant(bytes([field << 3 | _DELIMITED]), len(lengths))
    return _join([tag, Matrix(data, used), payload])


def _constant(value: bytes, rows: int) -> Matrix:
    data = np.broadcast_to(np.frombuffer(value, np.uint8), (rows, len(value)))
    return Matrix(data, np.ones(data.shape, bool))


def _join(parts: list[Matrix]) -> Matrix:
    return Matrix(
        np.concatenate([part.data for part in parts], axis=1),
        np.concatenate([part.used for part in parts], axis=1),
    )


def _varints(values: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Base-128 varints of non-negative integers: uint8 and bool arrays [..., width]."""
    rest = values.astype(np.uint64)
    data = np.empty((*values.shape, width), np.uint8)
    used = np.empty((*values.shape, width), bool)
    used[..., 0] = True
    for index in range(width):
        following = rest >> np.uint64(7)
        more = following > 0
        data[..., index] = (rest & np.uint64(0x7F)).astype(np.uint8) | (more.view(np.uint8) << 7)
        if index + 1 < width:
            used[..., index + 1] = more
        rest = following
    return data, used


def _frame(record: Matrix) -> tuple[bytes, np.ndarray]:
    rows, width = record.data.shape
    lengths = record.lengths()
    aligned_width = -(-width // 8) * 8
    aligned = np.zeros((rows, aligned_width), np.uint8)
    inside = np.arange(aligned_width) >= (aligned_width - lengths)[:, None]
    aligned[inside] = record.data[record.used]
    data = np.empty((rows, _FRAME_HEAD + width + _CRC_BYTES), np.uint8)
    data[:, :_FRAME_HEAD] = _frame_heads(lengths)
    data[:, _FRAME_HEAD:-_CRC_BYTES] = record.data
    crc = masked_crc32c(aligned, lengths)
    data[:, -_CRC_BYTES:] = crc.astype("<u4").view(np.uint8).reshape(rows, _CRC_BYTES)
    used = np.ones(data.shape, bool)
    used[:, _FRAME_HEAD:-_CRC_BYTES] = record.used
    return data[used].tobytes(), lengths + _FRAME_HEAD + _CRC_BYTES


def _frame_heads(lengths: np.ndarray) -> np.ndarray:
    distinct, inverse = np.unique(lengths, return_inverse=True)
    octets = distinct.astype("<u8").view(np.uint8).reshape(-1, 8)
    crc = masked_crc32c(octets.copy(), np.full(len(distinct), 8))
    heads = np.concatenate([octets, crc.astype("<u4").view(np.uint8).reshape(-1, 4)], axis=1)
    return heads[inverse]
