"""Format and version of a data set's JSON files, and reading these."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from beam_preprocess.common.checked import shown
from beam_preprocess.errors import DataError

FORMAT = "nasrec_tf.dataset"
VERSION = 3
VERSION_WITHOUT_LISTS = 2
"""Of data sets without multi-valued features, which programs before those read too."""

READABLE_VERSIONS = (1, 2, 3)
SCHEMA_FILE = "schema.json"
MANIFEST_FILE = "manifest.json"


def check_format(body: Any, where: str) -> None:
    """Raises DataError unless ``body`` is a JSON object of a format version that is read here.

    Args:
      body: Content of ``schema.json`` or ``manifest.json``.
      where: The file, for the message.

    >>> check_format({"format": "nasrec_tf.dataset", "version": 4}, "data/schema.json")
    Traceback (most recent call last):
        ...
    beam_preprocess.errors.DataError: data/schema.json: format version 4, this program reads 1 to \
3; preprocess the data again
    """
    if not isinstance(body, Mapping) or body.get("format") != FORMAT:
        raise DataError(f"{where}: not a {FORMAT} schema or manifest; preprocess the data again")
    version = body.get("version")
    if version not in READABLE_VERSIONS or isinstance(version, (bool, float)):
        raise DataError(
            f"{where}: format version {shown(version)}, this program reads "
            f"{READABLE_VERSIONS[0]} to {READABLE_VERSIONS[-1]}; preprocess the data again"
        )


def read_json(path: pathlib.Path) -> Any:
    """Reads one JSON file.

    Args:
      path: The file.

    Raises:
      DataError: It cannot be read or is no JSON; the message names it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: missing; preprocess the data again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except RecursionError:
        raise DataError(f"{path}: damaged (nested too deeply); preprocess the data again") from None
    except ValueError as error:  # JSON, UTF-8, integers of any length
        raise DataError(f"{path}: damaged ({error}); preprocess the data again") from None
