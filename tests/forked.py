"""Python programs as processes of their own, which need not load TensorFlow anew.

As ``python -c`` runs them: with their own arguments, environment and output, to be killed at any
moment. They are forks of a process that has loaded TensorFlow and run nothing of it, which saves
each of them some five seconds.
"""

import functools
import multiprocessing
import os
import pathlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

import pytest


@functools.cache
def _forks() -> ForkServerContext:
    """Processes that are forks of one of this process's own, which is started with the first."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["forked_imports"])
    with pytest.MonkeyPatch.context() as patch:
        # Python 3.11 forgets to tell it where modules are.
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        forkserver.ensure_running()
    return forks


class Forked:
    """A running program.

    Args:
        program: its text.
        arguments: those behind the program's name.
        environment: all of its environment variables; those of this process unless given.
    """

    def __init__(
        self, program: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ):
        self._said = tempfile.TemporaryDirectory()
        words = [str(word) for word in arguments]
        place = (os.getcwd(), dict(os.environ if environment is None else environment))
        self._process = _forks().Process(
            target=_run, args=(program, words, *place, self._said.name), daemon=True
        )
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """Exit code, negative for a signal; ``None`` while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The exit code so far."""
        return self._process.exitcode

    def kill(self) -> None:
        """Ends it as ``SIGKILL`` does."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end; the exit code.

        Args:
            timeout: seconds.

        Raises:
            TimeoutError: if it has not ended by then.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"still running after {timeout} s: {self.err}")
        return self._process.exitcode

    @property
    def out(self) -> str:
        """What it has written to its standard output so far."""
        return self._read("out")

    @property
    def err(self) -> str:
        """What it has written to its standard error so far."""
        return self._read("err")

    def _read(self, name: str) -> str:
        path = pathlib.Path(self._said.name, name)
        return path.read_text(encoding="utf-8") if path.exists() else ""


def _run(program: str, arguments: list[str], cwd: str, environment: dict, said: str) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, name in ((1, "out"), (2, "err")):
        file = os.open(pathlib.Path(said, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, descriptor)
        os.close(file)
    sys.argv = ["-c", *arguments]
    exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})  # noqa: S102 - a test's
