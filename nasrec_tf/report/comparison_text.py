"""A comparison as text: for the screen, as Markdown and as CSV."""

import csv
import dataclasses
import io
from collections.abc import Callable

from beam_preprocess.common.markdown_cell import markdown_cell
from nasrec_tf.common.csv_cells import plain_row
from nasrec_tf.report.comparison_summary import (
    ComparisonSummary,
    CostSummary,
    FigureSummary,
    GapSummary,
    PublishedFigures,
    RivalSummary,
    StrategySummary,
)
from nasrec_tf.report.markdown_table import markdown_table
from nasrec_tf.report.page import count, duration, millions, number

QUALITY_COLUMNS = (
    "model",
    "test log loss",
    "less found (95 %)",
    "it is",
    "test AUC",
    "less found (95 %)",
    "it is",
)

GROUP_COLUMNS = ("test AUC within {}", "less found (95 %)", "it is")

WORDS = {"better": "better", "worse": "worse", "within": "not told apart"}


def screen_table(comparison: ComparisonSummary) -> str:
    """The qualities as columns of plain text.

    Args:
        comparison: what to show.
    """
    rows = [_quality_columns(comparison), *_quality_rows(comparison)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    ]
    return "\n".join([*lines, comparison.caution] if comparison.caution else lines)


def markdown(comparison: ComparisonSummary) -> str:
    """Qualities, costs, recipes and published rows as Markdown tables.

    Args:
        comparison: what to show.

    Example:
        >>> rivals = [RivalSummary("lr", "Logistic regression", log_loss=FigureSummary(0.5, 0.01))]
        >>> found = ComparisonSummary("run", "log", (), "recipe paper", 3, rivals)
        >>> print(markdown(found).splitlines()[6])
        | lr | 0.50000 ± 0.01000 | – |  | – | – |  |
    """
    trained = [rival for rival in comparison.ranked if rival.seeds]
    parts = [
        f"# {markdown_cell(comparison.name)}: comparison",
        f"Data set {markdown_cell(comparison.data_set)}, {comparison.seeds} "
        f"seed{'s' if comparison.seeds != 1 else ''} of each model, "
        f"{markdown_cell(comparison.rule)}."
        f"{_groups_told(comparison)}{f' {comparison.caution}' if comparison.caution else ''}",
        *_unfinished(comparison),
        markdown_table(_quality_columns(comparison), _quality_rows(comparison)),
        *_averages(comparison),
        markdown_table(COST_COLUMNS, [_cost_cells(rival) for rival in trained]),
        markdown_table(
            ("model", "recipe"), [(rival.name, rival.recipe or "") for rival in trained]
        ),
    ]
    if comparison.strategies:
        rows = [_strategy_cells(each) for each in comparison.ranked_strategies]
        parts.append(markdown_table(STRATEGY_COLUMNS, rows))
        if comparison.strategies_caution:
            parts.append(comparison.strategies_caution)
    if comparison.published:
        parts.append(
            "Published, by protocols that cannot be ranked among each other, nor with the above:"
        )
        parts.append(
            markdown_table(PUBLISHED_COLUMNS, [_published(row) for row in comparison.published])
        )
    if comparison.command:
        parts.append(f"```sh\n{comparison.command}\n```")
    return "\n\n".join(parts) + "\n"


COST_COLUMNS = (
    "model",
    "M multiply-accumulates",
    "weights",
    "in tables",
    "training, µs a row",
    "inference, µs a row",
    "one training, M rows",
    "time",
    "tuning, M rows",
    "time",
    "search, M rows",
    "time",
)

AVERAGE_COLUMNS = ("model", "trainings", *QUALITY_COLUMNS[1:])

STRATEGY_COLUMNS = (
    "search",
    "runs",
    "test log loss",
    "less that of the run (95 %)",
    "it is",
    "test AUC",
    "less that of the run (95 %)",
    "it is",
    "M rows",
    "time",
)

PUBLISHED_COLUMNS = ("data set", "method", "log loss", "AUC", "M FLOPs", "protocol")


def _groups_told(comparison: ComparisonSummary) -> str:
    if comparison.counted_groups is None:
        return ""
    return (
        f" AUC within {markdown_cell(comparison.group or '')} is the mean over the "
        f"{comparison.counted_groups:,} groups that have both labels."
    )


def _unfinished(comparison: ComparisonSummary) -> list[str]:
    """Who is still to be trained, as of a comparison that was stopped."""
    if not comparison.unfinished:
        return []
    return [f"Not finished yet: {markdown_cell(', '.join(comparison.unfinished))}."]


def _quality_columns(comparison: ComparisonSummary) -> tuple[str, ...]:
    if comparison.group is None:
        return QUALITY_COLUMNS
    return QUALITY_COLUMNS + tuple(each.format(comparison.group) for each in GROUP_COLUMNS)


def _quality_rows(comparison: ComparisonSummary) -> list[tuple[str, ...]]:
    rows = [_quality_cells(rival) for rival in comparison.ranked]
    if comparison.group is None:
        return rows
    grouped = [(_figure(one.grouped_auc), *_gap(one.grouped_auc_gap)) for one in comparison.ranked]
    return [row + more for row, more in zip(rows, grouped)]


