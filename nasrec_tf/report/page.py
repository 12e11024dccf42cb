"""The page itself: charts, drawing and tables in one file that needs no network."""

import math
import pathlib
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.drawing.scene import draw_svg
from nasrec_tf.report import charts
from nasrec_tf.report.gap_share import known_gap, seen_gap
from nasrec_tf.report.pruning_chart import pruning_chart
from nasrec_tf.report.search_agreement import search_agreement
from nasrec_tf.report.summary import RunSummary
from nasrec_tf.report.verdict import verdict_line
from nasrec_tf.report.why_charts import ablation_chart, importance_chart

TEMPLATES = pathlib.Path(__file__).parent / "templates"
LARGEST_TABLES = 40
"""Rows of the table of sparse features; a data set may have hundreds of them."""

LARGEST_LIST = 200
"""Rows of the list of all features."""

FINEST = 7
"""Digits of a count in millions: a single one has two that are not 0."""

OPEN_SLICES = 4
"""Ways to tell rows apart that are shown at once; the others are folded."""


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


def render_report(run: RunSummary, refresh_seconds: int | None = None) -> str:
    """The page as text: HTML with style and pictures inside, all that comes from data escaped.

    Args:
        run: what to show.
        refresh_seconds: after so long a browser asks for the page again; never unless given.

    Returns:
        The page.

    Example:
        >>> page = render_report(RunSummary("a <run>"))
        >>> "a &lt;run&gt;" in page, "<run>" in page
        (True, False)
    """
    return rendered(
        "report.html",
        _pictures(run),
        run=run,
        largest_tables=LARGEST_TABLES,
        largest_list=LARGEST_LIST,
        open_slices=OPEN_SLICES,
        refresh_seconds=refresh_seconds,
        verdict=None if run.explanation is None else verdict_line(run.explanation),
        gap=known_gap(run.data),
        gap_beside=known_gap(run.data) or seen_gap(run.explanation),
        agreement=search_agreement(run.trials, run.candidates),
    )


def rendered(template: str, pictures: Mapping[str, str], **values: Any) -> str:
    """A page of the report's style.

    Args:
        template: file of ``TEMPLATES``.
        pictures: SVG by name; ``pictures`` of the template.
        **values: further variables of the template, escaped where they are shown.
    """
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
        capital=capital,
        span=span,
        count=count,
        duration=duration,
        number=number,
        share=share,
        millions=millions,
        commands=commands,
    )
    safe = {name: markupsafe.Markup(svg) for name, svg in pictures.items()}
    style, script = (
        markupsafe.Markup((TEMPLATES / name).read_text(encoding="utf-8"))
        for name in ("report.css", "copy.js")
    )
    values = {"pictures": safe, "style": style, "script": script, **values}
    return environment.get_template(template).render(values)


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
            drawn = run.winner.architecture if run.winner else None
            winner = None if drawn is None else drawn.identity
            pictures[cost] = charts.front_chart(run.trials, cost, label, winner)
    why = run.explanation.why if run.explanation else None
    if why and why.importances:
        pictures["importance"] = importance_chart(why.importances)
    if why and why.ablations:
        pictures["ablation"] = ablation_chart(why.ablations)
    if run.winner and run.winner.calibration and run.winner.calibration.reliability:
        pictures["reliability"] = charts.reliability_chart(run.winner.calibration)
    if run.pruning and run.pruning.steps:
        pictures["pruning"] = pruning_chart(run.pruning.steps)
    if run.winner and run.winner.architecture is not None:
        pictures["winner"] = draw_svg(run.winner.architecture, features=run.winner.features)
    for number, candidate in enumerate(run.runners_up, start=1):
        pictures[f"runner_up_{number}"] = draw_svg(candidate.architecture)
    return pictures


def capital(text: str) -> str:
    """A text that begins a line.

    Args:
        text: of at least one letter.

    Example:
        >>> capital("the DLRM")
        'The DLRM'
    """
    return text[:1].upper() + text[1:]


def number(value: Any, digits: int = 4) -> str:
    """A figure with so many digits after the point; a dash for one that is not there.

    Args:
        value: a number, or ``None``.
        digits: after the point.

    Example:
        >>> number(1234.56789, 2), number(None)
        ('1,234.57', '–')
    """
    return "–" if value is None else f"{value:,.{digits}f}"


def commands(text: str) -> list[tuple[str, str]]:
    """Commands that can be copied one by one, each with the line that says what it is for.

    Args:
        text: lines that say it, and commands, which are indented below them; or a command alone.

    Example:
        >>> commands("Serve it:\\n  docker run \\\\\\n    -p 80:80\\nAsk it:\\n  curl localhost")
        [('Serve it:', 'docker run \\\\\\n  -p 80:80'), ('Ask it:', 'curl localhost')]
    """
    parts = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    found = [part.partition("\n") for part in parts if part]
    if not all(told.endswith(":") for told, *_ in found):
        return [("", text)]
    return [(told, textwrap.dedent(command).rstrip("\n")) for told, _, command in found]


def millions(value: Any, digits: int = 4) -> str:
    """A figure in millions, such as of multiply-accumulates: with two digits however small it is.

    Args:
        value: a number, in millions, or ``None``.
        digits: after the point, at least.

    Example:
        >>> millions(1234.56789, 2), millions(0.00000352), millions(0.0), millions(None)
        ('1,234.57', '0.0000035', '0.0000', '–')
    """
    if value:
        digits = max(digits, min(FINEST, 1 - math.floor(math.log10(abs(value)))))
    return number(value, digits)


def count(value: Any) -> str:
    """A whole number with thousands separated; a dash for one that is not there.

    Args:
        value: a whole number, or ``None``.

    Example:
        >>> count(1234567), count(None)
        ('1,234,567', '–')
    """
    return "–" if value is None else f"{value:,}"


def share(value: Any) -> str:
    """A share in per cent; a dash for one that is not there.

    Args:
        value: from 0 to 1, below that of what is worse than nothing, or ``None``.

    Example:
        >>> share(0.2512), share(None), share(-18594.05)
        ('25.1%', '–', 'below -100%')
    """
    if value is None:
        return "–"
    return f"{value:.1%}" if value >= -1 else "below -100%"


def span(values: Any) -> str:
    """A range of ratios.

    Args:
        values: the smallest and the largest.

    Example:
        >>> span((1.25, 1800))
        '1.25 to 1,800.00'
    """
    low, high = values
    return f"{low:.2f} to {high:,.2f}"


def duration(seconds: Any) -> str:
    """Seconds as hours, minutes and seconds; a dash where there are none.

    Args:
        seconds: a time in seconds, or ``None``.

    Example:
        >>> duration(7.25), duration(75), duration(7260), duration(None)
        ('7.2 s', '1 min 15 s', '2 h 01 min', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
