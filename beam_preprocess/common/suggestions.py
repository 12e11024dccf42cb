"""What was meant by a name that is not known."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable


def suggestion(name: object, known: Iterable[str]) -> str:
    """What was meant, in words to be put behind the name; nothing where that is not clear.

    >>> suggestion("instaled_at", ["app", "installed_at"]), suggestion("x", ["app"])
    (", did you mean 'installed_at'?", '')
    """
    if not isinstance(name, str):
        return ""
    by_lower = {each.lower(): each for each in reversed(list(known))}
    near = difflib.get_close_matches(name.lower(), list(by_lower), n=1)
    return f", did you mean {by_lower[near[0]]!r}?" if near else ""


def with_suggestions(message: str, parser: argparse.ArgumentParser) -> str:
    """What ``argparse`` says of a mistake, with the option or the choice that was meant.

    Args:
      message: Of ``ArgumentParser.error``.
      parser: That says it.

    >>> parser = argparse.ArgumentParser()
    >>> _ = parser.add_argument("--split", choices=["chronological", "given"])
    >>> with_suggestions("unrecognized arguments: --spilt x", parser)
    "unknown option --spilt, did you mean '--split'?"
    """
    options = [option for action in parser._actions for option in action.option_strings]
    found = re.match(r"unrecognized arguments: (--[^\s=]+)", message)
    if found:
        return f"unknown option {found[1]}{suggestion(found[1], options)}"
    found = re.match(r"argument (\S+?)(?:/\S+)?: invalid choice: '([^']*)'", message)
    if found:
        for action in parser._actions:
            if action.choices is not None and found[1] in (*action.option_strings, action.metavar):
                choices = [str(choice) for choice in action.choices]
                listed = ", ".join(choices)
                said = f"{found[1]} {found[2]!r}{suggestion(found[2], choices)}"
                return f"{said}; it is one of {listed}"
    return message
