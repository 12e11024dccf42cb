"""Raw values to times, column by column."""

from __future__ import annotations

import functools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.dataset.time_formats import (
    DEFAULTS,
    DERIVED_CATEGORIES,
    FLAG_LETTERS,
    FLAG_PARTS,
    ISO_8601,
    MONTHS,
    NAME_PARTS,
    Moment,
    TimeFormat,
    time_format,
)


def moments_of(values: pa.Array, form: TimeFormat) -> Moment:
    """The times of raw values.

    Args:
      values: Binary or text, null where missing.
      form: How they are written.

    Returns:
      int64 and bool [rows]; a null, and a value that is no such time, is not valid.

    >>> found = moments_of(pa.array(["21/10/2014", None]), time_format("%d/%m/%Y"))
    >>> found.valid.tolist(), found.seconds[0].item()
    ([True, False], 1413849600)
    """
    encoded = values.cast(pa.string()).dictionary_encode()
    distinct = _distinct_moments(encoded.dictionary, form)
    rows = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()
    return Moment(*(part[rows] for part in distinct))


def _distinct_moments(values: pa.Array, form: TimeFormat) -> Moment:
    """Those of some values, and behind them that of a null."""
    values = pa.concat_arrays([values, pa.array([""], pa.string())])
    found = pc.extract_regex(values, form.pattern)
    parts = {name: _numbers(found.field(at), name) for at, name in enumerate(form.parts)}
    moment = form.moment(parts)
    matched = found.is_valid().to_numpy(zero_copy_only=False)
    matched[-1] = False
    return moment._replace(valid=moment.valid & matched)


def _numbers(texts: pa.Array, part: str) -> np.ndarray:
    """int64 numbers of the texts of a part; what is not there has its default."""
    if part in FLAG_PARTS:
        first = pc.utf8_slice_codeunits(texts.fill_null(""), 0, 1)
        letters = pa.array(list(FLAG_LETTERS))
        return pc.is_in(first, letters).to_numpy(zero_copy_only=False).astype(np.int64)
    if part in NAME_PARTS:
        first = pc.utf8_lower(pc.utf8_slice_codeunits(texts, 0, 3))
        return pc.index_in(first, pa.array(MONTHS)).fill_null(-1).to_numpy().astype(np.int64) + 1
    present = pc.if_else(pc.equal(texts, ""), None, texts)
    return present.cast(pa.int64()).fill_null(DEFAULTS.get(part, 0)).to_numpy()


def is_time(text: str) -> bool:
    """Whether a text is a time of ISO 8601.

    >>> is_time("2024-12-31"), is_time("signed_up")
    (True, False)
    """
    return bool(moments_of(pa.array([text]), time_format(ISO_8601)).valid[0])


def derived_categories(moments: Moment, derivation: str) -> pa.Array:
    """A category of each time, as Arrow binary; null where there is no time.

    Args:
      moments: The times.
      derivation: One of ``DERIVED_CATEGORIES``.

    >>> times = moments_of(pa.array(["14102107"]), time_format("YYMMDDHH"))
    >>> derived_categories(times, "weekday").to_pylist()
    [b'1']
    """
    derived = DERIVED_CATEGORIES[derivation]
    index = np.where(moments.valid, derived.place(moments), 0)
    return _categories(derivation).take(pa.array(index, mask=~moments.valid))


@functools.cache
def _categories(derivation: str) -> pa.Array:
    return pa.array([text.encode() for text in DERIVED_CATEGORIES[derivation].categories])


def seconds_of(text: str, form: str = ISO_8601) -> int:
    """Whole seconds from 1970 to a time, rounded down.

    Args:
      text: The time.
      form: How it is written; as in time_formats.py.

    Raises:
      ValueError: It is no such time.

    >>> seconds_of("1970-01-02"), seconds_of("1970-01-01 01:00:00.9+01:00")
    (86400, 0)
    >>> seconds_of("Oct 21, 2014", "%b %d, %Y")
    1413849600
    >>> seconds_of("2014-13-01")
    Traceback (most recent call last):
        ...
    ValueError: not a time of the form iso8601: '2014-13-01'
    """
    moment = moments_of(pa.array([text]), time_format(form))
    if not moment.valid[0]:
        raise ValueError(f"not a time of the form {form}: {text!r}")
    return int(moment.seconds[0])
