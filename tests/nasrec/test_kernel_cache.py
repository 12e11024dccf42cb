"""Compiled kernels are kept where nobody else writes, checked before use, and made but once."""

import concurrent.futures
import ctypes
import os
import pathlib
import platform
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

import pytest

from nasrec_tf.native import build as kernels_build
from nasrec_tf.native import cache, compiler, processor
from nasrec_tf.native.build import built_library
from nasrec_tf.native.cache import KEPT, LibraryCache
from nasrec_tf.native.errors import BuildError, CacheError

ROOT = pathlib.Path(__file__).resolve().parents[2]

COMPILER = """#!/bin/sh
echo run >> {log}
case "$*" in *--version*) echo "{version}"; exit;; esac
while [ $# -gt 1 ]; do [ "$1" = -o ] && echo "$$ library" > "$2"; shift; done
{rest}
"""


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A user's home, of which the cache is part, and a place for temporary files."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return home


@pytest.fixture
def use_compiler(monkeypatch, tmp_path):
    """Sets a compiler that makes a few bytes, and counts its runs; each call asks its version."""
    path, log = tmp_path / "c++", tmp_path / "log"

    def use(version="fake 1.0", rest=""):
        path.write_text(COMPILER.format(log=log, version=version, rest=rest))
        path.chmod(0o755)
        monkeypatch.setenv("CXX", str(path))
        return log

    return use


def build():
    said = []
    return built_library(said.append), said


def is_private(path):
    return not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)


# Where kernels are kept.


def test_kernels_are_kept_in_the_users_cache_for_the_user_alone(home, use_compiler):
    use_compiler()
    library, said = build()
    assert library.is_relative_to(home / ".cache" / "nasrec_tf")
    assert is_private(home / ".cache" / "nasrec_tf") and is_private(library)
    assert said == ["compiling kernels for this machine, once (about 20 s)"]
    assert build() == (library, [])


def no_home(monkeypatch, home):
    monkeypatch.delenv("HOME")

    def nobody(number):
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    return "there is no home directory; set HOME or XDG_CACHE_HOME"


def empty_home(monkeypatch, home):
    monkeypatch.setenv("HOME", "")
    return "there is no home directory; set HOME or XDG_CACHE_HOME"


def cache_under_a_file(monkeypatch, home):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    return "/dev/null/nasrec_tf: Not a directory"


def file_for_a_cache(monkeypatch, home):
    (home / ".cache").mkdir()
    (home / ".cache" / "nasrec_tf").write_text("")
    return f"{home}/.cache/nasrec_tf: File exists"


def cache_that_cannot_be_written(monkeypatch, home):
    path = home / ".cache" / "nasrec_tf"
    path.mkdir(parents=True)
    path.chmod(0o500)
    if os.access(path, os.W_OK):
        pytest.skip("root writes everywhere")
    return f"{path}/lock: Permission denied"


def name_too_long(monkeypatch, home):
    monkeypatch.setenv("XDG_CACHE_HOME", "/" + "x" * 300)
    return "File name too long"


def cache_that_a_group_may_write(monkeypatch, home):
    path = home / ".cache" / "nasrec_tf"
    path.mkdir(parents=True)
    path.chmod(0o770)
    return f"{path} can be written by others, so nothing is loaded from it"


def linked_cache(monkeypatch, home):
    (home / ".cache").mkdir()
    (home / ".cache" / "nasrec_tf").symlink_to(home)
    return "nasrec_tf is a link"


def cache_of_another_user(monkeypatch, home):
    path = home / ".cache" / "nasrec_tf"
    path.mkdir(parents=True)
    if os.geteuid():
        pytest.skip("only root gives directories away")
    os.chown(path, 12345, -1)
    return f"{path} belongs to user 12345"


