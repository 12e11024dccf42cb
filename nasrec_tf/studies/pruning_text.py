"""A pruning study as text: Markdown, CSV, and the lines of the screen."""

import csv
import io

from beam_preprocess.common.markdown_cell import markdown_cell
from nasrec_tf.report.few_rows import caution_of_few_rows
from nasrec_tf.report.markdown_table import markdown_table
from nasrec_tf.studies.paired_intervals import Measured, PairedDifference
from nasrec_tf.studies.pruning_result import PruningResult, PruningRow

TABLE_7 = (
    ("Criteo", "0", "0.4408", "0.4408", "1.45 (100 %)"),
    ("Criteo", "1", "0.4402", "0.4406", "1.37 (94 %)"),
    ("Criteo", "3", "0.4403", "0.4406", "1.01 (69 %)"),
    ("Criteo", "5", "0.4402", "0.4405", "0.78 (54 %)"),
    ("Avazu", "0", "0.3737", "0.3737", "1.87 (100 %)"),
    ("Avazu", "1", "0.3741", "0.3744", "1.58 (84 %)"),
    ("Avazu", "3", "0.3741", "0.3746", "1.23 (66 %)"),
    ("Avazu", "5", "0.3742", "0.3748", "0.88 (47 %)"),
)
"""Table 7 of the paper: log loss by mask and by magnitude, and millions of FLOPs."""

COLUMNS = (
    "way", "prunings", "left", "M multiply-accumulates", "arrays", "log loss", "AUC",
    "from dense (95 %)",
)  # fmt: skip


def pruning_markdown(result: PruningResult, command: str) -> str:
    """The whole study.

    Args:
        result: what is shown.
        command: that made it.
    """
    card, dense = result.card, result.rows[0]
    rows = [_cells(row, dense) for row in result.rows]
    return "\n".join(
        [
            f"# Pruning on {markdown_cell(card.name)}",
            "",
            f"{markdown_cell(result.architecture)}, {result.seeds} seeds ({card.recipe}); "
            f"{card.rows['train']:,} training rows; quality on {card.rows['test']:,} test rows.",
            "",
            f"    {command}",
            "",
            markdown_table(COLUMNS, rows),
            "",
            "Multiply-accumulates by 0 are left out, which a dense product of elements takes all "
            "the same; those of units are what the smaller network executes. Arrays are "
            "those of crossbars (128 x 128) of one copy of the network. "
            + told_spread(result.seeds, result.few_of_a_label),
            "",
            "Table 7 of the paper:",
            "",
            markdown_table(("data", "prunings", "by mask", "by magnitude", "M FLOPs"), TABLE_7),
            "",
        ]
    )


def _cells(row: PruningRow, dense: PruningRow) -> list[str]:
    return [
        row.name,
        "-" if row.iterations is None else str(row.iterations),
        f"{row.left:.1%}",
        f"{row.mflops:.4f} ({row.mflops / dense.mflops:.0%})",
        "-" if row.arrays is None else f"{row.arrays:.0f}",
        told_log_loss(row.log_loss),
        "-" if row.auc is None else f"{row.auc:.4f}",
        told_difference(row.from_dense),
    ]


def told_spread(seeds: int, few: int | None) -> str:
    """What a page says of its deviations and intervals, which with one seed know nothing of seeds.

    Args:
        seeds: of each row.
        few: test rows of the rarer label, where these are too few for intervals.
    """
    told = (
        "With one seed intervals are over rows alone: how another seed would differ is in none of "
        "them (--seeds)."
    )
    if seeds > 1:
        told = (
            "After the log loss its standard deviation over seeds; intervals are over rows and "
            "seeds together."
        )
    caution = caution_of_few_rows(few)
    return told if caution is None else f"{told} {caution}"


def told_log_loss(measured: Measured) -> str:
    """A log loss with its standard deviation over seeds, where there are several.

    Args:
        measured: the log loss.
    """
    deviation = measured.deviation
    return f"{measured.mean:.5f}" + ("" if deviation is None else f" ± {deviation:.5f}")


def told_difference(found: PairedDifference | None) -> str:
    """A difference with its interval.

    Args:
        found: the difference; ``None`` of what others are compared with.
    """
    if found is None:
        return "-"
    ends = "" if found.interval is None else " ({:+.5f} to {:+.5f})".format(*found.interval)
    return f"{found.value:+.5f}{ends}"


def pruning_csv(result: PruningResult) -> str:
    """Every figure at full precision.

    Args:
        result: what is shown.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    seeds = [f"seed_{number}" for number in range(1, result.seeds + 1)]
    writer.writerow(
        ["way", "prunings", "left", "mflops", "arrays", "log_loss", *seeds, "auc", "from_dense",
         "low", "high"]
    )  # fmt: skip
    for row in result.rows:
        found = row.from_dense
        ends = (None, None) if found is None or found.interval is None else found.interval
        writer.writerow(
            [row.name, row.iterations, row.left, row.mflops, row.arrays, row.log_loss.mean,
             *row.log_loss.values, row.auc, None if found is None else found.value, *ends]
        )  # fmt: skip
    return text.getvalue()


def pruning_screen(result: PruningResult) -> list[str]:
    """What the screen shows in the end.

    Args:
        result: what is shown.
    """
    return [
        f"{row.name}{'' if row.iterations is None else f', {row.iterations}'}: "
        f"{row.log_loss.mean:.5f}, from dense {told_difference(row.from_dense)}, {row.mflops:.4f} M"
        for row in result.rows
    ] + told_few(result.few_of_a_label)


def told_few(few: int | None) -> list[str]:
    """The line of the screen that says that test rows of a label are too few for intervals.

    Args:
        few: how many; ``None`` where there are enough of both.
    """
    caution = caution_of_few_rows(few)
    return [] if caution is None else [caution]
