"""How good a trained model is on a log: ``python -m nasrec_tf.evaluate RUN --data FILE``."""

import sys
from collections.abc import Sequence

from beam_preprocess.common.quiet_tensorflow import load_tensorflow


def main(arguments: Sequence[str] | None = None) -> int:
    """The command, without what TensorFlow says of machines that lack a GPU; its exit code.

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """
    load_tensorflow()
    from nasrec_tf.trained import evaluate_command

    return evaluate_command.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
