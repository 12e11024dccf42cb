"""Wrong calls of our kernels are errors that name operation, input and sizes, and never a crash.

They are made by processes of their own, so that a crash is a failure of a test.
"""

import json
import os

import pytest
from forked import Forked
from kernel_calls import CALLS, WRONG_CALLS

EXAMPLES = int(os.environ.get("KERNEL_CALLS", 400))
"""Calls that are drawn; ``make sanitize`` asks for more."""


def run(*arguments):
    done = Forked("import kernel_calls; kernel_calls.main()", arguments)
    done.wait()
    return done


@pytest.fixture(scope="module")
def told(library):
    """What each wrong call was told; ``None`` if the process ended with it."""
    done = run("wrong")
    return dict(map(json.loads, done.out.splitlines()))


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
    assert done.returncode == 0, current.read_text() + done.err[-3000:]
    ends = json.loads(done.out)
    assert sum(each["result"] for each in ends.values()) > EXAMPLES / 5
    assert sum(each["error"] for each in ends.values()) > EXAMPLES / 5
