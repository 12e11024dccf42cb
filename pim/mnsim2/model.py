"""MNSIM 2.0's latency, power, energy and area of a chain of fully connected layers."""

import dataclasses
import math
from collections.abc import Sequence

from pim import checks
from pim.errors import PimError
from pim.mnsim2 import constants
from pim.mnsim2.buffers import Buffer, buffer
from pim.mnsim2.placement import hops
from pim.mnsim2.quirks import Mnsim2Quirks

PARTS = ("xbar", "dac", "adc", "buf", "digital")


@dataclasses.dataclass(frozen=True)
class Layer:
    """A fully connected layer.

    Args:
        rows: inputs.
        columns: outputs.
        weight_bits: bits of a weight.
        activation_bits: bits of an input, and of an output.
    """

    rows: int
    columns: int
    weight_bits: int
    activation_bits: int

    def __post_init__(self):
        for name in ("rows", "columns"):
            checks.whole(f"layer {name}", getattr(self, name), 1, 1 << 30)
        for name in ("weight_bits", "activation_bits"):
            checks.whole(f"layer {name}", getattr(self, name), 1, 64)


@dataclasses.dataclass(frozen=True)
class LayerMapping:
    """Where a layer goes.

    Args:
        elements: processing elements (PEs).
        tiles: tiles.
        rows: rows of a crossbar that it uses at most.
        columns: columns of a crossbar that it uses at most.
        groups: groups of a processing element that it uses at most.
        tile_elements: processing elements of a tile that it uses at most.
    """

    elements: int
    tiles: int
    rows: int
    columns: int
    groups: int
    tile_elements: int


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """What a layer costs.

    Args:
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


@dataclasses.dataclass(frozen=True)
class Design:
    """Everything about the hardware that the layers do not change.

    Args:
        rows: rows of a crossbar.
        columns: columns of a crossbar.
        quirks: MNSIM's own settings.
        input_buffer: of every processing element.
        output_buffer: of every tile.
    """

    rows: int
    columns: int
    quirks: Mnsim2Quirks
    input_buffer: Buffer
    output_buffer: Buffer

    @property
    def tile_elements(self) -> int:
        return self.quirks.elements_x * self.quirks.elements_y

    @property
    def demultiplexer_ways(self) -> int:
        return math.ceil(self.rows / self.quirks.dacs)

    @property
    def multiplexer_ways(self) -> int:
        return math.ceil(self.columns / self.quirks.adcs * (1 + self.quirks.sub_position))


def map_layer(layer: Layer, rows: int, columns: int, quirks: Mnsim2Quirks) -> LayerMapping:
    """Tile_connection_graph.py: one plane per weight bit, whatever the cell could hold."""
    planes = layer.weight_bits - 1 if quirks.polarity == 2 else layer.weight_bits
    if planes < 1:
        raise PimError("mnsim2: weights of 1 bit have no bit left beside the sign")
    across = math.ceil(planes / quirks.groups) * math.ceil(layer.columns / columns)
    elements = across * math.ceil(layer.rows / rows)
    per_tile = quirks.elements_x * quirks.elements_y
    return LayerMapping(
        elements=elements,
        tiles=math.ceil(elements / per_tile),
        rows=min(layer.rows, rows),
        columns=min(layer.columns, columns),
        groups=min(planes, quirks.groups),
        tile_elements=min(elements, per_tile),
    )


def buffer_sizes_kb(
    layers: Sequence[Layer], mappings: Sequence[LayerMapping]
) -> tuple[float, float]:
    """Sizes of all input and of all output buffers: the largest that a layer asks for."""

    def power_of_two(size_bytes):
        return 2.0 ** math.ceil(math.log2(size_bytes)) / 1024

    pairs = list(zip(layers, mappings))
    inputs = (layer.rows * layer.activation_bits / 8 / place.elements for layer, place in pairs)
    outputs = (
        2 * layer.columns * layer.activation_bits / 8 / place.tiles for layer, place in pairs
    )
    return max(map(power_of_two, inputs)), max(map(power_of_two, outputs))


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
    area = _tile_area(design)
    costs = []
    for layer, place, inner, outer in zip(layers, mappings, within, onward):
        latency = _latency(layer, place, design, inner, outer)
        power = _power(place, design)
        costs.append(
            LayerCost(
                mapping=place,
                latency_ns=latency,
                energy_nj=_energy(power, latency),
                power_w=_power_parts(power),
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


def _power(place: LayerMapping, design: Design) -> dict[str, float]:
    """PE.py and Tile.py (calculate_*_read_power_fast), in W, over all tiles of the layer."""
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


def _power_parts(power: dict[str, float]) -> dict[str, float]:
    parts = {part: power[part] for part in ("xbar", "dac", "adc")}
    parts["buf"] = power["buffer_read"] + power["buffer_write"]
    parts["digital"] = sum(power[name] for name in _DIGITAL_POWER)
    return parts


def _energy(power: dict[str, float], latency: dict[str, float]) -> dict[str, float]:
    """Model_energy.py: power of each part for its own time; adders are left out, as there."""
    parts = {part: power[part] * latency[part] for part in ("xbar", "dac", "adc")}
    reads = latency["input_read"] + latency["output_read"]
    writes = latency["input_write"] + latency["output_write"]
    parts["buf"] = power["buffer_read"] * reads + power["buffer_write"] * writes
    parts["digital"] = sum(power[name] * latency[name] for name in _DIGITAL_ENERGY)
    return parts


def _tile_area(design: Design) -> dict[str, float]:
    """PE.py and Tile.py, in um2: every tile is built whole."""
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
