"""Builds, joins and asks tables: ``python -m nasrec_tf.benchmark``."""

import sys

from nasrec_tf.benchmark.command import main

if __name__ == "__main__":
    sys.exit(main())
