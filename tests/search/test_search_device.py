"""A device that refuses to write is told in one line, and the same command goes on from there."""

import contextlib
import os
import resource
import shutil

import pytest
from search_calls import call, options
from test_search_damage import figures

from nasrec_tf.common import atomic_file


@contextlib.contextmanager
def largest_file(size: int):
    """No file grows beyond so many bytes, whoever writes it: us, zipfile, TensorFlow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def forget(directory, *stages):
    """Takes a run back to before some stages."""
    for stage in stages:
        shutil.rmtree(directory / "run" / stage)
    shutil.rmtree(directory / "models")


@pytest.mark.parametrize(
    ("stages", "sizes"),
    [
        (("export",), (0, 100_000, 300_000)),
        pytest.param(("retrain", "export"), (3_000, 20_000), marks=pytest.mark.slow),
        pytest.param(("evolution", "retrain", "export"), (2_000,), marks=pytest.mark.slow),
    ],
)
def test_no_space_in_the_middle_of_any_file(run_files, unrendered, stages, sizes):
    expected = figures(call(*options(run_files)), unrendered)
    forget(run_files, *stages)
    for size in sizes:
        with largest_file(size):
            assert "File too large" in call(*options(run_files)).error
        for model in (run_files / "models").glob("*/*"):
            assert model.name.isdigit(), "a draft is left"
    said = call(*options(run_files))
    assert figures(said, unrendered) == expected, said


def test_no_space_for_the_report(finished_run):
    with largest_file(20_000):
        assert (
            "report.html: cannot be written: File too large" in call(*options(finished_run)).error
        )
    assert call(*options(finished_run)).code == 0


def test_a_disk_that_fails_at_any_sync(run_files, unrendered, monkeypatch):
    expected = figures(call(*options(run_files)), unrendered)
    forget(run_files, "export")
    sync = os.fsync
    left = 0

    def failing(descriptor):
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(5, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(atomic_file.os, "fsync", failing)
    for first_failure in (1, 2, 5, 11, 40):
        left = first_failure
        said = call(*options(run_files))
        if said.code == 0:
            break
        assert "Input/output error" in said.error
    left = 0  # No more failures.
    said = call(*options(run_files))
    assert figures(said, unrendered) == expected
    # Nothing but whole versions: what was renamed but could not be synced counts as well.
    assert all(path.name.isdigit() for path in (run_files / "models" / "nasrec").iterdir())
