"""Names of files that belong to a feature, whatever the feature is called."""

from __future__ import annotations

import hashlib

CARD_FILE = "data_card.md"

_MOST_BYTES = 160  # file systems take 255, and an ending is to come
_KEPT_CHARACTERS = 10


def file_stem(feature: str) -> str:
    """A file name, without ending, that stands for a feature's name and for no other.

    Letters, digits and ``-_.`` stay as they are, other characters become their UTF-8 bytes. A name
    that is too long for a file name becomes its beginning and a hash.

    Args:
      feature: Name of the feature.

    >>> file_stem("user id/3"), file_stem("price_€")
    ('user%20id%2f3', 'price_%e2%82%ac')
    >>> file_stem("x" * 300)
    'xxxxxxxxxx%~0d4e2ca9e9cbced7a7a5'
    """
    stem = "".join(map(_safe, feature))
    if len(stem.encode()) <= _MOST_BYTES:
        return stem
    digest = hashlib.sha256(feature.encode()).hexdigest()[:20]
    kept = "".join(map(_safe, feature[:_KEPT_CHARACTERS]))
    return f"{kept}%~{digest}"  # "%~" begins no escape: no short name looks like this


def _safe(character: str) -> str:
    if character.isalnum() or character in "-_.":
        return character
    return "".join(f"%{octet:02x}" for octet in character.encode())
