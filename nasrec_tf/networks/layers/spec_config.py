"""Statements of weights as plain JSON values, for the configurations of Keras layers."""

from collections.abc import Sequence
from typing import Any

from nasrec_tf.operators.base import Axis, Prefix, SlotPairs, Slots, WeightSpec

SLOTTED: dict[str, type[Slots] | type[SlotPairs]] = {"slots": Slots, "slot_pairs": SlotPairs}
"""Axes with a slot for each source, by the name that they have in configurations."""


def specs_to_config(specs: Sequence[WeightSpec]) -> list[dict[str, Any]]:
    """What ``specs_from_config`` reads back; sizes must be integers.

    Args:
        specs: the weights of a part.

    Example:
        >>> specs_to_config([WeightSpec("fc_bias", (Prefix(8),), 0.0)])
        [{'name': 'fc_bias', 'axes': [{'prefix': 8, 'used': None}], 'initializer': 0.0}]
    """
    return [
        {
            "name": spec.name,
            "axes": [_axis_to_config(axis) for axis in spec.axes],
            "initializer": spec.initializer,
        }
        | ({} if spec.trainable else {"trainable": False})
        for spec in specs
    ]


def specs_from_config(config: Sequence[dict[str, Any]]) -> tuple[WeightSpec, ...]:
    """The weights that ``specs_to_config`` told.

    Args:
        config: its result, also after a round through JSON.
    """
    return tuple(
        WeightSpec(
            entry["name"],
            tuple(_axis_from_config(axis) for axis in entry["axes"]),
            entry["initializer"],
            entry.get("trainable", True),
        )
        for entry in config
    )


def _axis_to_config(axis: Axis) -> dict[str, Any]:
    if isinstance(axis, Prefix):
        used = None if axis.used is None else int(axis.used)
        return {"prefix": int(axis.size), "used": used}
    [kind] = [kind for kind, class_ in SLOTTED.items() if isinstance(axis, class_)]
    return {kind: [int(size) for size in axis.sizes]}


def _axis_from_config(config: dict[str, Any]) -> Axis:
    if "prefix" in config:
        return Prefix(config["prefix"], config["used"])
    [(kind, sizes)] = config.items()
    return SLOTTED[kind](tuple(sizes))
