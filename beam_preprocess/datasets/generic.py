"""Any delimited file with a header, or Parquet, described by a few words on the command line."""

from __future__ import annotations

from beam_preprocess.errors import DataError
from beam_preprocess.reading.description import DenseColumn, Description, SparseColumn


def generic(
    label: str | None,
    dense: tuple[str, ...] = (),
    sparse: tuple[str, ...] = (),
    *,
    delimiter: str = ",",
    ignore: tuple[str, ...] = (),
    transform: str = "log1p",
    time_column: str | None = None,
    time_format: str = "number",
    missing_tokens: tuple[str, ...] = (),
    file_format: str = "text",
) -> Description:
    """The description behind ``--dataset csv`` and ``--dataset parquet``.

    Args:
      label: Label column.
      dense, sparse: Feature columns; with no sparse ones named, every column that is neither label,
        time, dense nor ignored is sparse.
      transform: Transform of all dense columns.
    """
    if not label:
        raise DataError("--dataset csv or parquet: name the label column with --label")
    return Description(
        name="csv" if file_format == "text" else file_format,
        label=label,
        columns=None,
        dense=tuple(DenseColumn(name, transform=transform) for name in dense),
        sparse=tuple(SparseColumn(name) for name in sparse) or None,
        delimiter=delimiter,
        header=True,
        quoting=True,
        ignore=ignore,
        time_column=time_column,
        time_format=time_format,
        missing_tokens=missing_tokens,
        file_format=file_format,
    )
