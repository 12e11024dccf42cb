"""What a search reads: the raw log, how its columns are taken, how its rows are dealt out."""

import dataclasses

from beam_preprocess.config import HASH_TABLE_ROWS, MAX_ROW_BYTES, MOST_TABLE_ROWS, SPLIT_METHODS
from beam_preprocess.dataset.feature_schema import DENSE_TRANSFORMS, MOST_ITEMS, POOLINGS
from beam_preprocess.datasets.layout_options import USUAL_SEPARATOR
from beam_preprocess.reading.column_kinds import DEFAULT_LONGEST
from beam_preprocess.reading.description import ABSENT_COLUMNS, DECIMALS
from nasrec_tf.search.options import DATA, LARGEST, option


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """What a search reads: the raw log, how its columns are taken, how its rows are dealt out."""

    data: tuple[str, ...] | None = option(
        None, DATA, "raw log (files, globs or directories of them), or a directory that "
        "beam_preprocess wrote; without it a generated log with known best log loss", path=True
    )  # fmt: skip
    dataset: str | None = option(
        None, DATA, "layout of the raw log: criteo, criteo-terabyte, avazu, avazu-authors, "
        "kdd, csv, parquet, or the path of a .toml description", path=True
    )  # fmt: skip
    validation_data: tuple[str, ...] | None = option(
        None, DATA, "raw validation split, if splits are given", path=True
    )
    test_data: tuple[str, ...] | None = option(
        None, DATA, "raw test split, if splits are given", path=True
    )
    label: str | None = option(None, DATA, "label column (--dataset csv or parquet)")
    label_positive: str | None = option(
        None, DATA, "its values that are clicks, comma separated (likewise; default: 1, not 0)"
    )
    label_above: float | None = option(
        None, DATA, "its numbers above this are clicks (likewise)", least=-LARGEST
    )
    weight: str | None = option(
        None, DATA, "column that says how much a row counts (likewise; default: all alike)"
    )
    group: str | None = option(
        None, DATA, "column, such as a user's id, for AUC by group (likewise)"
    )
    dense: str | None = option(None, DATA, "dense columns, comma separated (likewise)")
    sparse: str | None = option(None, DATA, "sparse columns (likewise; default: all others)")
    ignore: str | None = option(None, DATA, "columns to leave out (likewise)")
    multi: str | None = option(
        None, DATA, "multi-valued sparse columns, such as genres: a list a row (likewise)"
    )
    multi_separator: str | None = option(
        None, DATA, f"between their items (likewise; default {USUAL_SEPARATOR!r}, none for lists "
        "of Parquet; json for lists of JSON)"
    )  # fmt: skip
    multi_longest: int | None = option(
        None, DATA, "items of a list that are kept, the first ones (likewise; default "
        f"{DEFAULT_LONGEST})", least=1, most=MOST_ITEMS
    )  # fmt: skip
    pooling: str | None = option(
        None, DATA, f"of a list's embeddings to one (likewise; default {POOLINGS[0]})",
        choices=POOLINGS,
    )  # fmt: skip
    dense_transform: str | None = option(
        None, DATA, "of all dense columns (likewise; default log1p)", choices=DENSE_TRANSFORMS
    )
    time_column: str | None = option(None, DATA, "for --split chronological (likewise)")
    time_format: str | None = option(
        None, DATA, "of the time column: iso8601, %d/%m/%Y, ... (likewise; default number)"
    )
    missing_tokens: str | None = option(
        None, DATA, "values that mean missing, comma separated (likewise)"
    )
    delimiter: str | None = option(
        None, DATA, "of --dataset csv; 'tab' for a tab, several characters such as '::' "
        "(default ',')"
    )  # fmt: skip
    quoting: bool | None = option(None, DATA, 'of --dataset csv: " quotes values')
    escape: str | None = option(
        None, DATA, "of --dataset csv: takes the next character as it is, such as a backslash"
    )
    skip_blanks: bool | None = option(
        None, DATA, "of --dataset csv: blanks before a value are no part of it"
    )
    file_encoding: str | None = option(
        None, DATA, "of --dataset csv, such as latin-1 (default utf-8)"
    )
    decimal: str | None = option(
        None, DATA, "of --dataset csv: what stands before the decimals of a number (default .)",
        choices=DECIMALS,
    )  # fmt: skip
    absent_columns: str | None = option(
        None, DATA, "files that lack columns of others are refused, or have them empty (likewise; "
        "default refuse)", choices=ABSENT_COLUMNS,
    )  # fmt: skip
    side_table: tuple[str, ...] | None = option(
        None, DATA, "a table to join, as NAME=PATH (kdd: user, query, keyword, title, description)"
    )
    split: str | None = option(
        None, DATA, "how rows are dealt out (default: stratified, or given with "
        "--validation-data); grouped: rows of a value of --group stay together, such as those of a "
        "user", choices=SPLIT_METHODS,
    )  # fmt: skip
    fractions: str | None = option(
        None, DATA, "shares of train, validation and test (default 0.8,0.1,0.1)"
    )
    max_rows: int | None = option(
        None, DATA, "read the first so many rows only, of each split if splits are given", least=1,
        alias="--sample",
    )  # fmt: skip
    encoding: str = option(
        "vocabulary", DATA, "row ids by vocabulary, hash or modulo",
        choices=("vocabulary", "hash", "modulo"),
    )  # fmt: skip
    min_count: int | None = option(None, DATA, "training rows a value needs to get a row", least=1)
    max_vocabulary: int | None = option(None, DATA, "most entries per feature", least=1)
    table_rows: int | None = option(
        None, DATA, "table rows for hash and modulo where the data set does not say (hash: "
        f"{HASH_TABLE_ROWS:,})", least=3, most=MOST_TABLE_ROWS,
    )  # fmt: skip
    max_reject_share: float = option(
        0.01, DATA, "largest share of malformed rows, from 0 to 1", least=0.0, most=1.0
    )
    max_row_bytes: int | None = option(
        None, DATA, f"longer rows are rejected (default {MAX_ROW_BYTES})", least=1, most=2**30
    )
    shards: int | None = option(None, DATA, "shards per split (default: by size)", least=1)
    compression_level: int | None = option(
        None, DATA, "of the records' gzip, from 1 to 9 (default 1)", least=1, most=9
    )
    row_order: str = option(
        "hashed", DATA, "deal the rows out to the shards by a hash and shuffle them anew for every "
        "epoch (hashed), or keep the log's order and train in it, as the authors' code does (log)",
        choices=("hashed", "log"),
    )  # fmt: skip
    demo_rows: int = option(30_000, DATA, "rows of the generated log", least=1000, most=2**40)
