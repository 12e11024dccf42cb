"""Compiles the kernels with this machine's C++ compiler, once, into the user's cache."""

import hashlib
import os
import pathlib
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable

from nasrec_tf.common.lazy import tf

SOURCES = pathlib.Path(__file__).parent / "src"
MAIN_SOURCE = SOURCES / "kernels.cc"
COMPILERS = ("c++", "g++", "clang++")
"""Names that are looked for unless the environment variable ``CXX`` names a compiler."""

OPTIONS = (
    "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared",
    "-DNDEBUG", "-Wall", "-Wextra",
)  # fmt: skip
TIME_LIMIT = 600
"""Seconds that the compiler may take; it takes about 20."""


VERSION_TIME_LIMIT = 30
"""Seconds that the compiler may take to tell its version."""


class BuildError(RuntimeError):
    """The kernels cannot be compiled here; the message says why in one line."""


def built_library(say: Callable[[str], None]) -> pathlib.Path:
    """The compiled kernels, compiled now if they are not in the cache.

    Args:
        say: told in one line when the compiler is about to run.

    Raises:
        BuildError: if there is no compiler, it fails, or nothing can be written.
    """
    command = [*_compiler(), *OPTIONS, *_tensorflow_options()]
    libraries = tf.sysconfig.get_link_flags()
    library = cache_directory() / f"kernels-{_key(command)}.so"
    if library.exists():
        return library
    say("compiling kernels for this machine, once (about 20 s)")
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        # A process that compiles at the same time, or is killed, leaves no half-written library.
        with tempfile.TemporaryDirectory(dir=library.parent) as directory:
            draft = pathlib.Path(directory) / library.name
            _run([*command, str(MAIN_SOURCE), "-o", str(draft), *libraries])
            os.replace(draft, library)
    except OSError as error:
        raise BuildError(f"{error.filename or library.parent}: {error.strerror}") from error
    return library


def cache_directory() -> pathlib.Path:
    """Where compiled kernels are kept: ``nasrec_tf`` in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "nasrec_tf"


def source_digest() -> str:
    """SHA-256 of the kernels' source, in hexadecimal digits; the same wherever it is installed."""
    digest = hashlib.sha256()
    for source in sorted(SOURCES.iterdir()):
        content = source.read_bytes()
        digest.update(f"{source.name} {len(content)}\0".encode() + content)
    return digest.hexdigest()


def compiler_version() -> str:
    """The first line of what the compiler says of itself, such as ``g++ (Debian) 12.2.0``.

    Raises:
        BuildError: if there is no compiler, or it does not tell.
    """
    command = [*_compiler(), "--version"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=VERSION_TIME_LIMIT,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(
            f"{command[0]} --version took longer than {VERSION_TIME_LIMIT} s"
        ) from error
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be run: {error.strerror}") from error
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise BuildError(f"{command[0]} --version says nothing, so it is no C++ compiler")
    return lines[0].strip()


def _compiler() -> list[str]:
    chosen = shlex.split(os.environ.get("CXX", ""))
    if chosen:
        if shutil.which(chosen[0]) is None:
            raise BuildError(f"there is no compiler {chosen[0]!r}, which CXX names")
        return chosen
    for name in COMPILERS:
        if shutil.which(name):
            return [name]
    raise BuildError("there is no C++ compiler; install g++")


def _tensorflow_options() -> list[str]:
    """TensorFlow's own options, with its headers as the system's: their warnings are not ours."""
    options = []
    for option in tf.sysconfig.get_compile_flags():
        headers = option.removeprefix("-I")
        options += [option] if headers == option else ["-isystem", headers]
    return options


def _key(command: list[str]) -> str:
    """Differs wherever another library would be compiled."""
    digest = hashlib.sha256()
    machine = (platform.machine(), _processor_features())
    for part in (source_digest(), compiler_version(), *command, tf.__version__, *machine):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]


def _processor_features() -> str:
    """What ``-march=native`` may depend on."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(names)}))


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{command[0]} took longer than {TIME_LIMIT} s") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or [
            "no reason given"
        ]
        raise BuildError(f"{command[0]} failed: {lines[0]}")
