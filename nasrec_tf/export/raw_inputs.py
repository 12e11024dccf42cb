"""The raw columns that a served network is asked with, as a data set's schema implies them."""

import dataclasses
import datetime
import keyword
import re

from beam_preprocess.dataset.feature_schema import SparseFeature
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.dataset.time_formats import time_format

NUMBER = "number"
TEXT = "text"
LIST = "list"

_FIRST_SAMPLE = datetime.datetime(2014, 10, 21)
"""The first day of Avazu's log: what made-up times are taken from."""


RawValue = float | str | list[str]


@dataclasses.dataclass(frozen=True)
class RawInput:
    """One raw column of a request.

    Args:
        column: its name in the raw data, which is also its key in a ``tf.train.Example``.
        name: its name among the inputs of the signature ``serving_default``: the column's name
            with each character that TensorFlow does not allow there replaced by ``_``.
        kind: ``"number"`` (float32, NaN where missing), ``"text"`` (the characters of the raw
            file, empty where missing), or ``"list"`` (texts of items, as many as the longest list
            of a request has, empty ones behind the last item of the others).
    """

    column: str
    name: str
    kind: str


def raw_inputs(schema: Schema) -> tuple[RawInput, ...]:
    """The columns that a schema's features are made of, dense ones first, each once.

    A column that a sparse feature reads is text even where a dense feature reads it as well, and so
    is one of times; it is a list where multi-valued features alone read it.

    Args:
        schema: of the data set.
    """
    kinds = {feature.source: LIST for feature in schema.sparse if feature.is_list}
    kinds |= {feature.source: TEXT for feature in schema.sparse if not feature.is_list}
    columns = dict.fromkeys(feature.source for feature in schema.dense)
    kinds |= {column: TEXT for column in columns if column in kinds}
    for feature in schema.dense:
        if feature.derive is not None:
            times = [feature.source] + [feature.until] * (feature.until_format is not None)
            kinds |= dict.fromkeys(times, TEXT)
            columns |= dict.fromkeys(times)
    columns |= dict.fromkeys(feature.source for feature in schema.sparse)
    names = _input_names(tuple(columns))
    return tuple(RawInput(column, names[column], kinds.get(column, NUMBER)) for column in columns)


def _input_names(columns: tuple[str, ...]) -> dict[str, str]:
    """Names that ``tf.function`` takes as argument names and keeps apart."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    # Columns that keep their names come first, so that no altered name takes one of theirs.
    for column in sorted(columns, key=lambda column: _allowed(column) != column):
        allowed = name = _allowed(column)
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{allowed}_{number}"
        taken.add(name.casefold())
        names[column] = name
    return names


def _allowed(column: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_]", "_", column)
    if name.startswith("_") or not name or keyword.iskeyword(name) or name == "self":
        name = f"feature_{name.lstrip('_')}"
    return name


def sample_rows(
    schema: Schema, vocabularies: dict[str, list[str]], count: int
) -> list[dict[str, RawValue]]:
    """Well-formed raw rows by column, made of what the schema knows about the training data.

    Numbers are the mean; row k has the k-th most frequent category of each vocabulary.

    Args:
        schema: of the data set.
        vocabularies: the most frequent entries by feature name.
        count: number of rows.
    """
    rows: list[dict[str, RawValue]] = [{} for _ in range(count)]
    for index, row in enumerate(rows):
        moment = _FIRST_SAMPLE + datetime.timedelta(days=index, hours=index % 24)
        for number in schema.dense:
            if number.derive is None:
                row[number.source] = float(round(number.mean, 3))
                continue
            row[number.source] = time_format(number.time_format).write(moment)
            if number.until_format is not None:
                row[number.until] = time_format(number.until_format).write(moment)
        for feature in schema.sparse:
            entries = vocabularies.get(feature.name, [])
            row[feature.source] = _sample_value(feature, entries, index, moment)
        for column in raw_inputs(schema):
            if column.kind == LIST:
                row[column.column] = [str(row[column.column])]
    return rows


def _sample_value(
    feature: SparseFeature, entries: list[str], index: int, moment: datetime.datetime
) -> str:
    if feature.derive is not None:
        return feature.form.write(moment)
    if feature.encoding == "vocabulary":
        return entries[index % len(entries)] if entries else ""
    return str(index)
