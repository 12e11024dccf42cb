"""The error of exports that cannot be done as asked."""

from nasrec_tf.common.errors import UserError


class ExportError(UserError):
    """A network cannot be exported as asked, or a directory is not an export."""
