"""Draws an architecture as in the paper's Fig. 5-7: ``python -m nasrec_tf.draw``."""

import sys
from collections.abc import Sequence

from beam_preprocess.common.program_start import while_loading


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (2 for a mistake of the user).

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """
    with while_loading():
        from nasrec_tf.studies.draw_command import main as run
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
