"""The layout of a log as options of a command name it: a known one, a file, or columns by name."""

from __future__ import annotations

import dataclasses
from typing import Any

from beam_preprocess.datasets import find_description
from beam_preprocess.datasets.generic import (
    GENERIC_FORMATS,
    column_names,
    delimiter_of,
    generic,
    listed,
    positives,
)
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import SparseColumn
from beam_preprocess.reading.description import NUMBER, REFUSE, Description
from beam_preprocess.reading.dialect import UTF_8

USUAL_SEPARATOR = "|"
"""Between the items of a text, as MovieLens has them."""


@dataclasses.dataclass(frozen=True)
class LayoutOptions:
    """What options say of columns and text, as the user wrote it; None where they are left out.

    Attributes:
      label: Label column.
      label_positive: Its values that are clicks, with commas between.
      label_above: Numbers above this are clicks.
      weight: Column that says how much a row counts.
      group: Column that figures are taken by, such as a user's id.
      dense, sparse, ignore: Column names with commas between.
      dense_transform: Of all dense columns.
      time_column, time_format: What the chronological split goes by.
      missing_tokens: Values that mean missing, with commas between.
      delimiter: Between values; ``tab`` for a tab.
      quoting: Whether quotes hold values together.
      escape: Character that takes the next one as it is.
      skip_blanks: Whether blanks before a value are no part of it.
      file_encoding: Of the characters.
      decimal: What stands before the decimals of a number.
      multi: Multi-valued columns, with commas between.
      multi_separator: What stands between their items, if the columns are text.
      multi_longest: Items of a list that are kept.
      pooling: How a network makes one embedding of a list's.
      absent_columns: What a file gives that lacks columns of others.
    """

    label: str | None = None
    label_positive: str | None = None
    label_above: float | None = None
    weight: str | None = None
    group: str | None = None
    dense: str | None = None
    sparse: str | None = None
    ignore: str | None = None
    dense_transform: str | None = None
    time_column: str | None = None
    time_format: str | None = None
    missing_tokens: str | None = None
    delimiter: str | None = None
    quoting: bool | None = None
    escape: str | None = None
    skip_blanks: bool | None = None
    file_encoding: str | None = None
    decimal: str | None = None
    multi: str | None = None
    multi_separator: str | None = None
    multi_longest: int | None = None
    pooling: str | None = None
    absent_columns: str | None = None

    @classmethod
    def of(cls, options: Any) -> LayoutOptions:
        """Those of parsed options, or of any object that has them as attributes."""
        return cls(**{field.name: getattr(options, field.name) for field in cls.fields()})

    @classmethod
    def fields(cls) -> tuple[dataclasses.Field[Any], ...]:
        return dataclasses.fields(cls)

    def describe(self, dataset: str) -> Description:
        """The description of a log.

        Args:
          dataset: ``csv`` or ``parquet``, whose columns the options name, or what says it itself:
            the name of a known data set, or the path of a TOML file.

        Raises:
          DataError: There is no such data set, an option does not go with it, or a value cannot be
            used.

        >>> LayoutOptions(label="click", dense="price").describe("csv").sources
        ('click', 'price')
        """
        if dataset not in GENERIC_FORMATS:
            found = find_description(dataset)
            for field in self.fields():
                if getattr(self, field.name) is not None:
                    raise DataError(
                        f"--{field.name.replace('_', '-')} goes with --dataset csv or parquet; "
                        f"data set {dataset} says it itself"
                    )
            return found
        delimiter = delimiter_of(self.delimiter)
        return generic(
            self.label,
            column_names(self.dense, "--dense"),
            column_names(self.sparse, "--sparse"),
            delimiter=delimiter,
            quoting=len(delimiter) == 1 if self.quoting is None else self.quoting,
            escape=self.escape,
            skip_blanks=bool(self.skip_blanks),
            file_encoding=self.file_encoding or UTF_8,
            decimal=self.decimal or ".",
            ignore=column_names(self.ignore, "--ignore"),
            transform=self.dense_transform or "log1p",
            time_column=self.time_column,
            time_format=self.time_format or NUMBER,
            missing_tokens=listed(self.missing_tokens, "--missing-tokens"),
            label_positive=positives(self.label_positive),
            label_above=self.label_above,
            weight=self.weight,
            group=self.group,
            file_format=GENERIC_FORMATS[dataset],
            absent_columns=self.absent_columns or REFUSE,
            lists=self._lists(GENERIC_FORMATS[dataset]),
        )

    def _lists(self, file_format: str) -> tuple[SparseColumn, ...]:
        names = column_names(self.multi, "--multi")
        for field in ("multi_separator", "multi_longest", "pooling"):
            if not names and getattr(self, field) is not None:
                raise DataError(
                    f"--{field.replace('_', '-')} goes with --multi, which names the columns"
                )
        separator = self.multi_separator
        if separator is None and file_format == "text":
            separator = USUAL_SEPARATOR
        return tuple(
            SparseColumn(
                name,
                multi=True if separator is None else separator,
                longest=self.multi_longest,
                pooling=self.pooling,
            )
            for name in names
        )
