"""Studies of what a search rests on: ``python -m nasrec_tf.study ranking``, and others."""

import sys

from nasrec_tf.studies.study_command import main

if __name__ == "__main__":
    sys.exit(main())