def _name(rival: RivalSummary) -> str:
    return f"{rival.name} (of the run)" if rival.found else rival.name


def _quality_cells(rival: RivalSummary) -> tuple[str, ...]:
    name = _name(rival)
    if rival.diverged:
        name += f" ({rival.diverged} of {rival.seeds} diverged)"
    return (
        name,
        _figure(rival.log_loss),
        *_gap(rival.log_loss_gap),
        _figure(rival.auc),
        *_gap(rival.auc_gap),
    )


def _averages(comparison: ComparisonSummary) -> list[str]:
    """The trainings of each model averaged, where there are several."""
    if not comparison.averages:
        return []
    rows = [
        (
            _name(one),
            count(one.seeds - one.diverged),
            _figure(one.averaged_log_loss),
            *_gap(one.averaged_log_loss_gap),
            _figure(one.averaged_auc),
            *_gap(one.averaged_auc_gap),
        )
        for one in comparison.averages
    ]
    return [
        "The trainings of each model averaged (the mean of their logits, as `--ensemble` exports "
        "it), which is a model of so many times the cost:",
        markdown_table(AVERAGE_COLUMNS, rows),
    ]


def _cost_cells(rival: RivalSummary) -> tuple[str, ...]:
    costs = (rival.training, rival.tuning, rival.search)
    return (
        rival.name,
        millions(rival.mflops),
        count(rival.parameters),
        count(rival.embedding_parameters),
        number(rival.training_us, 2),
        number(rival.inference_us, 2),
        *(cell for cost in costs for cell in _cost(cost)),
    )


def _strategy_cells(found: StrategySummary) -> tuple[str, ...]:
    return (
        found.method,
        count(found.runs),
        _figure(found.log_loss),
        *_gap(found.log_loss_gap),
        _figure(found.auc),
        *_gap(found.auc_gap),
        *_cost(found.search),
    )


def _cost(cost: CostSummary | None) -> tuple[str, str]:
    return ("–", "–") if cost is None else (millions(cost.rows / 1e6, 3), duration(cost.seconds))


def _figure(figure: FigureSummary | None) -> str:
    if figure is None or figure.deviation is None:
        return number(figure and figure.mean, 5)
    return f"{number(figure.mean, 5)} ± {number(figure.deviation, 5)}"


def _gap(gap: GapSummary | None) -> tuple[str, str]:
    if gap is None:
        return "–", ""
    interval = "" if gap.interval is None else " ({:+.5f} to {:+.5f})".format(*gap.interval)
    return f"{gap.value:+.5f}{interval}", WORDS[gap.verdict]


def _published(row: PublishedFigures) -> tuple[str, ...]:
    return (
        row.data_set,
        row.method,
        number(row.log_loss),
        number(row.auc),
        number(row.mflops, 2),
        row.protocol,
    )


CSV_COLUMNS: dict[str, Callable[[RivalSummary], object]] = {
    "model": lambda rival: rival.name,
    "title": lambda rival: rival.title,
    "found": lambda rival: rival.found,
    "recipe": lambda rival: rival.recipe,
    "seeds": lambda rival: rival.seeds,
    "diverged": lambda rival: rival.diverged,
    "mflops": lambda rival: rival.mflops,
    "parameters": lambda rival: rival.parameters,
    "embedding_parameters": lambda rival: rival.embedding_parameters,
    "training_us_per_row": lambda rival: rival.training_us,
    "inference_us_per_row": lambda rival: rival.inference_us,
}


GAPS = (
    "log_loss_gap", "auc_gap", "grouped_auc_gap", "averaged_log_loss_gap", "averaged_auc_gap",
)  # fmt: skip


def as_csv(comparison: ComparisonSummary) -> str:
    """Every figure of every model, one row each, at full precision.

    Args:
        comparison: what to tell.
    """
    rows = [_csv_row(rival) for rival in comparison.ranked]
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0] if rows else list(CSV_COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(plain_row, rows))
    return file.getvalue()


def _csv_row(rival: RivalSummary) -> dict[str, object]:
    row = {name: value(rival) for name, value in CSV_COLUMNS.items()}
    for name in ("averaged_log_loss", "averaged_auc"):
        figure = getattr(rival, name)
        row[name] = figure and figure.mean
    for name in ("validation", "log_loss", "auc", "grouped_auc"):
        figure = getattr(rival, name)
        row[f"{name}_mean"] = figure and figure.mean
        row[f"{name}_deviation"] = figure and figure.deviation
    for name in GAPS:
        gap = getattr(rival, name)
        row[name] = gap and gap.value
        row[f"{name}_low"], row[f"{name}_high"] = (gap and gap.interval) or (None, None)
        row[f"{name}_verdict"] = gap and gap.verdict
    for name in ("training", "tuning", "search"):
        cost = getattr(rival, name)
        values = {} if cost is None else dataclasses.asdict(cost)
        row[f"{name}_rows"], row[f"{name}_seconds"] = values.get("rows"), values.get("seconds")
    return row
