"""The errors of making kernels ready."""


class BuildError(RuntimeError):
    """The kernels cannot be compiled or kept here; the message says why in one line."""


class CacheError(BuildError):
    """A directory cannot keep compiled kernels; the message names it and says why."""
