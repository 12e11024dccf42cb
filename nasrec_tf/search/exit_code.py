"""How a command ends: its exit code, and mistakes of the user in one line."""

import os
import select
import sys
from collections.abc import Callable

from beam_preprocess.common.kept_interrupts import kept_interrupts
from beam_preprocess.common.program_start import INTERRUPTED
from beam_preprocess.errors import DataError
from nasrec_tf.common.device_faults import device_fault
from nasrec_tf.common.errors import UserError, one_line

USAGE_ERROR = 2
NOBODY_READS = 141
"""Of a program whose output is read no more, as shells have it."""


def exit_code(command: Callable[[], int]) -> int:
    """Runs a command that goes on where it was stopped; its exit code.

    Args:
        command: does the work. What the user got wrong, and what a device refuses, becomes a line
            on the standard error stream and code 2; an interrupt becomes code 130, and an output
            that nobody reads any more code 141.
    """
    try:
        with kept_interrupts():
            code = command()
        sys.stdout.flush()  # What is still to be written may be refused too.
        return code
    except (UserError, DataError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        nobody_reads = _nobody_reads()
        _give_up_output()
        if nobody_reads and isinstance(error, BrokenPipeError):
            return NOBODY_READS
        fault = device_fault(error)
        if fault is None:
            raise
        print(f"error: {fault} and repeat the command to go on.", file=sys.stderr)
        return USAGE_ERROR


def _nobody_reads() -> bool:
    """Whether the reader of the output has gone, as with ``| head``."""
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except ValueError:  # Of an output that is no file.
        return False
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _give_up_output() -> None:
    """Lets what an output does not take go, which the interpreter would try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
