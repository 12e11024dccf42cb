"""Criteo: the Kaggle Display Advertising Challenge (2014) and the Terabyte click logs."""

from __future__ import annotations

from beam_preprocess.reading.column_kinds import DenseColumn, SparseColumn
from beam_preprocess.reading.description import Description

# Table rows of the paper's Criteo models, 33,762,601 in all (540 M weights of width 16, paper
# Section 5.1; per field from the authors' code, facebookresearch/NasRec).
CRITEO_TABLE_ROWS = (
    1461, 584, 10131227, 2202609, 306, 25, 12518, 634, 4, 93146, 5684, 8351593, 3195,
    28, 14993, 5461307, 11, 5653, 2174, 5, 7046548, 19, 16, 286182, 106, 142573,
)  # fmt: skip

_INTEGERS = tuple(f"I{index}" for index in range(1, 14))
_CATEGORIES = tuple(f"C{index}" for index in range(1, 27))


def criteo() -> Description:
    """``train.txt`` of the Kaggle challenge: tab separated, no header, 40 columns."""
    return _description("criteo")


def criteo_terabyte() -> Description:
    """``day_0`` ... ``day_23`` of the Terabyte logs, which have the Kaggle layout.

    The rows carry no time; one file is one day, so days can be given per split. The default table
    rows are the Kaggle set's: nothing is published for this set with the paper's models.
    """
    return _description("criteo-terabyte")


def _description(name: str) -> Description:
    return Description(
        name=name,
        label="label",
        columns=("label", *_INTEGERS, *_CATEGORIES),
        dense=tuple(DenseColumn(column) for column in _INTEGERS),
        sparse=tuple(
            SparseColumn(column, rows=rows)
            for column, rows in zip(_CATEGORIES, CRITEO_TABLE_ROWS, strict=True)
        ),
    )
