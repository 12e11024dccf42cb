"""Plain text tables and figures with units."""

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text; the first is flush left, the others flush right.

    Example:
        >>> print(table(["part", "pJ"], [["adc", "12.5"], ["array", "3"]]))
        part     pJ
        -----  ----
        adc    12.5
        array     3

    Args:
        header: names of the columns.
        rows: cells, as many in each as there are columns.
    """
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def formatted(line):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([formatted(header), rule, *(formatted(row) for row in rows)])


def scaled(value: float, units: Sequence[tuple[float, str]]) -> str:
    """The value in the first of ``units``, (factor, name) from large to small, that it reaches.

    Args:
        value: in the unit of factor 1.
        units: (factor, name), from large to small; the last one if it reaches none.
    """
    for factor, name in units:
        if abs(value) >= factor:
            return f"{value / factor:.3g} {name}"
    factor, name = units[-1]
    return f"{value / factor:.3g} {name}"


def time(ns: float) -> str:
    """A time in ns with three digits, in the unit that suits it.

    Example:
        >>> time(1234.0), time(0.5)
        ('1.23 us', '0.5 ns')

    Args:
        ns: the time.
    """
    return scaled(ns, ((1e6, "ms"), (1e3, "us"), (1, "ns")))


def energy(pj: float) -> str:
    """An energy in pJ with three digits, in the unit that suits it.

    Args:
        pj: the energy.
    """
    return scaled(pj, ((1e9, "mJ"), (1e6, "uJ"), (1e3, "nJ"), (1, "pJ")))


def area(um2: float) -> str:
    """An area in um2 with three digits, in mm2 from 0.01 mm2 on.

    Args:
        um2: the area.
    """
    return f"{um2 * 1e-6:.3g} mm2" if um2 >= 1e4 else f"{um2:.3g} um2"


def power(watt: float) -> str:
    """A power in W with three digits, in the unit that suits it.

    Args:
        watt: the power.
    """
    return scaled(watt, ((1, "W"), (1e-3, "mW"), (1e-6, "uW")))


def percent(share: float) -> str:
    """A share as a percentage with one decimal.

    Args:
        share: 1 for all.
    """
    return f"{share * 100:.1f} %"
