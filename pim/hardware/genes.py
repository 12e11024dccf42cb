"""Candidates: bit widths of every operator, and settings of the hardware, side by side."""

import dataclasses

import numpy as np

from pim import checks
from pim.errors import PimError
from pim.hardware.converters import MAX_BITS as MAX_ADC_BITS
from pim.hardware.hardware import Hardware
from pim.workload.operators import MAX_BITS, MIN_WEIGHT_BITS, Workload

BY_OPERATOR = ("weight_bits", "activation_bits")
"""Settings that may differ between operators too."""

HARDWARE_GENES = {
    "rows": ("array.rows", 1, 65536),
    "columns": ("array.columns", 1, 65536),
    "bits_per_cell": ("device.bits_per_cell", 1, 8),
    "dac_bits": ("dac.bits", 1, 8),
    "adc_bits": ("adc.bits", 1, MAX_ADC_BITS),
    "columns_per_adc": ("adc.columns_per_adc", 1, 65536),
    "duplication": ("duplication", 1, 1 << 20),
}
"""Settings that may differ between candidates: dotted name, smallest and largest value."""


@dataclasses.dataclass(frozen=True, eq=False)
class Candidates:
    """What differs between candidates; ``None`` leaves a setting as workload or hardware has it.

    Example:
        >>> two = Candidates(weight_bits=[4, 8], rows=[64, 128])
        >>> len(two), two.settings(1)
        (2, {'array.rows': 128})

    Args:
        weight_bits: (candidates, crossbar operators), or (candidates,) for all operators alike.
        activation_bits: the same for inputs.
        rows: rows of an array, by candidate.
        columns: columns of an array, by candidate.
        bits_per_cell: by candidate.
        dac_bits: by candidate.
        adc_bits: by candidate.
        columns_per_adc: by candidate.
        duplication: copies of an operator's arrays, by candidate.

    Raises:
        PimError: if settings differ in length, or are not whole numbers.
    """

    weight_bits: np.ndarray | None = None
    activation_bits: np.ndarray | None = None
    rows: np.ndarray | None = None
    columns: np.ndarray | None = None
    bits_per_cell: np.ndarray | None = None
    dac_bits: np.ndarray | None = None
    adc_bits: np.ndarray | None = None
    columns_per_adc: np.ndarray | None = None
    duplication: np.ndarray | None = None

    def __post_init__(self):
        lengths = set()
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            value = _integers(field.name, value)
            object.__setattr__(self, field.name, value)
            lengths.add(len(value))
        if len(lengths) > 1:
            raise PimError(f"candidates: settings differ in length: {sorted(lengths)}")

    def __len__(self) -> int:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None:
                return len(value)
        return 1

    def part(self, start: int, stop: int) -> "Candidates":
        """Candidates ``start`` to ``stop``.

        Args:
            start: number of the first one, from 0.
            stop: number behind the last one.
        """
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return Candidates(**{k: v if v is None else v[start:stop] for k, v in values.items()})

    def workload(self, index: int, workload: Workload) -> Workload:
        """The workload of one candidate.

        Args:
            index: its number, from 0.
            workload: the network whose bit widths are replaced.
        """
        count = len(workload.crossbar_operators)
        widths = []
        for name in BY_OPERATOR:
            value = getattr(self, name)
            if value is None:
                widths.append([getattr(o, name) for o in workload.crossbar_operators])
            else:
                widths.append(np.broadcast_to(value[index], (count,)).tolist())
        return workload.with_bits(*widths)

    def settings(self, index: int) -> dict[str, int]:
        """The hardware settings of one candidate by dotted name (see ``hardware_json.changed``).

        Args:
            index: its number, from 0.
        """
        return {
            path: int(getattr(self, name)[index])
            for name, (path, _, _) in HARDWARE_GENES.items()
            if getattr(self, name) is not None
        }


def _integers(name, value) -> np.ndarray:
    value = np.asarray(value)
    if value.ndim not in ((1, 2) if name in BY_OPERATOR else (1,)):
        raise PimError(f"candidates: {name} has {value.ndim} axes")
    if value.size and not np.all(np.equal(np.mod(value, 1), 0)):
        raise PimError(f"candidates: {name} must hold whole numbers")
    return value.astype(np.int64)


@dataclasses.dataclass(frozen=True, eq=False)
class Genes:
    """Settings of every candidate, ready for arithmetic: (operators, n) or (1, n), floating point.

    ``n`` is the number of candidates, or 1 for a setting that all share.
    """

    weight_bits: np.ndarray
    activation_bits: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    bits_per_cell: np.ndarray
    dac_bits: np.ndarray
    adc_bits: np.ndarray
    columns_per_adc: np.ndarray
    duplication: np.ndarray


def genes_of(workload: Workload, hardware: Hardware, candidates: Candidates) -> Genes:
    """Fills in what the candidates leave open, and checks the ranges.

    Args:
        workload: the network.
        hardware: the design.
        candidates: what differs.

    Raises:
        PimError: if a value is out of range or the number of operators differs.
    """
    operators = workload.crossbar_operators
    values = {}
    for name, low in zip(BY_OPERATOR, (MIN_WEIGHT_BITS, 1)):
        given = getattr(candidates, name)
        if given is None:
            given = np.array([getattr(o, name) for o in operators], dtype=np.int64)[None, :]
        elif given.ndim == 1:
            given = given[:, None]
        elif given.shape[1] != len(operators):
            raise PimError(
                f"candidates: {name} has {given.shape[1]} operators; {workload.name} has "
                f"{len(operators)} on crossbars"
            )
        _check_range(name, given, low, MAX_BITS)
        values[name] = given.T.astype(np.float64)
    for name, (path, low, high) in HARDWARE_GENES.items():
        given = getattr(candidates, name)
        if given is None:
            part = hardware
            for step in path.split("."):
                part = getattr(part, step)
            given = np.array([part], dtype=np.int64)
        _check_range(name, given, low, high)
        values[name] = given[None, :].astype(np.float64)
    genes = Genes(**values)
    _check_cells(workload, hardware, genes)
    return genes


def _check_range(name, value, low, high) -> None:
    for bad in value[(value < low) | (value > high)][:1]:
        checks.whole(name, int(bad), low, high)


def _check_cells(workload: Workload, hardware: Hardware, genes: Genes) -> None:
    """No cell may hold more bits than a weight has for it."""
    cells, weights = np.broadcast_arrays(genes.bits_per_cell, genes.weight_bits)
    bad = np.argwhere(cells > hardware.encoding.weight_magnitude_bits(weights))
    if len(bad):
        operator, index = bad[0]
        raise PimError(
            f"{workload.crossbar_operators[operator].name}: cells of "
            f"{cells[operator, index]:.0f} bits are more than weights of "
            f"{weights[operator, index]:.0f} bits need with {hardware.encoding.weights} "
            "encoding; lower device.bits_per_cell or raise weight_bits"
        )
