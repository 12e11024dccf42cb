"""On-chip memories by interpolation in CACTI 7's output at 32 nm (the paper, 5.2, uses CACTI).

The figures are those of CACTI 7 (HewlettPackard/cacti at commit 1ffd8df) at 350 K for a scratch RAM
optimised for energy times delay squared. ``lp-dram`` is embedded DRAM; its write energy is that of
a whole page, as CACTI gives it.
"""

import bisect
import dataclasses
import functools
import math

from pim.errors import PimError

# Rows: size (KB), access (ns), read (pJ), write (pJ), leakage (mW), area (um2), by port width.
_FIGURES: dict[str, dict[int, tuple[tuple[float, ...], ...]]] = {
    "itrs-hp": {
        64: (
            (1, 0.14875, 0.74694, 1.5362, 0.32726, 1822.4),
            (2, 0.15481, 1.2415, 1.8444, 0.7392, 3825.8),
            (4, 0.1971, 1.5907, 2.8446, 1.4595, 6863.0),
            (8, 0.21104, 2.9082, 3.4306, 2.6882, 13314.0),
            (16, 0.24102, 5.533, 4.592, 5.0229, 25688.0),
            (32, 0.31305, 8.5098, 6.7158, 9.9664, 48009.0),
            (64, 0.43938, 12.034, 8.1665, 18.18, 105780.0),
            (128, 0.59223, 14.445, 10.578, 36.36, 217370.0),
            (256, 0.81899, 19.093, 15.226, 72.72, 441280.0),
            (512, 1.0944, 25.668, 21.801, 145.44, 870900.0),
            (1024, 1.383, 38.357, 30.763, 288.96, 1603100.0),
        ),
        128: (
            (1, 0.13768, 1.427, 2.1749, 0.3865, 2700.9),
            (2, 0.15481, 1.649, 3.2275, 0.74304, 4213.2),
            (4, 0.1971, 1.9982, 5.2377, 1.4633, 7250.4),
            (8, 0.21104, 3.5928, 6.1006, 2.6949, 14042.0),
            (16, 0.24102, 6.7756, 7.8202, 5.024, 27054.0),
            (32, 0.31305, 9.7524, 11.964, 9.9675, 49374.0),
            (64, 0.39245, 18.95, 15.362, 18.061, 95099.0),
            (128, 0.54191, 23.053, 19.465, 36.121, 209200.0),
            (256, 0.76152, 30.944, 27.356, 72.243, 438080.0),
            (512, 1.0561, 41.741, 34.006, 137.77, 909520.0),
            (1024, 1.4079, 58.942, 55.354, 288.97, 1740700.0),
        ),
        256: (
            (1, 0.13658, 3.6722, 4.3375, 0.38457, 5354.4),
            (2, 0.15144, 3.8558, 5.3516, 0.72024, 6833.8),
            (4, 0.16863, 4.2573, 7.4142, 1.3821, 9756.8),
            (8, 0.21104, 4.9657, 11.445, 2.7129, 15610.0),
            (16, 0.28262, 6.5058, 19.629, 5.3442, 27222.0),
            (32, 0.31305, 12.238, 22.461, 9.9976, 52344.0),
            (64, 0.39245, 23.664, 28.088, 18.104, 100680.0),
            (128, 0.54423, 31.861, 36.285, 36.207, 239790.0),
            (256, 0.77127, 47.593, 52.016, 72.415, 518720.0),
            (512, 1.0172, 70.694, 63.518, 137.29, 909550.0),
            (1024, 1.3867, 101.77, 94.591, 274.58, 1860000.0),
        ),
    },
    "itrs-lop": {
        64: (
            (1, 0.31129, 0.37461, 0.68158, 0.11581, 1821.1),
            (2, 0.3225, 0.63778, 0.82053, 0.26232, 3821.6),
            (4, 0.34274, 1.1515, 1.0858, 0.48175, 7454.9),
            (8, 0.38123, 2.1716, 1.6091, 0.89204, 14469.0),
            (16, 0.52688, 2.522, 1.9595, 1.7841, 32003.0),
            (32, 0.69976, 3.1845, 2.622, 3.5682, 67162.0),
            (64, 0.77946, 5.3324, 3.7761, 6.4776, 124380.0),
            (128, 1.0007, 6.7033, 5.1471, 12.955, 252240.0),
            (256, 1.2542, 10.305, 7.2816, 25.66, 441100.0),
            (512, 1.5608, 13.691, 10.043, 48.806, 938530.0),
            (1024, 2.1185, 18.389, 15.332, 102.4, 1724500.0),
        ),
        128: (
            (1, 0.27833, 0.69894, 0.98356, 0.13696, 2697.0),
            (2, 0.3225, 0.83699, 1.4509, 0.26364, 4208.6),
            (4, 0.34274, 1.4903, 1.8558, 0.48402, 8181.6),
            (8, 0.44677, 1.9649, 2.7495, 0.956, 14024.0),
            (16, 0.48541, 3.745, 3.5537, 1.7672, 27030.0),
            (32, 0.65402, 4.865, 4.6738, 3.5343, 64290.0),
            (64, 0.78122, 7.5607, 6.4357, 6.4787, 142180.0),
            (128, 0.94878, 10.757, 8.614, 12.831, 240920.0),
            (256, 1.2641, 15.119, 12.976, 25.663, 493350.0),
            (512, 1.5136, 22.415, 16.369, 48.703, 909160.0),
            (1024, 2.0367, 31.219, 25.103, 97.302, 1814800.0),
        ),
        256: (
            (1, 0.26339, 1.7902, 2.0301, 0.13584, 5344.7),
            (2, 0.2985, 1.9117, 2.4809, 0.25509, 6823.7),
            (4, 0.34274, 2.1695, 3.3974, 0.4902, 9746.1),
            (8, 0.44677, 2.6441, 5.1893, 0.96217, 15589.0),
            (16, 0.48541, 4.9845, 6.5538, 1.7774, 29992.0),
            (32, 0.6606, 6.9456, 10.191, 3.5171, 52306.0),
            (64, 0.74201, 12.156, 11.773, 6.4448, 137780.0),
            (128, 0.95781, 16.855, 16.473, 12.89, 298020.0),
            (256, 1.209, 26.314, 22.029, 24.459, 524260.0),
            (512, 1.5499, 35.484, 31.198, 48.919, 1071600.0),
            (1024, 2.0336, 54.577, 46.22, 97.081, 1859400.0),
        ),
    },
    "lp-dram": {
        64: (
            (16, 0.55065, 5.0793, 194.87, 0.95492, 14668.0),
            (32, 0.68348, 6.1138, 195.9, 1.9098, 30893.0),
            (64, 0.79824, 8.3702, 356.45, 3.5234, 47658.0),
            (128, 0.91564, 10.68, 358.76, 7.0467, 89498.0),
            (256, 1.1334, 13.455, 361.53, 14.094, 181170.0),
            (512, 1.1777, 21.279, 717.44, 22.006, 310200.0),
            (1024, 1.4712, 26.443, 722.6, 44.012, 615330.0),
        ),
        256: (
            (16, 0.44145, 11.615, 707.77, 0.69152, 10668.0),
            (32, 0.56106, 14.632, 710.79, 1.383, 34264.0),
            (64, 0.6138, 26.21, 1418.5, 2.013, 53521.0),
            (128, 0.75256, 32.194, 1424.5, 4.0259, 118690.0),
            (256, 0.93768, 43.556, 1435.9, 8.0519, 251620.0),
            (512, 1.0526, 66.578, 2851.2, 9.2944, 378620.0),
            (1024, 1.3395, 88.841, 2873.5, 18.589, 772680.0),
        ),
    },
}
KINDS = tuple(_FIGURES)


