"""How linear maps are cut into arrays."""

import dataclasses

import numpy as np

from pim.encoding import OFFSET, PACKED, TWOS_COMPLEMENT
from pim.genes import Genes
from pim.hardware import Hardware
from pim.operators import Workload


@dataclasses.dataclass(frozen=True)
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


def sizes(workload: Workload) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and input vectors of every crossbar operator, each (operators, 1)."""
    operators = workload.crossbar_operators
    rows = np.array([[o.rows] for o in operators], dtype=np.float64)
    columns = np.array([[o.columns] for o in operators], dtype=np.float64)
    vectors = np.array([[o.positions * workload.batch] for o in operators], dtype=np.float64)
    return rows, columns, vectors


def map_operators(workload: Workload, hardware: Hardware, genes: Genes) -> Mapping:
    """Cuts every operator of every candidate into arrays."""
    rows, columns, vectors = sizes(workload)
    encoding = hardware.encoding
    polarities = encoding.polarities
    # 2 columns for 1 conversion where a pair is subtracted before the ADC.
    per_conversion = polarities // encoding.converted_polarities
    magnitude = encoding.weight_magnitude_bits(genes.weight_bits)
    planes = np.ceil(magnitude / genes.bits_per_cell)
    sign_reads = 1.0 if encoding.inputs == TWOS_COMPLEMENT else 0.0
    row_tiles = np.ceil(rows / genes.rows)
    cell_columns = columns * planes * polarities
    if encoding.slice_packing == PACKED:
        column_arrays = np.ceil(cell_columns / genes.columns)
        busiest = np.ceil(np.minimum(genes.columns, cell_columns) / per_conversion)
        adcs_per_array = np.ceil(np.ceil(genes.columns / per_conversion) / genes.columns_per_adc)
    else:
        column_arrays = np.ceil(columns / genes.columns) * planes * polarities
        busiest = np.minimum(genes.columns, columns)
        # The two arrays of a pair share converters.
        adcs_per_array = np.ceil(genes.columns / genes.columns_per_adc) / per_conversion
        busiest = busiest / per_conversion
    arrays = row_tiles * column_arrays
    # An offset array has one more column, which sums the inputs (ISAAC, section V).
    reference = column_arrays if encoding.weights == OFFSET else 0.0
    extra = 1.0 if encoding.weights == OFFSET else 0.0
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
        used_cells=rows * cell_columns,
        conversions=row_tiles * (converted + reference),
        conversion_slots=np.ceil((busiest + extra) / adcs_per_array),
        adcs=units * hardware.arrays_per_unit * adcs_per_array,
        passes=np.ceil(vectors / copies),
        vectors=vectors,
    )
