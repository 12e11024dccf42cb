"""The features of a data set, once its raw data have been scanned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from beam_preprocess.config import HASH_TABLE_ROWS, MOST_TABLE_ROWS, PreprocessConfig
from beam_preprocess.dataset.feature_schema import (
    FIRST_VOCABULARY_ID,
    POOLINGS,
    DenseFeature,
    SparseFeature,
)
from beam_preprocess.dataset.file_names import file_stem
from beam_preprocess.encoding.statistics import Moments, Summary
from beam_preprocess.encoding.vocabulary import VocabularyCounts
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import DenseColumn, SparseColumn
from beam_preprocess.reading.description import Description


def vocabulary_path(feature: str) -> str:
    """The vocabulary file of a sparse feature, relative to the data set.

    Args:
      feature: Name of the feature; one that does not fit is replaced by its hash.

    >>> vocabulary_path("user")
    'vocabularies/user.txt'
    """
    return f"vocabularies/{file_stem(feature)}.txt"


def check_table_rows(config: PreprocessConfig) -> None:
    """Checks the table sizes that ``modulo`` and ``hash`` need, before anything is read.

    Args:
      config: The run, its columns known.

    Raises:
      DataError: A table size is missing, too small or too large.
    """
    if config.encoding == "vocabulary":
        return
    for column in config.description.sparse:
        if config.encoding == "hash" and column.rows is not None and column.rows < 3:
            raise DataError(
                f"--encoding hash: column {column.name!r} needs at least 3 table rows, not "
                f"{column.rows}; ids 0 and 1 are for missing and unseen values"
            )
        if column.rows is not None and column.rows > MOST_TABLE_ROWS:
            raise DataError(
                f"column {column.name!r}: rows must be at most {MOST_TABLE_ROWS}, not {column.rows}"
            )
        if column.rows is None and config.table_rows is None and config.encoding == "modulo":
            raise DataError(
                f"--encoding modulo: no table size is known for column "
                f"{column.name!r}; give one for all with --table-rows, or `rows` in the TOML file"
            )


def build_features(
    config: PreprocessConfig, summary: Summary, vocabularies: Iterable[VocabularyCounts]
) -> tuple[tuple[DenseFeature, ...], tuple[SparseFeature, ...]]:
    """Dense and sparse features in record order, with the statistics of the training split.

    Args:
      config: The run.
      summary: What the first pass found.
      vocabularies: What was written of them; none for ``modulo`` and ``hash``.
    """
    counts = {vocabulary.feature: vocabulary for vocabulary in vocabularies}
    dense = tuple(
        _dense_feature(column, config.description, summary.dense[column.key])
        for column in config.description.dense
    )
    sparse = tuple(
        _sparse_feature(column, config, summary, counts.get(column.name))
        for column in config.description.sparse
    )
    return dense, sparse


def _dense_feature(column: DenseColumn, description: Description, moments: Moments) -> DenseFeature:
    missing = column.missing
    if missing is None:
        missing = moments.mean if column.transform == "standardize" else 0.0
    return DenseFeature(
        name=column.name,
        source=column.source,
        transform=column.transform,
        missing=missing,
        mean=moments.mean,
        std=moments.std,
        minimum=moments.minimum if moments.count else 0.0,
        maximum=moments.maximum if moments.count else 0.0,
        missing_count=moments.missing,
        derive=column.derive,
        time_format=description.form_of(column.source) if column.derive else None,
        until=column.until,
        until_format=description.form_of(column.until_column) if column.until_column else None,
    )


def _sparse_feature(
    column: SparseColumn,
    config: PreprocessConfig,
    summary: Summary,
    counts: VocabularyCounts | None,
) -> SparseFeature:
    common: dict[str, Any] = {
        "name": column.name,
        "source": column.source,
        "encoding": config.encoding,
        "derive": column.derive,
        "missing_count": summary.missing[column.name],
    }
    if column.derive is not None:
        common["time_format"] = config.description.form_of(column.source)
    if column.is_list:
        common |= {
            "longest": summary.longest.get(column.name, 1),
            "separator": column.multi if isinstance(column.multi, str) else None,
            "pooling": column.pooling or POOLINGS[0],
            "item_count": summary.items[column.name],
            "cut_count": summary.cut[column.name],
        }
    if config.encoding == "vocabulary":
        return SparseFeature(
            **common,
            rows=counts.entries + FIRST_VOCABULARY_ID,
            vocabulary=counts.path,
            min_count=counts.min_count,
            distinct=counts.distinct,
            out_of_vocabulary_count=counts.out_of_vocabulary_count,
        )
    rows = column.rows or config.table_rows or HASH_TABLE_ROWS
    if config.encoding == "hash":
        return SparseFeature(**common, rows=rows)
    return SparseFeature(**common, rows=rows, radix=column.radix, fold=column.fold)
