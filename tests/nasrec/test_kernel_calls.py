"""Wrong calls of our kernels are errors that name operation, input and sizes, and never a crash.

They are made by processes of their own, so that a crash is a failure of a test.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from kernel_calls import CALLS, WRONG_CALLS

SCRIPT = pathlib.Path(__file__).with_name("kernel_calls.py")
ROOT = SCRIPT.parents[2]
EXAMPLES = int(os.environ.get("KERNEL_CALLS", 400))
"""Calls that are drawn; ``make sanitize`` asks for more."""


def run(*arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def told(library):
    """What each wrong call was told; ``None`` if the process ended with it."""
    done = run("wrong")
    return dict(map(json.loads, done.stdout.splitlines()))


def kernel_type(name):
    return "Nasrec" + name.title().replace("_", "")


def test_there_are_calls_of_every_kernel(library):
    kernels = {
        name.removeprefix("nasrec_")
        for name in dir(library)
        if name.startswith("nasrec_") and not name.endswith("_eager_fallback")
    }
    assert kernels == set(CALLS)


@pytest.mark.parametrize("number", range(len(WRONG_CALLS)))
def test_a_wrong_call_is_an_error_that_says_what_is_wrong(told, number):
    name, _, expected = WRONG_CALLS[number]
    assert told.get(number), f"the process ended at a call of {name}, or before it"
    assert expected in told[number]
    assert kernel_type(name) in told[number]


def test_drawn_calls_end_in_results_or_errors(library, tmp_path):
    current = tmp_path / "call.txt"
    done = run("fuzz", EXAMPLES, 0, current)
    assert done.returncode == 0, current.read_text() + done.stderr[-3000:]
    ends = json.loads(done.stdout)
    assert sum(each["result"] for each in ends.values()) > EXAMPLES / 5
    assert sum(each["error"] for each in ends.values()) > EXAMPLES / 5
