"""The errors of making kernels ready."""


class BuildError(RuntimeError):
    """The kernels cannot be compiled or kept here; the message says why in one line."""


class CompilationError(BuildError):
    """The compiler rejects the source; with other options it may not."""


class CacheError(BuildError):
    """A directory cannot keep compiled kernels; the message names it and says why."""
