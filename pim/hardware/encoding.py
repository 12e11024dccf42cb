"""How signed integers become cells and pulses."""

import dataclasses

import numpy as np

from pim import checks
from pim.errors import PimError

ANALOG, DIGITAL = "analog", "digital"
DIFFERENTIAL, OFFSET = "differential", "offset"
SIGN_MAGNITUDE, TWOS_COMPLEMENT = "sign_magnitude", "twos_complement"
SPREAD, PACKED = "spread", "packed"


@dataclasses.dataclass(frozen=True)
class Encoding:
    """How signed integers become cells and pulses.

    Args:
        weights: ``differential`` (a positive and a negative cell, each holding w - 1 bits) or
            ``offset`` (one cell string holding w + 2**(bits - 1)).
        subtraction: of the two halves of a differential pair: ``analog``, before the conversion,
            or ``digital``, after it.
        slice_packing: ``packed`` puts the bit slices of a weight side by side in the columns of
            one array, ``spread`` gives each slice an array of its own.
        inputs: ``sign_magnitude`` (pulses of both polarities) or ``twos_complement`` (the sign
            bit in a cycle of its own, subtracted digitally).
        flip: store a column of an offset array inverted where that lowers its sum, which saves one
            bit of the ADC (ISAAC, section V).
    """

    weights: str = DIFFERENTIAL
    subtraction: str = ANALOG
    slice_packing: str = PACKED
    inputs: str = SIGN_MAGNITUDE
    flip: bool = False

    def __post_init__(self):
        checks.one_of("encoding.weights", self.weights, (DIFFERENTIAL, OFFSET))
        checks.one_of("encoding.subtraction", self.subtraction, (ANALOG, DIGITAL))
        checks.one_of("encoding.slice_packing", self.slice_packing, (SPREAD, PACKED))
        checks.one_of("encoding.inputs", self.inputs, (SIGN_MAGNITUDE, TWOS_COMPLEMENT))
        checks.flag("encoding.flip", self.flip)
        if self.flip and self.weights != OFFSET:
            raise PimError("encoding.flip needs encoding.weights = offset")

    @property
    def polarities(self) -> int:
        """Cells that hold one slice of a weight."""
        return 2 if self.weights == DIFFERENTIAL else 1

    @property
    def converted_polarities(self) -> int:
        """Conversions that one slice of a weight needs."""
        return 2 if self.weights == DIFFERENTIAL and self.subtraction == DIGITAL else 1

    @property
    def columns_per_conversion(self) -> int:
        """Columns whose currents are subtracted from one another before one conversion."""
        return self.polarities // self.converted_polarities

    def usable_columns(self, columns):
        """Columns of an array that can hold weights.

        With packed slices a pair that is subtracted before the conversion stands in one array, so
        that the last of an odd number of columns stays empty; arrays of a single column hold the
        halves of a pair as those of spread slices do.

        Args:
            columns: of an array; a number or an array of numbers.
        """
        if self.slice_packing == SPREAD:
            return columns
        return np.maximum(columns - columns % self.columns_per_conversion, 1)

    @property
    def signed_conversion(self) -> bool:
        """Whether the converted value can be negative."""
        pair = self.weights == DIFFERENTIAL and self.subtraction == ANALOG
        return pair or self.inputs == SIGN_MAGNITUDE

    def weight_magnitude_bits(self, weight_bits):
        """Bits of a weight that the cells of one polarity hold.

        Args:
            weight_bits: bits of a weight with its sign; a number or an array.
        """
        return weight_bits - 1 if self.weights == DIFFERENTIAL else weight_bits
