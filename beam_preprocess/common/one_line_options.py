"""Command lines whose mistakes are told in one line."""

import argparse
from typing import NoReturn

from beam_preprocess.errors import DataError


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises a mistake as all others are, without the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        raise DataError(f"{message}; see --help")
