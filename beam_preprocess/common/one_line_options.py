"""Command lines whose mistakes are told in one line."""

import argparse
from typing import NoReturn

from beam_preprocess.common.suggestions import with_suggestions
from beam_preprocess.errors import DataError


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises a mistake as all others are, without the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        raise DataError(f"{with_suggestions(message, self)}; see --help")
