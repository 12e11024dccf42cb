"""Names of columns: that each is there once, and how messages show them."""

from __future__ import annotations

from collections import Counter

from beam_preprocess.common.checked import shown
from beam_preprocess.errors import DataError

_SHOWN_CHARACTERS = 60


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
