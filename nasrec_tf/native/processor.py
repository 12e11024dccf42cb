"""This machine's processor: what it can do, and what code a compiler can make for it."""

import pathlib
import platform

CPUINFO = pathlib.Path("/proc/cpuinfo")

NATIVE = "-march=native"
"""The compiler's option for this very processor."""

AVX2 = "-march=x86-64-v3"
"""The compiler's option for whatever has AVX2 and what came with it: most x86-64 since 2013."""

AVX2_FLAGS = frozenset(
    # x86-64-v3 as Linux names its parts; "abm" is LZCNT.
    ("cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3")
    + ("abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave")
)


def processor_features() -> str:
    """What ``-march=native`` may depend on; on Linux the distinct lines of ``/proc/cpuinfo``."""
    try:
        lines = CPUINFO.read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor()
    names = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(names)}))


def targets() -> list[list[str]]:
    """Options by which a compiler makes code that runs here, the fastest first.

    The first is for this very processor, which may be newer than what the compiler or TensorFlow's
    headers know; the last names no processor, so that the compiler takes the oldest that it knows.

    Example:
        >>> from nasrec_tf.native.processor import targets
        >>> everything = targets()
        >>> everything[0], everything[-1]
        (['-march=native'], [])
    """
    lines = processor_features().splitlines()
    flags = [set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")]
    # Of several processors all have to be able to.
    is_able = bool(flags) and AVX2_FLAGS <= set.intersection(*flags)
    return [[NATIVE], [AVX2], []] if is_able else [[NATIVE], []]
