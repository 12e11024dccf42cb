"""What stands in the files that options of a run name: a recipe, a space, an architecture.

What a file holds belongs to the option as much as its name does. A run keeps the texts, so that a
file that was edited since is told, and what was in it can be put back.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from nasrec_tf.common.config_files import tomllib
from nasrec_tf.common.json_digest import json_digest
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.common.strict_json import parse_json, read_short_text
from nasrec_tf.search.config import SearchConfig

OPTION_FILES = "option_files.json"


def edited_files(directory: pathlib.Path, config: SearchConfig) -> frozenset[str]:
    """Options whose file says something else than when the run was begun.

    Comments, blanks and the order of settings say nothing. A file that is gone is none of them:
    who reads it tells that.

    Args:
        directory: of the run.
        config: the options, with the names of the files.

    Returns:
        Fields of ``SearchConfig``.

    Raises:
        RunError: if what the run has kept is damaged.
    """
    kept = _kept(directory)
    return frozenset(
        name
        for name, text in _texts(config).items()
        if name in kept and _meaning(text) != _meaning(kept[name])
    )


def option_files_digest(config: SearchConfig) -> str | None:
    """What tells options from those by whose names other files stood; ``None`` if they name none.

    As in ``edited_files``, how a file is written says nothing.

    Args:
        config: the options, with the names of the files.
    """
    texts = _texts(config)
    # TOML has dates, which JSON has not.
    said = {name: json.dumps(_meaning(text), sort_keys=True, default=str)
            for name, text in texts.items()}  # fmt: skip
    return json_digest(said) if said else None


def keep_option_files(directory: pathlib.Path, config: SearchConfig) -> None:
    """Keeps what the files hold now.

    Args:
        directory: of the run.
        config: the options, with the names of the files.

    Raises:
        RunError: if what the run has kept is damaged.
        UserError: if it cannot be written.
    """
    before, now = _kept(directory), _texts(config)
    # Of a file that is gone what was kept of it stays.
    named = {name for name in _fields() if getattr(config, name) is not None}
    texts = {name: text for name, text in before.items() if name in named} | now
    if texts != before:
        write_state(directory / OPTION_FILES, texts)


def _fields() -> list[str]:
    return [
        field.name for field in dataclasses.fields(SearchConfig) if field.metadata.get("content")
    ]


def _texts(config: SearchConfig) -> dict[str, str]:
    """The texts of the files that options name, by field; a preset's name is none."""
    texts = {}
    for name in _fields():
        path = getattr(config, name)
        if path is None or not pathlib.Path(path).is_file():
            continue
        try:
            texts[name] = read_short_text(path)
        except (OSError, ValueError):
            continue  # No option can be made of it, which is told where one is to be.
    return texts


def _kept(directory: pathlib.Path) -> Mapping[str, str]:
    mend = "delete it, and see to it that the files which options name are as they were"
    return read_state(directory / OPTION_FILES, dict[str, str], mend) or {}


def _meaning(text: str) -> Any:
    """What a TOML or JSON text says, however it is written; the text itself where it is neither."""
    for read in (parse_json, tomllib.loads):
        try:
            return read(text)
        except (ValueError, RecursionError):
            continue
    return text
