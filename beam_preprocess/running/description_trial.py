"""Whether a description reads the rows that it was made of."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from beam_preprocess.config import MAX_REJECT_SHARE, MAX_ROW_BYTES, PreprocessConfig
from beam_preprocess.datasets.toml_file import parse_toml
from beam_preprocess.encoding.scan_check import hint
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_names import has_name
from beam_preprocess.reading.decode import decode_rows
from beam_preprocess.reading.source import read_raw
from beam_preprocess.running.input_files import find_inputs

_PLACE = pathlib.Path("description")


def further_columns(text: str, patterns: Sequence[str]) -> dict[str, str]:
    """Columns that a description does not name and the first file lacks, which nobody looked at.

    Args:
      text: The description, in TOML, without a fault.
      patterns: Paths, globs or directories of the log.

    Returns:
      From column to the first file that has it.
    """
    config, files = find_inputs(_run_of(text, patterns))
    whole = config.description.columns or ()
    there = {*(files[0].columns or whole)}
    found: dict[str, str] = {}
    for name in whole:
        if name not in there and has_name(name):
            found[name] = next(file.path for file in files if name in (file.columns or whole))
    return found


def _run_of(text: str, patterns: Sequence[str]) -> PreprocessConfig:
    return PreprocessConfig(parse_toml(text, _PLACE), "out", inputs=tuple(patterns))


def first_fault(text: str, patterns: Sequence[str]) -> str | None:
    """Why a run by a description would end, as its files' first lines and first block tell.

    Args:
      text: The description, in TOML.
      patterns: Paths, globs or directories of the log.

    Returns:
      The message; None where nothing tells of one.
    """
    try:
        config, files = find_inputs(_run_of(text, patterns))
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
