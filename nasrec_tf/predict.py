"""Asks a trained model about a log: ``python -m nasrec_tf.predict RUN --data FILE -o out.csv``."""

import sys

from nasrec_tf.trained.predict_command import main

if __name__ == "__main__":
    sys.exit(main())
