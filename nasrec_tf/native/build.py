"""Makes the kernels ready: compiled once for a machine, and kept."""

import hashlib
import os
import pathlib
import platform
import shlex
from collections.abc import Callable

from nasrec_tf.common.lazy import tf
from nasrec_tf.native.cache import PLACES, LibraryCache
from nasrec_tf.native.compiler import compile_library, compiler_command, compiler_version
from nasrec_tf.native.errors import BuildError, CacheError, CompilationError
from nasrec_tf.native.processor import NATIVE, processor_features, targets

SOURCES = pathlib.Path(__file__).parent / "src"
MAIN_SOURCE = SOURCES / "kernels.cc"

OPTIONS = (
    "-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared",
    "-DNDEBUG", "-Wall", "-Wextra",
    # GCC 12 says these of its own AVX-512 headers, where values are left open on purpose (its bug
    # 105593).
    "-Wno-uninitialized", "-Wno-maybe-uninitialized",
    # TensorFlow 2.21's Eigen does not compile for processors with arithmetic in half precision
    # (Sapphire Rapids and later), which no kernel uses.
    "-U__AVX512FP16__",
)  # fmt: skip

MORE_OPTIONS = "NASREC_TF_NATIVE_FLAGS"
"""Environment variable; options that the compiler gets after ``OPTIONS``, as sanitizers are."""


def built_library(say: Callable[[str], None]) -> pathlib.Path:
    """The compiled kernels, compiled now if they are not in a cache.

    Args:
        say: told in one line when the compiler is about to run, when it could not make code for
            this very processor and did for a simpler one, and when the user's cache cannot be used
            and another place is.

    Returns:
        A shared library for ``tf.load_op_library``.

    Raises:
        BuildError: if there is no compiler, it fails, or there is no place to keep its work.
    """
    options = [*OPTIONS, *_more_options(), *_tensorflow_options()]
    # One for all targets: which of them compile is found once.
    key = _key([*compiler_command(), NATIVE, *options])
    links = tf.sysconfig.get_link_flags()

    def make(library: pathlib.Path) -> None:
        say("compiling kernels for this machine, once (about 20 s)")
        _compile_for_processor(library, options, links, say)

    reasons: list[str] = []
    for place in PLACES:
        try:
            directory = place()
            found = LibraryCache(directory, say).find_or_make(key, make)
        except CacheError as error:
            reasons.append(str(error))
            continue
        if reasons:
            say(f"kernels are kept in {directory}: {reasons[0]}")
        return found
    raise CacheError(reasons[0])


def _compile_for_processor(
    library: pathlib.Path, options: list[str], links: list[str], say: Callable[[str], None]
) -> None:
    """Compiles for the first target that can be; of those that cannot, the first failure tells."""
    failures: list[CompilationError] = []
    for target in targets():
        try:
            compile_library(MAIN_SOURCE, library, [*target, *options], links)
        except CompilationError as error:
            failures.append(error)
            continue
        if failures:
            chosen = " ".join(target) or "no -march"
            say(f"kernels are compiled with {chosen}, since with {NATIVE} {failures[0]}")
        return
    raise failures[0]


def source_digest() -> str:
    """SHA-256 of the kernels' source, in hexadecimal digits; the same wherever it is installed.

    Raises:
        BuildError: if the source is not there, or cannot be read.

    Example:
        >>> len(source_digest())
        64
    """
    digest = hashlib.sha256()
    try:
        for source in sorted(SOURCES.iterdir()):
            content = source.read_bytes()
            digest.update(f"{source.name} {len(content)}\0".encode() + content)
    except OSError as error:
        raise BuildError(f"{error.filename}: {error.strerror}") from error
    return digest.hexdigest()


def _more_options() -> list[str]:
    try:
        return shlex.split(os.environ.get(MORE_OPTIONS, ""))
    except ValueError as error:
        raise BuildError(f"{MORE_OPTIONS} are no options: {str(error).lower()}") from error


def _tensorflow_options() -> list[str]:
    """TensorFlow's own options, with its headers as the system's: their warnings are not ours."""
    options: list[str] = []
    for option in tf.sysconfig.get_compile_flags():
        headers = option.removeprefix("-I")
        options += [option] if headers == option else ["-isystem", headers]
    return options


def _key(command: list[str]) -> str:
    """Differs wherever another library would be compiled."""
    machine = (platform.machine(), processor_features(), *platform.libc_ver())
    parts = (source_digest(), compiler_version(), *command, tf.__version__, *machine)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
