"""What the linear maps cost on their arrays, for many candidates at once.

Every part of a cost is rounded to a binary grid that is far finer than any figure is known. Sums
of such parts are exact in floating point, whatever their order: parts add up to their totals, and
one candidate costs the same alone as among thousands.
"""

import dataclasses

import numpy as np

from pim.cost.mapping import Mapping, by_operator, sizes
from pim.hardware import converters
from pim.hardware.genes import Genes
from pim.hardware.hardware import Hardware
from pim.workload.operators import Workload

COMPONENTS = (
    "array",
    "dac",
    "sample_hold",
    "adc",
    "shift_add",
    "register",
    "buffer",
    "bus",
    "router",
    "digital",
    "embedding",
    "leakage",
)
"""Where energy and area go; ``leakage`` is energy only."""

STEPS = ("load", "compute", "convert", "merge", "store", "digital", "embedding")
"""Where an operator's latency goes."""

PARTIAL_SUM_BITS = 32
"""Width of the partial sums that row tiles pass on."""

_ENERGY_GRID = 2.0**12
_TIME_GRID = 2.0**16


def energy_grid(value):
    """Rounds pJ, um2 or mW to multiples of 2^-12.

    Args:
        value: a number or an array.

    Example:
        >>> float(energy_grid(1 / 3) * 2**12)
        1365.0
    """
    return np.rint(value * _ENERGY_GRID) / _ENERGY_GRID


def time_grid(value):
    """Rounds ns to multiples of 2^-16.

    Args:
        value: a number or an array.

    Example:
        >>> float(time_grid(1 / 3) * 2**16)
        21845.0
    """
    return np.rint(value * _TIME_GRID) / _TIME_GRID


def _by_value(function, values: np.ndarray) -> np.ndarray:
    """A figure of the hardware for every value of a gene, looked up rather than computed."""
    top = int(values.max())
    table = np.array([0.0, *(function(value) for value in range(1, top + 1))])
    return table[values.astype(np.int64)]


@dataclasses.dataclass(frozen=True, eq=False)
class CrossbarCosts:
    """Costs of every crossbar operator of every candidate; each array broadcasts to (ops, n).

    Args:
        energy: pJ by component, of all samples of the batch.
        area: um2 by component.
        leakage_mw: leakage power.
        steps: ns by step of the latency.
        stage_ns: time for which the operator's arrays are busy.
    """

    energy: dict[str, np.ndarray]
    area: dict[str, np.ndarray]
    leakage_mw: np.ndarray
    steps: dict[str, np.ndarray]
    stage_ns: np.ndarray


def crossbar_costs(
    workload: Workload, hardware: Hardware, genes: Genes, mapping: Mapping
) -> CrossbarCosts:
    """Energy, area, leakage and latency of every crossbar operator of every candidate.

    Args:
        workload: the network.
        hardware: the design.
        genes: settings of every candidate.
        mapping: where they put each operator.
    """
    steps, stage = _latency(workload, hardware, genes, mapping)
    return CrossbarCosts(
        energy={k: energy_grid(v) for k, v in _energy(workload, hardware, genes, mapping).items()},
        area={k: energy_grid(v) for k, v in _area(workload, hardware, genes, mapping).items()},
        leakage_mw=energy_grid(_leakage(workload, hardware, mapping)),
        steps=steps,
        stage_ns=stage,
    )


