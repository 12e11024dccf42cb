"""What every worker of one run is told, and where it leaves traces."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import threading
from collections.abc import Iterator

from beam_preprocess.config import PreprocessConfig
from beam_preprocess.errors import DataError
from beam_preprocess.reading.text_blocks import InputFile

DATA_DIRECTORY = "data"
PROGRESS_DIRECTORY = "progress"
UNITS_DIRECTORY = "units"
ERROR_FILE = "error.json"


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_error(error: OSError, directory: str, option: str = "--output") -> str:
    """The one line for a failure to write below ``directory``.

    Failures to read the raw data never come here: they are told where they are read.

    Args:
      error: What the system, or a remote store, said.
      directory: Where the run was writing.
      option: What says where that is.

    >>> write_error(OSError(errno.EIO, "Input/output error"), "out")
    'out: Input/output error; mend the device or name another --output'
    """
    what = error.strerror or " ".join(str(error).split()) or type(error).__name__
    mend = "free some space" if error.errno in _NO_SPACE else "mend the device"
    return f"{error.filename or directory}: {what}; {mend} or name another {option}"


@dataclasses.dataclass(frozen=True)
class Job:
    """One run as its workers see it.

    Attributes:
      config: What the user asked for, the description with its columns known.
      files: Input files, grouped by split (None: the rows are split here).
      side_files: Files of each side table of the description.
      data_directory: Where the data set is written.
      trace_directory: Where progress and the first error are left; shared with the driver.
      local: Whether that is a local directory.
    """

    config: PreprocessConfig
    files: tuple[InputFile, ...]
    side_files: tuple[tuple[InputFile, ...], ...]
    data_directory: str
    trace_directory: str
    local: bool

    def path(self, name: str) -> str:
        """The path of a file of the data set.

        Args:
          name: Its name relative to the data set.
        """
        return f"{self.data_directory}/{name}"

    def unit_path(self, unit: int) -> str:
        """The path of a unit file, which holds encoded rows until they are in their shards.

        Args:
          unit: Number of the unit.
        """
        return f"{self.trace_directory}/{UNITS_DIRECTORY}/unit-{unit:05d}"

    def counts_path(self, name: str) -> str:
        """The path of a file of value counts, which is read once a vocabulary is cut.

        Args:
          name: Of the file alone.
        """
        return f"{self.trace_directory}/{UNITS_DIRECTORY}/counts-{name}"

    def table_path(self, name: str) -> str:
        """The directory of a look-up table, which the workers of this machine share.

        Args:
          name: Of the directory alone.
        """
        return f"{self.trace_directory}/{UNITS_DIRECTORY}/table-{name}"

    def report_progress(self, stage: str, amount: int) -> None:
        """Adds to what this process has done; the driver sums over the processes.

        Args:
          stage: One of ``running.progress.STAGES``.
          amount: Bytes read.
        """
        if not self.local:
            return
        name = f"{stage}-{os.getpid()}-{threading.get_ident()}"
        path = os.path.join(self.trace_directory, PROGRESS_DIRECTORY, name)
        with open(path, "ab") as stream:
            stream.write(b"%d\n" % amount)

    @contextlib.contextmanager
    def reporting_errors(self) -> Iterator[None]:
        """Leaves the message of a user's error where the driver finds it.

        Runners wrap exceptions of workers into their own, with remote stack traces.

        Raises:
          DataError: What was raised inside, or the one line for a failure to write.
        """
        try:
            yield
        except DataError as error:
            self._leave_error(str(error))
            raise
        except OSError as error:
            message = write_error(error, self.data_directory, self.config.output_option)
            self._leave_error(message)
            raise DataError(message) from error

    def _leave_error(self, message: str) -> None:
        if self.local:
            # With the disk full even this may fail; the driver then has the exception's own text.
            with contextlib.suppress(OSError):
                path = os.path.join(self.trace_directory, ERROR_FILE)
                with open(path, "x", encoding="utf-8") as stream:
                    json.dump({"message": message}, stream)
