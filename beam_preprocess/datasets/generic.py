"""Any delimited file with a header, or Parquet, described by a few words on the command line."""

from __future__ import annotations

from beam_preprocess.common.comma_list import comma_list
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import DenseColumn, SparseColumn
from beam_preprocess.reading.description import NUMBER, REFUSE, Description
from beam_preprocess.reading.dialect import UTF_8

GENERIC_FORMATS = {"csv": "text", "parquet": "parquet"}
"""Form of the files by what ``--dataset`` calls it, where other flags name the columns."""


def column_names(text: str | None, flag: str) -> tuple[str, ...]:
    """The columns that a flag names.

    Args:
      text: Names with commas between, quoted as in CSV where they hold one; None for none.
      flag: What the user wrote them behind, for errors.

    Raises:
      DataError: A name between the commas is empty, or a quote has no end.

    >>> column_names('"price, EUR",age', "--dense")
    ('price, EUR', 'age')
    """
    if text is None:
        return ()
    names = comma_list(text, flag)
    if not all(names):
        raise DataError(f"{flag} {text}: a name between the commas is empty")
    return names


def positives(text: str | None) -> tuple[str, ...]:
    """The values that ``--label-positive`` names.

    Args:
      text: Values as ``listed`` takes them; None for none.

    Raises:
      DataError: There is none in the text, so that no row would be a click.

    >>> positives("yes,y"), positives(None)
    (('yes', 'y'), ())
    """
    values = listed(text, "--label-positive")
    if text is not None and not values:
        raise DataError("--label-positive: name the values of the label that are clicks")
    return values


def listed(text: str | None, flag: str) -> tuple[str, ...]:
    """The values that a flag lists; the empty one needs no listing.

    Args:
      text: Values with commas between, quoted as in CSV where they hold one; None for none.
      flag: What the user wrote them behind, for errors.

    >>> listed('NA,"-1,5"', "--missing-tokens"), listed(None, "--missing-tokens")
    (('NA', '-1,5'), ())
    """
    return tuple(value for value in comma_list(text or "", flag) if value)


def delimiter_of(text: str | None) -> str:
    """The delimiter that ``--delimiter`` names: ``tab`` and a written ``\\t`` are a tab.

    Args:
      text: As written; None or nothing for a comma.

    >>> delimiter_of("tab"), delimiter_of(";"), delimiter_of(None)
    ('\\t', ';', ',')
    """
    return {"tab": "\t", "\\t": "\t"}.get(text or ",", text or ",")


def generic(
    label: str | None,
    dense: tuple[str, ...] = (),
    sparse: tuple[str, ...] = (),
    *,
    delimiter: str = ",",
    quoting: bool = True,
    escape: str | None = None,
    skip_blanks: bool = False,
    file_encoding: str = UTF_8,
    decimal: str = ".",
    ignore: tuple[str, ...] = (),
    transform: str = "log1p",
    time_column: str | None = None,
    time_format: str = NUMBER,
    missing_tokens: tuple[str, ...] = (),
    label_positive: tuple[str, ...] = (),
    label_above: float | None = None,
    weight: str | None = None,
    group: str | None = None,
    file_format: str = "text",
    absent_columns: str = REFUSE,
    lists: tuple[SparseColumn, ...] = (),
) -> Description:
    """The description behind ``--dataset csv`` and ``--dataset parquet``.

    Args:
      label: Label column.
      dense: Dense feature columns.
      sparse: Sparse feature columns; with none named, every column with a name that is neither
        label, time, dense nor ignored is sparse.
      delimiter, quoting, escape, skip_blanks, file_encoding, decimal: Of text files; as
        :class:`~beam_preprocess.reading.description.Description` has them.
      ignore: Columns to leave out where no sparse ones are named.
      transform: Transform of all dense columns: ``log1p``, ``standardize``, ``identity`` or
        ``missing_indicator``.
      time_column: Column that a chronological split goes by.
      time_format: ``number``, or a form of times; see time_formats.py.
      missing_tokens: Values that mean missing, beside the empty one.
      label_positive: Values of the label column that are clicks; none if they are 0 and 1.
      label_above: Numbers of the label column above this are clicks; None if they are 0 and 1.
      weight, group: Columns of weights and groups, where there are such.
      file_format: ``text`` or ``parquet``.
      absent_columns: ``refuse``, or ``empty``: what a file gives that lacks columns of others.
      lists: Multi-valued columns, sparse ones beside those named.

    Raises:
      DataError: No label is named, or a value cannot be used.

    >>> generic("click", ("price",), ("item",)).sources
    ('click', 'price', 'item')
    """
    if not label:
        raise DataError("--dataset csv or parquet: name the label column with --label")
    return Description(
        name="csv" if file_format == "text" else file_format,
        label=label,
        columns=None,
        dense=tuple(DenseColumn(name, transform=transform) for name in dense),
        sparse=_with_lists(sparse, lists) if sparse else None,
        lists=() if sparse else lists,
        delimiter=delimiter,
        header=True,
        quoting=quoting,
        escape=escape,
        skip_blanks=skip_blanks,
        file_encoding=file_encoding,
        decimal=decimal,
        ignore=ignore,
        time_column=time_column,
        time_format=time_format,
        missing_tokens=missing_tokens,
        label_positive=label_positive,
        label_above=label_above,
        weight=weight,
        group=group,
        file_format=file_format,
        absent_columns=absent_columns,
    )


def _with_lists(
    names: tuple[str, ...], lists: tuple[SparseColumn, ...]
) -> tuple[SparseColumn, ...]:
    multi = {column.source: column for column in lists}
    columns = tuple(multi.pop(name, None) or SparseColumn(name) for name in names)
    return (*columns, *multi.values())
