"""What reading a damaged archive of arrays (``.npz``) may raise."""

import struct
import zipfile
import zlib

ARCHIVE_DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    ValueError,
    TypeError,
    RuntimeError,  # an encrypted member; a compression that zipfile does not know
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)
"""A single bit of its headers is enough for most of these."""
