"""Whether a scan found data that a data set can be made of."""

from __future__ import annotations

import re

from beam_preprocess.dataset.schema import SPLIT_NAMES
from beam_preprocess.encoding.statistics import Summary
from beam_preprocess.errors import DataError

_HINTS = {
    r": label is not.*: ''$": " (the row has no label: take it out)",
    r": label is not.*: ' +[01]'$": " (--skip-blanks takes the blanks before values away)",
    r": label is .* in another writing": " (--label-positive names all that are clicks)",
    r": label is not": " (--label-positive or --label-above say which labels are clicks)",
    r": invalid UTF-8: ": " (bytes that are no text: leave the column out, or write their digits)",
    r": invalid UTF-8": " (--file-encoding says another encoding, such as latin-1)",
    r": not a number, which --encoding": " (write whole numbers, or take another --encoding)",
    r": not a number.*: '[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?'$": (
        " (write it without separators of thousands, such as 1234.5; if its comma is of decimals, "
        "--decimal , says so)"
    ),
    r": not a number.*: '[+-]?\d*,\d+'$": " (--decimal , says that numbers have a decimal comma)",
    r": not a number: '[0-9.,+ -]*[$€£¥%()][0-9.,+ $€£¥%()-]*'$": (
        " (write it as 1234.5, without signs of money or percent, and -5 for (5))"
    ),
    r": not a number.*: '[^0-9]*'$": " (--missing-tokens says what means missing)",
    r": not a finite.*: 'nan'$": (
        " (--missing-tokens NaN,nan says that it means missing; the log may write it in capitals)"
    ),
    r": not a finite": " (write it as a missing value; --missing-tokens says which texts are)",
    r"not a time of the form .*: ''$": " (--time-column needs a time in every row)",
    r"carriage return inside": " (lines have to end alike in the whole file)",
    r": not a number.*: '[+-]?\d*\.\d+'$": " (--decimal . says that numbers have a decimal point)",
}
"""What helps, by what is found in a reason; of a column of Parquet the value stands behind it."""


def hint(reason: str) -> str:
    """What helps where a row is rejected, behind a blank; nothing where that is not known.

    Args:
      reason: As a reject has it.

    >>> hint("column price: not a number: '-'")
    ' (--missing-tokens says what means missing)'
    >>> hint("column price: not a finite 32-bit number: 'nan'")[:29]
    ' (--missing-tokens NaN,nan sa'
    >>> hint("column price: not a number: '1,234'")[:40]
    ' (write it without separators of thousan'
    >>> hint("column price: not a number: '$1.03'")[:40]
    ' (write it as 1234.5, without signs of m'
    """
    # Once more with the place before it, which a message may have.
    told = f": {reason}"
    return next((help for part, help in _HINTS.items() if re.search(part, told)), "")


def check_scan(summary: Summary, max_reject_share: float, weight: str | None = None) -> None:
    """Ends a run whose first pass found too little, or too much amiss.

    Args:
      summary: What the first pass found.
      max_reject_share: Largest tolerated share of malformed rows, from 0 to 1.
      weight: Column of weights, if there is one.

    Raises:
      DataError: More rows are malformed (the message names the first, its file and line), or a
        split is empty or weighs nothing.
    """
    rows, rejected = sum(summary.rows), sum(summary.rejected.values())
    share = rejected / max(1, rows + rejected)
    if share > max_reject_share:
        first = _describe(summary)
        raise DataError(
            f"{rejected} of {rows + rejected} rows are malformed ({share:.2%}, allowed are "
            f"{max_reject_share:.2%}: --max-reject-share); first: " + first + hint(first)
        )
    for name, count in zip(SPLIT_NAMES, summary.rows, strict=True):
        if not count:
            raise DataError(
                f"the {name} split is empty ({rows} rows in all): give more rows or other splits"
            )
    for name, total in zip(SPLIT_NAMES, summary.weight, strict=True):
        if weight is not None and not total:
            raise DataError(
                f"all rows of the {name} split have weight 0 in column {weight!r}; give others"
            )


def _describe(summary: Summary) -> str:
    group, file, block, line, path, reason = summary.first_rejects[0]
    earlier = sum(summary.block_lines.get((group or None, file, at), 0) for at in range(block))
    return f"{path} line {earlier + line + 1}: {reason}"
