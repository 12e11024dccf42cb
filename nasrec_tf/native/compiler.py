"""This machine's C++ compiler: which one it is, and one run of it."""

import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence

from nasrec_tf.native.errors import BuildError, CompilationError

COMPILERS = ("c++", "g++", "clang++")
"""Names that are looked for unless the environment variable ``CXX`` names a compiler."""

VERSION_TIME_LIMIT = 30
"""Seconds that the compiler may take to tell its version."""

TIME_LIMIT = 600
"""Seconds that the compiler may take for the kernels; it takes about 20."""


def compiler_command() -> list[str]:
    """The compiler's program and the options that ``CXX`` gives it.

    Raises:
        BuildError: if there is no compiler, or ``CXX`` names none.
    """
    try:
        chosen = shlex.split(os.environ.get("CXX", ""))
    except ValueError as error:
        raise BuildError(f"CXX is no command: {str(error).lower()}") from error
    if chosen:
        if shutil.which(chosen[0]) is None:
            raise BuildError(f"there is no compiler {chosen[0]!r}, which CXX names")
        return chosen
    for name in COMPILERS:
        if shutil.which(name):
            return [name]
    raise BuildError("there is no C++ compiler; install g++")


def compiler_version() -> str:
    """The first line of what the compiler says of itself, such as ``g++ (Debian) 12.2.0``.

    Raises:
        BuildError: if there is no compiler, or it does not tell.
    """
    command = [*compiler_command(), "--version"]
    code, output, _ = _run(command, VERSION_TIME_LIMIT)
    lines = output.strip().splitlines()
    if code or not lines:
        raise BuildError(f"{command[0]} --version says nothing, so it is no C++ compiler")
    return lines[0].strip()


def compile_library(
    source: pathlib.Path, library: pathlib.Path, options: Sequence[str], links: Sequence[str]
) -> None:
    """Compiles one source file into a shared library.

    Args:
        source: the file.
        library: where the library is to be.
        options: of the compiler.
        links: options that name other libraries, which stand last.

    Raises:
        CompilationError: if it fails.
        BuildError: if there is no compiler, it takes too long or makes nothing.
    """
    command = [*compiler_command(), *options, str(source), "-o", str(library), *links]
    code, _, errors = _run(command, TIME_LIMIT)
    if code:
        lines = errors.strip().splitlines()
        reasons = (
            [line for line in lines if "error: " in line] or lines or [f"it ended with {code}"]
        )
        raise CompilationError(f"{command[0]} failed: {reasons[0]}")
    if not library.is_file() or not library.stat().st_size:
        raise BuildError(f"{command[0]} made no library, so it is no C++ compiler")


def _run(command: list[str], time_limit: float) -> tuple[int, str, str]:
    """The exit code and both outputs of a program that asks nothing and ends in time."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # A compiler is several programs: in a group of their own, all can be ended.
            start_new_session=True,
        )
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be run: {error.strerror}") from error
    with process:
        try:
            output, errors = process.communicate(timeout=time_limit)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise BuildError(f"{command[0]} took longer than {time_limit} s") from error
            raise
    return process.returncode, output, errors
