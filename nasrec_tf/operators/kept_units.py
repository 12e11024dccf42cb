"""Parts that lack some of their units: what that leaves of weights, work and outputs.

Where a unit of a linear map always gives 0, a network without it computes the same: its column of
the map is left out, and so are the rows that read it further up. Which columns are left out is said
map by map; everything else follows from it, operator by operator (``BlockPart.kept``).
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nasrec_tf.operators.work import LinearMap, Step

Columns = Mapping[str, Sequence[int]]
"""Columns that linear maps keep, by the map's name; all of those that are not named."""


@dataclasses.dataclass(frozen=True)
class Units:
    """Units of an axis that are there.

    Args:
        size: units that the axis has with all of them.
        kept: those that are there, rising; ``None`` for all.

    Example:
        >>> len(Units(8)), len(Units(8, (1, 5))), Units(2, (0, 1)).is_whole
        (8, 2, True)
    """

    size: int
    kept: tuple[int, ...] | None = None

    def __post_init__(self):
        if self.kept is not None and len(self.kept) == self.size:
            object.__setattr__(self, "kept", None)

    def __len__(self) -> int:
        return self.size if self.kept is None else len(self.kept)

    @property
    def is_whole(self) -> bool:
        """Whether all are there."""
        return self.kept is None

    @property
    def indices(self) -> np.ndarray:
        """Those that are there."""
        return np.arange(self.size) if self.kept is None else np.array(self.kept, np.int64)

    def places_of(self, wanted: "Units") -> list[int]:
        """Where each wanted unit stands among those that are there; behind the last, where none.

        Args:
            wanted: units of a same or a longer axis.

        Example:
            >>> Units(4, (0, 2)).places_of(Units(5, (0, 1, 2, 4)))
            [0, 2, 1, 2]
        """
        places = {int(unit): place for place, unit in enumerate(self.indices)}
        return [places.get(int(unit), len(self)) for unit in wanted.indices]


def joined_units(parts: Iterable[Units]) -> Units:
    """Units of axes that are concatenated.

    Args:
        parts: of each axis.

    Example:
        >>> joined_units([Units(3, (1,)), Units(2)]).kept
        (1, 3, 4)
    """
    parts = tuple(parts)
    starts = np.cumsum([0, *(part.size for part in parts)])
    kept = [start + part.indices for start, part in zip(starts, parts)]
    indices = np.concatenate(kept) if kept else np.zeros(0, np.int64)
    return Units(int(starts[-1]), tuple(int(index) for index in indices))


def united_units(parts: Iterable[Units], size: int) -> Units:
    """Units that any of several outputs has, which are padded to one width and summed.

    Args:
        parts: of each output.
        size: the width.

    Example:
        >>> united_units([Units(2), Units(6, (0, 4))], 6).kept
        (0, 1, 4)
    """
    every = {int(unit) for part in parts for unit in part.indices}
    return Units(size, tuple(sorted(every)))


