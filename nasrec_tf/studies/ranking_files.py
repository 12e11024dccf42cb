"""What a ranking study leaves in its directory."""

import contextlib
import pathlib

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.studies.loss_distribution import distribution_chart
from nasrec_tf.studies.own_directory import own_directory
from nasrec_tf.studies.ranking_result import RankingResult
from nasrec_tf.studies.ranking_supernets import SUPERNET_PREFIX
from nasrec_tf.studies.ranking_text import ranking_csv, ranking_markdown

MARKDOWN, CSV, CHART = "ranking.md", "ranking.csv", "distribution.svg"
SETTINGS_FILE = "ranking.json"


def claim_ranking(
    directory: pathlib.Path, protocol: str
) -> contextlib.AbstractContextManager[None]:
    """Makes a directory that of rankings on one table, or finds that it is; meanwhile locked.

    Args:
        directory: where.
        protocol: of the table's trainings.

    Raises:
        RunError: if it is of another table, or of something else, or in use.
        UserError: if it cannot be made.
    """
    settings = {"data, recipe and space of the digest": protocol}
    # Those of versions that kept no settings.
    known = (MARKDOWN, *(path.name for path in directory.glob(f"{SUPERNET_PREFIX}*")))
    return own_directory(directory, SETTINGS_FILE, settings, known)


def write_ranking(result: RankingResult, directory: pathlib.Path, command: str) -> None:
    """Writes tables and chart, each whole or not at all.

    Args:
        result: what is shown.
        directory: where.
        command: that made it.

    Raises:
        UserError: if a file cannot be written.
    """
    files = {MARKDOWN: ranking_markdown(result, command), CSV: ranking_csv(result)}
    if len(result.losses):
        files[CHART] = distribution_chart(result.card, result.losses)
    for name, text in files.items():
        with atomic_file(directory / name) as file:
            file.write(text)
