"""How good a trained model is on a log: ``python -m nasrec_tf.evaluate RUN --data FILE``."""

import sys

from nasrec_tf.trained.evaluate_command import main

if __name__ == "__main__":
    sys.exit(main())
