"""One option of a search: what it says of itself, and what its values may be."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from beam_preprocess.common.suggestions import suggestion
from beam_preprocess.datasets.layout_options import LayoutOptions
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.fields import plain_type
from nasrec_tf.common.own_modules import OR_ONES_OWN
from nasrec_tf.common.value_checks import is_number, is_whole
from nasrec_tf.training.recipe import RECIPE_FIELDS

LARGEST = 2**63 - 1
"""The largest whole number that TOML promises to keep."""

MOST_STEPS = 2**40
"""Times the rows of a batch, these stay whole numbers of 64 bits."""

LONGEST_NAME = 255
"""Bytes of a file name on the usual file systems."""

LONGEST_PATH = 4095
"""Bytes of a path (Linux: ``PATH_MAX`` less the final zero)."""

SHOWN_LETTERS = 80
"""Letters of a wrong value that a message repeats."""

STAGES = (
    "records", "recipe", "supernet", "evolution", "rescore", "retrain", "prune", "hardware",
    "export", "explain",
)  # fmt: skip
"""The stages in order; ``recipe`` is one of runs that choose it, ``rescore`` of those that score
their best candidates again, ``prune`` of those that prune, ``hardware`` of co-design."""

COLUMN_OPTIONS = tuple(field.name for field in LayoutOptions.fields())
"""Options that describe columns, for layouts without a description of their own."""

LOG_OPTIONS = ("dataset", *COLUMN_OPTIONS, "validation_data", "test_data", "side_table")
"""Options that say what a raw log is."""


def option(default: Any, group: str, text: str, **extra: Any) -> Any:
    """A field with what its command-line option says.

    Args:
        default: ``None`` means that the value follows from the size of the data; the help text
            says how.
        group: heading of the help text under which the option stands.
        text: what the help text says of it.
        **extra: ``least`` and ``most`` (bounds of a number), ``choices``, ``path`` (whether the
            text may name a file), ``content`` (whether what that file holds belongs to the option),
            ``reader`` (the first stage that reads the option, unless it is
            that of the group), ``read_before`` (the one by which digests of earlier versions went),
            ``of_choice`` (whether the choice of a recipe reads it, where there is one),
            ``before`` (what held in runs begun before there was the option), ``of_parser``
            (whether every command's parser has the option already), ``registry`` (tells whether a
            name that is none of the choices has been registered), ``alias`` (another flag for it),
            ``unless_given`` (what the help text calls the default of a flag that is on or off,
            where the value alone does not tell it).
    """
    metadata = {"before": default, **extra, "group": group, "help": text}
    return dataclasses.field(default=default, metadata=metadata)


def recipe_option(part: str, text: str | None = None, **extra: Any) -> Any:
    """An option that sets a field of the recipe, with that field's bounds.

    Args:
        part: the field of ``Recipe``.
        text: what the help text says of it, unless it is what the field says.
        **extra: as for ``option``.
    """
    metadata = dict(RECIPE_FIELDS[part].metadata)
    text = text or metadata["help"]
    return option(None, RECIPE, **metadata | {"text": text, "part": part} | extra)


DATA = "data"
SPACE = "search space"
SUPERNET = "supernet"
EVOLUTION = "evolution"
CODESIGN = "co-design with processing-in-memory hardware"
RECIPE = "training recipe of the final networks"
RETRAIN = "retraining and export"
RUN = "run"

READERS = {
    DATA: "records",
    SPACE: "supernet",
    SUPERNET: "supernet",
    EVOLUTION: "evolution",
    CODESIGN: "supernet",
    RECIPE: "retrain",
    RETRAIN: "retrain",
    RUN: "records",
}
"""The first stage that reads the options of a group."""

OF_LIMITS = {"reader": "evolution", "read_before": "supernet"}
"""Of options that limit what a candidate may cost: the supernet is trained without them, as stages'
digests have only known since ``--extend``."""


OTHER_FLAGS = {"warm_start": "--from", "imports": "--import"}
"""Of fields that cannot have the name of their option, which is a word of Python's."""


def flag(name: str) -> str:
    """The command-line option of a field.

    Args:
        name: of the field.

    Example:
        >>> flag("max_mflops"), flag("warm_start")
        ('--max-mflops', '--from')
    """
    return OTHER_FLAGS.get(name) or "--" + name.replace("_", "-")


def is_several(field: dataclasses.Field) -> bool:
    """Whether an option takes several texts.

    Args:
        field: of ``SearchConfig``.
    """
    return plain_type(field) == tuple[str, ...]


