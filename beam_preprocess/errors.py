"""The one exception class for mistakes that a user can mend."""


class DataError(ValueError):
    """A fault of the input, the options or the machine, told in one clear line.

    The message names the file, row, column or option at fault and the mend. Command lines print it
    to standard error and exit with code 2.
    """
