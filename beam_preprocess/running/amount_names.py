"""Which columns are called as amounts are: by the words of a name, not by letters within them."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_AMOUNTS = frozenset(
    "price prices cost costs amount amounts count counts cnt num qty quantity total totals sum avg "
    "average mean median age ages duration size width height length score scores rate ratio rating "
    "ratings days hours minutes seconds balance salary income revenue clicks views impressions "
    "distance percent pct".split()
)

_ENDINGS = ("price", "prices", "amount", "quantity", "duration", "length", "salary", "counts")
"""Of words that are written together, such as unitprice; count is one unless it is account."""


def is_amount_name(name: str) -> bool:
    """Whether a column is called as amounts are.

    Args:
      name: Of the column, in words with underscores, blanks, digits or capitals between.

    >>> [is_amount_name(name) for name in ("item_count", "unitPrice", "viewcount", "AGE")]
    [True, True, True, True]
    >>> [is_amount_name(name) for name in ("country", "page_type", "account", "cost_id")]
    [False, False, False, False]
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if words[-1:] == ["id"]:
        return False
    return any(
        word in _AMOUNTS
        or word.endswith(_ENDINGS)
        or (word.endswith("count") and not word.endswith("account"))
        for word in words
    )
