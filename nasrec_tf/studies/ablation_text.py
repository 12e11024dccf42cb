"""An ablation as text: Markdown, CSV, and the lines of the screen."""

import csv
import io
from collections.abc import Sequence

from nasrec_tf.report.markdown_table import markdown_table
from nasrec_tf.studies.ablation_study import AblationRow
from nasrec_tf.studies.pruning_text import told_difference, told_few, told_log_loss, told_spread

TABLE_6 = (
    ("single-operator any-connection, fine-tuning", "0.4408", "1.45"),
    ("single-operator single-connection, fine-tuning", "0.4417", "1.78"),
    ("any-operator any-connection, fine-tuning", "0.4413", "2.04"),
    ("single-operator any-connection, no fine-tuning", "0.4410", "3.62"),
)
"""Table 6 of the paper: log loss on Criteo, and millions of FLOPs."""

COLUMNS = (
    "search", "log loss", "AUC", "M multiply-accumulates", "passes", "seconds",
    "from the first (95 %)",
)  # fmt: skip


def ablation_markdown(rows: Sequence[AblationRow], command: str, few: int | None = None) -> str:
    """The whole study.

    Args:
        rows: the base first.
        command: that made it.
        few: test rows of the rarer label, where these are too few for intervals.
    """
    return "\n".join(
        [
            "# Ablation",
            "",
            f"Each row: whole searches with {len(rows[0].log_loss.values)} seeds, on one data set; "
            "quality of what they found on its test split.",
            "",
            f"    {command}",
            "",
            markdown_table(COLUMNS, [_cells(row) for row in rows]),
            "",
            "Passes over the training split and seconds are those of the search, beyond the "
            "training of what it found. " + told_spread(len(rows[0].log_loss.values), few),
            "",
            "Table 6 of the paper (Criteo):",
            "",
            markdown_table(("search", "log loss", "M FLOPs"), TABLE_6),
            "",
        ]
    )


def _cells(row: AblationRow) -> list[str]:
    return [
        row.name,
        told_log_loss(row.log_loss),
        "-" if row.auc is None else f"{row.auc:.4f}",
        f"{row.mflops:.4f}",
        f"{row.passes:.1f}",
        f"{row.seconds:.0f}",
        told_difference(row.from_default),
    ]


def ablation_csv(rows: Sequence[AblationRow]) -> str:
    """Every figure at full precision.

    Args:
        rows: the base first.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    seeds = [f"seed_{number}" for number in range(1, len(rows[0].log_loss.values) + 1)]
    writer.writerow(
        ["search", "log_loss", *seeds, "auc", "mflops", "passes", "seconds", "from_first", "low",
         "high"]
    )  # fmt: skip
    for row in rows:
        found = row.from_default
        ends = (None, None) if found is None or found.interval is None else found.interval
        writer.writerow(
            [row.name, row.log_loss.mean, *row.log_loss.values, row.auc, row.mflops, row.passes,
             row.seconds, None if found is None else found.value, *ends]
        )  # fmt: skip
    return text.getvalue()


def ablation_screen(rows: Sequence[AblationRow], few: int | None = None) -> list[str]:
    """What the screen shows in the end.

    Args:
        rows: the base first.
        few: test rows of the rarer label, where these are too few for intervals.
    """
    return [
        f"{row.name}: {told_log_loss(row.log_loss)}, from the first "
        f"{told_difference(row.from_default)}, {row.mflops:.4f} M"
        for row in rows
    ] + told_few(few)
