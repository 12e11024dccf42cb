"""Lists and compares runs: ``python -m nasrec_tf.runs DIR``."""

import sys

from nasrec_tf.studies.runs_command import main

if __name__ == "__main__":
    sys.exit(main())
