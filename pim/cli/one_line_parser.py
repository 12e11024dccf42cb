"""A command line whose mistakes are told in one line."""

import argparse
from typing import NoReturn

from pim.errors import PimError


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises a mistake as all others are, without the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        raise PimError(f"{message}; see --help")
