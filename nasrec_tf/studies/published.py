"""What the paper publishes of systems on its data sets (tables 4 and 5)."""

import math
import pathlib
from collections.abc import Sequence

from nasrec_tf.common.config_files import read_table
from nasrec_tf.report.comparison_summary import PublishedFigures

FILE = pathlib.Path(__file__).with_name("published.toml")

DATA_SETS = ("criteo", "avazu", "kdd")


def published_figures(data_set: str) -> Sequence[PublishedFigures]:
    """The rows of a data set; of one that the paper does not know, those of all.

    Args:
        data_set: name of the data set of a run, such as ``"criteo"``.

    Example:
        >>> [row.log_loss for row in published_figures("kdd") if row.method == "NASRec-Full"]
        [0.1491]
        >>> len(published_figures("frappe"))
        28
    """
    table = read_table(FILE)
    known = [name for name in DATA_SETS if name in data_set.lower()] or DATA_SETS
    return [
        PublishedFigures(
            method=row["method"],
            data_set=name,
            log_loss=row[name][0],
            auc=_known(row[name][1]),
            mflops=_known(row[name][2]),
            protocol=table["protocols"][row["protocol"]],
        )
        for name in known
        for row in table["rows"]
        if name in row
    ]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
