"""What only MNSIM 2.0's description of hardware has."""

import dataclasses

from pim import checks


@dataclasses.dataclass(frozen=True)
class Mnsim2Quirks:
    """Settings of MNSIM 2.0's SimConfig.ini that the common description has no place for.

    Args:
        adc_choice: number of one of its converters (see ``pim.mnsim2.constants``).
        dac_choice: number of one of its DACs.
        dacs: DACs per group of crossbars (DAC_Num).
        adcs: ADCs per group of crossbars (ADC_Num).
        groups: groups of crossbars in a processing element (Group_Num).
        polarity: crossbars per weight plane: 1, or 2 for a positive and a negative one.
        sub_position: 0 subtracts before the ADC, 1 after it.
        elements_x: processing elements of a tile, across.
        elements_y: processing elements of a tile, down.
        buffer_technology_nm: node of the SRAM tables.
        buffer_bus_bits: bus width of the SRAM tables.
        mesh: tiles along one side of the mesh.
        place_single_layer: place the tiles of a network of one layer too; MNSIM itself forgets
            to, so that such a network has no distances.
    """

    adc_choice: int = 6
    dac_choice: int = 1
    dacs: int = 128
    adcs: int = 128
    groups: int = 1
    polarity: int = 2
    sub_position: int = 0
    elements_x: int = 2
    elements_y: int = 2
    buffer_technology_nm: int = 90
    buffer_bus_bits: int = 64
    mesh: int = 64
    place_single_layer: bool = True

    def __post_init__(self):
        checks.whole("mnsim2.adc_choice", self.adc_choice, 1, 9)
        checks.whole("mnsim2.dac_choice", self.dac_choice, 1, 7)
        for name in ("dacs", "adcs", "groups", "elements_x", "elements_y", "buffer_bus_bits"):
            checks.whole(f"mnsim2.{name}", getattr(self, name), 1, 65536)
        checks.whole("mnsim2.polarity", self.polarity, 1, 2)
        checks.whole("mnsim2.sub_position", self.sub_position, 0, 1)
        checks.whole("mnsim2.buffer_technology_nm", self.buffer_technology_nm, 1, 1000)
        checks.whole("mnsim2.mesh", self.mesh, 2, 1024)
        checks.flag("mnsim2.place_single_layer", self.place_single_layer)