@pytest.mark.parametrize(
    "make_unusable",
    [
        no_home,
        empty_home,
        cache_under_a_file,
        file_for_a_cache,
        cache_that_cannot_be_written,
        name_too_long,
        cache_that_a_group_may_write,
        linked_cache,
        cache_of_another_user,
    ],
)
def test_without_a_cache_kernels_are_kept_elsewhere_and_a_line_says_why(
    monkeypatch, home, use_compiler, make_unusable
):
    use_compiler()
    reason = make_unusable(monkeypatch, home)
    library, said = build()
    elsewhere = home.parent / "tmp" / f"nasrec_tf-{os.geteuid()}"
    assert library.is_relative_to(elsewhere) and is_private(elsewhere)
    [line] = [line for line in said if "kept" in line]
    assert line.startswith(f"kernels are kept in {elsewhere}: ") and reason in line
    assert "\n" not in line


def test_where_nothing_can_be_kept_one_line_says_why(monkeypatch, home, use_compiler):
    use_compiler()
    no_home(monkeypatch, home)
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null")
    with pytest.raises(
        CacheError, match="^there is no home directory; set HOME or XDG_CACHE_HOME$"
    ):
        build()


def test_source_that_is_not_there_is_told(monkeypatch, home, use_compiler):
    use_compiler()
    monkeypatch.setattr(kernels_build, "SOURCES", home / "src")
    with pytest.raises(BuildError, match=f"^{home}/src: No such file or directory$"):
        build()


def test_a_relative_cache_is_ignored_as_the_standard_says(monkeypatch, home, use_compiler):
    use_compiler()
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert build()[0].is_relative_to(home / ".cache")


# Which kernels are loaded.


def cut(library):
    library.write_bytes(library.read_bytes()[:-1])


def flipped_bit(library):
    content = bytearray(library.read_bytes())
    content[3] ^= 1
    library.write_bytes(content)


def no_digest(library):
    library.with_name("sha256").unlink()


def no_library(library):
    library.unlink()


def empty_digest(library):
    library.with_name("sha256").write_text("")


def writable_by_others(library):
    library.chmod(0o722)


def link_to_another(library):
    other = library.with_name("other")
    library.rename(other)
    library.symlink_to(other)


def a_file(library):
    library.unlink()
    library.with_name("sha256").unlink()
    library.parent.rmdir()
    library.parent.write_text("library")


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        flipped_bit,
        no_digest,
        no_library,
        empty_digest,
        writable_by_others,
        link_to_another,
        a_file,
    ],
)
def test_a_damaged_or_foreign_library_is_made_again(home, use_compiler, damage):
    use_compiler()
    library, _ = build()
    damage(library)
    again, said = build()
    assert again == library
    assert re.fullmatch(r".+: .+; it is made again", said[0])
    assert said[1].startswith("compiling kernels")
    assert build() == (library, [])


def test_a_library_of_another_user_is_made_again(home, use_compiler):
    if os.geteuid():
        pytest.skip("only root gives files away")
    use_compiler()
    library, _ = build()
    os.chown(library, 12345, -1)
    assert "belongs to user 12345" in build()[1][0]
    assert build() == (library, [])


def test_each_compiler_version_and_each_set_of_options_has_its_kernels(
    monkeypatch, home, use_compiler
):
    use_compiler()
    first, _ = build()
    use_compiler(version="fake 2.0")
    second, _ = build()
    monkeypatch.setenv("NASREC_TF_NATIVE_FLAGS", "-O1")
    third, _ = build()
    assert len({first, second, third}) == 3
    use_compiler()
    monkeypatch.delenv("NASREC_TF_NATIVE_FLAGS")
    assert build() == (first, [])


def make(path):
    path.write_bytes(b"library")


def test_what_was_used_longest_ago_is_removed(tmp_path):
    kept = LibraryCache(tmp_path / "cache", print)
    old = tmp_path / "cache" / "kernels-0123456789abcdef.so"  # as versions before kept them
    old.write_bytes(b"old")
    os.utime(old, (1, 1))
    entries = [kept.find_or_make(f"{number}", make).parent for number in range(KEPT)]
    for number, entry in enumerate(entries):
        os.utime(entry, (1000 + number, 1000 + number))
    kept.find_or_make("0", make)  # used now
    newest = kept.find_or_make("new", make).parent
    left = set((tmp_path / "cache").glob("kernels-*"))
    assert left == {newest, entries[0], *entries[2:]}


