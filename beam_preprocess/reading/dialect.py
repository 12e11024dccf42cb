"""How a delimited text is written, and which ways go together."""

from __future__ import annotations

import codecs

from beam_preprocess.common.checked import shown
from beam_preprocess.errors import DataError

UTF_8 = "utf-8"

USUAL_DELIMITERS = ("\t", ",", ";", "|", "::", "\x01", " ")
"""Those that logs have, the most usual ones first; the one before the last is Hive's."""

UNIT_SEPARATOR = "\x1f"
"""ASCII's own character between values: what a delimiter of several characters becomes."""


def check_dialect(
    what: str,
    delimiter: str,
    *,
    quoting: bool = False,
    escape: str | None = None,
    skip_blanks: bool = False,
    file_encoding: str = UTF_8,
) -> None:
    """Checks how a text is said to be written.

    Args:
      what: What messages call it.
      delimiter, quoting, escape, skip_blanks, file_encoding: As of a ``Description``.

    Raises:
      DataError: One of them cannot be used, or not with the others.

    >>> check_dialect("log", "::", quoting=True)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
      ...
    beam_preprocess.errors.DataError: log: delimiter '::' of several characters goes with ...
    """
    if not delimiter or not delimiter.isascii() or set(delimiter) & set('\r\n\0"'):
        raise DataError(f"{what}: delimiter must be ASCII characters, not {delimiter!r}")
    if len(delimiter) > 1 and (quoting or escape or skip_blanks):
        raise DataError(
            f"{what}: delimiter {delimiter!r} of several characters goes with quoting = "
            "false, and without escape and skip_blanks"
        )
    if escape is not None and (
        len(escape) != 1 or not escape.isascii() or escape in delimiter + '\r\n\0" '
    ):
        raise DataError(
            f"{what}: escape must be one ASCII character other than delimiter and quote, "
            f"not {escape!r}"
        )
    if skip_blanks and delimiter == " ":
        raise DataError(f"{what}: skip_blanks goes with another delimiter than a blank")
    try:
        is_text = codecs.lookup(file_encoding)._is_text_encoding
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise DataError(
            f"{what}: file_encoding {shown(file_encoding)} is not known; usual ones "
            "are utf-8, latin-1, cp1252 and utf-16"
        )
