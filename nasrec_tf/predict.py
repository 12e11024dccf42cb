"""Asks a trained model about a log: ``python -m nasrec_tf.predict RUN --data FILE -o out.csv``."""

import sys

from beam_preprocess.common.quiet_tensorflow import load_tensorflow


def main() -> int:
    """The command, without what TensorFlow says of machines that lack a GPU; its exit code."""
    load_tensorflow()
    from nasrec_tf.trained import predict_command

    return predict_command.main()


if __name__ == "__main__":
    sys.exit(main())
