"""Command lines whose mistakes are told in one line."""

import argparse
import sys
from typing import Any, NoReturn

from beam_preprocess.common.suggestions import with_suggestions
from nasrec_tf.common.errors import UserError, one_line
from nasrec_tf.common.own_modules import IMPORT, import_modules, named_in


class OneLineParser(argparse.ArgumentParser):
    """A parser that names a mistake as all others are named, without the whole usage before it.

    Every command takes ``--import MODULE``. These modules are imported before anything else is
    read, since what they register are names that other options may give.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.add_argument(
            IMPORT, dest="imports", action="append", metavar="MODULE",
            help="import a module of your own first, by name or file, which registers operators, "
            "strategies, optimizers or models (docs/extending.md); may be repeated",
        )  # fmt: skip

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Reads a command line, as ``argparse`` does, and imports what it names first."""
        given = list(sys.argv[1:] if args is None else args)
        try:
            import_modules(named_in(given))
        except UserError as error:
            self.exit(2, f"error: {one_line(error)}\n")
        return super().parse_known_args(given, namespace)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {with_suggestions(message, self)}; see --help\n")
