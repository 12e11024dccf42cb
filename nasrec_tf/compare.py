"""Trains other models beside what a run found: ``python -m nasrec_tf.compare --run-dir RUN``."""

import sys

from nasrec_tf.studies.command import main

if __name__ == "__main__":
    sys.exit(main())
