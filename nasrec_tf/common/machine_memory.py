"""How much memory this process may use."""

import os
import pathlib
from collections.abc import Iterator

CGROUPS = pathlib.Path("/sys/fs/cgroup")
OWN_CGROUPS = pathlib.Path("/proc/self/cgroup")


def machine_memory_bytes() -> int:
    """Memory of the machine, or what its control groups (containers, jobs) leave to the process.

    Example:
        >>> machine_memory_bytes() > 1 << 20
        True
    """
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([physical, *cgroup_limits()])


def cgroup_limits(
    own: pathlib.Path = OWN_CGROUPS, mounted: pathlib.Path = CGROUPS
) -> Iterator[int]:
    """Limits on memory of the control groups that the process is in, in bytes.

    Both versions of Linux's control groups are read (Documentation/admin-guide/cgroup-v2.rst,
    cgroup-v1/memory.rst): a limit of an outer group holds for the groups in it.

    Args:
        own: the file that lists the process's groups, as ``/proc/self/cgroup`` does.
        mounted: where the groups are mounted.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            yield from _limits(mounted, path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits(mounted / "memory", path, "memory.limit_in_bytes")


def _limits(root: pathlib.Path, path: str, name: str) -> Iterator[int]:
    group = pathlib.PurePosixPath("/") / path
    for outer in (group, *group.parents):
        try:
            text = (root / outer.relative_to("/") / name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            # The root of version 2 has none, nor has a group that the container does not see.
            continue
        if text.isdecimal():  # "max" is no limit
            yield int(text)
