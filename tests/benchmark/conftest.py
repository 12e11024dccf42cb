"""A small table, built once, and the options that built it."""

import pytest

from nasrec_tf.benchmark.command import main
from nasrec_tf.benchmark.table_files import read_table

OPTIONS = (
    "build --dataset generated --demo-rows 1500 --blocks 2 --max-width 32 --batch-size 256 "
    "--epochs 1 --quiet"
).split()


def build(directory, *more):
    """Calls the command line's build; its exit code."""
    return main([*OPTIONS, "--dir", str(directory), *map(str, more)])


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Directory of a table of four architectures, the better half of them with two seeds."""
    directory = tmp_path_factory.mktemp("bench")
    assert build(directory, "--count", 4) == 0
    return directory


@pytest.fixture
def table(built):
    return read_table(built)