@dataclasses.dataclass(frozen=True)
class KeptPart:
    """What there is of an operator or merger in a network without some units.

    Args:
        output: units of its output.
        weights: units of each axis of its weights, by name; all of those that are not named.
        spread: maps between whose outputs zeros are put where units are left out, since what
            follows has its width fixed.
        whole: inputs that it reads with all units, zeros put in where some are left out.
        steps: sizes of its digital steps that are other than with all units, by name and field.
        silent: units of weights that stay whole, by name; those that are left out are to be 0.
    """

    output: Units
    weights: Mapping[str, tuple[Units, ...]] = dataclasses.field(default_factory=dict)
    spread: Mapping[str, Units] = dataclasses.field(default_factory=dict)
    whole: tuple[str, ...] = ()
    steps: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)
    silent: Mapping[str, tuple[Units, ...]] = dataclasses.field(default_factory=dict)

    def masks(self) -> dict[str, np.ndarray]:
        """For each weight that lacks units, 1 where it is left and 0 where not.

        A network with all units computes the same with its weights times these.
        """
        lacking = {
            name: axes
            for name, axes in (*self.weights.items(), *self.silent.items())
            if not all(axis.is_whole for axis in axes)
        }
        return {name: _mask(axes) for name, axes in lacking.items()}

    def cut_weights(self, specs: Iterable[Any]) -> tuple[Any, ...]:
        """The part's weights at the sizes that are left.

        Args:
            specs: ``WeightSpec`` of all units.
        """
        return tuple(
            spec.of_sizes(tuple(len(axis) for axis in self.weights[spec.name]))
            if spec.name in self.weights
            else spec
            for spec in specs
        )

    def cut_work(self, steps: Iterable[Step]) -> tuple[Step, ...]:
        """The part's work at the sizes that are left.

        Args:
            steps: those of all units.
        """
        return tuple(self._cut_step(step) for step in steps)

    def _cut_step(self, step: Step) -> Step:
        if isinstance(step, LinearMap) and f"{step.name}_kernel" in self.weights:
            rows, columns = (len(axis) for axis in self.weights[f"{step.name}_kernel"])
            following = step.columns if step.name in self.spread else columns
            return dataclasses.replace(
                step,
                rows=rows,
                columns=columns,
                functions=step.functions * following // max(1, step.columns),
                normalized=step.normalized * following // max(1, step.columns),
            )
        changes: Mapping[str, Any] = self.steps.get(step.name, {})
        return dataclasses.replace(step, **changes)

    def cut(self, name: str, value: np.ndarray) -> np.ndarray:
        """What is left of a weight's values.

        Args:
            name: of the weight.
            value: with all units.
        """
        axes = self.weights.get(name)
        return value if axes is None else value[np.ix_(*(axis.indices for axis in axes))]


def kept_map(name: str, rows: Units, columns: Units, norm: str | None = None) -> dict[str, tuple]:
    """Units of the axes of a linear map's weights, and of the norm that follows it.

    Args:
        name: of the map.
        rows: its inputs.
        columns: its outputs.
        norm: what the norm's weights begin with; that of a projection unless given, "" for none.
    """
    norm = f"{name}_norm" if norm is None else norm
    of_norm = {} if not norm else kept_norm(norm, columns)
    return {f"{name}_kernel": (rows, columns), f"{name}_bias": (columns,)} | of_norm


def kept_norm(name: str, units: Units) -> dict[str, tuple]:
    """Units of a norm's weights.

    Args:
        name: what they begin with.
        units: that it normalises.
    """
    return {f"{name}_{part}": (units,) for part in ("scale", "offset", "mean", "variance")}


def spread_map(name: str, rows: Units, columns: Units) -> dict[str, Any]:
    """As ``kept_map``, of a map whose outputs are spread: arguments of ``KeptPart``.

    Args:
        name: of the map.
        rows: its inputs.
        columns: its outputs.
    """
    silent = kept_norm(f"{name}_norm", columns)
    return {
        "weights": kept_map(name, rows, columns, norm=""),
        "spread": {name: columns},
        "silent": {each: silent[each] for each in (f"{name}_norm_scale", f"{name}_norm_offset")},
    }


def _mask(axes):
    masks = []
    for axis in axes:
        mask = np.zeros(axis.size, np.float32)
        mask[axis.indices] = 1.0
        masks.append(mask)
    return masks[0] if len(masks) == 1 else np.outer(*masks)


def kept_pairs(tokens: Units) -> Units:
    """Pairs of tokens that are there, of all pairs row by row.

    Args:
        tokens: those that are there.

    Example:
        >>> kept_pairs(Units(4, (0, 1, 3))).kept  # 1-0, then 3-0 and 3-1
        (0, 3, 4)
    """
    later, earlier = np.tril_indices(len(tokens), -1)
    high, low = tokens.indices[later], tokens.indices[earlier]
    pairs = high * (high - 1) // 2 + low
    return Units(math.comb(tokens.size, 2), tuple(int(pair) for pair in pairs))
