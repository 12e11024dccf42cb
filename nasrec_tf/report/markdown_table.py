"""Tables of Markdown, of text that data may have put into them."""

from collections.abc import Sequence


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table.

    Args:
        columns: their names.
        rows: text of each cell.

    Example:
        >>> print(markdown_table(("model", "loss"), [("a|b", "0.5")]))
        | model | loss |
        | --- | --- |
        | a\\|b | 0.5 |
    """
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(markdown_cell, line))} |" for line in lines)


def markdown_cell(text: str) -> str:
    """Text within a table or a line: no column of its own, and no HTML.

    Args:
        text: the text.
    """
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
