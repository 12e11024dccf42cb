"""Says of every test what kind it is: ``unit``, ``property``, ``integration`` or ``slow``.

Prepares what is collected before the first test runs, and lets no test wait for the disk.
"""

import gc
import os
import pathlib
import sys

import hypothesis
import pytest

# What a change broke must not depend on luck: `make test` tries the same examples every time.
# `make explore` tries others, and many more of them.
# Machines are shared: how long an example takes to be drawn or to run says nothing.
UNTIMED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("same", derandomize=True, database=None, **UNTIMED)
hypothesis.settings.register_profile("explore", max_examples=1000, **UNTIMED)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

HERE = pathlib.Path(__file__).parent
KINDS = ("unit", "property", "integration", "slow")
WHOLE_JOBS = (
    "beam/test_beam_cli.py",
    "beam/test_beam_dataflow.py",
    "beam/test_beam_faults.py",
    "beam/test_beam_pipeline.py",
    "codesign/",
    "evolution/test_evolution_processes.py",
    "export/",
    "house/test_packaging.py",
    "nasrec/test_distribution.py",
    "nasrec/test_quality.py",
    "search/",
    "test_cookbook.py",
    "test_demo.py",
    "test_notebook.py",
)
"""Tests of whole jobs and of several processes: integration, if they do not say otherwise."""


def kind_of(item):
    """A test's own mark; else what it is by its making and its place."""
    marked = [kind for kind in KINDS if item.get_closest_marker(kind)]
    if len(marked) > 1:
        raise pytest.UsageError(f"{item.nodeid}: {' and '.join(marked)}; a test has one kind.")
    if marked:
        return marked[0]
    if hypothesis.is_hypothesis_test(getattr(item, "obj", None)):
        return "property"
    return "integration" if is_whole_job(item) else "unit"


def is_whole_job(item):
    """Whether a test's place says that it runs whole jobs or several processes."""
    return item.path.relative_to(HERE).as_posix().startswith(WHOLE_JOBS)


def pytest_make_parametrize_id(val, argname):
    """Bytes go by the argument's name: packed ones hold the time, and workers collect at others."""
    return argname if isinstance(val, bytes) else None


def pytest_configure():
    """What this process has written, the kernel has, and other processes see it.

    Only a machine that loses its power needs more, which none of the tests is. A disk needs 6 ms
    for each of the thousands of files; tests of disks that fail have an ``fsync`` of their own.
    """
    os.fsync = _accepted


def _accepted(descriptor):
    os.fstat(descriptor)  # fails as ``fsync`` does where there is no such file


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    # The longest are handed out first: at the end none is left to one process while others wait.
    items.sort(key=lambda item: not is_whole_job(item))
    for item in items:
        kind = kind_of(item)
        if not item.get_closest_marker(kind):
            item.add_marker(kind)


def pytest_collection_finish():
    """Prepares TensorFlow as the commands do, and takes what is there out of collections."""
    if "tensorflow" in sys.modules:
        from nasrec_tf.search.tensorflow_setup import OPTIMIZER_OPTIONS

        # Else whether graphs are rewritten would depend on what ran before in the same process.
        sys.modules["tensorflow"].config.optimizer.set_experimental_options(OPTIMIZER_OPTIONS)
    # What collecting has imported stays: no garbage collection need go through it again. Later
    # ones were a tenth of the time of tests that build networks.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
