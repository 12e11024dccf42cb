"""Tables of Markdown, of text that data may have put into them."""

from collections.abc import Sequence

from beam_preprocess.common.markdown_cell import markdown_cell


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
