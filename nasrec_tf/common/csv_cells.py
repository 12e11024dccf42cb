"""Text for CSV files that people open in spreadsheets, which take some texts for formulas."""

from typing import Any

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet compute a cell (OWASP, "CSV Injection")."""


def plain_cell(value: Any) -> Any:
    """A cell that is shown as it is: before a text that is taken for a formula, a quotation mark.

    Args:
        value: what the cell is to hold; numbers stay as they are, also as text.

    Example:
        >>> plain_cell("=HYPERLINK(A1)"), plain_cell(-0.5), plain_cell("-0.5"), plain_cell("a=b")
        ("'=HYPERLINK(A1)", -0.5, '-0.5', 'a=b')
    """
    if isinstance(value, str) and value.startswith(FORMULAS) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def plain_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of plain cells.

    Args:
        row: by column.
    """
    return {column: plain_cell(value) for column, value in row.items()}
