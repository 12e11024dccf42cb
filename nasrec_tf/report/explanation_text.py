"""What a run's report says of its model's worth, as Markdown."""

from collections.abc import Sequence

from beam_preprocess.common.markdown_cell import markdown_cell
from nasrec_tf.report.explanation_summary import (
    ExplanationSummary,
    WhySummary,
    YardstickSummary,
)
from nasrec_tf.report.gap_share import Gap
from nasrec_tf.report.markdown_table import markdown_table
from nasrec_tf.report.page import capital, count, millions, number, share
from nasrec_tf.report.verdict import verdict_line

MODEL_COLUMNS = (
    "model",
    "test log loss",
    "share of the gap",
    "the found one less it (95 %)",
    "test AUC",
    "the found one less it (95 %)",
    "M multiply-accumulates",
)

SLICE_COLUMNS = (
    "by",
    "value",
    "rows",
    "clicks",
    "predicted",
    "log loss",
    "log loss of the click rate",
)


def explanation_markdown(explanation: ExplanationSummary, gap: Gap | None = None) -> str:
    """Verdict, simple models, features, parts and slices.

    Args:
        explanation: what to show.
        gap: what shares are those of; none are told without it.

    Example:
        >>> from nasrec_tf.report.quality_summary import QualitySummary
        >>> found = ExplanationSummary("the model found", QualitySummary(0.4, 100))
        >>> print(explanation_markdown(found).splitlines()[0])
        # The model found
    """
    line = verdict_line(explanation)
    parts = [f"# {capital(explanation.compared)}"]
    if line is not None:
        parts.append(markdown_cell(line))
    if explanation.yardsticks:
        if gap is not None:
            ends = "the best possible" if gap.is_known else "the best here"
            parts.append(
                f"The gap is that from the click rate alone, {gap.constant:.5f}, to {ends}, "
                f"{gap.best:.5f}."
            )
        rows = [_yardstick(one, gap) for one in explanation.yardsticks]
        parts.append(markdown_table(MODEL_COLUMNS, [_found(explanation, gap), *rows]))
    if explanation.why is not None:
        parts += _why(explanation.why)
    return "\n\n".join(parts) + "\n"


def _found(explanation: ExplanationSummary, gap: Gap | None) -> Sequence[str]:
    found = explanation.found
    return (
        f"{capital(explanation.compared)} ★",
        number(found.log_loss, 5),
        share(gap and gap.share(found.log_loss)),
        "",
        number(found.auc, 5),
        "",
        millions(explanation.mflops),
    )


def _yardstick(one: YardstickSummary, gap: Gap | None) -> Sequence[str]:
    if one.test is None or one.difference is None:
        why = f"left out: {one.left_out}" if one.left_out else "its training diverged"
        return (f"{capital(one.title)}: {why}", *["–"] * (len(MODEL_COLUMNS) - 1))
    difference = one.difference
    return (
        capital(one.title),
        number(one.test.log_loss, 5),
        share(gap and gap.share(one.test.log_loss)),
        _signed(difference.log_loss, difference.log_loss_interval),
        number(one.test.auc, 5),
        _signed(difference.auc, difference.auc_interval),
        millions(one.mflops),
    )


def _why(why: WhySummary) -> list[str]:
    times = f", {why.draws} times" if why.draws > 1 else ""
    parts = [
        f"What the log loss rises by on {count(why.rows)} test rows where a feature's values are "
        f"dealt out anew among them{times}:",
        markdown_table(
            ("feature", "kind", "rise (95 %)"),
            [(one.feature, one.kind, _signed(one.rise, one.interval)) for one in why.importances],
        ),
    ]
    if why.ablations:
        rows = [
            (str(one.block), one.part or "all of it", _signed(one.rise, one.interval))
            for one in why.ablations
        ]
        parts += [
            f"And where the output of a part of {why.ablated} is set to 0:",
            markdown_table(("block", "part", "rise (95 %)"), rows),
        ]
    if why.slices:
        parts += [
            f"Parts of {count(why.slice_rows)} test rows:",
            markdown_table(
                SLICE_COLUMNS,
                [
                    (
                        one.feature,
                        one.value,
                        count(one.rows),
                        share(one.clicks),
                        share(one.predicted),
                        number(one.log_loss),
                        number(one.constant_log_loss),
                    )
                    for one in why.slices
                ],
            ),
        ]
    return parts


def _signed(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "–"
    ends = "" if interval is None else " ({:+.5f} to {:+.5f})".format(*interval)
    return f"{value:+.5f}{ends}"
