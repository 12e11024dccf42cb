"""The designs that a candidate is compared with: handcrafted ReRAM, and near-memory DRAM."""

import dataclasses

from pim import checks
from pim.cost.estimate import unlimited_estimate
from pim.cost.fixed_cost import fixed_costs
from pim.hardware.hardware import Hardware
from pim.hardware.memories import DramTables
from pim.hardware.presets import hardware_preset, recnmp_tables
from pim.workload.operators import Workload

UNIFORM_BITS = 8


@dataclasses.dataclass(frozen=True)
class Totals:
    """What is compared.

    Args:
        latency_ns: one inference that runs alone.
        interval_ns: between two inferences in a full pipeline.
        energy_pj: of one inference.
    """

    latency_ns: float
    interval_ns: float
    energy_pj: float


@dataclasses.dataclass(frozen=True)
class NearMemoryDesign:
    """RecNMP (Ke et al., 2019): look-ups in the DIMMs, everything else in digital arithmetic.

    The paper under study does not say where its RecNMP baseline computes the layers behind the
    look-ups, nor in what precision. By default they run in 32-bit floating point at the energies
    that RecNMP's Table I gives its processing units.

    Args:
        tables: the memory.
        element_bits: bits of an element of an embedding.
        multiply_accumulate_pj: energy of one multiply-accumulate, operands included.
        multiply_accumulates_per_ns: speed of all units together.

    Raises:
        PimError: if a figure is not valid.
    """

    tables: DramTables = dataclasses.field(default_factory=recnmp_tables)
    element_bits: int = 32
    # FP32 multiplication 25.2 pJ and addition 7.89 pJ, RecNMP Table I.
    multiply_accumulate_pj: float = 25.2 + 7.89
    # 16 lanes (a 64-byte burst) in each of 8 ranks at the DIMM's 1.2 GHz; assumed.
    multiply_accumulates_per_ns: float = 16 * 8 * 1.2

    def __post_init__(self):
        checks.whole("element_bits", self.element_bits, 1, 64)
        checks.real("multiply_accumulate_pj", self.multiply_accumulate_pj)
        checks.positive("multiply_accumulates_per_ns", self.multiply_accumulates_per_ns)


def uniform(workload: Workload) -> Workload:
    """The network with 8 bits everywhere, as the designs are that the paper compares with.

    Args:
        workload: the network; its bit widths are replaced.
    """
    count = len(workload.crossbar_operators)
    return workload.with_bits([UNIFORM_BITS] * count, [UNIFORM_BITS] * count)


def uniform_totals(workload: Workload, hardware: Hardware) -> Totals:
    """The network with 8 bits everywhere, on as many tiles as it needs.

    Args:
        workload: the network; its bit widths are replaced.
        hardware: the design.
    """
    return totals(unlimited_estimate(uniform(workload), hardware))


def near_memory_totals(workload: Workload, design: NearMemoryDesign) -> Totals:
    """Look-ups near memory, then all multiply-accumulates one after the other.

    Args:
        workload: the network; bit widths of its operators do not matter here.
        design: the design.

    Returns:
        Latency and interval in ns, energy in pJ.
    """
    count = workload.multiply_accumulates * workload.batch
    compute_ns = count / design.multiply_accumulates_per_ns
    energy = count * design.multiply_accumulate_pj
    # Only the memory of this description is used.
    hardware = dataclasses.replace(hardware_preset("isaac32"), embedding=design.tables)
    latency, stage = compute_ns, compute_ns
    leakage_mw = 0.0
    for operator in workload.embedding_operators:
        # What it waits for is no matter of its own cost.
        wide = dataclasses.replace(operator, bits=design.element_bits, inputs=())
        look_ups = dataclasses.replace(workload, operators=(wide,))
        cost = fixed_costs(look_ups, hardware)[operator.name]
        energy += sum(cost.energy_pj.values())
        latency += cost.latency_ns
        stage = max(stage, cost.stage_ns)
        leakage_mw += cost.leakage_mw
    return Totals(latency, stage, energy + leakage_mw * stage)


def totals(report) -> Totals:
    """The compared figures of a report.

    Args:
        report: what ``estimate`` gave.
    """
    return Totals(report.latency_ns, report.interval_ns, report.energy_pj)
