"""What a design costs on processing-in-memory hardware, with no framework loaded."""

import math
from collections.abc import Mapping

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.codesign.architecture_workload import workload_from_architecture
from nasrec_tf.data.features import Features
from nasrec_tf.operators import NetworkOptions
from nasrec_tf.strategies.budget import AREA, ENERGY, HARDWARE_COSTS, LATENCY, HardwareBudget
from nasrec_tf.strategies.design import Design
from nasrec_tf.strategies.hardware_space import with_tied
from pim import Hardware, PimError, Precision, Report, Workload, changed, load_hardware
from pim.cost.estimate import estimate
from pim.hardware.presets import DEFAULT as DEFAULT_DESIGN

COSTS = HARDWARE_COSTS

PRECISION = Precision(8, 8)
"""Bits of weights and of activations of networks that were trained in floating point."""


class HardwareCosts:
    """Latency, energy and area of designs: architectures on hardware settings (paper 5.2).

    Example:
        >>> from nasrec_tf.architecture.complexity import FINAL_OPTIONS
        >>> from nasrec_tf.architecture.presets import preset
        >>> from pim import hardware_preset
        >>> published = preset("nasrec-criteo-small")
        >>> costs = HardwareCosts(
        ...     hardware_preset("isaac32"), published.features, FINAL_OPTIONS
        ... )
        >>> sorted(costs(published.architecture, {"duplication": 4}))
        ['area_mm2', 'energy_nj', 'latency_us']
        >>> costs(published.architecture, {"adc.bits": 4})["energy_nj"]  # loses bits
        inf

    Args:
        hardware: the design that settings change.
        features: what networks read; the hardware holds all rows of all tables.
        options: what holds for the whole network, as it is trained in the end.
        lossy_converters: whether analog-to-digital converters may lose bits.
    """

    def __init__(
        self,
        hardware: Hardware,
        features: Features,
        options: NetworkOptions,
        lossy_converters: bool = False,
    ):
        self.hardware = hardware
        self.features = features
        self.options = options
        self.lossy_converters = lossy_converters
        self._last: tuple[tuple, dict[str, float]] | None = None

    def workload(self, architecture: Architecture) -> Workload:
        """The architecture's operators at its own bit widths.

        Args:
            architecture: the network.

        Raises:
            PimError: if an operator does not state its work.
        """
        return workload_from_architecture(architecture, self.features, self.options)

    def design(self, settings: Mapping[str, int]) -> Hardware:
        """The hardware with some settings.

        Args:
            settings: values by dotted name, such as ``{"adc.bits": 8}``.

        Raises:
            PimError: if there is no such setting, or a value is not valid.
        """
        return changed(self.hardware, with_tied(settings))

    def report(self, architecture: Architecture, settings: Mapping[str, int]) -> Report:
        """The full estimate.

        Args:
            architecture: the network, at its own bit widths.
            settings: values by dotted name.

        Raises:
            PimError: if the hardware cannot hold the network.
        """
        return estimate(self.workload(architecture), self.design(settings))

    def __call__(self, architecture: Architecture, settings: Mapping[str, int]) -> dict[str, float]:
        """Costs by name, in us, nJ and mm2; infinite for hardware that cannot hold the network or
        loses bits.

        Args:
            architecture: the network, at its own bit widths.
            settings: values by dotted name.
        """
        key = Design(architecture, settings).identity
        if self._last is None or self._last[0] != key:
            self._last = key, self._costs(architecture, settings)
        return self._last[1]

    def _costs(self, architecture, settings) -> dict[str, float]:
        workload = self.workload(architecture)
        try:
            report = estimate(workload, self.design(settings))
        except PimError:
            # Among random settings some are impossible, such as cells of more bits than weights.
            return dict.fromkeys(COSTS, math.inf)
        if not (report.lossless_adc or self.lossy_converters):
            return dict.fromkeys(COSTS, math.inf)
        return costs_of(report)

    def budgets(self, limits: Mapping[str, float]) -> list[HardwareBudget]:
        """A budget for every cost, with no limit but those given.

        Args:
            limits: largest values by name of a cost, in its unit.
        """

        def budget(name):
            return HardwareBudget(
                name,
                lambda architecture, settings: self(architecture, settings)[name],
                limits.get(name, math.inf),
            )

        return [budget(name) for name in COSTS]


def costs_at_8_bits(
    architecture: Architecture,
    features: Features,
    options: NetworkOptions,
    hardware: str = DEFAULT_DESIGN,
) -> dict[str, float]:
    """Costs by name of a network that was trained in floating point, as if at 8 bits.

    Args:
        architecture: the network.
        features: what it reads; the hardware holds all rows of all tables.
        options: what holds for the whole network.
        hardware: a preset of ``pim``, or a file.

    Raises:
        PimError: if there is no such hardware, or it cannot hold the network.
    """
    workload = workload_from_architecture(architecture, features, options, precision=PRECISION)
    return costs_of(estimate(workload, load_hardware(hardware)))


def costs_of(report: Report) -> dict[str, float]:
    """Costs by name, in the units of their names.

    Args:
        report: what ``pim.estimate`` gave.
    """
    return {
        LATENCY: report.latency_ns / 1e3,
        ENERGY: report.energy_pj / 1e3,
        AREA: report.area_um2 / 1e6,
    }


def arrays_of(report: Report) -> int:
    """Crossbar arrays of a network, all copies of its operators together.

    Args:
        report: what ``pim.estimate`` gave.
    """
    return sum(operator.arrays for operator in report.operators)
