"""The error that a user of the estimator can cause, told in one line."""


class PimError(ValueError):
    """What the user gave cannot be used; the message says what, where, and the mend.

    The command line prints the message to the standard error stream and exits with code 2.
    """
