"""Which ids of an earlier data set mean the same as those of this one: matched by value."""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.dataset.feature_schema import FIRST_VOCABULARY_ID, SparseFeature
from beam_preprocess.dataset.manifest import verify_file
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.encoding.vocabulary import read_vocabulary
from beam_preprocess.reading.description import Description
from nasrec_tf.common.errors import UserError

UNKNOWN = -1
"""In place of an id that the earlier data set does not have."""

DENSE_MEANING = ("name", "source", "transform", "derive", "until")
SPARSE_MEANING = ("name", "source", "encoding", "derive", "radix", "fold", "pooling")
"""What a column must have in common with that of another data set for weights to fit both.

Moments, extremes and vocabularies follow from the rows; times may be written in another form, and
something else may stand between the items of a list."""


@dataclasses.dataclass(frozen=True)
class MatchedIds:
    """Two data sets of the same columns, of which the earlier one has been trained on.

    Args:
        earlier: directory of the earlier data set.
        present: directory of the other one.

    Raises:
        UserError: if their columns are not the same ones; the message names one.
        DataError: if a data set is damaged.
    """

    earlier: pathlib.Path
    present: pathlib.Path

    def __post_init__(self):
        difference = column_difference(*self.schemas)
        if difference is not None:
            raise UserError(f"{self.present}: {difference} in {self.earlier}.")

    @property
    def schemas(self) -> tuple[Schema, Schema]:
        """Of the earlier data set and of the other one."""
        return Schema.load(self.earlier), Schema.load(self.present)

    def __call__(self, field: int, count: int) -> np.ndarray:
        """The earlier id of each of the first ids of a field.

        Missing and unseen values keep their ids. By a vocabulary, ids are the same whose values
        are; by a hash or modulo, those that are equal.

        Args:
            field: number of the sparse field.
            count: of ids, no more than the field has.

        Returns:
            (count,) int64; ``UNKNOWN`` where the earlier data set does not have the value.
        """
        before, now = (schema.sparse[field] for schema in self.schemas)
        found = np.arange(count, dtype=np.int64)
        if now.encoding != "vocabulary" or count <= FIRST_VOCABULARY_ID:
            return found
        known = vocabulary(self.earlier, before)
        wanted = vocabulary(self.present, now)[: count - FIRST_VOCABULARY_ID]
        places = pc.index_in(wanted, value_set=known).fill_null(UNKNOWN - FIRST_VOCABULARY_ID)
        found[FIRST_VOCABULARY_ID:] = places.to_numpy().astype(np.int64) + FIRST_VOCABULARY_ID
        return found


def column_difference(before: Schema, now: Schema | Description) -> str | None:
    """The first way in which the columns of two data sets are not the same ones.

    Args:
        before: of the one.
        now: of the other; of a description names alone are compared.

    Returns:
        What is so in ``now`` and how it is in ``before``, for people; ``None`` if all is the same.
    """
    found = _other_names("dense", _names(before.dense), _names(now.dense)) or _other_names(
        "sparse", _names(before.sparse), _names(now.sparse or ())
    )
    if found is not None or not isinstance(now, Schema):
        return found
    return _other_meaning(DENSE_MEANING, before.dense, now.dense) or _other_ids(before, now)


def _names(columns: Iterable[Any]) -> list[str]:
    return [column.name for column in columns]


def _other_meaning(fields: Sequence[str], before: Iterable[Any], now: Iterable[Any]) -> str | None:
    for one, other in zip(before, now):
        for field in fields:
            values = getattr(one, field), getattr(other, field)
            if values[0] != values[1]:
                return f"column {one.name!r} has {field} {values[1]!r}, but {values[0]!r}"
    return None


def _other_ids(before: Schema, now: Schema) -> str | None:
    for one, other in zip(before.sparse, now.sparse):
        if one.is_list != other.is_list:
            kinds = ("of single values", "multi-valued")
            return f"column {other.name!r} is {kinds[other.is_list]}, but {kinds[one.is_list]}"
    found = _other_meaning(SPARSE_MEANING, before.sparse, now.sparse)
    if found is not None:
        return found
    for one, other in zip(before.sparse, now.sparse):
        if one.encoding != "vocabulary" and one.rows != other.rows:
            return (
                f"column {other.name!r} has {other.rows} rows by {other.encoding}, but {one.rows}"
            )
    return None


def _other_names(kind: str, before: Sequence[str], now: Sequence[str]) -> str | None:
    for name in before:
        if name not in now:
            return f"{kind} column {name!r} is missing, but is there"
    for name in now:
        if name not in before:
            return f"{kind} column {name!r} is there, but is missing"
    return None if before == now else f"the {kind} columns stand in another order than"


def vocabulary(directory: pathlib.Path, feature: SparseFeature) -> pa.Array:
    """The values of a field by id, from the first one of its own on, as Arrow binary.

    Args:
        directory: the data set.
        feature: the field, which has a vocabulary.

    Raises:
        DataError: if the file is not what was written.
    """
    assert feature.vocabulary is not None, "the schema checks it"
    verify_file(directory, feature.vocabulary)
    return read_vocabulary((directory / feature.vocabulary).read_bytes())
