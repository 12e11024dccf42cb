"""What tells one JSON value from another, whatever the order of its fields."""

import hashlib
import json
from typing import Any


def json_digest(value: Any, digits: int = 16) -> str:
    """The first digits of a JSON value's SHA-256, in hexadecimal.

    Args:
        value: JSON values; the order of fields does not count.
        digits: how many, up to 64.

    Example:
        >>> json_digest({"a": 1, "b": 2}) == json_digest({"b": 2, "a": 1}) != json_digest({"a": 1})
        True
        >>> len(json_digest([]))
        16
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:digits]
