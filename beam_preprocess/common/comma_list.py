"""Lists as options of a command line give them: with commas between, quoted as in CSV."""

from __future__ import annotations

import csv

from beam_preprocess.errors import DataError


def comma_list(text: str, flag: str, *, blanks: bool = False) -> tuple[str, ...]:
    """The parts of a list; one that holds a comma is quoted, and a quote within is written twice.

    Args:
      text: As the user wrote it.
      flag: What it was written behind, for errors.
      blanks: Whether those around a part are no part of it.

    Raises:
      DataError: A quote has no end, or something stands behind it.

    >>> comma_list('age,"price, EUR"', "--dense"), comma_list("", "--dense")
    (('age', 'price, EUR'), ('',))
    """
    try:
        parts = next(csv.reader([text], strict=True, skipinitialspace=blanks), [])
    except csv.Error as error:
        raise DataError(
            f'{flag} {text}: {error}; a name that holds a comma is written "a,b", and a quote at '
            'the beginning of a name as """'
        ) from None
    return tuple(part.strip() if blanks else part for part in parts) or ("",)
