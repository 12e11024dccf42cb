"""Options that say nothing beside the others of a command: those that one run would not look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_TEXT = ("delimiter", "quoting", "escape", "skip_blanks", "file_encoding", "max_row_bytes")


class _Rule(NamedTuple):
    """When options say nothing.

    Attributes:
      names: Of the options.
      is_unused: Whether they do, by all options of the command.
      why: What they go with, as messages have it.
    """

    names: tuple[str, ...]
    is_unused: Callable[[Any], bool]
    why: str


def _are_splits_given(options: Any) -> bool:
    # The main job calls the files of the validation split otherwise.
    files = (getattr(options, name, None) for name in ("validation", "validation_data"))
    return options.split == "given" or any(files)


_RULES = (
    _Rule(("fractions",), _are_splits_given, "goes without splits that are given as files"),
    _Rule(
        ("table_rows",),
        lambda options: options.encoding == "vocabulary",
        "goes with --encoding hash or modulo",
    ),
    _Rule(
        ("min_count", "max_vocabulary"),
        lambda options: options.encoding != "vocabulary",
        "goes with --encoding vocabulary",
    ),
    _Rule(
        _TEXT, lambda options: options.dataset == "parquet", "goes with files of text, not Parquet"
    ),
    _Rule(
        ("time_format",),
        lambda options: options.time_column is None,
        "goes with --time-column, which is missing",
    ),
    _Rule(
        ("dense_transform",),
        lambda options: options.dense is None,
        "goes with --dense, which names the columns",
    ),
)


def unused_options(options: Any) -> Iterator[tuple[str, str]]:
    """Options that say nothing, whether or not they were given.

    Args:
      options: Of a command that reads a raw log, by attribute; those of a layout, as
        :class:`~beam_preprocess.datasets.layout_options.LayoutOptions` has them, are None where
        they are left out.

    Yields:
      The name of each, and what it goes with.

    >>> from beam_preprocess.cli import _parser
    >>> given = ["--dataset", "parquet", "--label", "click", "--dense", "price"]
    >>> options = _parser().parse_args([*given, "--time-column", "day", "--encoding", "hash"])
    >>> sorted(name for name, _ in unused_options(options) if name not in _TEXT)
    ['max_vocabulary', 'min_count']
    """
    for names, is_unused, why in _RULES:
        if is_unused(options):
            for name in names:
                yield name, why
