"""Rows of a block that cannot be read, and why."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from beam_preprocess.reading.parse import column_reason


class RowFaults:
    """Collects the first fault of each row.

    Args:
      rows: Of the block.
    """

    def __init__(self, rows: int):
        self.bad = np.zeros(rows, bool)
        self.reasons: dict[int, str] = {}

    def add(self, rows: np.ndarray, column: str, what: str, values: pa.Array) -> None:
        """Notes rows whose value cannot be read.

        Args:
          rows: Their indices.
          column: Name of the column.
          what: What is wrong with the values.
          values: Those of the whole block.
        """
        for row in rows:
            if not self.bad[row]:
                self.bad[row] = True
                self.reasons[int(row)] = column_reason(column, what, values[row].as_py())
