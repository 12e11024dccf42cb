"""Reading small TOML and JSON files."""

import pathlib
import sys
from typing import Any

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.strict_json import parse_json, read_short_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_table(path: str | pathlib.Path) -> dict[str, Any]:
    """The table that a TOML or JSON file holds; the ending of the name tells which it is.

    Args:
        path: the file; JSON if it ends in ``.json``, else TOML.

    Raises:
        UserError: if the file cannot be read or is not of its form.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "run.toml"
        >>> _ = path.write_text('seed = 3')
        >>> read_table(path)
        {'seed': 3}
    """
    path = pathlib.Path(path)
    kind = "JSON" if path.suffix == ".json" else "TOML"
    try:
        text = read_short_text(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{path}: cannot be read: {reason}") from error
    try:
        value = parse_json(text) if kind == "JSON" else tomllib.loads(text)
    # Numbers of thousands of digits are a plain ValueError.
    except (ValueError, RecursionError) as error:
        reason = str(error).replace("\n", " ")
        raise UserError(f"{path}: not valid {kind}: {reason}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: must hold a table of settings, not {type(value).__name__}.")
    return value
