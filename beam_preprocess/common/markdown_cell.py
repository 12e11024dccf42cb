"""Text that data may have put into it, within Markdown: shown as it is."""

import re

_MARKED = re.compile(r"[\\`*\[\]~|]|\b_+|_+\b")
"""What Markdown takes for its own: an underscore does so at the ends of words alone."""

_ENTITY = re.compile(r"&(?=#?\w+;)")


def markdown_cell(text: str) -> str:
    r"""Text within a table or a line: no column, no emphasis and no link of its own, and no HTML.

    Args:
      text: The text; blanks of whatever kind become single ones.

    Example:
      >>> print(markdown_cell("a|b of my_log, *all* <rows>"))
      a\|b of my_log, \*all\* &lt;rows>
    """
    told = _ENTITY.sub("&amp;", " ".join(text.split()))
    told = _MARKED.sub(lambda found: re.sub(r"(.)", r"\\\1", found[0]), told)
    return told.replace("<", "&lt;")


def markdown_code(text: str) -> str:
    """Text as code within a line, outside of tables.

    Args:
      text: The text; blanks of whatever kind become single ones.

    Example:
      >>> print(markdown_code("click"), markdown_code("a`b"))
      `click` ``a`b``
    """
    told = " ".join(text.split()) or " "
    fence = "`" * (1 + max(map(len, re.findall("`+", told)), default=0))
    edge = " " if told.startswith("`") or told.endswith("`") else ""
    return f"{fence}{edge}{told}{edge}{fence}"
