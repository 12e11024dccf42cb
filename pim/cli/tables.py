"""The text that the command line prints."""

from pim.cli import text
from pim.cost.report import Report
from pim.mnsim2.validate import Validation
from pim.studies.design_comparison import BASELINES, PAPER_RATIOS, Comparison
from pim.studies.explore import Exploration
from pim.workload.operators import EmbeddingOperator, Workload


def report_text(report: Report) -> str:
    """Totals, components, critical path and operators.

    Args:
        report: what ``estimate`` gave.
    """
    totals = [
        ("latency, one inference alone", text.time(report.latency_ns)),
        ("pipeline interval", text.time(report.interval_ns)),
        ("samples a second, full pipeline", f"{report.inferences_per_second:,.0f}"),
        ("energy of one inference", text.energy(report.energy_pj)),
        ("power, full pipeline", text.power(report.power_w)),
        ("leakage", text.power(report.leakage_mw * 1e-3)),
        ("area", text.area(report.area_um2)),
        ("tiles", str(report.tiles)),
        ("cells in use", text.percent(report.utilization)),
        ("conversion loses bits", "no" if report.lossless_adc else "yes"),
        ("writing all weights and tables", text.energy(report.write_pj)),
        ("writing all weights", text.time(report.write_ns)),
    ]
    head = f"{report.workload} on {report.hardware}, batch {report.batch}"
    return "\n\n".join(
        [
            text.table((head, ""), totals),
            _components(report),
            "critical path: " + " > ".join(report.critical_path),
            _operators(report),
        ]
    )


def inputs_lines(workload: Workload) -> list[str]:
    """The tables that these are the costs of, as a network of the same name may have others.

    Args:
        workload: what was estimated.
    """
    return [
        f"{each.name}: {len(each.table_rows)} tables, {sum(each.table_rows):,} rows in all"
        for each in workload.operators
        if isinstance(each, EmbeddingOperator)
    ]


def _components(report: Report) -> str:
    energy, area = report.energy_by_component, report.area_by_component
    rows = [
        (
            name,
            text.energy(energy[name]),
            text.percent(energy[name] / report.energy_pj),
            text.area(area[name]),
            text.percent(area[name] / report.area_um2),
        )
        for name in energy
        if energy[name] or area[name]
    ]
    steps = [
        (name, text.time(ns), text.percent(ns / report.latency_ns))
        for name, ns in report.latency_by_step.items()
        if ns
    ]
    return "\n\n".join(
        [
            text.table(("component", "energy", "", "area", ""), rows),
            text.table(("step on the critical path", "latency", ""), steps),
        ]
    )


def _operators(report: Report) -> str:
    rows = [
        (
            operator.name,
            operator.kind,
            str(operator.arrays or ""),
            text.percent(operator.utilization) if operator.owned_cells else "",
            text.time(operator.start_ns),
            text.time(operator.total_latency_ns),
            text.energy(operator.total_energy_pj),
            text.area(operator.total_area_um2),
        )
        for operator in report.operators
    ]
    header = ("operator", "kind", "arrays", "in use", "start", "latency", "energy", "area")
    return text.table(header, rows)


def comparison_text(comparison: Comparison) -> str:
    """Ratios, their range over the unstated assumptions, and what each assumption does.

    Args:
        comparison: what ``compare`` gave.
    """
    rows = []
    for name in BASELINES:
        ratios, corners = comparison.ratios[name], comparison.corners[name]
        paper = PAPER_RATIOS.get(name)
        rows.append(
            (
                name,
                f"{ratios.speed_up:.3g}",
                _range(comparison.span(name, "speed_up")),
                _range(corners["speed_up"]),
                f"{paper[0]}" if paper else "",
                f"{ratios.energy:.3g}",
                _range(comparison.span(name, "energy")),
                _range(corners["energy"]),
                f"{paper[1]}" if paper else "",
            )
        )
    spread = ("one moved", "all moved", "paper")
    header = ("ratio to", "speed-up", *spread, "energy", *spread)
    parts = [
        (
            part.assumption.name,
            part.baseline,
            part.assumption.low_label,
            f"{part.low.speed_up:.3g}",
            f"{part.low.energy:.3g}",
            part.assumption.high_label,
            f"{part.high.speed_up:.3g}",
            f"{part.high.energy:.3g}",
        )
        for part in comparison.sensitivities
    ]
    report = comparison.candidate
    head = (
        f"{report.workload} on {report.hardware}, batch {report.batch}: "
        f"{text.time(report.latency_ns)}, {text.energy(report.energy_pj)}"
    )
    case = ("case", "speed-up", "energy")
    return "\n\n".join(
        [
            head,
            text.table(header, rows),
            "Above 1 the candidate is better. The ranges are what the assumptions that the paper "
            "leaves\nunstated allow, moved one at a time, and all together.",
            text.table(("assumption", "ratio to", *case, *case), parts),
        ]
    )


def _range(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.3g} to {ends[1]:.3g}"


def exploration_text(exploration: Exploration) -> str:
    """The Pareto set, one candidate a line.

    Args:
        exploration: what ``explore`` gave.
    """
    rows = [exploration.row(index) for index in exploration.front]
    formats = {"latency_ns": text.time, "energy_pj": text.energy, "area_um2": text.area}
    formats |= {"interval_ns": text.time, "noise": "{:.1e}".format}
    names = [name for name in rows[0] if name != "columns"]
    body = [[formats.get(name, str)(row[name]) for name in names] for row in rows]
    head = (
        f"{len(rows)} of {len(exploration.report)} candidates are in the Pareto set; "
        f"{exploration.rejected} more do not fit or lose bits in conversion."
    )
    return f"{head}\n\n{text.table(names, body)}"


def validation_text(validation: Validation) -> str:
    """What was compared and the worst error.

    Args:
        validation: what ``validate`` gave.
    """
    worst = f"{validation.worst_relative_error:.2g}"
    place = f" ({validation.worst_column}, line {validation.worst_row})"
    return (
        f"{validation.rows} rows, {validation.values} figures, {validation.skipped} skipped: "
        f"worst relative error {worst}{place if validation.worst_row else ''}"
    )
