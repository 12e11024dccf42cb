"""A module's name tells which one is meant: none has a twin in another room."""

import collections
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ("beam_preprocess", "nasrec_tf", "pim")

PLAIN = {"__init__", "__main__", "cli", "command", "config", "errors"}
"""Every room may have these: its room says what they are of."""

STAGES = ROOT / "nasrec_tf" / "search" / "stages"
"""A stage is called after what it makes, as the modules that do the making are."""


def twins():
    """Rooms by name of module, of the names that stand in more than one."""
    rooms = collections.defaultdict(set)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path.stem not in PLAIN and path.parent != STAGES:
                rooms[path.stem].add(path.parent.relative_to(ROOT).as_posix())
    return {name: found for name, found in rooms.items() if len(found) > 1}


def test_no_two_modules_have_one_name():
    assert twins() == {}
