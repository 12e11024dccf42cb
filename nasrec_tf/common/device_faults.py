"""What a disk or a file system refuses, in the system's own words, whoever passes it on."""

import errno
import os

FAULTS = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
    errno.EROFS: "make it writable",
    errno.EIO: "see to the disk",
    errno.ENXIO: "see to the disk",
    errno.ENODEV: "see to the disk",
    errno.ESTALE: "see to the network file system",
    errno.ETIMEDOUT: "see to the network file system",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close some files",
}
"""What the user can do, by error number."""


def device_fault(error: BaseException) -> str | None:
    """The fault of a device that an error tells of, with the mend; ``None`` if of none.

    Args:
        error: from the system, or from a library that passes the system's words on, such as
            TensorFlow.

    Example:
        >>> device_fault(OSError(errno.ENOSPC, "No space left on device", "runs/loss.csv"))
        'runs/loss.csv: No space left on device; free some space'
        >>> device_fault(RuntimeError("ckpt-1.data; Input/output error"))
        'Input/output error; see to the disk'
        >>> device_fault(FileNotFoundError(errno.ENOENT, "No such file or directory")) is None
        True
    """
    if isinstance(error, OSError):
        if error.errno not in FAULTS:
            return None
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{os.strerror(error.errno)}; {FAULTS[error.errno]}"
    text = str(error)
    for number, mend in FAULTS.items():
        if os.strerror(number) in text:
            return f"{os.strerror(number)}; {mend}"
    return None
