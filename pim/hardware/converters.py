"""Digital-to-analog and analog-to-digital converters, and how many bits lose nothing."""

import dataclasses
import functools

from pim import checks

CLIP, ROUND = "clip", "round"

MAX_BITS = 36
"""Beyond any real converter; enough to be lossless with every array, DAC and cell allowed."""

# ISAAC's 8-bit 1.2 GS/s converter and its scaling, pJ a conversion and um2, 32 nm.
# Source: Accelergy library plug-in, library/isaac/isaac_adc.csv.
_ISAAC_PJ = {4: 0.79, 5: 0.99, 6: 1.20, 7: 1.42, 8: 1.67, 9: 1.97, 10: 2.38}
_ISAAC_UM2 = {4: 361.0, 5: 477.0, 6: 627.0, 7: 845.0, 8: 1200.0, 9: 1828.0, 10: 3002.0}


@functools.cache
def _at_bits(table_name: str, bits: int) -> float:
    """A figure of ISAAC's scaling; outside its range the ratio of the last two goes on."""
    table = {"pj": _ISAAC_PJ, "um2": _ISAAC_UM2}[table_name]
    low, high = min(table), max(table)
    if bits < low:
        return table[low] * (table[low] / table[low + 1]) ** (low - bits)
    if bits > high:
        return table[high] * (table[high] / table[high - 1]) ** (bits - high)
    return table[bits]


@dataclasses.dataclass(frozen=True)
class Dac:
    """A row's converter; area and power double with every bit (MNSIM 2.0, DAC.py).

    Args:
        bits: bits of an input that one read applies.
        power_w: power of a 1-bit converter.
        area_um2: area of a 1-bit converter.
    """

    bits: int
    power_w: float
    area_um2: float

    def __post_init__(self):
        checks.whole("dac.bits", self.bits, 1, 8)
        checks.real("dac.power_w", self.power_w)
        checks.real("dac.area_um2", self.area_um2)

    def power_at(self, bits: int) -> float:
        """Power in W of a converter of ``bits``.

        Args:
            bits: of its resolution.
        """
        return self.power_w * 2 ** (bits - 1)

    def area_at(self, bits: int) -> float:
        """Area in um2 of a converter of ``bits``.

        Args:
            bits: of its resolution.
        """
        return self.area_um2 * 2 ** (bits - 1)


@dataclasses.dataclass(frozen=True)
class Adc:
    """A converter that columns share.

    Energy and area follow ISAAC's published scaling from the figures given for 8 bits.

    Args:
        bits: resolution.
        pj_at_8_bits: energy of one conversion of an 8-bit converter.
        area_um2_at_8_bits: area of an 8-bit converter.
        giga_samples: conversions per ns.
        columns_per_adc: columns that share one converter; all of an array's if it has fewer.
        range_policy: ``clip``: one code per unit of current, what lies beyond the codes
            saturates; ``round``: the codes are stretched over all that can occur, and rounded to.
        leakage_mw: power of an idle converter.
    """

    bits: int
    pj_at_8_bits: float
    area_um2_at_8_bits: float
    giga_samples: float
    columns_per_adc: int
    range_policy: str = CLIP
    leakage_mw: float = 0.0

    def __post_init__(self):
        checks.whole("adc.bits", self.bits, 1, MAX_BITS)
        checks.whole("adc.columns_per_adc", self.columns_per_adc, 1, 65536)
        checks.positive("adc.giga_samples", self.giga_samples)
        checks.one_of("adc.range_policy", self.range_policy, (CLIP, ROUND))
        for name in ("pj_at_8_bits", "area_um2_at_8_bits", "leakage_mw"):
            checks.real(f"adc.{name}", getattr(self, name))

    def pj_at(self, bits: int) -> float:
        """Energy in pJ of one conversion with ``bits``.

        Args:
            bits: of its resolution.
        """
        return self.pj_at_8_bits * (_at_bits("pj", bits) / _ISAAC_PJ[8])

    def area_at(self, bits: int) -> float:
        """Area in um2 of a converter with ``bits``.

        Args:
            bits: of its resolution.
        """
        return self.area_um2_at_8_bits * (_at_bits("um2", bits) / _ISAAC_UM2[8])


def largest_sum(rows: int, dac_bits: int, bits_per_cell: int, encoding) -> int:
    """The largest magnitude that one conversion can meet, in units of one input times one level.

    Flipped columns sum to half of what they could at most; the column that sums the inputs holds
    one level in every row, which is more than that where a cell has a single bit.

    Args:
        rows: rows of an array.
        dac_bits: bits of an input that one read applies.
        bits_per_cell: bits of a cell.
        encoding: how integers become cells and pulses.
    """
    cells = rows * (2**bits_per_cell - 1)
    if encoding.flip:
        cells = max(cells // 2, rows)
    return cells * (2**dac_bits - 1)


def lossless_bits(rows: int, dac_bits: int, bits_per_cell: int, encoding) -> int:
    """Bits of an ADC that gives every value a code of its own.

    With R rows that is ceil(log2(R (2^dac - 1) (2^cell - 1) + 1)), and one more where the value
    has a sign: with analog subtraction, or input pulses of both polarities. Flipped columns save
    one bit where cells have two bits or more (ISAAC, section V).

    Args:
        rows: rows of an array.
        dac_bits: bits of an input that one read applies.
        bits_per_cell: bits of a cell.
        encoding: how integers become cells and pulses.

    Example:
        >>> from pim.hardware.encoding import Encoding
        >>> lossless_bits(128, 1, 1, Encoding())  # differential, subtracted before the conversion
        9
        >>> isaac = dict(weights="offset", inputs="twos_complement")
        >>> [lossless_bits(128, 1, 2, Encoding(**isaac, flip=flip)) for flip in (False, True)]
        [9, 8]
    """
    unsigned = max(largest_sum(rows, dac_bits, bits_per_cell, encoding).bit_length(), 1)
    return unsigned + 1 if encoding.signed_conversion else unsigned