def _post_operations(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    """Activation functions and additions of one sample, each (operators, 1)."""
    return (
        by_operator(workload, lambda o: o.functions),
        by_operator(workload, lambda o: o.all_additions),
    )


def _register_copies(hardware: Hardware, mapping: Mapping) -> np.ndarray:
    """Units that need the same part of an input vector."""
    return np.ceil(mapping.column_arrays / hardware.arrays_per_unit)


def _energy(workload, hardware, genes, mapping) -> dict[str, np.ndarray]:
    rows, columns, vectors = sizes(workload)
    reads = vectors * mapping.cycles
    conversions = reads * mapping.conversions
    read_ns, link = hardware.array.read_ns, hardware.interconnect
    register, buffer = hardware.input_register.figures, hardware.tile_buffer.figures
    in_bits = vectors * rows * genes.activation_bits
    out_bits = vectors * columns * genes.activation_bits
    copied_bits = in_bits * _register_copies(hardware, mapping)
    merged = vectors * columns * (mapping.row_tiles - 1)
    dac_w = _by_value(hardware.dac.power_at, genes.dac_bits)
    register_pj = (register.read_pj + register.write_pj) / hardware.input_register.port_bits
    flits = out_bits / link.flit_bits * link.hops
    # Merging row tiles and adding the bias, one addition an output each.
    additions = merged + vectors * columns
    return {
        "array": reads * mapping.used_cells * (hardware.array.cell_read_w * read_ns * 1e3),
        "dac": reads * rows * mapping.column_arrays * dac_w * (read_ns * 1e3),
        "sample_hold": conversions * hardware.periphery.sample_pj,
        "adc": conversions * _by_value(hardware.adc.pj_at, genes.adc_bits),
        "shift_add": (conversions + additions) * hardware.periphery.shift_add_pj,
        "register": copied_bits * register_pj,
        "buffer": (in_bits * buffer.read_pj + out_bits * buffer.write_pj)
        / hardware.tile_buffer.port_bits,
        "bus": (copied_bits + out_bits + merged * PARTIAL_SUM_BITS) * link.bus_pj_per_bit,
        "router": flits * link.router_pj,
        "digital": _post_energy(workload, hardware),
    }


def _post_energy(workload, hardware) -> np.ndarray:
    functions, additions = _post_operations(workload)
    if hardware.digital is None:
        return np.zeros_like(functions)
    unit = hardware.digital
    return workload.batch * (functions * unit.function_pj + additions * unit.add_pj)


def _has_unit(workload) -> np.ndarray:
    """1 for operators that need a digital unit behind their arrays, (operators, 1)."""
    functions, additions = _post_operations(workload)
    return (functions + additions > 0).astype(np.float64)


def _area(workload, hardware, genes, mapping) -> dict[str, np.ndarray]:
    arrays = mapping.units * hardware.arrays_per_unit
    tiles = mapping.units / hardware.units_per_tile
    link, array = hardware.interconnect, hardware.array
    cells = genes.rows * genes.columns * hardware.device.area_um2
    dac_um2 = _by_value(hardware.dac.area_at, genes.dac_bits)
    lanes_um2 = 0.0
    if hardware.digital is not None:
        lanes_um2 = hardware.digital.lanes * hardware.digital.lane_area_um2
    return {
        "array": arrays * (cells + genes.rows * array.driver_area_um2),
        "dac": arrays * genes.rows * dac_um2,
        "sample_hold": arrays * genes.columns * hardware.periphery.sample_area_um2,
        "adc": mapping.adcs * _by_value(hardware.adc.area_at, genes.adc_bits),
        "shift_add": mapping.adcs * hardware.periphery.shift_add_area_um2,
        "register": mapping.units * hardware.input_register.figures.area_um2,
        "buffer": tiles * hardware.tile_buffer.figures.area_um2,
        "bus": tiles * link.bus_area_um2,
        "router": tiles * (link.router_area_um2 / link.tiles_per_router),
        "digital": _has_unit(workload) * lanes_um2,
    }


def _leakage(workload, hardware, mapping) -> np.ndarray:
    tiles = mapping.units / hardware.units_per_tile
    link = hardware.interconnect
    lanes_mw = 0.0
    if hardware.digital is not None:
        lanes_mw = hardware.digital.lanes * hardware.digital.lane_leakage_mw
    return (
        mapping.units * hardware.input_register.figures.leakage_mw
        + tiles * hardware.tile_buffer.figures.leakage_mw
        + tiles * (link.router_leakage_mw / link.tiles_per_router)
        + mapping.adcs * hardware.adc.leakage_mw
        + _has_unit(workload) * lanes_mw
    )


def _ceil_log2(values: np.ndarray) -> np.ndarray:
    """ceil(log2(values)) of whole numbers, from their exponents and so exactly."""
    return np.frexp(values - 1)[1].astype(np.float64)


def _latency(workload, hardware, genes, mapping) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The first vectors pass every step; the others follow at the pace of the slowest."""
    rows, columns, _ = sizes(workload)
    link = hardware.interconnect
    convert = time_grid(mapping.conversion_slots / hardware.adc.giga_samples)
    cycle = np.maximum(time_grid(hardware.array.read_ns), convert)
    vector = mapping.cycles * cycle
    buffer_ns = hardware.tile_buffer.figures.access_ns
    out_bits = columns * genes.activation_bits
    load = time_grid(
        buffer_ns + np.ceil(rows * genes.activation_bits / link.bus_bits) / link.clock_ghz
    )
    bus_ns = np.ceil(out_bits / link.bus_bits) / link.clock_ghz
    route_ns = np.ceil(out_bits / link.flit_bits) / link.clock_ghz * min(link.hops, 1)
    store = time_grid(buffer_ns + bus_ns + route_ns + link.hops * link.hop_ns)
    post = _post_ns(workload, hardware, mapping)
    merge = time_grid(_ceil_log2(mapping.row_tiles) / link.clock_ghz + post)
    pace = np.maximum(np.maximum(vector, load), np.maximum(merge, store))
    steps = {
        "load": load + (mapping.passes - 1) * (pace - vector),
        "compute": mapping.passes * vector,
        "convert": convert,
        "merge": merge,
        "store": store,
    }
    return steps, mapping.passes * pace


def _post_ns(workload, hardware, mapping) -> np.ndarray:
    """Time of the operator's digital unit for what all copies give in one pass, (operators, n)."""
    functions, additions = _post_operations(workload)
    if hardware.digital is None:
        return np.zeros_like(functions)
    positions = by_operator(workload, lambda o: o.positions)
    unit, of_pass = hardware.digital, (functions + additions) * mapping.copies / positions
    return np.ceil(of_pass / unit.lanes) / unit.clock_ghz


def lossless(hardware: Hardware, genes: Genes) -> np.ndarray:
    """Whether every conversion of a candidate keeps every bit, (1, n).

    Args:
        hardware: the design; its encoding decides.
        genes: settings of every candidate.
    """
    shape = np.broadcast_shapes(
        genes.rows.shape, genes.dac_bits.shape, genes.bits_per_cell.shape, genes.adc_bits.shape
    )
    names = (genes.rows, genes.dac_bits, genes.bits_per_cell, genes.adc_bits)
    stacked = np.stack([np.broadcast_to(gene, shape)[0] for gene in names], axis=1)
    settings, place = np.unique(stacked.astype(np.int64), axis=0, return_inverse=True)
    fits = [
        converters.lossless_bits(int(r), int(d), int(c), hardware.encoding) <= a
        for r, d, c, a in settings
    ]
    return np.array(fits)[place.reshape(-1)][None, :]
