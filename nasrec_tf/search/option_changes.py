"""How the options of a call differ from those that a run was begun with."""

import dataclasses
import os
from typing import Any

from nasrec_tf.common.json_digest import json_digest
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.options import STAGES, plain
from nasrec_tf.training.recipes import PAPER

FREE_OPTIONS = (
    "run_dir", "workers", "checkpoint_seconds", "tensorboard", "mlflow", "distribute", "max_hours",
    "imports",
)  # fmt: skip
"""Options that may change from one call to the next: they do not change what comes out, or as
``--max-hours`` only by what has not been done."""


def readers(config: SearchConfig, field: dataclasses.Field) -> tuple[str, ...]:
    """The first stage that reads an option, by which digests go: now, and in earlier versions.

    Args:
        config: the options.
        field: of ``SearchConfig``.

    Returns:
        ``READERS`` of them, that of now first.
    """
    before = config.first_reader_but_the_choice(field)
    return config.first_reader(field), before, field.metadata.get("read_before") or before


READERS = 3


def digest_up_to(stage: str, config: SearchConfig, version: int = 0) -> str:
    """A digest of the options that a stage's result follows from: those it or one before read.

    What is left open, or as it was before there was the option, is left out, so that an option that
    a later version brings does not change it.

    Args:
        stage: of ``STAGES``.
        config: the options.
        version: of those of ``readers``, for options of which another stage was once thought to be
            the first that reads them.
    """
    options = {
        field.name: plain(getattr(config, field.name))
        for field in dataclasses.fields(SearchConfig)
        if field.name not in FREE_OPTIONS
        and getattr(config, field.name) not in (None, field.metadata["before"])
        and STAGES.index(readers(config, field)[version]) <= STAGES.index(stage)
    }
    return json_digest(options)


def changed_options(
    config: SearchConfig, stored: SearchConfig, first_reader: str | None = None
) -> list[dataclasses.Field]:
    """Options that are not as stored and decide what comes out.

    Args:
        config: the options of a call.
        stored: those that the run was begun with.
        first_reader: the stage that reads them first; any unless given.
    """
    return [
        field
        for field in dataclasses.fields(SearchConfig)
        if field.name not in FREE_OPTIONS
        and getattr(config, field.name) != getattr(stored, field.name)
        and first_reader in (None, stored.first_reader(field))
    ]


def is_same_place(field: dataclasses.Field, new: Any, old: Any) -> bool:
    """Whether an option that names files names the same ones in other words.

    Args:
        field: of ``SearchConfig``.
        new: its value.
        old: its value before.
    """
    if not field.metadata.get("path") or new is None or old is None:
        return False
    if isinstance(new, tuple):
        return list(map(os.path.realpath, new)) == list(map(os.path.realpath, old))
    return os.path.realpath(new) == os.path.realpath(old)


def completed(options: dict[str, Any]) -> dict[str, Any]:
    """Stored options; those of runs begun before there were recipes say so: all was the paper's.

    Args:
        options: by field.
    """
    if "recipe" in options:
        return options
    before = {**options, "recipe": PAPER}
    if before.get("row_decay") == 0.0:
        del before["row_decay"]
    return before
