"""Where MNSIM 2.0 puts layers, and how large it makes its buffers."""

import dataclasses
import math
from collections.abc import Sequence

from pim import checks
from pim.errors import PimError
from pim.mnsim2.buffers import Buffer
from pim.mnsim2.quirks import Mnsim2Quirks


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
        """Processing elements of a tile."""
        return self.quirks.elements_x * self.quirks.elements_y

    @property
    def demultiplexer_ways(self) -> int:
        """Rows that share a DAC."""
        return math.ceil(self.rows / self.quirks.dacs)

    @property
    def multiplexer_ways(self) -> int:
        """Columns that share an ADC."""
        return math.ceil(self.columns / self.quirks.adcs * (1 + self.quirks.sub_position))


def map_layer(layer: Layer, rows: int, columns: int, quirks: Mnsim2Quirks) -> LayerMapping:
    """Tile_connection_graph.py: one plane per weight bit, whatever the cell could hold.

    Args:
        layer: sizes and bits.
        rows: of a crossbar.
        columns: of a crossbar.
        quirks: MNSIM's settings.

    Raises:
        PimError: if a size is not valid.
    """
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
    """Sizes of all input and of all output buffers: the largest that a layer asks for.

    Args:
        layers: sizes and bits.
        mappings: of each layer.
    """

    def power_of_two(size_bytes):
        return 2.0 ** math.ceil(math.log2(size_bytes)) / 1024

    pairs = list(zip(layers, mappings))
    inputs = (layer.rows * layer.activation_bits / 8 / place.elements for layer, place in pairs)
    outputs = (
        2 * layer.columns * layer.activation_bits / 8 / place.tiles for layer, place in pairs
    )
    return max(map(power_of_two, inputs)), max(map(power_of_two, outputs))
