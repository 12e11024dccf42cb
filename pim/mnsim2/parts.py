"""What MNSIM 2.0's own settings leave of the common description of hardware."""

import dataclasses
from typing import Any

from pim.mnsim2.constants import ADCS, DACS

OWN_FIGURES = (
    *("device.area_um2", "array.read_ns", "array.cell_read_w", "array.driver_area_um2"),
    *("dac", "adc", "periphery", "input_register", "tile_buffer", "interconnect"),
    *("arrays_per_unit", "units_per_tile"),
)
"""Settings, and parts with all of theirs, in whose place MNSIM's formulas have their own."""


def settled_parts(hardware: Any) -> dict[str, Any]:
    """Parts of a ``Hardware`` as its ``mnsim2`` settings decide them.

    MNSIM maps one bit to a cell and never duplicates; converters, polarity and the place of the
    subtraction are choices of its own. The functional model reads them from the common parts.

    Args:
        hardware: a description with ``mnsim2`` given.
    """
    quirks = hardware.mnsim2
    adc, dac = ADCS[quirks.adc_choice], DACS[quirks.dac_choice]
    return {
        "device": dataclasses.replace(hardware.device, bits_per_cell=1),
        "dac": dataclasses.replace(hardware.dac, bits=dac.bits),
        "adc": dataclasses.replace(
            hardware.adc,
            bits=adc.bits,
            giga_samples=1 / adc.ns,
            columns_per_adc=-(-hardware.array.columns // quirks.adcs),
        ),
        "encoding": dataclasses.replace(
            hardware.encoding,
            weights="differential" if quirks.polarity == 2 else "offset",
            subtraction="digital" if quirks.sub_position else "analog",
            slice_packing="spread",
            flip=False,
        ),
        "duplication": 1,
    }
