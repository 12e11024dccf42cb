"""Runs the main job."""

import sys

from nasrec_tf.search import main

if __name__ == "__main__":
    sys.exit(main())
