"""MNSIM 2.0's power, energy and area of a layer, by part."""

import math

from pim.mnsim2 import constants
from pim.mnsim2.layer_mapping import Design, LayerMapping


def powers(place: LayerMapping, design: Design) -> dict[str, float]:
    """PE.py and Tile.py (calculate_*_read_power_fast), in W, over all tiles of the layer.

    Args:
        place: where the layer is.
        design: the crossbars.
    """
    quirks = design.quirks
    count = place.tiles * place.tile_elements
    dac, adc = constants.DACS[quirks.dac_choice], constants.ADCS[quirks.adc_choice]
    inputs = count * place.groups * math.ceil(place.rows / design.demultiplexer_ways)
    column_slots = math.ceil(place.columns / design.multiplexer_ways)
    outputs = count * place.groups * column_slots
    cells = count * quirks.polarity * place.groups * place.rows * place.columns
    shared = design.demultiplexer_ways * design.multiplexer_ways
    joints = place.tiles * (place.tile_elements - 1) * column_slots
    return {
        "xbar": cells * constants.CELL_READ_W / shared,
        "dac": inputs * dac.power_w,
        "adc": outputs * adc.power_w,
        "demultiplexer": inputs * constants.multiplexer(design.demultiplexer_ways)[1],
        "input_register": inputs * constants.REGISTER_W,
        "multiplexer": outputs * constants.multiplexer(design.multiplexer_ways)[1],
        "adder": count * (place.groups - 1) * column_slots * constants.ADDER_W,
        "shift_register": outputs * constants.SHIFT_REGISTER_W,
        "output_register": outputs * constants.REGISTER_W,
        "joint": joints * constants.JOINT_MODULE_W,
        "buffer_read": place.tiles
        * (
            place.tile_elements * design.input_buffer.read_power_w
            + design.output_buffer.read_power_w
        ),
        "buffer_write": place.tiles
        * (
            place.tile_elements * design.input_buffer.write_power_w
            + design.output_buffer.write_power_w
        ),
    }


_DIGITAL_ENERGY = (
    "shift_register",
    "input_register",
    "output_register",
    "demultiplexer",
    "multiplexer",
    "joint",
)
_DIGITAL_POWER = (*_DIGITAL_ENERGY, "adder")


def power_parts(power: dict[str, float]) -> dict[str, float]:
    """W by the parts that MNSIM prints, and in total.

    Args:
        power: W by the parts that are computed.
    """
    parts = {part: power[part] for part in ("xbar", "dac", "adc")}
    parts["buf"] = power["buffer_read"] + power["buffer_write"]
    parts["digital"] = sum(power[name] for name in _DIGITAL_POWER)
    return parts


def energy_parts(power: dict[str, float], latency: dict[str, float]) -> dict[str, float]:
    """Model_energy.py: power of each part for its own time; adders are left out, as there.

    Args:
        power: W by part.
        latency: ns by part.
    """
    parts = {part: power[part] * latency[part] for part in ("xbar", "dac", "adc")}
    reads = latency["input_read"] + latency["output_read"]
    writes = latency["input_write"] + latency["output_write"]
    parts["buf"] = power["buffer_read"] * reads + power["buffer_write"] * writes
    parts["digital"] = sum(power[name] * latency[name] for name in _DIGITAL_ENERGY)
    return parts


def tile_area(design: Design) -> dict[str, float]:
    """PE.py and Tile.py, in um2: every tile is built whole.

    Args:
        design: the crossbars.
    """
    quirks, elements = design.quirks, design.tile_elements
    dacs, adcs = quirks.groups * quirks.dacs, quirks.groups * quirks.adcs
    crossbar = design.rows * (design.columns * constants.CELL_AREA_UM2 + constants.ROW_DRIVER_UM2)
    inputs = constants.multiplexer(design.demultiplexer_ways)[0] + constants.REGISTER_UM2
    outputs = (
        constants.multiplexer(design.multiplexer_ways)[0]
        + constants.REGISTER_UM2
        + constants.SHIFT_REGISTER_UM2
    )
    adders = quirks.adcs * (quirks.groups - 1) * constants.ADDER_UM2
    joints = _joint_modules(elements) * adcs * constants.JOINT_MODULE_UM2
    return {
        "xbar": elements * quirks.groups * quirks.polarity * crossbar,
        "dac": elements * dacs * constants.DACS[quirks.dac_choice].area_um2,
        "adc": elements * adcs * constants.ADCS[quirks.adc_choice].area_um2,
        "buf": elements * design.input_buffer.area_um2 + design.output_buffer.area_um2,
        "digital": elements * (dacs * inputs + adcs * outputs + adders) + joints,
        "pool": constants.POOLING_UM2,
    }


def _joint_modules(elements: int) -> int:
    """Nodes of the H-tree, counted as Tile.py does."""
    count = 0
    while elements >= 2:
        count += elements // 2 + elements % 2
        elements //= 2
    return count
