"""Plots of reports; matplotlib is loaded only when one is written."""

import io
import pathlib
from typing import Any

from pim.cost.report import Report
from pim.errors import PimError
from pim.json_form import save_bytes
from pim.studies.design_comparison import BASELINES, FIGURES, Comparison
from pim.studies.explore import Exploration

_LABELS = {"speed_up": "speed-up", "energy": "energy ratio"}


# Those of the reports of nasrec_tf, of which this package knows nothing.
_BLUE, _RED, _GREY, _INK, _GRID = "#1d5fb4", "#b3322b", "#98a2b3", "#1f2430", "#e6e8ec"


def _figure(rows: int, columns: int, width: float, height: float, heights=None):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, height_ratios=heights)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(_GREY)
        axis.grid(color=_GRID, linewidth=0.8)
        axis.set_axisbelow(True)
        axis.tick_params(colors=_INK, labelsize=9)
    return figure, axes


def _logarithmic(axis: Any) -> None:
    """A logarithmic axis with plain numbers, as many of them as there is room for."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    low, high = axis.get_view_interval()
    if high < 5 * low:
        axis.set_major_locator(MaxNLocator(6))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))


def _plain(text: str) -> str:
    """Text as it is: what stands between two dollars is no mathematics."""
    return text.replace("$", r"\$")


def _save(figure: Any, path: str | pathlib.Path) -> None:
    buffer = io.BytesIO()
    form = pathlib.Path(path).suffix.removeprefix(".").lower()
    try:
        figure.savefig(buffer, dpi=150, format=form)
    except ValueError as error:
        raise PimError(f"{path}: cannot be drawn: {error}") from error
    try:
        save_bytes(path, buffer.getvalue())
    except OSError as error:
        raise PimError(f"{path}: cannot be written: {error.strerror}") from error


def plot_breakdown(report: Report, path: str | pathlib.Path) -> None:
    """Energy and area by component, latency by step, and energy by operator.

    Args:
        report: what ``estimate`` gave.
        path: the file; its ending tells the format.

    Raises:
        PimError: if it cannot be written.
    """
    figure, axes = _figure(2, 2, 11, 8)
    panels = (
        ("energy, nJ", report.energy_by_component, 1e-3),
        ("area, mm²", report.area_by_component, 1e-6),
        ("latency along the critical path, µs", report.latency_by_step, 1e-3),
        ("energy by operator, nJ", {o.name: o.total_energy_pj for o in report.operators}, 1e-3),
    )
    for axis, (title, parts, scale) in zip(axes.flat, panels):
        shown = sorted(((v * scale, k) for k, v in parts.items() if v > 0), reverse=True)[:14]
        names = [name for _, name in shown][::-1]
        axis.barh(range(len(names)), [value for value, _ in shown][::-1], color=_BLUE)
        axis.set_yticks(range(len(names)), [_plain(name) for name in names])
        axis.set_title(title)
    title = f"{report.workload} on {report.hardware}, batch {report.batch}"
    figure.suptitle(_plain(title))
    _save(figure, path)


def plot_pareto(exploration: Exploration, path: str | pathlib.Path) -> None:
    """Latency against energy; the Pareto set by the mean of its bit widths.

    Args:
        exploration: what ``explore`` gave.
        path: the file; its ending tells the format.

    Raises:
        PimError: if it cannot be written.
    """
    figure, axes = _figure(1, 1, 8, 6)
    axis, front = axes[0, 0], exploration.front
    report, candidates = exploration.report, exploration.candidates
    axis.scatter(
        report.energy_pj * 1e-3,
        report.latency_ns * 1e-3,
        s=4,
        color=_GREY,
        alpha=0.5,
        linewidths=0,
        label="candidates",
    )
    bits = (candidates.weight_bits[front] + candidates.activation_bits[front]) / 2
    points = axis.scatter(
        report.energy_pj[front] * 1e-3,
        report.latency_ns[front] * 1e-3,
        c=bits,
        s=22,
        cmap="viridis",
        label="Pareto set",
    )
    figure.colorbar(points, label="mean of weight and activation bits")
    axis.set(xscale="log", yscale="log", xlabel="energy, nJ", ylabel="latency, µs")
    _logarithmic(axis.xaxis)
    _logarithmic(axis.yaxis)
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, markerscale=1.5)
    _save(figure, path)


def plot_sensitivity(comparison: Comparison, path: str | pathlib.Path) -> None:
    """How single assumptions move the ratios to each baseline; the dashed line is 1.

    Args:
        comparison: what ``compare`` gave.
        path: the file; its ending tells the format.

    Raises:
        PimError: if it cannot be written.
    """
    counts = [sum(part.baseline == name for part in comparison.sensitivities) for name in BASELINES]
    heights = [count + 1 for count in counts]
    figure, axes = _figure(len(BASELINES), len(FIGURES), 13, 2 + 0.35 * sum(heights), heights)
    for row, name in enumerate(BASELINES):
        parts = [part for part in comparison.sensitivities if part.baseline == name]
        for column, ratio in enumerate(FIGURES):
            axis = axes[row, column]
            base = getattr(comparison.ratios[name], ratio)
            for place, part in enumerate(parts):
                ends = sorted(getattr(case, ratio) for case in (part.low, part.high))
                span = [min(ends[0], base), max(ends[1], base)]
                axis.plot(span, [place, place], lw=7, color=_BLUE, alpha=0.6, solid_capstyle="butt")
                axis.plot(span, [place, place], "|", color=_INK)
            axis.axvline(base, color=_INK, lw=1)
            axis.axvline(1, color=_RED, lw=1, ls="--")
            axis.set_yticks(
                range(len(parts)), [p.assumption.name for p in parts] if column == 0 else []
            )
            axis.set(xscale="log", title=f"{_LABELS[ratio]} to {name}: {base:.3g}")
            _logarithmic(axis.xaxis)
            axis.set_ylim(len(parts) - 0.5, -0.5)
    _save(figure, path)
