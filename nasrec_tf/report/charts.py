"""The charts of a report, as SVG to stand within the page."""

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nasrec_tf.report.chart_frame import (
    BLUE,
    GREY,
    INK,
    RED,
    add_legend,
    cut_outliers,
    label_decades,
    new_figure,
    to_svg,
    whole_numbers,
)
from nasrec_tf.report.quality_summary import CalibrationSummary, ReliabilityBin
from nasrec_tf.report.summary import CandidateSummary, Curve, TrialSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST_RISE = 0.00005
"""Of a validation loss after its lowest: what is told with four digits is not 0."""

GENERATIONS = (0.2, 0.75)
"""Part of the colour map: its ends cannot be seen, one on white paper, one on black."""


def supernet_chart(curve: Curve) -> str:
    """Training loss of the supernet by step.

    Args:
        curve: of its training.
    """
    figure, axes = new_figure()
    style: dict[str, Any] = {"marker": _lone(curve.points), "markersize": 4}
    axes.plot(
        *_columns(curve.points), color=GREY, linewidth=1, alpha=0.8, label="training", **style
    )
    smooth = _smoothed(curve.points)
    axes.plot(*_columns(smooth), color=BLUE, linewidth=1.8, label="training, smoothed", **style)
    _limit(axes, _columns(curve.points)[1])
    add_legend(axes)
    whole_numbers(axes)
    axes.set(xlabel="step", ylabel="log loss")
    return to_svg(figure, "supernet", "Training loss of the supernet")


def retrain_chart(candidates: Sequence[CandidateSummary]) -> str:
    """Training and validation loss of the candidates, the winner last and in colour.

    Args:
        candidates: with their curves.
    """
    figure, axes = new_figure()
    for candidate in sorted(candidates, key=lambda c: c.won):
        colour = BLUE if candidate.won else GREY
        style: dict[str, Any] = {"color": colour, "zorder": 3 if candidate.won else 2}
        points = _smoothed(candidate.curve.points)
        axes.plot(
            *_columns(points), linewidth=2 if candidate.won else 0.9, marker=_lone(points), **style
        )
        axes.plot(
            *_columns(candidate.curve.validation), marker="o", markersize=4 if candidate.won else 3,
            linestyle="none", **style,
        )  # fmt: skip
        if candidate.won:
            _mark_overfit(axes, candidate.curve.validation)
    curves = [candidate.curve for candidate in candidates]
    shown = [_smoothed(curve.points) for curve in curves] + [curve.validation for curve in curves]
    _limit(axes, [loss for points in shown for _, loss in points])
    if any(candidate.won for candidate in candidates):
        axes.plot([], [], color=BLUE, linewidth=2, label="winner, training")
    if not all(candidate.won for candidate in candidates):
        axes.plot([], [], color=GREY, linewidth=0.9, label="candidates, training")
    if any(candidate.curve.validation for candidate in candidates):
        axes.plot([], [], color=INK, marker="o", markersize=4, linestyle="none",
                  label="validation")  # fmt: skip
    add_legend(axes)
    whole_numbers(axes)
    axes.set(xlabel="step", ylabel="log loss")
    return to_svg(figure, "retrain", "Loss of the candidates trained from scratch")


def _mark_overfit(axes: "Axes", validation: Sequence[tuple[int, float]]) -> None:
    """Marks the best evaluation, and what came after it if that was worse: overfitting."""
    finite = [point for point in validation if is_finite(point[1])]
    if not finite:
        return
    best, low = min(finite, key=lambda point: (point[1], point[0]))
    axes.axvline(best, color=INK, linewidth=1, linestyle=":", label="winner's best evaluation")
    last, loss = finite[-1]
    if loss - low >= LEAST_RISE:
        axes.axvspan(best, last, color=RED, alpha=0.08, linewidth=0,
                     label=f"overfitting: validation rises by {loss - low:.4f}")  # fmt: skip