def test_drafts_of_dead_processes_are_removed_and_of_living_ones_stay(tmp_path):
    kept = LibraryCache(tmp_path / "cache", print)
    dead, living = (tmp_path / "cache" / f"draft-{name}" for name in ("dead", "living"))
    for draft in (dead, living):
        draft.mkdir()
        (draft / "kernels.so").write_bytes(b"half")
    yesterday = time.time() - 2 * cache.DRAFT_AGE
    os.utime(dead, (yesterday, yesterday))
    kept.find_or_make("1", make)
    assert living.exists() and not dead.exists()


# How they are made.

MAKER = """
import os, pathlib, sys, time
from nasrec_tf.native.cache import LibraryCache
def make(path):
    with open(sys.argv[2], "a") as log: log.write("made\\n")
    path.write_bytes(b"half of")
    {half_way}
    path.write_bytes(b"library")
kept = LibraryCache(pathlib.Path(sys.argv[1]), lambda line: print(line, file=sys.stderr))
print(kept.find_or_make("1", make).read_text())
"""


def start_maker(tmp_path, half_way):
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            MAKER.format(half_way=half_way),
            tmp_path / "cache",
            tmp_path / "log",
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_want_kernels_at_once_compile_them_once(tmp_path):
    makers = [start_maker(tmp_path, "time.sleep(1)") for _ in range(3)]
    outputs = [maker.communicate() for maker in makers]
    assert [out.strip() for out, _ in outputs] == ["library"] * 3, outputs
    assert (tmp_path / "log").read_text() == "made\n"
    assert not list((tmp_path / "cache").glob("draft-*"))


def test_a_build_that_is_killed_half_way_leaves_nothing_that_is_loaded(tmp_path):
    killed = start_maker(tmp_path, "os.kill(os.getpid(), 9)")
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "log").read_text() == "made\n"
    assert not list((tmp_path / "cache").glob("kernels-*"))
    out, _ = start_maker(tmp_path, "pass").communicate()
    assert out.strip() == "library"


@pytest.mark.parametrize(
    "compiler_text, told",
    [
        ("no-such-compiler", "there is no compiler 'no-such-compiler', which CXX names"),
        ("'", "CXX is no command: no closing quotation"),
        ("/", "there is no compiler '/', which CXX names"),
        ("false", "false --version says nothing, so it is no C++ compiler"),
        ("echo", "echo made no library, so it is no C++ compiler"),
    ],
)
def test_a_compiler_that_is_none_is_told(monkeypatch, home, compiler_text, told):
    monkeypatch.setenv("CXX", compiler_text)
    with pytest.raises(BuildError, match=f"^{re.escape(told)}$"):
        build()
    assert not list(home.rglob("*.so"))


def test_the_first_error_of_a_compiler_that_fails_is_told(home, use_compiler):
    use_compiler(rest="echo 'from errors.h:1' >&2; echo 'a.cc:1: error: why' >&2; exit 1")
    with pytest.raises(BuildError, match=r"c\+\+ failed: a.cc:1: error: why$"):
        build()
    assert not list(home.rglob("*.so"))


# What they are compiled for.

WRAPPER = """#!/bin/sh
case " $* " in *" --version "*) ;; *) echo run >> {log};; esac
for rejected in {rejected}; do
  case " $* " in *" $rejected "*) echo "vector.h:1: error: no $rejected" >&2; exit 1;; esac
done
exec {compiler} "$@"
"""

SOURCE = """
#ifdef __AVX2__
extern "C" int has_avx2() { return 1; }
#else
extern "C" int has_avx2() { return 0; }
#endif
"""

ALL_OF_AVX2 = "flags\t\t: fpu sse2 " + " ".join(sorted(processor.AVX2_FLAGS)) + " avx512_new\n"
NO_FMA = ALL_OF_AVX2.replace(" fma ", " ")


