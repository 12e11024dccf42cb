"""A data set of records that options name, in whatever place it lies."""

import hashlib
import pathlib

from beam_preprocess.dataset.file_format import MANIFEST_FILE
from beam_preprocess.dataset.manifest import is_data_set
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.results import RecordsResult


def named_data_set(config: SearchConfig) -> pathlib.Path | None:
    """The directory that beam_preprocess wrote, if that is what ``--data`` names.

    Args:
        config: the options.

    Raises:
        UserError: if it is named beside others.
    """
    for name in config.data or ():
        if is_data_set(name):
            if len(config.data or ()) > 1:
                raise UserError(f"--data: {name} is a data set already; name it alone.")
            return pathlib.Path(name)
    return None


def manifest_digest(directory: pathlib.Path) -> str:
    """What tells a data set from others, with the digests of its files in it.

    Args:
        directory: of the data set.
    """
    return hashlib.sha256((directory / MANIFEST_FILE).read_bytes()).hexdigest()


def is_replaced(directory: pathlib.Path, result: RecordsResult) -> bool:
    """Whether another data set stands where that of a run was when it was begun.

    Args:
        directory: of the data set, which is there.
        result: of the run's records stage; one that made its data set itself knows of no other.
    """
    return result.manifest_sha256 not in (None, manifest_digest(directory))


def same_data_set(config: SearchConfig, result: RecordsResult) -> pathlib.Path | None:
    """Where options name the data set of a run, be it where it was before or elsewhere.

    Args:
        config: the options.
        result: of the run's records stage.

    Returns:
        ``None`` if they name other data, or the run made its data set itself.
    """
    named = named_data_set(config)
    if named is None or manifest_digest(named) != result.manifest_sha256:
        return None
    return named.resolve()
