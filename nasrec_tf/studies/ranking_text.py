"""A ranking study as text: Markdown, CSV, and the lines of the screen."""

import csv
import io
import math
from collections.abc import Mapping, Sequence

from beam_preprocess.common.markdown_cell import markdown_cell
from nasrec_tf.report.markdown_table import markdown_table
from nasrec_tf.studies.rank_correlations import FIGURES, LEAST, TOP, Ceiling, RankFigure
from nasrec_tf.studies.ranking_result import RankingResult

PAPER_ROWS = (
    ("any-operator any-connection", "0.37", "0.28", "0.46", "0.43"),
    ("single-operator single-connection", "0.05", "0.02", "0.43", "0.29"),
    ("single-operator any-connection", "0.46", "0.43", "0.57", "0.43"),
)
"""Table 2 of the paper: Pearson's rho and Kendall's tau without fine-tuning, and with it."""

PAPER_BETTER_HALF = 0.24
"""Kendall's tau among the better half (paper 6.3)."""

CORRELATIONS = tuple(name for name in FIGURES if not name.startswith("regret"))
REGRETS = tuple(f"regret of {count}" for count in TOP)


def ranking_markdown(result: RankingResult, command: str) -> str:
    """The whole study.

    Args:
        result: what is shown.
        command: that made it.
    """
    card, losses = result.card, result.losses
    lines = [
        f"# Ranking on {markdown_cell(card.name)}",
        "",
        f"{len(losses)} architectures drawn from {markdown_cell(card.space.name)} with "
        f"{card.space.num_blocks} blocks, {losses.shape[1] if losses.size else 0} trainings of "
        f"each from scratch ({card.recipe}); {card.rows['train']:,} training and "
        f"{card.rows['validation']:,} validation rows.",
    ]
    if result.left_out:
        lines.append(f"{result.left_out} more were left out: a training of theirs diverged.")
    if len(losses) < LEAST:
        lines.append(f"Of fewer than {LEAST} architectures there are no figures (--architectures).")
    lines += ["", f"    {command}", ""]
    lines += _lines(
        ["scores", *CORRELATIONS, "share of the ceiling (tau)", "(better half)", "training, s"],
        [_correlations(variant) for variant in result.variants],
    )
    lines += ["", "In brackets 95 % intervals over resamples of the architectures.", ""]
    regrets = _regrets_told(result)
    if regrets:
        lines += [
            *_lines(
                ["scores", *regrets], [_regrets(variant, regrets) for variant in result.variants]
            ),
            "",
            "Regret: how much worse the best of so many best ranked is than the best of all, in "
            "nats.",
            "",
        ]
    lines += _ceiling(result)
    lines += [
        "Table 2 of the paper (Criteo, 100 subnets; 45.8 million rows):",
        "",
        *_lines(["sampler", "rho", "tau", "rho, fine-tuned", "tau, fine-tuned"], PAPER_ROWS),
        "",
        f"and tau {PAPER_BETTER_HALF} among the better half (6.3).",
        "",
    ]
    return "\n".join(lines)


def _ceiling(result: RankingResult) -> list[str]:
    """What one training says of another."""
    if result.ceilings is None:
        return ["With a single seed there is no ceiling to compare with.", ""]
    names = (*CORRELATIONS, *_regrets_told(result))
    rows = [[name, _with_interval(result.ceilings[name], 4)] for name in names]
    return ["Ceiling, one training against another with another seed:", "",
            *_lines(["figure", "ceiling"], rows), "", *_shorter(result)]  # fmt: skip


def _shorter(result: RankingResult) -> list[str]:
    """What trainings say of another that are stopped earlier."""
    if not result.shorter:
        return []
    rows = [
        [f"{step:,}", *(_with_interval(found[name]) for name in CORRELATIONS)]
        for step, found in result.shorter.items()
    ]
    return ["One training that is stopped earlier, by its lowest log loss until then, against "
            "another with another seed:", "",
            *_lines(["steps", *CORRELATIONS], rows), ""]  # fmt: skip


def _correlations(variant) -> list[str]:
    if variant.figures is None:
        return [variant.name, *["-"] * (len(CORRELATIONS) + 3)]
    found = variant.figures
    shares = [found[name].share for name in ("kendall", "better half")]
    return [
        variant.name + (f" ({variant.diverged} diverged)" if variant.diverged else ""),
        *(_with_interval(found[name]) for name in CORRELATIONS),
        *("-" if share is None or math.isnan(share) else f"{share:.0%}" for share in shares),
        "-" if variant.seconds is None else f"{variant.seconds:.0f}",
    ]


def _regrets_told(result: RankingResult) -> list[str]:
    """Regrets of fewer than there are: among all of them is the best, whatever the scores."""
    return [name for count, name in zip(TOP, REGRETS) if count < len(result.losses)]


def _regrets(variant, names: Sequence[str]) -> list[str]:
    if variant.figures is None:
        return [variant.name, *["-"] * len(names)]
    return [variant.name, *(_with_interval(variant.figures[name], 5) for name in names)]


def _with_interval(figure: RankFigure | Ceiling, digits: int = 2) -> str:
    low, high = figure.interval
    if math.isnan(figure.value):
        return "-"
    return f"{figure.value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _lines(columns, rows) -> list[str]:
    return markdown_table(columns, rows).split("\n")


def ranking_csv(result: RankingResult) -> str:
    """Every figure at full precision.

    Args:
        result: what is shown.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["scores", "figure", "value", "low", "high", "of_a_seed", "ceiling"])
    for name, ceiling in (result.ceilings or {}).items():
        writer.writerow(["another seed", name, ceiling.value, *ceiling.interval, "", ceiling.value])
    for step, earlier in result.shorter.items():
        for name, told in earlier.items():
            row = [f"another seed, {step} steps", name, told.value, *told.interval, "", ""]
            writer.writerow(row)
    for variant in result.variants:
        for name, figure in (variant.figures or {}).items():
            writer.writerow(
                [variant.name, name, figure.value, *figure.interval, figure.of_a_seed,
                 figure.ceiling]
            )  # fmt: skip
    return text.getvalue()


def screen_lines(result: RankingResult) -> list[str]:
    """What the screen shows in the end.

    Args:
        result: what is shown.
    """
    few = f"; figures take {LEAST} at least" if len(result.losses) < LEAST else ""
    lines = [f"{result.card.name}: {len(result.losses)} architectures{few}"]
    if result.ceilings is not None:
        lines.append(_screen_line(result.ceilings, "another seed's losses"))
    for step, found in result.shorter.items():
        lines.append(_screen_line(found, f"another seed's losses after {step:,} steps"))
    for variant in result.variants:
        if variant.figures is not None:
            lines.append(_screen_line(variant.figures, variant.name))
    return lines


def _screen_line(found: Mapping[str, RankFigure] | Mapping[str, Ceiling], name: str) -> str:
    tau, half = found["kendall"].value, found["better half"].value
    return f"tau {tau:6.3f}  better half {half:6.3f}  {name}"
