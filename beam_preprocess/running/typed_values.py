"""Values of typed columns as the training's log had them written.

A table's ``True``, ``12`` and ``0.5`` are values, whatever text a program makes of them; the text
of the log that a vocabulary was made of may have been ``True``, ``12.0`` and ``0,5``.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.reading.parquet_values import is_number

_ANSWERS = tuple(
    (word(b"true"), word(b"false")) for word in (bytes.lower, bytes.title, bytes.upper)
)
_WHOLE = r"^-?[0-9]+$"


def as_written(
    values: pa.Array, kind: pa.DataType, known: pa.Array | None, decimal: str = "."
) -> pa.Array:
    """Text of a column, in the writing that a vocabulary knows, or that of the log.

    Args:
      values: Arrow binary, as ``parquet_values.text_of`` gives it.
      kind: Type of the column that it was made of.
      known: Entries of the vocabulary, Arrow binary; None of a column that has none.
      decimal: What stood before the decimals of a number in the log.

    >>> flags, ids = pa.array([b"1", b"0", b""]), pa.array([b"12", b"7", b"0.5"])
    >>> as_written(flags, pa.bool_(), pa.array([b"False", b"True"])).to_pylist()
    [b'True', b'False', b'']
    >>> as_written(ids, pa.float64(), pa.array([b"12.0", b"7"])).to_pylist()
    [b'12.0', b'7', b'0.5']
    >>> as_written(ids, pa.float64(), None, ",").to_pylist()
    [b'12', b'7', b'0,5']
    """
    if decimal != "." and is_number(kind):
        values = _with_sign(values, known, decimal.encode())
    if known is None:
        return values
    if pa.types.is_boolean(kind):
        return _as_answers(values, known)
    if is_number(kind):
        return _with_decimals(values, known, f"{decimal}0".encode())
    return values


def may_be_written_otherwise(known: pa.Array, decimal: str = ".") -> bool:
    """Whether :func:`as_written` may change a value of a column of this vocabulary at all.

    Args:
      known: Entries of the vocabulary, Arrow binary.
      decimal: What stood before the decimals of a number in the log.

    >>> [may_be_written_otherwise(pa.array([value])) for value in (b"12", b"12.0", b"True")]
    [False, True, True]
    """
    if decimal != ".":
        return True
    ends = pc.any(pc.ends_with(known, f"{decimal}0")).as_py()
    return bool(ends) or any(word in _words(known) for pair in _ANSWERS for word in pair)


def _words(known: pa.Array) -> set[bytes]:
    """The entries of a vocabulary of a few words."""
    return set(known.to_pylist()) if len(known) <= 2 * len(_ANSWERS) else set()


def _as_answers(values: pa.Array, known: pa.Array) -> pa.Array:
    words = _words(known)
    for yes, no in () if words & {b"1", b"0"} else _ANSWERS:
        if words & {yes, no}:
            text = pc.if_else(pc.equal(values, b"1"), pa.scalar(yes, pa.binary()), values)
            return pc.if_else(pc.equal(values, b"0"), pa.scalar(no, pa.binary()), text)
    return values


def _with_sign(values: pa.Array, known: pa.Array | None, sign: bytes) -> pa.Array:
    """Numbers with the log's sign before their decimals, but for those that it had with a point."""
    written = pc.replace_substring(values, b".", sign)
    return written if known is None else pc.if_else(pc.is_in(values, known), values, written)


def _with_decimals(values: pa.Array, known: pa.Array, end: bytes) -> pa.Array:
    unknown = pc.invert(pc.is_in(values, known))
    if not pc.any(unknown).as_py():
        return values
    whole = pc.match_substring_regex(values, _WHOLE)
    longer = pc.binary_join_element_wise(values, pa.scalar(end, pa.binary()), b"")
    return pc.if_else(pc.and_(pc.and_(unknown, whole), pc.is_in(longer, known)), longer, values)
