"""Names of columns: that each is there once, and how messages show them."""

from __future__ import annotations

import re
from collections import Counter

from beam_preprocess.common.checked import shown
from beam_preprocess.errors import DataError

_SHOWN_CHARACTERS = 60
_NO_NAME = re.compile(r"|Unnamed: [0-9]+|__index_level_[0-9]+__")  # as pandas reads and writes it


def has_name(column: str) -> bool:
    """Whether somebody named a column: pandas' row numbers have a name that nobody gave.

    Args:
      column: Its name in the file.

    >>> [name for name in ("", "Unnamed: 0", "__index_level_0__", "user") if has_name(name)]
    ['user']
    """
    return not _NO_NAME.fullmatch(column)


def check_columns(columns: tuple[str, ...], where: str) -> None:
    """Checks that no column name is repeated; columns without one are left out, and may be several.

    Args:
      columns: In file order.
      where: What they were read from, for the message.

    Raises:
      DataError: One is.
    """
    repeated = sorted(name for name, count in Counter(columns).items() if name and count > 1)
    if repeated:
        raise DataError(
            f"{where}: column name {shown(repeated[0])} is repeated in the header; "
            "give every column its own name"
        )


def shorten(columns: tuple[str, ...], limit: int = 12) -> str:
    """Names as a message shows them.

    Args:
      columns: The names.
      limit: Of how many.

    >>> shorten(("user", "item", "city"), 2)
    '[user, item, ...]'
    """
    names = ", ".join(name[:_SHOWN_CHARACTERS] for name in columns[:limit])
    return f"[{names}{', ...' if len(columns) > limit else ''}]"
