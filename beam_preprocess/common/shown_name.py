"""Names of columns and values as a picture can show them."""

from __future__ import annotations

import unicodedata


def shown_name(text: str, most: int) -> str:
    """A name that is printable and not too long; of a long one its two ends.

    Names of columns often differ in their last letters alone.

    Args:
      text: Such as the name of a column.
      most: Letters that there is room for, by which ideographs count as two.

    Example:
      >>> shown_name("clicks_of_the_last_30_days", 16), shown_name("two\\nlines", 16)
      ('clicks_of…0_days', 'two lines')
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    if name_width(shown) <= most:
        return shown
    tail = most * 2 // 5
    head, end = most - 1 - tail, shown
    while name_width(end) > tail:
        end = end[1:]
    while name_width(shown) > head:
        shown = shown[:-1]
    return f"{shown}…{end}"


def name_width(text: str) -> int:
    """Letters that a text is as wide as: ideographs are two each.

    Args:
      text: The text.

    Example:
      >>> name_width("ab"), name_width("点击")
      (2, 4)
    """
    return len(text) + sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
