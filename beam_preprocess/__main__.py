"""``python -m beam_preprocess``."""

import sys

from beam_preprocess.cli import main

if __name__ == "__main__":
    sys.exit(main())
