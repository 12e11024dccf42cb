"""Command lines whose mistakes are told in one line."""

import argparse
from typing import NoReturn

from beam_preprocess.common.suggestions import with_suggestions


class OneLineParser(argparse.ArgumentParser):
    """A parser that names a mistake as all others are named, without the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {with_suggestions(message, self)}; see --help\n")