def as_several(value: Any) -> Any:
    """The value of an option of several texts: of one text, and of a list, a tuple.

    Args:
        value: as it was given; what is neither is left to ``check_option``.

    Example:
        >>> as_several("log.csv"), as_several(["a.csv", "b.csv"])
        (('log.csv',), ('a.csv', 'b.csv'))
    """
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def modules_of(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules of a user's own that options name.

    Args:
        options: by field, as they were given; what is no text is left to ``check_option``.

    Example:
        >>> modules_of({"imports": "mine"}), modules_of({"imports": 5}), modules_of({})
        (('mine',), (), ())
    """
    named = as_several(options.get("imports"))
    is_several_texts = isinstance(named, tuple) and all(isinstance(one, str) for one in named)
    return named if is_several_texts else ()


def plain(value: Any) -> Any:
    """The value of an option as files hold it: one text of several as it is.

    Args:
        value: of a field of ``SearchConfig``.

    Example:
        >>> plain(("log.csv",)), plain(("a.csv", "b.csv")), plain(3)
        ('log.csv', ['a.csv', 'b.csv'], 3)
    """
    if not isinstance(value, tuple):
        return value
    return value[0] if len(value) == 1 else list(value)


def first_reader(field: dataclasses.Field) -> str:
    """The first stage that reads an option.

    Args:
        field: of ``SearchConfig``.
    """
    return field.metadata.get("reader") or READERS[field.metadata["group"]]


def shown(value: Any) -> str:
    r"""A value as messages show it: in one line, and not all of a very long one.

    Args:
        value: the value.

    Example:
        >>> shown("a\nb")
        "'a\\nb'"
        >>> len(shown("x" * 1000))
        80
    """
    text = repr(value) if _is_short(value) else f"a very large {type(value).__name__}"
    return text if len(text) <= SHOWN_LETTERS else text[: SHOWN_LETTERS - 3] + "..."


def _is_short(value: Any) -> bool:
    """Whether ``repr`` can be asked: whole numbers of thousands of digits have none."""
    return not isinstance(value, int) or abs(value) < 10**SHOWN_LETTERS


def check_option(field: dataclasses.Field, value: Any) -> None:
    """Checks the value of an option by what the option says of itself.

    Args:
        field: of ``SearchConfig``.
        value: what it is to be; ``None`` where that is the default.

    Raises:
        UserError: if it cannot be used; the message names the flag.
    """
    if value is None and field.default is None:
        return
    if is_several(field):
        _check_several(field, value)
        return
    wanted = plain_type(field)
    fits, name = {
        int: (is_whole(value), "a whole number"),
        float: (is_number(value), "a number"),
        bool: (isinstance(value, bool), "true or false"),
        str: (isinstance(value, str), "a text"),
    }[wanted]
    if not fits:
        raise UserError(f"{flag(field.name)} must be {name}. Received: {shown(value)}")
    if wanted in (int, float):
        _check_number(field, value)
    if wanted is str:
        _check_text(field, value)
    choices = field.metadata.get("choices")
    registry = field.metadata.get("registry")
    if choices is not None and value not in choices and not (registry and registry(value)):
        more = f"; {OR_ONES_OWN}" if registry else ""
        raise UserError(
            f"{flag(field.name)} must be one of {', '.join(choices)}. Received: {shown(value)}"
            f"{suggestion(value, choices)}{more}"
        )


def _check_several(field: dataclasses.Field, value: Any) -> None:
    if not isinstance(value, tuple) or not all(isinstance(part, str) for part in value):
        raise UserError(f"{flag(field.name)} must be a text or several. Received: {shown(value)}")
    if not value:
        raise UserError(f"{flag(field.name)} must not be empty; leave it out for the default.")
    for part in value:
        _check_text(field, part)


def _check_number(field: dataclasses.Field, value: int | float) -> None:
    name, least, most = flag(field.name), field.metadata.get("least"), field.metadata.get("most")
    if least is not None and not value >= least:
        raise UserError(f"{name} must be at least {least}. Received: {shown(value)}")
    if least is None and not value > 0:
        raise UserError(f"{name} must be positive. Received: {shown(value)}")
    if most is None and plain_type(field) is float:
        # A whole number may be too large to be a floating-point one.
        if isinstance(value, int) and abs(value) > LARGEST or not math.isfinite(value):
            raise UserError(
                f"{name} must be a finite number; leave it out for the default or no limit. "
                f"Received: {shown(value)}"
            )
        return
    most = LARGEST if most is None else most
    if not value <= most:
        raise UserError(f"{name} must be at most {most}. Received: {shown(value)}")
    step = field.metadata.get("step")
    if step is not None and value % step:
        raise UserError(f"{name} must be a multiple of {step}. Received: {shown(value)}")


def _check_text(field: dataclasses.Field, value: str) -> None:
    name = flag(field.name)
    if not value:
        raise UserError(f"{name} must not be empty; leave it out for the default.")
    try:
        encoded = value.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{name} must be text of UTF-8. Received: {shown(value)}") from error
    if not field.metadata.get("path"):
        return
    if b"\0" in encoded:
        raise UserError(f"{name} must not hold a zero character. Received: {shown(value)}")
    if len(encoded) > LONGEST_PATH or any(len(part) > LONGEST_NAME for part in encoded.split(b"/")):
        raise UserError(
            f"{name} is too long for a file system, which takes names of {LONGEST_NAME} bytes. "
            f"Received: {shown(value)}"
        )
