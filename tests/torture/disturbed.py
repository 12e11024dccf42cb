"""Runs a module as ``python -m`` does, and dies or fails at a chosen write.

``python -m torture.disturbed KIND NUMBER ROOT MODULE ARGUMENTS...``, where ``KIND`` is

* ``count``: nothing happens; the number of events is printed to the standard error stream,
* ``kill``: event ``NUMBER`` ends the process as a power cut would, half-way through a write,
* ``EIO``, ``ENOSPC``: event ``NUMBER`` fails so, half-way through a write.

Events are what Python does to files below ``ROOT``, in its order: writes, renames, removals, new
directories, and syncs to disk. TensorFlow's own writers are met by kills at random moments and by
limits on file sizes.
"""

import builtins
import errno
import functools
import io
import os
import runpy
import signal
import sys

COUNT, KILL = "count", "kill"


class Disturbance:
    """Counts events and strikes at one of them.

    Args:
        kind: what happens then.
        number: of the event, from 1.
    """

    def __init__(self, kind: str, number: int):
        self.kind = kind
        self.number = number
        self.events = 0

    def is_now(self) -> bool:
        """Counts an event; whether it is the one."""
        self.events += 1
        return self.kind != COUNT and self.events == self.number

    def strike(self) -> None:
        """Ends the process, or raises the fault."""
        if self.kind == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, self.kind)
        raise OSError(number, os.strerror(number))


class DisturbedFile:
    """An open file of which a write may end half-way."""

    def __init__(self, file, disturbance: Disturbance):
        self._file = file
        self._disturbance = disturbance

    def write(self, content):
        if self._disturbance.is_now():
            self._file.write(content[: len(content) // 2])
            self._file.flush()
            self._disturbance.strike()
        return self._file.write(content)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        self._file.__enter__()
        return self

    def __exit__(self, *error):
        return self._file.__exit__(*error)

    def __iter__(self):
        return iter(self._file)


def install(disturbance: Disturbance, root: str) -> None:
    """Puts the disturbance between this process and its files."""
    opened = builtins.open

    def is_below(path) -> bool:
        return isinstance(path, (str, os.PathLike)) and os.path.abspath(path).startswith(root)

    def disturbed_open(file, mode="r", *rest, **options):
        found = opened(file, mode, *rest, **options)
        return (
            DisturbedFile(found, disturbance)
            if is_below(file) and set(mode) & set("wax+")
            else found
        )

    def disturbed(call, counts):
        @functools.wraps(call)
        def called(path, *rest, **options):
            # Of a path relative to an open directory nobody knows where it lies.
            if (counts(path) or options.get("dir_fd") is not None) and disturbance.is_now():
                disturbance.strike()
            return call(path, *rest, **options)

        return called

    builtins.open = io.open = disturbed_open
    for name in ("replace", "rename", "unlink", "remove", "rmdir", "mkdir"):
        setattr(os, name, disturbed(getattr(os, name), is_below))
    os.fsync = disturbed(os.fsync, lambda descriptor: True)


def main() -> None:
    kind, number, root, module = sys.argv[1:5]
    disturbance = Disturbance(kind, int(number))
    install(disturbance, os.path.abspath(root))
    sys.argv = [module, *sys.argv[5:]]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        if kind == COUNT:
            print(f"events {disturbance.events}", file=sys.stderr)


if __name__ == "__main__":
    main()
