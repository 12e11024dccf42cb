"""Reading small TOML and JSON files."""

import json
import pathlib
import sys
from typing import Any

from nasrec_tf.common.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_table(path: str | pathlib.Path) -> dict[str, Any]:
    """The table that a TOML or JSON file holds; the ending of the name tells which it is.

    Raises:
        UserError: if the file cannot be read or is not of its form.
    """
    path = pathlib.Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        value = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise UserError(f"{path}: not valid {kind}: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: must hold a table of settings, not {type(value).__name__}.")
    return value
