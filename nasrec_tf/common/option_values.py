"""What options of command lines mean: settings in one (``start=32,pool=200``), directories."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from beam_preprocess.common.comma_list import comma_list
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.strict_json import shown


def option_values(
    name: str, known: Mapping[str, type], text: str, where: str, example: str
) -> dict[str, Any]:
    """Values by setting, read from ``setting=value,setting=value``.

    Args:
        name: what has the settings.
        known: type of each setting: ``int``, ``float``, ``bool`` or ``str``.
        text: what was given.
        where: the option, for messages.
        example: of such a text, for messages.

    Raises:
        UserError: if a setting is unknown, given twice, or of another type; the message names it.

    Example:
        >>> option_values("local", {"patience": int}, "patience=5", "--options", "patience=3")
        {'patience': 5}
    """
    values: dict[str, Any] = {}
    for part in comma_list(text, where, blanks=True):
        option, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise UserError(
                f"{where} must be settings separated by commas, such as {example}. "
                f"Received: {shown(text)}"
            )
        if option not in known:
            has = f"it has {', '.join(known)}" if known else "it has none of its own"
            raise UserError(f"{where}: {name} has no {shown(option)}; {has}.")
        if option in values:
            raise UserError(f"{where} gives {option} twice; once is enough.")
        values[option] = _value(option, known[option], value, where)
    return values


def refuse_twins(option: str, meanings: Sequence[tuple[str, Any]]) -> None:
    """Refuses what is asked for twice, be it in other words.

    Args:
        option: that asks for it.
        meanings: texts as they were given, with what each comes to.

    Raises:
        UserError: if two come to the same.

    Example:
        >>> refuse_twins("--variant", [("warmup=false", (False, 1)), ("seed=2", (True, 2))])
    """
    for number, (text, meaning) in enumerate(meanings):
        for earlier, other in meanings[:number]:
            if meaning == other:
                told = text if text == earlier else f"{earlier} and {text}"
                raise UserError(f"{option}: the same options are given twice ({told}).")


def _value(option: str, kind: type, text: str, where: str) -> Any:
    truths = {"true": True, "false": False}
    wanted = {int: "a whole number", float: "a number", bool: "true or false"}
    try:
        return truths[text] if kind is bool else kind(text)
    except (ValueError, KeyError):
        raise UserError(
            f"{where}: {option} must be {wanted[kind]}. Received: {shown(text)}"
        ) from None


def made_directory(path: str | pathlib.Path, option: str) -> pathlib.Path:
    """The directory that an option names, there from now on.

    Args:
        path: of it.
        option: such as ``"--out"``.

    Raises:
        UserError: if it cannot be made; the message names the option.
    """
    directory = pathlib.Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{directory}: cannot be made: {error.strerror}; use another {option}."
        ) from error
    return directory
