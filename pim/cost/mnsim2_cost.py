"""Estimates with MNSIM 2.0's formulas in place of this package's own for linear maps."""

from pim.cost.cost import energy_grid, time_grid
from pim.cost.report import OperatorReport
from pim.hardware.hardware import Hardware
from pim.mnsim2.constants import ADCS
from pim.mnsim2.layer_costs import LayerCost, estimate_layers
from pim.mnsim2.layer_mapping import Layer
from pim.workload.operators import CrossbarOperator, Workload

_COMPONENTS = {"xbar": "array", "dac": "dac", "adc": "adc", "buf": "buffer", "digital": "digital"}

_STEPS = {
    "load": ("input_write", "input_read"),
    "compute": ("dac", "xbar", "input_register", "demultiplexer"),
    "convert": ("adc", "multiplexer", "shift_register", "adder", "output_register"),
    "merge": ("joint", "intratile", "merge"),
    "store": ("output_write", "output_read", "transfer"),
}


def operator_reports(workload: Workload, hardware: Hardware) -> dict[str, OperatorReport]:
    """Reports of all crossbar operators, which MNSIM sees as one chain of layers.

    MNSIM does not know positions: latency and energy of a layer are multiplied by the vectors
    that pass it. Duplication, bits per cell and the encoding are not among its choices.

    Args:
        workload: the network.
        hardware: the design, with ``mnsim2``.

    Raises:
        PimError: if MNSIM has no such buffer, or its mesh is too small.
    """
    operators = workload.crossbar_operators
    layers = [Layer(o.rows, o.columns, o.weight_bits, o.activation_bits) for o in operators]
    array = hardware.array
    costs = estimate_layers(layers, array.rows, array.columns, hardware.mnsim2)
    return {
        operator.name: _report(operator, cost, workload.batch, hardware)
        for operator, cost in zip(operators, costs)
    }


def keeps_every_bit(hardware: Hardware) -> bool:
    """Whether the chosen converter of MNSIM's could give every value a code of its own.

    Args:
        hardware: the design, with ``mnsim2``.
    """
    return ADCS[hardware.mnsim2.adc_choice].bits >= hardware.lossless_adc_bits


def _report(
    operator: CrossbarOperator, cost: LayerCost, batch: int, hardware: Hardware
) -> OperatorReport:
    vectors = operator.positions * batch
    quirks = hardware.mnsim2
    latency = {
        step: float(time_grid(vectors * sum(cost.latency_ns[part] for part in parts)))
        for step, parts in _STEPS.items()
    }
    energy = {
        name: float(energy_grid(vectors * cost.energy_nj[part] * 1e3))
        for part, name in _COMPONENTS.items()
    }
    area = {name: float(energy_grid(cost.area_um2[part])) for part, name in _COMPONENTS.items()}
    area["digital"] += float(energy_grid(cost.area_um2["pool"]))
    if hardware.digital is not None:
        unit = hardware.digital
        post = operator.functions * unit.function_pj + operator.all_additions * unit.add_pj
        energy["digital"] += float(energy_grid(batch * post))
    planes = operator.weight_bits - 1 if quirks.polarity == 2 else operator.weight_bits
    elements = quirks.elements_x * quirks.elements_y
    crossbars = cost.mapping.tiles * elements * quirks.groups * quirks.polarity
    cells = operator.weights * planes * quirks.polarity
    return OperatorReport(
        name=operator.name,
        kind="crossbar",
        energy_pj=energy,
        area_um2=area,
        leakage_mw=0.0,
        latency_ns=latency,
        start_ns=0.0,
        stage_ns=sum(latency.values()),
        arrays=cost.mapping.elements * quirks.polarity,
        units=cost.mapping.tiles,
        used_cells=cells,
        owned_cells=crossbars * hardware.array.rows * hardware.array.columns,
        write_pj=cells * hardware.device.write_pj,
        write_ns=cost.mapping.rows * hardware.device.row_write_ns,
    )
