"""KDD Cup 2012 track 2 (Tencent search ads): ``training.txt``, tab separated, no header.

A row is one (query, ad, user, position, depth) with its clicks and impressions; as in the authors'
code it is one sample whose label is clicks > 0. Side tables: ``user`` (``userid_profile.txt``) adds
gender and age; ``query``, ``keyword``, ``title`` and ``description`` (``*_tokensid.txt``) add the
number of tokens (dense) and the first token (sparse).
"""

from __future__ import annotations

from beam_preprocess.datasets.avazu import AUTHORS_FOLD
from beam_preprocess.reading.column_kinds import DenseColumn, SparseColumn
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.side_table import SideTable

# Table rows of the authors' KDD models (facebookresearch/NasRec), 50,666,853 in all.
KDD_TABLE_ROWS = {
    "display_url": 26274, "ad": 641708, "advertiser": 14848, "query": 22122011,
    "keyword": 1188090, "title": 3735797, "description": 2934102, "user": 20004011,
    "gender": 4, "age": 8,
}  # fmt: skip

_COLUMNS = (
    "click", "impression", "display_url", "ad", "advertiser", "depth", "position",
    "query", "keyword", "title", "description", "user",
)  # fmt: skip


def kdd() -> Description:
    """The training log, with the side tables that can be joined to it."""
    return Description(
        name="kdd",
        label="click",
        columns=_COLUMNS,
        dense=tuple(DenseColumn(name) for name in ("impression", "depth", "position")),
        sparse=tuple(_column(name) for name in KDD_TABLE_ROWS if name not in ("gender", "age")),
        label_rule="positive",
        side_tables=(
            SideTable(
                name="user",
                key="user",
                columns=("gender", "age"),
                default="0",  # the profile's own value for "unknown", as in the authors' code
                sparse=(_column("gender"), _column("age")),
            ),
            *(_token_table(name) for name in ("query", "keyword", "title", "description")),
        ),
    )


def _column(name: str) -> SparseColumn:
    return SparseColumn(name, rows=KDD_TABLE_ROWS[name], radix="decimal_or_hex", fold=AUTHORS_FOLD)


def _token_table(name: str) -> SideTable:
    count, first = f"{name}_tokens", f"{name}_first_token"
    return SideTable(
        name=name,
        key=name,
        columns=(count, first),
        tokens=True,
        dense=(DenseColumn(count),),
        sparse=(SparseColumn(first, rows=KDD_TABLE_ROWS["keyword"], radix="decimal_or_hex"),),
    )
