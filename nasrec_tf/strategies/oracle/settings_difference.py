"""What two searches were told, compared: other scores or candidates are no part of a search."""

from collections.abc import Iterable, Mapping
from typing import Any

SCORING = "scoring"
"""The setting that tells what scores depend on, a table."""


def first_difference(
    theirs: Mapping[str, Any], ours: Mapping[str, Any], names: Iterable[str] | None = None
) -> tuple[str, Any, Any] | None:
    """The first setting in which a search differs from another one.

    Args:
        theirs: settings of one search, as of ``ArchitectureOracle.settings``.
        ours: those of the other one.
        names: the settings to compare; those of ``ours`` and ``"scoring"`` by default.

    Returns:
        Its name (of ``scoring``, the name in that table) and both values, or ``None``.

    Example:
        >>> first_difference({"seed": 0, "scoring": {"--batch-size": 512}},
        ...                  {"seed": 0, "scoring": {"--batch-size": 256}})
        ('--batch-size', 512, 256)
    """
    for name in dict.fromkeys((*ours, SCORING)) if names is None else names:
        if theirs.get(name) == ours.get(name):
            continue
        if name != SCORING:
            return name, theirs.get(name), ours.get(name)
        their_plan, our_plan = theirs.get(name) or {}, ours.get(name) or {}
        for part in dict.fromkeys((*our_plan, *their_plan)):
            if their_plan.get(part) != our_plan.get(part):
                return part, their_plan.get(part), our_plan.get(part)
    return None
