"""Whether a description reads the rows that it was made of."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from beam_preprocess.config import MAX_REJECT_SHARE, MAX_ROW_BYTES, PreprocessConfig
from beam_preprocess.datasets.toml_file import parse_toml
from beam_preprocess.encoding.scan_check import hint
from beam_preprocess.errors import DataError
from beam_preprocess.reading.decode import decode_rows
from beam_preprocess.reading.source import read_raw
from beam_preprocess.running.input_files import find_inputs

_PLACE = pathlib.Path("description")


def first_fault(text: str, patterns: Sequence[str]) -> str | None:
    """Why a run by a description would end, as its files' first lines and first block tell.

    Args:
      text: The description, in TOML.
      patterns: Paths, globs or directories of the log.

    Returns:
      The message; None where nothing tells of one.
    """
    try:
        config, files = find_inputs(
            PreprocessConfig(parse_toml(text, _PLACE), "out", inputs=tuple(patterns))
        )
        description = config.description
        _, raw, _ = next(read_raw(files[0], 0, 1, description, (), MAX_ROW_BYTES))
    except DataError as error:
        return str(error)
    rows, rejects = decode_rows(raw, description, numeric_ids=False)
    share = len(rejects) / max(1, len(rows) + len(rejects))
    if share <= MAX_REJECT_SHARE:
        return None
    reject = rejects[0]
    return (
        f"{share:.1%} of the first rows are malformed, the first on line {reject.line + 1}: "
        f"{reject.reason}{hint(reject.reason)}"
    )
