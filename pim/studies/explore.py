"""The Pareto set over hardware settings and bit widths."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pim import checks
from pim.cost.batch import BatchReport, estimate_batch
from pim.errors import PimError
from pim.hardware.genes import Candidates
from pim.hardware.hardware import Hardware
from pim.workload.operators import Workload

MOST_CANDIDATES = 2_000_000
"""Candidates that are held and estimated together; each takes about a kilobyte."""

OBJECTIVES = ("latency_ns", "energy_pj", "area_um2", "noise")


@dataclasses.dataclass(frozen=True)
class DesignSpace:
    """Values that each setting may take; every combination is a candidate.

    Args:
        rows: rows of an array, and as many columns.
        bits_per_cell: bits of a cell.
        dac_bits: bits of an input per read.
        adc_bits: bits of a converter.
        columns_per_adc: columns that share a converter.
        duplication: copies of an operator's arrays.
        weight_bits: bits of all weights.
        activation_bits: bits of all inputs.

    Raises:
        PimError: if a setting has no value, one twice or one that is no positive whole number, or
            there are more combinations than ``MOST_CANDIDATES``.
    """

    rows: Sequence[int] = (64, 128, 256)
    bits_per_cell: Sequence[int] = (1, 2)
    dac_bits: Sequence[int] = (1, 2)
    adc_bits: Sequence[int] = (5, 6, 7, 8, 9, 10, 11)
    columns_per_adc: Sequence[int] = (8, 32, 128)
    duplication: Sequence[int] = (1, 4, 16)
    weight_bits: Sequence[int] = (4, 5, 6, 7, 8)
    activation_bits: Sequence[int] = (4, 5, 6, 7, 8)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            values = getattr(self, field.name)
            if not len(values):
                raise PimError(f"design space: {field.name} has no value")
            for value in values:
                checks.whole(f"design space: {field.name}", value, 1, 2**31 - 1)
            twice = [value for value in values if list(values).count(value) > 1]
            if twice:
                raise PimError(f"design space: {field.name} has {twice[0]} twice; once is enough")
        count = math.prod(len(getattr(self, field.name)) for field in dataclasses.fields(self))
        if count > MOST_CANDIDATES:
            raise PimError(
                f"design space: {count:,} candidates, and at most {MOST_CANDIDATES:,} are "
                "estimated at once; give fewer values"
            )

    def candidates(self) -> Candidates:
        """Every combination."""
        names = [field.name for field in dataclasses.fields(self)]
        grid = itertools.product(*(getattr(self, name) for name in names))
        columns = dict(zip(names, np.array(list(grid), dtype=np.int64).T))
        return Candidates(columns=columns["rows"], **columns)


@dataclasses.dataclass(frozen=True, eq=False)
class Exploration:
    """What ``explore`` found.

    Args:
        candidates: all that were estimated and are allowed.
        report: their totals.
        noise: their quantization noise (see ``quantization_noise``).
        front: indices of the Pareto set, by rising energy.
        rejected: candidates left out because they do not fit or lose bits in conversion.
    """

    candidates: Candidates
    report: BatchReport
    noise: np.ndarray
    front: np.ndarray
    rejected: int

    def objectives(self, names: Sequence[str] = OBJECTIVES) -> np.ndarray:
        """(candidates, objectives) in ns, pJ, um2 and relative noise power, all to be small.

        Args:
            names: of ``OBJECTIVES``.
        """
        return _objectives(self.report, self.noise, names)

    def row(self, index: int) -> dict[str, Any]:
        """Settings and totals of one candidate.

        Args:
            index: number of the candidate, from 0.
        """
        settings = {}
        for field in dataclasses.fields(self.candidates):
            values = getattr(self.candidates, field.name)
            if values is not None:
                settings[field.name] = int(values[index])
        figures = {name: float(value) for name, value in zip(OBJECTIVES, self.objectives()[index])}
        interval = float(self.report.interval_ns[index])
        return {**settings, **figures, "interval_ns": interval}


def quantization_noise(weight_bits: np.ndarray, activation_bits: np.ndarray) -> np.ndarray:
    """Noise power of uniform rounding of weights and inputs, relative to full scale.

    It is the variance of a rounding step for each, (2^-(w-1))^2 / 12 + (2^-(a-1))^2 / 12. It only
    stands in for accuracy in a sweep of bit widths; accuracy itself is measured by training, or by
    the functional model.

    Example:
        >>> quantization_noise([8, 4], [8, 8]).round(7).tolist()
        [1.02e-05, 0.0013072]

    Args:
        weight_bits: (candidates,) bits of all weights, with their sign.
        activation_bits: (candidates,) bits of all inputs.

    Returns:
        (candidates,), relative to a full scale of 1.
    """
    weight_bits = np.asarray(weight_bits, np.float64)
    activation_bits = np.asarray(activation_bits, np.float64)
    return (4.0 ** -(weight_bits - 1) + 4.0 ** -(activation_bits - 1)) / 12


def pareto_front(objectives: np.ndarray) -> np.ndarray:
    """Indices of the points that no other point equals or beats in every objective.

    Of equal points the first stays. A point with a value that is not finite is never among them.

    Example:
        >>> pareto_front(np.array([[1, 5], [2, 2], [3, 3], [2, 2], [5, 1], [0, np.nan]])).tolist()
        [0, 1, 4]

    Args:
        objectives: (points, objectives), all to be small.

    Returns:
        Indices, in lexical order of the objectives.
    """
    remaining = np.lexsort((np.arange(len(objectives)), *objectives.T[::-1]))
    remaining = remaining[np.isfinite(objectives[remaining]).all(axis=1)]
    kept: list[int] = []
    while len(remaining):
        # The first in lexical order is beaten by none of the others.
        best = remaining[0]
        kept.append(int(best))
        beaten = (objectives[remaining] >= objectives[best]).all(axis=1)
        remaining = remaining[~beaten]
    return np.array(kept, dtype=np.int64)


def explore(
    workload: Workload,
    hardware: Hardware,
    space: DesignSpace | None = None,
    *,
    lossy_adc: bool = False,
    objectives: Sequence[str] = OBJECTIVES,
) -> Exploration:
    """Estimates every candidate of a space and finds the best trade-offs.

    Args:
        workload: the network; its own bit widths are replaced.
        hardware: the design; what the space names is replaced.
        space: the candidates; a default grid if None.
        lossy_adc: whether candidates may lose bits in conversion; nothing here tells what that
            does to accuracy.
        objectives: figures to be small, of ``OBJECTIVES``.

    Returns:
        All candidates that are allowed, and which of them nothing beats.

    Raises:
        PimError: if no candidate is left, or a setting is not valid.
    """
    unknown = set(objectives) - set(OBJECTIVES)
    if unknown or not objectives:
        raise PimError(f"objectives must be of {', '.join(OBJECTIVES)}. Received: {objectives!r}")
    candidates = (space or DesignSpace()).candidates()
    report = estimate_batch(workload, hardware, candidates)
    allowed = report.fits if lossy_adc else report.fits & report.lossless_adc
    if not allowed.any():
        raise PimError("no candidate fits with a lossless converter: allow more adc_bits or tiles")
    candidates, report = _only(Candidates, candidates, allowed), _only(BatchReport, report, allowed)
    noise = quantization_noise(candidates.weight_bits, candidates.activation_bits)
    front = pareto_front(_objectives(report, noise, objectives))
    front = front[np.argsort(report.energy_pj[front], kind="stable")]
    return Exploration(candidates, report, noise, front, int((~allowed).sum()))


def _objectives(report: BatchReport, noise: np.ndarray, names: Sequence[str]) -> np.ndarray:
    columns = [noise if name == "noise" else getattr(report, name) for name in names]
    return np.stack(columns, axis=1)


def _only(cls, value, keep: np.ndarray):
    """The rows of a dataclass of arrays that are to be kept."""
    parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(cls)}
    return cls(**{name: part if part is None else part[keep] for name, part in parts.items()})
