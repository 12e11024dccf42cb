"""``origin.json``: the files and the description that a data set was made of.

A run that goes on later asks it whether these are still what they were.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from beam_preprocess.common.checked import Count, build, check_fields, shown
from beam_preprocess.dataset.file_format import read_json
from beam_preprocess.errors import DataError

ORIGIN_FILE = "origin.json"

_FORMAT = "nasrec_tf.origin"
_VERSION = 1


@dataclasses.dataclass(frozen=True)
class OriginFile:
    """A raw file as it was when it was read.

    Attributes:
      path: Where it lay: relative to the data set if beside or below it, else absolute.
      bytes: Its size.
      crc32: Checksum of its bytes as they lie on disk.
      split: The split that it was given for, or None.
      checked: The first bytes, of which the checksum is, where no more was read; None for all.
    """

    path: str
    bytes: Count
    crc32: Annotated[int, pydantic.Field(ge=0, lt=2**32)]
    split: str | None = None
    checked: Count | None = None

    def __post_init__(self) -> None:
        check_fields(self)


@dataclasses.dataclass(frozen=True)
class Origin:
    """What a data set was made of.

    Attributes:
      description: Of the raw data, its columns known, in the form of JSON.
      files: The raw files, and those of side tables.
    """

    description: Mapping[str, Any]
    files: tuple[OriginFile, ...]

    def dumps(self) -> str:
        """The text of the file."""
        body = {"format": _FORMAT, "version": _VERSION, **dataclasses.asdict(self)}
        for file in body["files"]:
            if file["checked"] is None:
                del file["checked"]  # Versions that do not know it read the file.
        return json.dumps(body, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, directory: str | pathlib.Path) -> Origin | None:
        """Reads the origin of a data set; None of one that an earlier version wrote.

        Args:
          directory: The data set.

        Raises:
          DataError: The file is damaged.
        """
        path = pathlib.Path(directory) / ORIGIN_FILE
        if not path.exists():
            return None
        body = read_json(path)
        try:
            if (body.get("format"), body.get("version")) != (_FORMAT, _VERSION):
                raise DataError(f"version must be {_VERSION}, not {shown(body.get('version'))}")
            files = tuple(build(OriginFile, entry, "files") for entry in body["files"])
            return cls(dict(body["description"]), files)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}: damaged ({error}); preprocess the data again") from None
