"""How good a trained model is on a log: ``python -m nasrec_tf.evaluate RUN --data FILE``."""

import sys

from beam_preprocess.common.quiet_tensorflow import load_tensorflow


def main() -> int:
    """The command, without what TensorFlow says of machines that lack a GPU; its exit code."""
    load_tensorflow()
    from nasrec_tf.trained import evaluate_command

    return evaluate_command.main()


if __name__ == "__main__":
    sys.exit(main())
