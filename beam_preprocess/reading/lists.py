"""Lists of items: of text with a separator between them or in JSON, and list columns of Parquet.

A column of lists is an Arrow array of ``list<binary>``, null where a list has no item.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.dataset.feature_schema import JSON_LISTS
from beam_preprocess.reading.parquet_values import is_readable, plain_values, text_of


def is_list_type(kind: pa.DataType) -> bool:
    """Whether a type of Parquet holds lists whose items can be read.

    >>> is_list_type(pa.list_(pa.string())), is_list_type(pa.string())
    (True, False)
    """
    return _is_list(kind) and is_readable(kind.value_type)


def _is_list(kind: pa.DataType) -> bool:
    return (
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def item_texts(values: pa.Array) -> pa.ListArray:
    """A list column of Parquet with its items as text; a null item is the empty one.

    Args:
      values: Of a type that :func:`is_list_type` takes.

    >>> item_texts(pa.array([[7, None], None, []])).to_pylist()
    [[b'7', b''], None, []]
    """
    return _lists(_lengths(values), text_of(plain_values(values.flatten())), _is_null(values))


def split_items(values: pa.Array, separator: str) -> pa.ListArray:
    """The items of texts.

    Args:
      values: Arrow binary; a null has no list.
      separator: What stands between two items.

    >>> split_items(pa.array([b"a|b", b"", None]), "|").to_pylist()
    [[b'a', b'b'], [b''], None]
    """
    return pc.split_pattern(values, separator)


def json_items(values: pa.Array) -> tuple[pa.ListArray, np.ndarray]:
    """The items of texts that are lists of JSON, each as the text that Parquet's would have.

    Args:
      values: Arrow binary; a null has no list.

    Returns:
      The lists, and the rows whose text is no list of single values, which have none.

    >>> lists, bad = json_items(pa.array([b'["a|b", 7, null]', b"[]", None, b"a"]))
    >>> lists.to_pylist(), bad.tolist()
    ([[b'a|b', b'7', b''], [], None, None], [3])
    """
    encoded = values.dictionary_encode()
    known = [_json_list(text) for text in encoded.dictionary.to_pylist()]
    bad = np.flatnonzero([items is None for items in known])
    lists = pa.array(known, pa.list_(pa.binary())).take(encoded.indices)
    codes = encoded.indices.fill_null(-1).to_numpy()
    return lists, np.flatnonzero(np.isin(codes, bad))


def texts_of_lists(values: pa.Array, separator: str) -> pa.Array:
    """A list column of Parquet as the texts that a column with a separator has.

    Args:
      values: Of a type that :func:`is_list_type` takes.
      separator: What stands between two items, or ``JSON_LISTS``.

    >>> texts_of_lists(pa.array([["a", "b"], [], None]), "|").to_pylist()
    [b'a|b', b'', b'']
    """
    lists = item_texts(values)
    if separator == JSON_LISTS:
        texts = json_texts(lists)
    else:
        texts = pc.binary_join(lists, separator.encode())
    return texts.fill_null(b"")


def whole_texts(values: pa.Array) -> pa.Array:
    """A column in which a list is one text, as a log might have it.

    Args:
      values: Arrow binary, or lists of it.

    >>> whole_texts(pa.array([[b"a", b"b"], None], pa.list_(pa.binary()))).to_pylist()
    [b'a|b', b'']
    """
    if not pa.types.is_list(values.type):
        return values
    return pc.binary_join(values, b"|").fill_null(b"")


def json_texts(values: pa.ListArray) -> pa.Array:
    """Lists as texts that :func:`json_items` reads.

    Args:
      values: Lists of Arrow binary, as :func:`item_texts` gives them.
    """
    return pa.array(
        [
            None if items is None else json.dumps([item.decode() for item in items]).encode()
            for items in values.to_pylist()
        ],
        pa.binary(),
    )


def _json_list(text: bytes) -> list[bytes] | None:
    try:
        items = json.loads(text)
        if items is None:  # as writers of JSON have a list that is missing
            return []
        return [_json_text(item) for item in items] if isinstance(items, list) else None
    except (ValueError, RecursionError):
        return None


def _json_text(item: object) -> bytes:
    if item is None:
        return b""
    if isinstance(item, bool | int):
        return b"%d" % item
    if isinstance(item, float):
        [text] = text_of(plain_values(pa.array([item]))).to_pylist()
        return text
    if not isinstance(item, str) or set(item) & set("\r\n"):
        raise ValueError("no single value of one line")
    return item.encode()


def without_missing_items(values: pa.ListArray, missing: pa.Array) -> pa.ListArray:
    """Lists without the items that mean missing; null where none is left.

    Args:
      values: Lists of Arrow binary.
      missing: Items that mean missing, the empty one among them.

    >>> lists = pa.array([[b"a", b""], [b"-"], None], pa.list_(pa.binary()))
    >>> without_missing_items(lists, pa.array([b"", b"-"])).to_pylist()
    [[b'a'], None, None]
    """
    items, lengths = values.flatten(), _lengths(values)
    kept = pc.invert(pc.is_in(items, missing))
    rows = np.repeat(np.arange(len(lengths)), lengths)
    left = np.bincount(rows[kept.to_numpy(zero_copy_only=False)], minlength=len(lengths))
    return _lists(left, items.filter(kept), left == 0)


def first_items(values: pa.ListArray, longest: int) -> tuple[np.ndarray, pa.Array]:
    """How many items each list keeps, and those, one list after the other.

    Args:
      values: Lists; a null has no items.
      longest: Most items that a list keeps, its first ones.

    >>> lengths, items = first_items(pa.array([[b"a", b"b", b"c"], None, [b"d"]]), 2)
    >>> lengths.tolist(), items.to_pylist()
    ([2, 0, 1], [b'a', b'b', b'd'])
    """
    items, lengths = values.flatten(), _lengths(values)
    if not lengths.max(initial=0) > longest:
        return lengths, items
    places = np.arange(len(items)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.minimum(lengths, longest), items.filter(pa.array(places < longest))


def rows_of_items(values: pa.ListArray, items: np.ndarray) -> np.ndarray:
    """The rows that hold some items, rising, each once.

    Args:
      values: Lists.
      items: Numbers of the items, counted through all lists.
    """
    lengths = _lengths(values)
    return np.unique(np.repeat(np.arange(len(lengths)), lengths)[items])


def joined_items(values: pa.ListArray) -> pa.Array:
    """One text for each list, null for a null; equal for equal lists.

    Args:
      values: Lists of Arrow binary.
    """
    return pc.binary_join(values, b"\n")  # which no item holds


def _lengths(values: pa.ListArray) -> np.ndarray:
    return pc.list_value_length(values).fill_null(0).to_numpy().astype(np.int64)


def _is_null(values: pa.Array) -> np.ndarray:
    return values.is_null().to_numpy(zero_copy_only=False)


def _lists(lengths: np.ndarray, items: pa.Array, absent: np.ndarray) -> pa.ListArray:
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, items, mask=pa.array(absent))
