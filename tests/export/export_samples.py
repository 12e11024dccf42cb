"""What the export tests share: raw rows, the records stage's answer to them, and tiny networks."""

import dataclasses
import pathlib

import numpy as np
import pyarrow as pa

from beam_preprocess.dataset.feature_schema import DenseFeature, SparseFeature
from beam_preprocess.dataset.schema import Schema, Split
from beam_preprocess.encoding.encode import RowEncoder
from beam_preprocess.reading.column_kinds import DenseColumn, SparseColumn, TimeColumn
from beam_preprocess.reading.decode import decode_rows
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.parse import parse_block
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.export.raw_inputs import LIST, NUMBER, raw_inputs
from nasrec_tf.export.warmup import filled_up

SEPARATOR = "|"
NO_ROWS = {name: Split(0, 0, ()) for name in ("train", "validation", "test")}


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A schema with its vocabularies; raw rows are mappings from column to the text in the file."""

    schema: Schema
    vocabularies: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    def write(self, directory: pathlib.Path) -> pathlib.Path:
        """Writes the vocabulary files where the schema says they are."""
        for feature in self.schema.sparse:
            if feature.vocabulary is not None:
                path = directory / feature.vocabulary
                path.parent.mkdir(parents=True, exist_ok=True)
                entries = self.vocabularies[feature.name]
                path.write_bytes(b"".join(entry.encode() + b"\n" for entry in entries))
        return directory

    @property
    def columns(self):
        return raw_inputs(self.schema)

    def records(self, rows, *, numeric_ids=False):
        """What the records stage makes of the rows: kept row numbers, dense, sparse."""
        description = self._description()
        lines = [
            "\t".join(["0", *(row[name] for name in description.columns[1:])]) + "\n"
            for row in rows
        ]
        raw = parse_block("".join(lines).encode(), 0, description, 1 << 20)
        checked, _ = decode_rows(raw, description, numeric_ids=numeric_ids)
        entries = {
            name: pa.array([value.encode() for value in values], pa.binary())
            for name, values in self.vocabularies.items()
        }
        encoder = RowEncoder(self.schema.dense, self.schema.sparse, entries)
        _, dense, sparse = encoder.encode(checked)
        return checked.lines, dense, sparse

    def requests(self, rows):
        """The same rows as a client sends them: an array for each column."""
        arrays = {}
        for column in self.columns:
            texts = [row[column.column] for row in rows]
            if column.kind == NUMBER:
                numbers = [np.nan if text in ("", "NA") else float(text) for text in texts]
                arrays[column.column] = np.array(numbers, np.float32)
            elif column.kind == LIST:
                lists = [text.split(SEPARATOR) for text in texts]
                arrays[column.column] = np.array(filled_up(lists), object)
            else:
                arrays[column.column] = np.array([text.encode() for text in texts], object)
        return arrays

    def _description(self):
        return Description(
            name=self.schema.name,
            label="label",
            columns=("label", *(column.column for column in self.columns)),
            dense=tuple(
                DenseColumn(f.source, f.name, f.transform, f.missing, f.derive, f.until)
                for f in self.schema.dense
            ),
            sparse=tuple(
                SparseColumn(
                    f.source,
                    f.name,
                    f.derive,
                    f.rows,
                    f.radix or "hex",
                    f.fold,
                    f.separator,
                    f.longest,
                )  # fmt: skip
                for f in self.schema.sparse
            ),
            missing_tokens=self.schema.missing_tokens,
            times=tuple(TimeColumn(*pair) for pair in self.schema.time_formats.items()),
        )


def schema_of(dense=(), sparse=(), missing_tokens=(), name="sample"):
    return Schema(
        name=name,
        label="label",
        dense=tuple(dense),
        sparse=tuple(sparse),
        splits=NO_ROWS,
        missing_tokens=tuple(missing_tokens),
    )


def vocabulary_feature(name, entries, **options):
    rows = len(entries) + 2
    path = f"vocabularies/{name}.txt"
    return SparseFeature(name, options.pop("source", name), "vocabulary", rows, path, **options)


CATEGORIES = ["68fd1e64", "a b", " 05db9164", "é", '"quoted"', "0"]
HOURS = ["00", "07", "23"]
WEEKDAYS = ["6", "2", "0"]


def mixed_data_set():
    """Every transform, every encoding and derivation, missing tokens, a column read both ways."""
    dense = [
        DenseFeature("count", "count", "log1p"),
        DenseFeature("price", "price", "standardize", missing=2.25, mean=2.25, std=0.5),
        DenseFeature("age", "age", "identity", missing=-7.5),
        DenseFeature("count_missing", "count", "missing_indicator"),
        DenseFeature("level", "level", "log1p", missing=3.0),
    ]
    sparse = [
        vocabulary_feature("C1", CATEGORIES),
        SparseFeature("C2", "C2", "hash", 103),
        SparseFeature("C3", "C3", "modulo", 1461, radix="hex"),
        vocabulary_feature("hour_of_day", HOURS, source="hour", derive="hour_of_day"),
        SparseFeature("weekday", "hour", "hash", 12, derive="weekday"),
        SparseFeature("level_id", "level", "hash", 50),
        vocabulary_feature("never_common", []),
        SparseFeature("C4", "C4", "modulo", 10, radix="decimal_or_hex", fold=2147483647),
    ]
    vocabularies = {
        "C1": CATEGORIES,
        "hour_of_day": HOURS,
        "never_common": [],
    }
    return DataSet(schema_of(dense, sparse, ("NA", "-1"), "mixed"), vocabularies)


GENRES = ["drama", "war", "film noir", "é"]


def data_set_of_lists():
    """Multi-valued features of every encoding beside single values, one column read as both."""
    lists = {"separator": SEPARATOR, "pooling": "mean"}
    sparse = [
        vocabulary_feature("genres", GENRES, longest=3, **lists | {"pooling": "attention"}),
        vocabulary_feature("shop", ["a", "b"]),
        SparseFeature("tags", "tags", "hash", 40, longest=4, **lists),
        SparseFeature("ids", "ids", "modulo", 30, radix="decimal_or_hex", longest=2, **lists),
        SparseFeature("shops", "shop", "hash", 20, longest=2, **lists),
    ]
    vocabularies = {"genres": GENRES, "shop": ["a", "b"]}
    return DataSet(schema_of((), sparse, ("NA", "-1"), "lists"), vocabularies)


def avazu_like_data_set():
    """No dense feature, hashed and derived columns, and names that TensorFlow does not like."""
    sparse = [
        SparseFeature("hour_of_day", "hour", "hash", 30, derive="hour_of_day"),
        SparseFeature("weekday", "hour", "hash", 10, derive="weekday"),
        SparseFeature("site id", "site id", "hash", 500),
        SparseFeature("site_id", "site_id", "hash", 40),
        SparseFeature("class", "class", "hash", 40),
        SparseFeature("self", "self", "hash", 40),
        SparseFeature("возраст", "возраст", "hash", 40),
    ]
    return DataSet(schema_of(sparse=sparse, name="avazu-like"))


def times_data_set():
    """Times of several forms, with categories and ages, and a missing token that is a number."""
    dense = [
        DenseFeature("account_age", "signed_up", "log1p", derive="age", time_format="%d/%m/%Y",
                     until="clicked", until_format="iso8601"),
        DenseFeature("age", "born", "identity", missing=3.0, derive="age",
                     time_format="%b %d, %Y", until="2024-12-31T12:00"),
        DenseFeature("price", "price", "identity"),
    ]  # fmt: skip
    sparse = [
        SparseFeature("hour", "clicked", "hash", 40, derive="hour_of_day", time_format="iso8601"),
        SparseFeature("day", "clicked", "hash", 40, derive="day_of_month", time_format="iso8601"),
        SparseFeature("month", "born", "hash", 40, derive="month", time_format="%b %d, %Y"),
        SparseFeature("weekday", "seen", "hash", 40, derive="weekday", time_format="seconds"),
        SparseFeature("seen_hour", "seen", "hash", 40, derive="hour_of_day", time_format="seconds"),
    ]
    return DataSet(schema_of(dense, sparse, ("NA", "-1"), "times"))


def modulo_data_set():
    """The authors' scheme on both kinds of numbers, with one dense feature."""
    dense = [DenseFeature("I1", "I1", "log1p")]
    sparse = [
        SparseFeature("C1", "C1", "modulo", 10131227, radix="hex"),
        SparseFeature("C2", "C2", "modulo", 2, radix="hex"),
        SparseFeature("id", "id", "modulo", 10000, radix="decimal_or_hex", fold=2147483647),
        SparseFeature("user", "user", "modulo", 2**31 + 1, radix="decimal_or_hex"),
    ]
    return DataSet(schema_of(dense, sparse, name="modulo"))


def tiny_architecture():
    """Two blocks with every operator and both mergers."""
    first = Block(
        dense_operators={"fc": 8, "dot_product": 8, "sigmoid_gating": 4},
        sparse_operators={"efc": 4, "attention": 6},
        dense_sources=(0,),
        sparse_sources=(0,),
        dense_to_sparse=True,
        sparse_to_dense=True,
    )
    second = Block(
        dense_operators={"fc": 8, "sum": 8, "sigmoid_gating": 4},
        sparse_operators={"efc": 4},
        dense_sources=(0, 1),
        sparse_sources=(0, 1),
        left_source=0,
        right_source=1,
    )
    return Architecture((first, second))
