"""Avazu Click-Through Rate Prediction (Kaggle 2014): comma separated with a header."""

from __future__ import annotations

from beam_preprocess.reading.column_kinds import SparseColumn
from beam_preprocess.reading.description import Description

# Table rows of the authors' Avazu models by raw column, in file order (facebookresearch/NasRec):
# 9,459,467 rows in all, the row id among them.
AVAZU_TABLE_ROWS = {
    "id": 10000, "hour": 241, "C1": 8, "banner_pos": 8, "site_id": 4738, "site_domain": 7746,
    "site_category": 27, "app_id": 8553, "app_domain": 560, "app_category": 37,
    "device_id": 2686409, "device_ip": 6729487, "device_model": 8252, "device_type": 6,
    "device_conn_type": 5, "C14": 2627, "C15": 9, "C16": 10, "C17": 436, "C18": 5, "C19": 69,
    "C20": 173, "C21": 61,
}  # fmt: skip

# The authors' scripts write ids modulo this as hexadecimal before the table's own modulo.
AUTHORS_FOLD = 2147483647

_COLUMNS = ("id", "click", *(name for name in AVAZU_TABLE_ROWS if name != "id"))


def avazu() -> Description:
    """Avazu with ``hour`` split into hour of day and weekday, and without the row id.

    The row id is unique per impression: nothing can be learnt from it. The authors' code kept it as
    a feature (10,000 rows of noise) and ``hour`` as it stands: see :func:`avazu_authors`.
    """
    plain = tuple(_column(name) for name in AVAZU_TABLE_ROWS if name not in ("id", "hour"))
    derived = (
        SparseColumn("hour", "hour_of_day", "hour_of_day", 25, "decimal_or_hex"),
        SparseColumn("hour", "weekday", "weekday", 8, "decimal_or_hex"),
    )
    return _description("avazu", derived + plain)


def avazu_authors() -> Description:
    """Avazu as the authors' code fed it: all 23 columns, the row id and the raw hour included."""
    return _description("avazu-authors", tuple(_column(name) for name in AVAZU_TABLE_ROWS))


def _column(name: str) -> SparseColumn:
    return SparseColumn(
        name, rows=AVAZU_TABLE_ROWS[name], radix="decimal_or_hex", fold=AUTHORS_FOLD
    )


def _description(name: str, sparse: tuple[SparseColumn, ...]) -> Description:
    return Description(
        name=name,
        label="click",
        columns=_COLUMNS,
        sparse=sparse,
        delimiter=",",
        header=True,
        quoting=True,
        time_column="hour",
    )
