"""How linear maps are cut into arrays."""

import dataclasses
from collections.abc import Callable

import numpy as np

from pim.hardware.encoding import OFFSET, PACKED, TWOS_COMPLEMENT
from pim.hardware.genes import Genes
from pim.hardware.hardware import Hardware
from pim.workload.operators import CrossbarOperator, Workload


@dataclasses.dataclass(frozen=True, eq=False)
class Mapping:
    """Where each operator goes; every array is (operators, n) or broadcasts to it.

    Args:
        planes: bit slices of a weight, ceil(magnitude bits / bits per cell).
        cycles: reads for one input vector, ceil(activation bits / DAC bits); with two's complement
            the sign bit has a read of its own.
        row_tiles: arrays one above the other, ceil(K / rows).
        column_arrays: arrays side by side, of both polarities and all slices.
        arrays: arrays of one copy.
        copies: copies that work at the same time.
        units: units that the operator owns, over all copies.
        used_cells: cells of one copy that hold weights.
        conversions: conversions of one read of one copy.
        conversion_slots: conversions that one ADC does after a read.
        adcs: converters over all copies, unused arrays included.
        passes: input vectors that a copy handles one after the other.
        vectors: input vectors of all samples.
    """

    planes: np.ndarray
    cycles: np.ndarray
    row_tiles: np.ndarray
    column_arrays: np.ndarray
    arrays: np.ndarray
    copies: np.ndarray
    units: np.ndarray
    used_cells: np.ndarray
    conversions: np.ndarray
    conversion_slots: np.ndarray
    adcs: np.ndarray
    passes: np.ndarray
    vectors: np.ndarray


def by_operator(workload: Workload, figure: Callable[[CrossbarOperator], float]) -> np.ndarray:
    """A figure of every crossbar operator, (operators, 1).

    Args:
        workload: the network.
        figure: of one operator.
    """
    values = [figure(operator) for operator in workload.crossbar_operators]
    return np.array(values, dtype=np.float64).reshape(-1, 1)


def sizes(workload: Workload) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and input vectors of every crossbar operator, each (operators, 1).

    Args:
        workload: the network.
    """
    return (
        by_operator(workload, lambda o: o.rows),
        by_operator(workload, lambda o: o.columns),
        by_operator(workload, lambda o: o.positions * workload.batch),
    )


def map_operators(workload: Workload, hardware: Hardware, genes: Genes) -> Mapping:
    """Cuts every operator of every candidate into arrays.

    Args:
        workload: the network.
        hardware: the design; what candidates do not vary.
        genes: settings of every candidate.
    """
    rows, columns, vectors = sizes(workload)
    encoding = hardware.encoding
    planes = np.ceil(encoding.weight_magnitude_bits(genes.weight_bits) / genes.bits_per_cell)
    sign_reads = 1.0 if encoding.inputs == TWOS_COMPLEMENT else 0.0
    # An offset array has one more column, which sums the inputs (ISAAC, section V).
    reference = 1.0 if encoding.weights == OFFSET else 0.0
    row_tiles = np.ceil(rows / genes.rows)
    place = _packed if encoding.slice_packing == PACKED else _spread
    column_arrays, slots, adcs_per_array = place(columns, planes, encoding, genes, reference)
    arrays = row_tiles * column_arrays
    copies = np.minimum(genes.duplication, vectors)
    units = np.ceil(arrays * copies / hardware.arrays_per_unit)
    converted = columns * planes * encoding.converted_polarities
    return Mapping(
        planes=planes,
        cycles=sign_reads + np.ceil((genes.activation_bits - sign_reads) / genes.dac_bits),
        row_tiles=row_tiles,
        column_arrays=column_arrays,
        arrays=arrays,
        copies=copies,
        units=units,
        used_cells=rows * columns * planes * encoding.polarities,
        conversions=row_tiles * (converted + column_arrays * reference),
        conversion_slots=slots,
        adcs=units * hardware.arrays_per_unit * adcs_per_array,
        passes=np.ceil(vectors / copies),
        vectors=vectors,
    )


def _packed(columns, planes, encoding, genes, reference):
    """All slices of a weight, of both polarities, side by side in one array.

    Returns arrays side by side, conversions of one ADC after a read, and ADCs per array.
    """
    shared = encoding.columns_per_conversion
    width = encoding.usable_columns(genes.columns)
    used = columns * planes * encoding.polarities
    adcs = np.ceil(np.ceil(width / shared) / genes.columns_per_adc)
    busiest = np.ceil(np.minimum(width, used) / shared)
    return np.ceil(used / width), np.ceil((busiest + reference) / adcs), adcs


def _spread(columns, planes, encoding, genes, reference):
    """Each slice of each polarity in arrays of its own; a pair of arrays may share its ADCs."""
    arrays = np.ceil(columns / genes.columns) * planes * encoding.polarities
    adcs = np.ceil(genes.columns / genes.columns_per_adc)
    busiest = np.minimum(genes.columns, columns)
    slots = np.ceil((busiest + reference) / adcs)
    return arrays, slots, adcs / encoding.columns_per_conversion