@pytest.fixture
def reject(monkeypatch, tmp_path, home):
    """Sets this machine's compiler, but for some options, a source and a processor's flags."""
    real = next(filter(None, map(shutil.which, compiler.COMPILERS)), None)
    if real is None:
        pytest.skip("there is no compiler")
    path, log, cpuinfo = tmp_path / "wrapper", tmp_path / "log", tmp_path / "cpuinfo"
    sources = tmp_path / "src"
    sources.mkdir()
    (sources / "kernels.cc").write_text(SOURCE)
    monkeypatch.setattr(kernels_build, "SOURCES", sources)
    monkeypatch.setattr(kernels_build, "MAIN_SOURCE", sources / "kernels.cc")
    monkeypatch.setattr(processor, "CPUINFO", cpuinfo)
    monkeypatch.setenv("CXX", str(path))

    def set_up(rejected, flags=ALL_OF_AVX2):
        cpuinfo.write_text(flags)
        path.write_text(WRAPPER.format(log=log, rejected=rejected, compiler=real))
        path.chmod(0o755)
        return log

    return set_up


x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="options of x86-64's compilers")


@x86_64
@pytest.mark.parametrize(
    "rejected, flags, chosen, runs",
    [
        ("-march=native", ALL_OF_AVX2, "-march=x86-64-v3", 2),
        ("-march=native", NO_FMA, "no -march", 2),
        ("-march=native", ALL_OF_AVX2 + NO_FMA, "no -march", 2),
        ("-march=native", "", "no -march", 2),
        ("-march=native -march=x86-64-v3", ALL_OF_AVX2, "no -march", 3),
    ],
)
def test_where_this_very_processor_does_not_compile_a_simpler_one_does_and_stays(
    reject, rejected, flags, chosen, runs
):
    log = reject(rejected, flags)
    library, said = build()
    assert said[0].startswith("compiling kernels")
    assert re.fullmatch(
        f"kernels are compiled with {chosen}, since with -march=native "
        r"\S+/wrapper failed: vector.h:1: error: no -march=native",
        said[1],
    )
    assert len(said) == 2
    assert ctypes.CDLL(str(library)).has_avx2() == (chosen == "-march=x86-64-v3")
    # Later runs find it at once, and try no other.
    assert build() == (library, [])
    assert log.read_text() == "run\n" * runs


def test_where_this_very_processor_compiles_nothing_else_is_tried(reject):
    log = reject("-march=none-such")
    library, said = build()
    assert said == ["compiling kernels for this machine, once (about 20 s)"]
    assert build() == (library, [])
    assert log.read_text() == "run\n"


def test_a_source_that_compiles_for_no_processor_is_told_by_the_first_error(reject, home):
    log = reject("-march=native -march=x86-64-v3 -shared")
    with pytest.raises(
        BuildError, match=r"^\S+/wrapper failed: vector.h:1: error: no -march=native$"
    ):
        build()
    assert log.read_text() == "run\n" * 3
    assert not list(home.rglob("*.so"))


def test_those_that_start_at_once_try_each_processor_once(reject):
    log = reject("-march=native")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        built = [future.result()[0] for future in [pool.submit(build) for _ in range(4)]]
    assert len(set(built)) == 1 and built[0].is_file()
    assert log.read_text() == "run\n" * 2


def test_a_compiler_that_hangs_is_not_tried_again(monkeypatch, home, use_compiler):
    monkeypatch.setattr(compiler, "TIME_LIMIT", 0.2)
    log = use_compiler(rest="exec sleep 1000")
    with pytest.raises(BuildError, match="took longer"):
        build()
    # Its version is asked first.
    assert log.read_text().count("run") == 2


def test_a_compiler_that_hangs_is_ended_with_all_that_it_started(monkeypatch, home, use_compiler):
    monkeypatch.setattr(compiler, "TIME_LIMIT", 0.5)
    pid = home / "pid"
    use_compiler(rest=f"sleep 1000 & echo $! > {pid}; wait")
    with pytest.raises(BuildError, match="took longer than 0.5 s"):
        build()
    assert not list(home.rglob("*.so"))
    assert is_dead(int(pid.read_text()))


def is_dead(pid):
    for _ in range(100):
        try:
            if " Z" in pathlib.Path(f"/proc/{pid}/stat").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False
