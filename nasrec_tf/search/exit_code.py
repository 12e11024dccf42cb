"""How a command ends: its exit code, and mistakes of the user in one line."""

import sys
from collections.abc import Callable

from beam_preprocess.errors import DataError
from nasrec_tf.common.device_faults import device_fault
from nasrec_tf.common.errors import UserError, one_line

USAGE_ERROR = 2
INTERRUPTED = 130


def exit_code(command: Callable[[], int]) -> int:
    """Runs a command that goes on where it was stopped; its exit code.

    Args:
        command: does the work. What the user got wrong, and what a device refuses, becomes a line
            on the standard error stream and code 2; an interrupt becomes code 130.
    """
    try:
        return command()
    except (UserError, DataError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        fault = device_fault(error)
        if fault is None:
            raise
        print(f"error: {fault} and repeat the command to go on.", file=sys.stderr)
        return USAGE_ERROR
