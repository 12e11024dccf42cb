"""What the trainings of a run are made of beside its options: the data, and where they started."""

import dataclasses
import pathlib

from nasrec_tf.common.saved_state import SAVED, read_state
from nasrec_tf.search.named_data_set import manifest_digest
from nasrec_tf.search.warm_start_note import WARM_START_FILE, WarmStartNote

MADE_OF_FILE = "made_of.json"
"""Beside what ``--extend`` has moved aside."""


@dataclasses.dataclass(frozen=True)
class MadeOf:
    """What tells trainings with the same options from others.

    Args:
        data: SHA-256 of the data set's manifest.
        start: SHA-256 of the files of the run that ``--from`` names, in order.
    """

    __pydantic_config__ = SAVED

    data: str
    start: tuple[str, ...] = ()


def made_of(run_dir: pathlib.Path, dataset: pathlib.Path) -> MadeOf | None:
    """What a run's trainings are made of now.

    Args:
        run_dir: the run directory.
        dataset: directory of its data set.

    Returns:
        ``None`` if the data set is gone.

    Raises:
        RunError: if what the run has kept of the one that it starts from is damaged.
    """
    mend = "delete it to read the earlier run again"
    note = read_state(run_dir / WARM_START_FILE, WarmStartNote, mend)
    start = () if note is None else tuple(mark.sha256 for mark in note.files.values())
    try:
        return MadeOf(manifest_digest(dataset), start)
    except OSError:
        return None
