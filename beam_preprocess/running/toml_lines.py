"""Lines of a description in TOML, with reasons as comments."""

from __future__ import annotations

import json


def entry(key: str, value: object, reason: str = "") -> str:
    """A line of one key.

    Args:
      key: The key.
      value: A text, a number or a list of them.
      reason: Becomes a comment; none if empty.

    >>> entry("delimiter", "\\t", "100% of the lines")
    'delimiter = "\\\\t"  # 100% of the lines'
    """
    line = f"{key} = {quoted(value)}"
    return f"{line}  # {plain(reason)}" if reason else line


def quoted(value: object) -> str:
    """A text, a number or a list of them as TOML has it: as JSON, but for one character.

    Args:
      value: What is written.
    """
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def plain(reason: str) -> str:
    """A reason as a comment of one line, whatever characters the values have that it shows.

    Args:
      reason: In words, some of them perhaps values of the log.
    """
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in " ".join(reason.split()))
