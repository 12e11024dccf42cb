"""An interrupt while a program loads ends it as any other: no traceback, and exit code 130."""

import os
import subprocess
import sys

import pytest

COMMANDS = (
    *("search", "predict", "evaluate", "compare", "study", "runs", "benchmark"),
    *("flops", "draw", "demo", "beam_preprocess", "pim"),
)

INTERRUPTED_AT = """
import os, runpy, signal, sys

class Interrupts:
    def find_spec(name, *_):
        if name in ("nasrec_tf.common.command_line", "beam_preprocess.config", "pim.checks"):
            os.kill(os.getpid(), signal.SIGINT)

# Where tests run in the background of a shell, interrupts are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupts)
runpy.run_module(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_an_interrupt_while_a_program_loads(command):
    module = command if command in ("beam_preprocess", "pim") else f"nasrec_tf.{command}"
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT, module], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


HANDLED = """
import os, signal
from beam_preprocess.common.program_start import while_loading

signal.signal(signal.SIGINT, lambda *_: print("handled"))
with while_loading():
    os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
with while_loading():
    pass
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("raised")
"""


def test_a_program_that_handles_interrupts_itself_still_does_and_later_ones_are_raised():
    done = subprocess.run([sys.executable, "-c", HANDLED], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("handled\nraised\n", "")


DROPPED = """
import os, signal, sys, time
from nasrec_tf.search.exit_code import exit_code

class Interrupted:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

class Slow:
    def __del__(self):  # In which the interrupt comes back.
        time.sleep(1)

def work():
    Interrupted()
    Slow()
    time.sleep(10)
    return 0

signal.signal(signal.SIGINT, signal.default_int_handler)
code = exit_code(work)
assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
assert sys.unraisablehook is sys.__unraisablehook__
sys.exit(code)
"""


def test_an_interrupt_in_the_midst_of_a_deletion_ends_the_program_as_any_other():
    done = subprocess.run([sys.executable, "-c", DROPPED], capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr == "\nstopped; the same command goes on from here\n"


@pytest.mark.parametrize("command", ["nasrec_tf.flops", "pim estimate"])
def test_an_output_that_is_full_is_one_line_and_one_that_nobody_reads_none(command):
    words = [sys.executable, "-m", *command.split(), "nasrec-criteo-small"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1 and "No space left on device" in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.returncode in (0, 141) and done.stderr == ""