def evolution_chart(trials: Sequence[TrialSummary]) -> str:
    """Score of each candidate in order of creation, and the best so far.

    Args:
        trials: in the order of creation.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_figure()
    scored = _scored(trials)
    numbers = [trial.number for trial in scored]
    losses = [trial.log_loss for trial in scored]
    points = axes.scatter(
        numbers, losses, c=[trial.generation for trial in scored], cmap=_generation_colours(),
        s=_dot(scored), linewidths=0, alpha=0.8,
    )  # fmt: skip
    best_so_far = list(itertools.accumulate(losses, min))
    axes.step(numbers, best_so_far, where="post", color=RED, linewidth=1.8, label="best so far")
    _limit(axes, losses)
    if len({trial.generation for trial in scored}) > 1:
        bar = figure.colorbar(points, ax=axes, pad=0.02, aspect=30)
        bar.set_label("generation", color=INK)
        bar.ax.tick_params(colors=INK)
        bar.outline.set_visible(False)
        bar.locator = MaxNLocator(integer=True)
    add_legend(axes)
    whole_numbers(axes)
    axes.set(xlabel="candidate, in order of creation", ylabel="validation log loss")
    return to_svg(figure, "evolution", "Scores in the course of the search")


def cost_chart(
    trials: Sequence[TrialSummary],
    candidates: Sequence[CandidateSummary],
    max_mflops: float | None = None,
) -> str:
    """Accuracy against cost: what the search scored, and what came out of training from scratch.

    Args:
        trials: of the search.
        candidates: trained from scratch.
        max_mflops: limit of the search, in millions of multiply-accumulates.
    """
    figure, axes = new_figure()
    scored = [trial for trial in _scored(trials) if _is_positive(trial.mflops)]
    ended = [c for c in candidates if c.stopped_after is None]
    retrained = [c for c in ended if is_finite(c.validation_log_loss) and c.mflops]
    chosen = {candidate.identity for candidate in candidates}
    _scatter(axes, [t for t in scored if t.identity not in chosen], "log_loss",
             color=GREY, s=_dot(scored), alpha=0.7, linewidths=0,
             label="scored in the search")  # fmt: skip
    _scatter(axes, [t for t in scored if t.identity in chosen], "log_loss",
             facecolors="none", edgecolors=BLUE, s=26,
             label="of these, trained from scratch")  # fmt: skip
    _scatter(axes, [c for c in retrained if not c.won], "validation_log_loss",
             color=BLUE, marker="D", s=20, label="after training from scratch")  # fmt: skip
    _scatter(axes, [c for c in retrained if c.won], "validation_log_loss",
             color=RED, marker="*", s=150, zorder=4, label="winner")  # fmt: skip
    losses = [t.log_loss for t in scored] + [c.validation_log_loss for c in retrained]
    _limit(axes, losses)
    if max_mflops is not None:
        axes.axvline(max_mflops, color=INK, linewidth=1, linestyle="--", label="cost limit")
    costs = [trial.mflops for trial in scored] + [candidate.mflops for candidate in retrained]
    if costs and max(costs) > 5 * min(costs):
        axes.set_xscale("log")
        label_decades(axes)
    add_legend(axes)
    axes.set(xlabel="millions of multiply-accumulates per sample", ylabel="validation log loss")
    return to_svg(figure, "cost", "Log loss against cost")


def front_chart(trials: Sequence[TrialSummary], cost: str, label: str, winner=None) -> str:
    """Log loss against one cost of the hardware, with the front of all objectives.

    Args:
        trials: every candidate of the search.
        cost: the cost's name.
        label: the axis label, with the unit.
        winner: ``identity`` of the architecture that was chosen in the end.
    """
    figure, axes = new_figure()
    scored = [trial for trial in _scored(trials) if _is_positive(trial.costs.get(cost))]
    styles: tuple[tuple[list[TrialSummary], dict[str, Any]], ...] = (
        ([t for t in scored if not t.on_front],
         {"color": GREY, "s": _dot(scored), "label": "scored"}),
        ([t for t in scored if t.on_front],
         {"color": BLUE, "s": 26, "label": "Pareto front of all objectives"}),
        ([t for t in scored if t.on_front and t.identity == winner],
         {"color": RED, "marker": "*", "s": 150, "zorder": 4, "label": "winner"}),
    )  # fmt: skip
    for chosen, style in styles:
        if chosen:
            places = [t.costs[cost] for t in chosen], [t.log_loss for t in chosen]
            axes.scatter(*places, linewidths=0, **style)
    _limit(axes, [trial.log_loss for trial in scored])
    axes.set_xscale("log")
    label_decades(axes)
    add_legend(axes)
    axes.set(xlabel=label, ylabel="validation log loss")
    return to_svg(figure, f"front-{cost}", f"Log loss against {label}")


def reliability_chart(calibration: CalibrationSummary) -> str:
    """Share of clicks against predicted probability on the test split, before and after.

    Args:
        calibration: of the winner.
    """
    figure, axes = new_figure()
    raw, calibrated = calibration.reliability, calibration.calibrated_reliability
    end = 1.05 * max(max(one.predicted, one.high) for one in (*raw, *calibrated))
    axes.plot([0, end], [0, end], color=INK, linewidth=1, linestyle="--", label="as predicted")
    if calibrated:
        _reliability(axes, raw, color=GREY, label="as the network gives it")
        _reliability(axes, calibrated, color=BLUE, label="calibrated")
    else:
        _reliability(axes, raw, color=BLUE, label="as the network gives it")
    axes.set(xlim=(0, end), ylim=(0, end))
    add_legend(axes)
    axes.set(xlabel="predicted probability of a click", ylabel="share of clicks")
    return to_svg(figure, "reliability", "Share of clicks against predicted probability")


def _reliability(axes: "Axes", bins: Sequence[ReliabilityBin], **style) -> None:
    below = [one.observed - one.low for one in bins]
    above = [one.high - one.observed for one in bins]
    axes.errorbar(
        [one.predicted for one in bins], [one.observed for one in bins], yerr=[below, above],
        marker="o", markersize=4, linewidth=1.2, elinewidth=0.9, capsize=2, **style,
    )  # fmt: skip


def _scatter(axes: "Axes", shown: Sequence, field: str, **style) -> None:
    if shown:
        losses = [getattr(one, field) for one in shown]
        axes.scatter([one.mflops for one in shown], losses, **style)


def _scored(trials: Sequence[TrialSummary]) -> list[TrialSummary]:
    return sorted((t for t in trials if is_finite(t.log_loss)), key=lambda t: t.number)


def is_finite(value: float | None) -> bool:
    """Whether there is a value that a chart can show.

    Args:
        value: the value.
    """
    return value is not None and math.isfinite(value)


def _is_positive(value: float | None) -> bool:
    return is_finite(value) and value > 0


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list, list]:
    return [step for step, _ in points], [loss for _, loss in points]


def _smoothed(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Running medians, which single bad steps do not move, over about a tenth of the curve."""
    shown = [point for point in points if is_finite(point[1])]
    reach = len(shown) // 20
    return [
        (step, statistics.median(loss for _, loss in shown[max(0, at - reach) : at + reach + 1]))
        for at, (step, _) in enumerate(shown)
    ]


def _limit(axes: "Axes", losses: Sequence[float]) -> None:
    cut_outliers(axes, [loss for loss in losses if is_finite(loss)])


def _lone(points: Sequence) -> str | None:
    """The marker of a line: one of a single point is not to be seen otherwise."""
    return "o" if len(points) == 1 else None


def _dot(scored: Sequence) -> float:
    """Area of a candidate's point, in square points of a font: few may be larger."""
    return max(11.0, min(30.0, 1500 / max(1, len(scored))))


def _generation_colours():
    import matplotlib
    import numpy as np
    from matplotlib.colors import ListedColormap

    colours = matplotlib.colormaps["viridis_r"](np.linspace(*GENERATIONS, 256))
    return ListedColormap(colours)
