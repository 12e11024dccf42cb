"""MNSIM 2.0's latency, power, energy and area of a chain of fully connected layers."""

import dataclasses
import math
from collections.abc import Sequence

from pim import checks
from pim.errors import PimError
from pim.mnsim2 import constants
from pim.mnsim2.buffers import buffer
from pim.mnsim2.layer_mapping import Design, Layer, LayerMapping, buffer_sizes_kb, map_layer
from pim.mnsim2.placement import hops
from pim.mnsim2.power_area import energy_parts, power_parts, powers, tile_area
from pim.mnsim2.quirks import Mnsim2Quirks


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """What a layer costs.

    Args:
        mapping: where it goes.
        latency_ns: by part; ``total`` counts the read of the output buffer once, as MNSIM's
            total does, whereas the parts ``buffer`` and ``intertile`` both hold it.
        energy_nj: by part.
        power_w: by part.
        area_um2: by part.
    """

    mapping: LayerMapping
    latency_ns: dict[str, float]
    energy_nj: dict[str, float]
    power_w: dict[str, float]
    area_um2: dict[str, float]


def estimate_layers(
    layers: Sequence[Layer], rows: int, columns: int, quirks: Mnsim2Quirks
) -> list[LayerCost]:
    """Costs of a chain of layers, each of which waits for the whole output of the one before.

    Args:
        layers: the layers.
        rows: rows of a crossbar.
        columns: columns of a crossbar.
        quirks: MNSIM's own settings.

    Raises:
        PimError: if MNSIM has no such buffer, or too few tiles.
    """
    checks.whole("crossbar rows", rows, 1, 65536)
    checks.whole("crossbar columns", columns, 1, 65536)
    mappings = [map_layer(layer, rows, columns, quirks) for layer in layers]
    buffers = []
    for size_kb in buffer_sizes_kb(layers, mappings):
        found = buffer(size_kb, quirks.buffer_technology_nm, quirks.buffer_bus_bits)
        if found is None:
            raise PimError(
                f"mnsim2: MNSIM has no buffer of {size_kb:g} KB with a bus of "
                f"{quirks.buffer_bus_bits} bits; take at most 256 bits"
            )
        buffers.append(found)
    design = Design(rows, columns, quirks, *buffers)
    if len(layers) == 1 and not quirks.place_single_layer:
        within, onward = [0], [0]
    else:
        within, onward = hops([place.tiles for place in mappings], quirks.mesh)
    area = tile_area(design)
    costs = []
    for layer, place, inner, outer in zip(layers, mappings, within, onward):
        latency = _latency(layer, place, design, inner, outer)
        power = powers(place, design)
        costs.append(
            LayerCost(
                mapping=place,
                latency_ns=latency,
                energy_nj=energy_parts(power, latency),
                power_w=power_parts(power),
                area_um2={part: place.tiles * value for part, value in area.items()},
            )
        )
    return costs


def _latency(layer, place, design, hops_within, hops_onward) -> dict[str, float]:
    """PE_latency.py, Tile_latency.py and Model_latency.py (mode 1), in ns."""
    quirks = design.quirks
    dac, adc = constants.DACS[quirks.dac_choice], constants.ADCS[quirks.adc_choice]
    bits, period = layer.activation_bits, constants.DIGITAL_PERIOD_NS
    row_passes = math.ceil(place.rows / quirks.dacs)
    column_passes = math.ceil(place.columns / quirks.adcs)
    reads = math.ceil(bits / dac.bits) * row_passes * column_passes
    merges = math.ceil(math.log2(place.tile_elements))
    levels = math.ceil(math.log2(design.tile_elements))
    moved = place.columns * place.tile_elements
    result = {
        "input_write": design.input_buffer.access_ns(place.rows * bits),
        "input_read": design.input_buffer.access_ns(place.rows * bits),
        "dac": reads * dac.ns,
        "xbar": reads * constants.crossbar_read_ns(design.rows, design.columns),
        "adc": reads * adc.ns,
        "input_register": row_passes * column_passes * period + reads * period,
        "shift_register": reads * period,
        "demultiplexer": reads
        * constants.stages(math.ceil(design.rows / quirks.dacs))
        * constants.DECODER_NS,
        "multiplexer": reads
        * constants.stages(math.ceil(design.columns / quirks.adcs))
        * constants.MULTIPLEXER_NS,
        "adder": column_passes * math.ceil(math.log2(quirks.groups)) * period,
        "output_register": column_passes * period,
        "joint": merges * period,
        "intratile": (levels * (adc.bits + merges) - merges * (merges + 1) / 2)
        * place.columns
        / constants.INTRA_TILE_GBPS,
        "output_write": design.output_buffer.access_ns((adc.bits + merges) * moved),
        "output_read": design.output_buffer.access_ns(bits * moved),
        "merge": hops_within * (period + moved * bits / constants.INTER_TILE_GBPS),
        "transfer": hops_onward * layer.columns * bits / constants.INTER_TILE_GBPS,
    }
    result["total"] = sum(result.values())
    return result
