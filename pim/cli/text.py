"""Plain text tables and figures with units."""

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text; the first is flush left, the others flush right."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def formatted(line):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([formatted(header), rule, *(formatted(row) for row in rows)])


def scaled(value: float, units: Sequence[tuple[float, str]]) -> str:
    """The value in the first of ``units``, (factor, name) from large to small, that it reaches."""
    for factor, name in units:
        if abs(value) >= factor:
            return f"{value / factor:.3g} {name}"
    factor, name = units[-1]
    return f"{value / factor:.3g} {name}"


def time(ns: float) -> str:
    return scaled(ns, ((1e6, "ms"), (1e3, "us"), (1, "ns")))


def energy(pj: float) -> str:
    return scaled(pj, ((1e9, "mJ"), (1e6, "uJ"), (1e3, "nJ"), (1, "pJ")))


def area(um2: float) -> str:
    return f"{um2 * 1e-6:.3g} mm2" if um2 >= 1e4 else f"{um2:.3g} um2"


def power(watt: float) -> str:
    return scaled(watt, ((1, "W"), (1e-3, "mW"), (1e-6, "uW")))


def percent(share: float) -> str:
    return f"{share * 100:.1f} %"
