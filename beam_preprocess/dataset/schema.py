"""The data set directory: its schema, as dataclasses that read and write ``schema.json``.

A data set directory holds

* ``schema.json``: this module's :class:`Schema`,
* ``SPLIT-SSSSS-of-NNNNN.tfrecord.gz``: gzip TFRecord shards of ``tf.train.Example`` with exactly
  the features ``label`` (float_list, 1), ``dense`` (float_list, one per dense feature, absent when
  there are none), ``sparse`` (int64_list, one id per sparse feature of single values, in schema
  order, absent when there are none), and for each multi-valued one ``list_K`` (int64_list, its ids
  in the order of the row, at least one), where sparse feature K, counted from 0, is the one; with a
  weight column, ``weight`` (float_list, 1), and with a group column ``group`` (int64_list, 1): 64
  bits of a hash of the raw value, 0 where it is missing,
* ``vocabularies/NAME.txt``: one raw value per line, in id order from id 2 (a raw value never holds
  a line break, so no escaping is needed),
* ``rejects/``: the malformed rows, with file, line number and reason,
* ``data_card.md``, ``plots/``, and ``manifest.json``, which is written last.

How a raw value becomes one of these numbers is told by feature_schema.py.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from beam_preprocess.common.checked import (
    Count,
    Finite,
    Name,
    PositiveCount,
    build,
    check_choice,
    check_fields,
    shown,
)
from beam_preprocess.common.whole_file import write_whole
from beam_preprocess.dataset.feature_schema import DenseFeature, SparseFeature
from beam_preprocess.dataset.file_format import (
    FORMAT,
    MANIFEST_FILE,
    SCHEMA_FILE,
    VERSION,
    VERSION_WITHOUT_LISTS,
    check_format,
    read_json,
)
from beam_preprocess.dataset.time_formats import (
    YYMMDDHH,
)
from beam_preprocess.errors import DataError

SPLIT_NAMES = ("train", "validation", "test")

ROW_ORDERS = ("hashed", "log")


@dataclasses.dataclass(frozen=True)
class Split:
    """One split.

    Attributes:
      rows: Rows in it.
      positives: Those with label 1.
      files: Its shards in order, relative to the data set.
      shard_rows: Rows of each shard; None in a data set of version 1, which does not say.
      blocks: Blocks of each shard, about equal in rows. Hashed to their places, the rows of a block
        are a random sample of the log; within a block they keep its order.
      weight, positive_weight: The sums of the weights of all rows and of those with label 1; None
        where all rows count alike.

    Raises:
      DataError: A value is of another type or range; the message names it.
    """

    rows: Count
    positives: Count
    files: tuple[Name, ...]
    shard_rows: tuple[Count, ...] | None = None
    blocks: PositiveCount = 1
    weight: Annotated[Finite, pydantic.Field(ge=0)] | None = None
    positive_weight: Annotated[Finite, pydantic.Field(ge=0)] | None = None

    def __post_init__(self) -> None:
        check_fields(self, "split")
        if (self.weight is None) != (self.positive_weight is None):
            raise DataError("a split has both weight and positive_weight, or neither")
        if not 0 <= self.positives <= self.rows:
            raise DataError(f"a split of {self.rows} rows cannot have {self.positives} positives")
        if self.shard_rows is not None and (
            len(self.shard_rows) != len(self.files) or sum(self.shard_rows) != self.rows
        ):
            raise DataError(f"a split of {self.rows} rows has shards of other rows in all")

    @property
    def label_rate(self) -> float:
        """Share of rows with label 1, by weight where they have such (0.0 for an empty split)."""
        if self.weight is not None and self.positive_weight is not None:
            return min(1.0, self.positive_weight / self.weight) if self.weight else 0.0
        return self.positives / self.rows if self.rows else 0.0


@dataclasses.dataclass(frozen=True)
class Schema:
    """All that is needed to read a data set directory and to repeat its preprocessing.

    Attributes:
      name: Name of the data set.
      label: Raw label column.
      dense, sparse: Features in record order.
      splits: From ``train``, ``validation`` and ``test`` to :class:`Split`.
      seed: Seed of the split.
      missing_tokens: Raw values, beside the empty one, that mean *missing*.
      split_method: ``stratified``, ``grouped``, ``chronological`` or ``given``.
      rejected: Number of rejected rows by reason.
      row_order: ``hashed`` (rows are dealt out to the shards by a seeded hash) or ``log`` (shards
        hold successive parts of the log).
      weight, group: The raw columns of weights and groups, or None.

    Raises:
      DataError: A value is of another type or range; the message names it.
    """

    name: str
    label: str
    dense: tuple[DenseFeature, ...]
    sparse: tuple[SparseFeature, ...]
    splits: Mapping[str, Split]
    seed: Count = 0
    missing_tokens: tuple[str, ...] = ()
    split_method: str = "stratified"
    rejected: Mapping[str, Count] = dataclasses.field(default_factory=dict)
    row_order: str = "log"
    weight: Name | None = None
    group: Name | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.weight is not None and any(split.weight is None for split in self.splits.values()):
            raise DataError("splits of weighted rows must say their weight")
        check_choice("row_order", self.row_order, ROW_ORDERS)
        if self.row_order == "hashed" and any(
            split.shard_rows is None for split in self.splits.values()
        ):
            raise DataError("splits of hashed rows must say shard_rows")
        names = [feature.name for feature in self.dense]
        names += [feature.name for feature in self.sparse]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise DataError(f"feature names must be unique; repeated: {', '.join(repeated)}")
        if not names:
            raise DataError("a data set needs at least one dense or sparse feature")
        if tuple(self.splits) != SPLIT_NAMES:
            raise DataError(f"splits must be {SPLIT_NAMES}, not {tuple(self.splits)}")

    @property
    def dense_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.dense)

    @property
    def sparse_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.sparse)

    @property
    def sparse_rows(self) -> tuple[int, ...]:
        """Embedding table rows per sparse feature."""
        return tuple(feature.rows for feature in self.sparse)

    @property
    def time_formats(self) -> dict[str, str]:
        """How times are written, by the raw column that something is derived of."""
        found = {}
        for feature in self.sparse:
            if feature.derive is not None:
                found[feature.source] = feature.form.text
        for number in self.dense:
            if number.derive is not None:
                found[number.source] = number.time_format or YYMMDDHH
                if number.until_format is not None and number.until is not None:
                    found[number.until] = number.until_format
        return found

    @property
    def sparse_widths(self) -> tuple[int, ...]:
        """Ids of a row per sparse feature, padding included."""
        return tuple(feature.width for feature in self.sparse)

    def to_json(self) -> dict[str, Any]:
        """The content of ``schema.json``."""
        has_lists = any(feature.is_list for feature in self.sparse)
        body = {"format": FORMAT, "version": VERSION if has_lists else VERSION_WITHOUT_LISTS}
        body.update(dataclasses.asdict(self))
        body["sparse"] = [feature.to_json() for feature in self.sparse]
        return json.loads(json.dumps(body))  # tuples become lists

    @classmethod
    def from_json(cls, body: Mapping[str, Any], where: str = SCHEMA_FILE) -> Schema:
        """Reads the content of ``schema.json``.

        Args:
          body: The JSON value.
          where: What it was read from, for messages.

        Raises:
          DataError: It is of another format or version, or not valid.
        """
        check_format(body, where)
        fields = {key: value for key, value in body.items() if key not in ("format", "version")}
        try:
            for key, kind in (("dense", DenseFeature), ("sparse", SparseFeature)):
                fields[key] = [build(kind, entry, key) for entry in _listed(fields.get(key), key)]
            splits = fields.get("splits")
            if not isinstance(splits, Mapping):
                raise DataError(f"splits must be a table, not {shown(splits)}")
            fields["splits"] = {
                name: build(Split, entry, f"split {name}") for name, entry in splits.items()
            }
            return build(cls, fields, "schema")
        except DataError as error:
            raise DataError(
                f"{where}: damaged schema ({error}); preprocess the data again"
            ) from None

    def save(self, directory: str | pathlib.Path) -> pathlib.Path:
        """Writes ``schema.json`` and returns its path.

        Args:
          directory: Of the data set; exists.
        """
        path = pathlib.Path(directory) / SCHEMA_FILE
        write_whole(path, self.dumps().encode())
        return path

    def dumps(self) -> str:
        """The text of ``schema.json``."""
        return json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, directory: str | pathlib.Path) -> Schema:
        """Reads the schema of a complete data set directory.

        Args:
          directory: The data set.

        Raises:
          DataError: ``directory`` is missing, incomplete (no manifest) or damaged.
        """
        directory = pathlib.Path(directory)
        if not os.path.isdir(directory):  # False for a name that no file can have too
            raise DataError(f"{directory}: no such data set directory")
        if not (directory / MANIFEST_FILE).is_file():
            raise DataError(
                f"{directory}: not a complete data set (no {MANIFEST_FILE}); "
                "run the preprocessing again"
            )
        return cls.from_json(read_json(directory / SCHEMA_FILE), str(directory / SCHEMA_FILE))


def _listed(value: Any, key: str) -> list[Any]:
    if not isinstance(value, list):
        raise DataError(f"{key} must be a list, not {shown(value)}")
    return value
