"""A module's name tells which one is meant: none has a twin in another room."""

import collections
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ("beam_preprocess", "nasrec_tf", "pim")

PLAIN = {"__init__", "__main__", "cli", "command", "config", "errors"}
"""Every room may have these: its room says what they are of."""

STAGES = ROOT / "nasrec_tf" / "search" / "stages"
"""A stage is called after what it makes, as the modules that do the making are."""

TWINS = {
    "blocks": {"nasrec_tf/architecture", "nasrec_tf/drawing"},
    "checks": {"beam_preprocess/encoding", "pim"},
    "description": {"beam_preprocess/reading", "nasrec_tf/export"},
    "estimate": {"pim/cost", "pim/mnsim2"},
    "genes": {"nasrec_tf/strategies/oracle", "pim/hardware"},
    "inputs": {"beam_preprocess/reading", "pim/cli"},
    "mapping": {"pim/cost", "pim/mnsim2"},
    "model": {"nasrec_tf/networks/supernet", "pim/mnsim2"},
    "results": {"nasrec_tf/search", "nasrec_tf/strategies/oracle"},
    "svg": {"beam_preprocess/writing", "nasrec_tf/drawing"},
}
"""To be emptied, never to grow."""


def twins():
    """Rooms by name of module, of the names that stand in more than one."""
    rooms = collections.defaultdict(set)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path.stem not in PLAIN and path.parent != STAGES:
                rooms[path.stem].add(path.parent.relative_to(ROOT).as_posix())
    return {name: found for name, found in rooms.items() if len(found) > 1}


def test_no_two_modules_have_one_name():
    known = {name: rooms for name, rooms in twins().items() if rooms <= TWINS.get(name, set())}
    assert twins() == known