@dataclasses.dataclass(frozen=True)
class MemoryFigures:
    """What one memory costs.

    Args:
        access_ns: access time.
        read_pj: energy of one read of the whole port.
        write_pj: energy of one write of the whole port.
        leakage_mw: leakage power.
        area_um2: area.
    """

    access_ns: float
    read_pj: float
    write_pj: float
    leakage_mw: float
    area_um2: float


@functools.cache
def memory(kind: str, size_kb: float, port_bits: int) -> MemoryFigures:
    """Figures of a memory of any size between the smallest and the largest that CACTI was run for.

    Sizes between two runs are interpolated linearly in the logarithms of size and figure. Sizes
    below the smallest run scale energy, leakage and area with the size; they keep its access time.

    Args:
        kind: ``itrs-hp`` or ``itrs-lop`` (SRAM), or ``lp-dram`` (embedded DRAM).
        size_kb: capacity in KB.
        port_bits: width of its port.

    Raises:
        PimError: if there are no figures for that kind, port or size.
    """
    if kind not in _FIGURES:
        raise PimError(f"memory kind must be one of {', '.join(KINDS)}. Received: {kind!r}")
    if port_bits not in _FIGURES[kind]:
        ports = ", ".join(map(str, _FIGURES[kind]))
        raise PimError(
            f"memory port_bits of {kind} must be one of {ports}. Received: {port_bits!r}"
        )
    rows = _FIGURES[kind][port_bits]
    if not 0 < size_kb <= rows[-1][0]:
        raise PimError(
            f"memory size_kb of {kind} must be above 0 and at most {rows[-1][0]}. "
            f"Received: {size_kb!r}"
        )
    if size_kb <= rows[0][0]:
        return _scaled_down(rows[0], size_kb)
    return MemoryFigures(*_interpolate(rows, size_kb))


def _interpolate(rows, size_kb):
    upper = bisect.bisect_left([row[0] for row in rows], size_kb)
    below, above = rows[upper - 1], rows[upper]
    weight = math.log(size_kb / below[0]) / math.log(above[0] / below[0])
    if weight == 1.0:
        return above[1:]
    return [low * (high / low) ** weight for low, high in zip(below[1:], above[1:])]


def _scaled_down(row, size_kb):
    share = size_kb / row[0]
    access_ns, *rest = row[1:]
    return MemoryFigures(access_ns, *(figure * share for figure in rest))
