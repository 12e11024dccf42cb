"""The page itself: charts, drawing and tables in one file that needs no network."""

import pathlib
from typing import Any

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.draw import draw_svg
from nasrec_tf.report import charts
from nasrec_tf.report.summary import RunSummary

TEMPLATES = pathlib.Path(__file__).parent / "templates"
LARGEST_TABLES = 40
"""Rows of the table of sparse features; a data set may have hundreds of them."""


def write_report(run: RunSummary, path: str | pathlib.Path) -> None:
    """Writes the page, whole or not at all.

    Args:
        run: what to show.
        path: the HTML file.

    Raises:
        UserError: if the file cannot be written.
    """
    page = render_report(run)
    with atomic_file(path) as file:
        file.write(page)


def render_report(run: RunSummary) -> str:
    """The page as text. All that comes from data is escaped."""
    import jinja2
    import markupsafe

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        span=span, count=count, duration=duration, number=number, share=share
    )
    safe = {name: markupsafe.Markup(svg) for name, svg in _pictures(run).items()}
    style = markupsafe.Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    return environment.get_template("report.html").render(
        run=run, pictures=safe, style=style, largest_tables=LARGEST_TABLES
    )


def _pictures(run: RunSummary) -> dict[str, str]:
    """The charts for which there is something to show, and the drawing of the winner."""
    pictures = {}
    if run.supernet and run.supernet.points:
        pictures["supernet"] = charts.supernet_chart(run.supernet)
    if any(candidate.curve.points for candidate in run.candidates):
        pictures["retrain"] = charts.retrain_chart(run.candidates)
    scored = [trial for trial in run.trials if charts.is_finite(trial.log_loss)]
    if scored:
        pictures["evolution"] = charts.evolution_chart(run.trials)
    if any(trial.mflops for trial in scored):
        pictures["cost"] = charts.cost_chart(run.trials, run.candidates, run.max_mflops)
    for cost, label in (("latency_us", "latency, µs"), ("energy_nj", "energy, nJ")):
        if any(trial.costs.get(cost) for trial in scored):
            winner = run.winner and run.winner.architecture.identity
            pictures[cost] = charts.front_chart(run.trials, cost, label, winner)
    if run.winner:
        pictures["winner"] = draw_svg(run.winner.architecture, features=run.winner.features)
    return pictures


def number(value: Any, digits: int = 4) -> str:
    """A figure with so many digits after the point; a dash for one that is not there."""
    return "–" if value is None else f"{value:,.{digits}f}"


def count(value: Any) -> str:
    """A whole number with thousands separated."""
    return "–" if value is None else f"{value:,}"


def share(value: Any) -> str:
    """A share in per cent."""
    return "–" if value is None else f"{value:.1%}"


def span(values: Any) -> str:
    """A range of ratios."""
    low, high = values
    return f"{low:.2f} to {high:,.2f}"


def duration(seconds: Any) -> str:
    """Seconds as hours, minutes and seconds."""
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
