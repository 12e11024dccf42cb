"""The errors that a user can cause, each told in one line."""


class UserError(ValueError):
    """What the user gave cannot be used; the message says what, where, and the mend.

    Command lines print the message to the standard error stream and exit with code 2.
    """


def one_line(error: BaseException) -> str:
    """An error's message without line breaks, which a file's name may bring into it.

    Args:
        error: to be told.

    Example:
        >>> one_line(UserError("a\\nb.csv: no such file"))
        'a b.csv: no such file'
    """
    return " ".join(str(error).splitlines())


class ArchitectureError(UserError):
    """An architecture or a search space is not valid; the message names block and field."""


class RunError(UserError):
    """A run directory cannot be used as asked."""
