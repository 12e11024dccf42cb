"""Missing tokens that are numbers: for dense features a number, however it is written.

``-1`` so means ``-1.0`` as well, as a float column of Parquet, pandas and the inputs of a served
model have it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def missing_numbers(missing_tokens: Sequence[str], decimal: str = ".") -> tuple[float, ...]:
    """The numbers among missing tokens, in the 32 bits that records and served inputs have.

    Args:
      missing_tokens: Raw values that mean missing.
      decimal: What stands before the decimals of a number.

    >>> missing_numbers(("NA", "-1", "nan")), missing_numbers(("9,5", "9.5"), ",")
    ((-1.0,), (9.5,))
    """
    numbers = []
    for token in missing_tokens:
        text = token if decimal == "." else token.replace(".", "?").replace(decimal, ".")
        try:
            number = float(text)
        except ValueError:
            continue
        numbers.append(float(_narrow(np.array(number))))
    return tuple(number for number in numbers if not np.isnan(number))


def are_missing(numbers: np.ndarray, missing: Sequence[float]) -> np.ndarray:
    """Which numbers are among those that mean missing.

    Args:
      numbers: float64.
      missing: As :func:`missing_numbers` gives them.

    >>> are_missing(np.array([-1.0, 0.1, np.nan]), (-1.0,)).tolist()
    [True, False, False]
    """
    return np.isin(_narrow(numbers), missing) if missing else np.zeros(len(numbers), bool)


def _narrow(numbers: np.ndarray) -> np.ndarray:
    """In 32 bits, but for numbers that these cannot hold."""
    with np.errstate(over="ignore"):
        narrow = numbers.astype(np.float32).astype(np.float64)
    return np.where(np.isinf(narrow), numbers, narrow)
