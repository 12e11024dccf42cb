"""Lets the tests of this directory import the landscape that lies beside them."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parent))
