"""``python -m pim``."""

import sys

from pim.cli.command import main

if __name__ == "__main__":
    sys.exit(main())
