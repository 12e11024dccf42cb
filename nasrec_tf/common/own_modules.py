"""Modules of a user's own that a command loads first, so that what they register is known.

An operator, strategy, optimizer or hand-made model of one's own registers itself as its module is
imported (docs/extending.md); ``--import MODULE`` of every command does that.
"""

import hashlib
import importlib
import importlib.util
import os
import pathlib
import sys
import traceback
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

from nasrec_tf.common.errors import UserError

IMPORT = "--import"
"""The option of every command that names such a module; it may be repeated."""

OR_ONES_OWN = f"one of your own by {IMPORT} MODULE, or in Python by importing what registers it"
"""What a message says behind the names that are known, where more can be registered."""


def import_modules(modules: Iterable[str]) -> None:
    """Imports modules of a user's own; one that is there already stays as it is.

    Args:
        modules: each a module's dotted name, or the path of its file, which ends in ``.py``.

    Raises:
        UserError: if there is no such module, or it fails; the message names the line.

    Example:
        >>> import_modules(["json"])
        >>> import_modules(["squarred"])
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: --import squarred: there is no such module on Python's \
path, which has the working directory; give the path of its file, such as squarred.py.
    """
    for module in modules:
        if is_imported(module):
            continue
        try:
            if _is_file(module):
                _import_file(pathlib.Path(module))
            else:
                _import_name(module)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise UserError(f"{IMPORT} {module}: {_where(error)}") from error


def is_imported(module: str) -> bool:
    """Whether a module of a user's own has been imported, by this or by the program around it.

    Args:
        module: its dotted name, or the path of its file.

    Example:
        >>> is_imported("json"), is_imported("no/such/file.py")
        (True, False)
    """
    return _imported(module) is not None


def digests(modules: Iterable[str]) -> dict[str, str]:
    """A digest of the file of each module, by which two versions of it are told apart.

    Args:
        modules: as for ``import_modules``, which has imported them.

    Example:
        >>> [(name, len(digest)) for name, digest in digests(["json"]).items()]
        [('json', 12)]
    """
    found = {}
    for module in modules:
        file = getattr(_imported(module), "__file__", None)
        if file is not None and os.path.exists(file):
            content = pathlib.Path(file).read_bytes()
            found[module] = hashlib.sha256(content).hexdigest()[:12]
    return found


def digests_of_own(things: Iterable[Any]) -> list[str]:
    """Digests of the files of a user's own that things come from; none of this package's.

    Args:
        things: classes, or functions.

    Example:
        >>> digests_of_own([UserError, import_modules])
        []
    """
    package = __name__.partition(".")[0]
    modules = {thing.__module__ for thing in things}
    own = sorted(module for module in modules if module.partition(".")[0] != package)
    return list(digests(own).values())


def named_in(arguments: Sequence[str], option: str = IMPORT) -> list[str]:
    """The modules that a command line names, wherever in it.

    Args:
        arguments: those behind the program's name.
        option: what comes before each.

    Example:
        >>> named_in(["run", "--import", "a", "--import=b.py", "--", "--import", "c"])
        ['a', 'b.py']
    """
    found = []
    for number, argument in enumerate(arguments):
        if argument == "--":
            break
        name, equals, value = argument.partition("=")
        if name == option and equals:
            found.append(value)
        elif argument == option and number + 1 < len(arguments):
            found.append(arguments[number + 1])
    return found


def _is_file(module: str) -> bool:
    return module.endswith(".py") or os.sep in module


def _imported(module: str) -> ModuleType | None:
    if not _is_file(module):
        return sys.modules.get(module)
    there = sys.modules.get(pathlib.Path(module).stem)
    file = getattr(there, "__file__", None)
    is_same = file is not None and os.path.realpath(file) == os.path.realpath(module)
    return there if is_same else None


def _import_name(module: str) -> None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise  # It is there, and imports another that is not.
        raise UserError(
            f"{IMPORT} {module}: there is no such module on Python's path, which has the working "
            f"directory; give the path of its file, such as {module.replace('.', '/')}.py."
        ) from error


def _import_file(path: pathlib.Path) -> None:
    if not path.is_file():
        raise UserError(f"{IMPORT} {path}: no such file.")
    if path.suffix != ".py":
        raise UserError(f"{IMPORT} {path}: is no Python file, whose name ends in .py.")
    if path.stem in sys.modules:
        raise UserError(
            f"{IMPORT} {path}: a module {path.stem!r} is loaded already; give the file another "
            "name."
        )
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    assert spec is not None and spec.loader is not None, "Python files have a loader"
    module = importlib.util.module_from_spec(spec)
    sys.path.append(str(path.resolve().parent))  # For what lies beside it, as for a program.
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise


def _where(error: BaseException) -> str:
    """What a module failed at, and the last line of the user's own that led there."""
    said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    library = pathlib.Path(importlib.__file__).parent
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__
        and not frame.filename.startswith("<frozen")
        and library not in pathlib.Path(frame.filename).parents
    ]
    return f"{frames[0].filename}, line {frames[0].lineno}: {said}" if frames else said
