"""No damage to an archive of arrays is more than one line, whatever reads it."""

from types import SimpleNamespace

import numpy as np
import pytest

from nasrec_tf.common.errors import RunError
from nasrec_tf.networks.pruning.tickets import load_ticket, save_ticket
from nasrec_tf.search.kept_logits import keep_logits, kept_logits
from nasrec_tf.studies.grouped_quality import GroupedQuality
from nasrec_tf.studies.kept_labels import TEST_LABELS

VALUES = np.arange(40, dtype="float32")
TICKET = {"fc/dense": VALUES % 3 > 0}


def logits(directory):
    keep_logits(directory, VALUES)
    return directory / "validation.npz", lambda: kept_logits(directory, 40, "mend")


def ticket(directory):
    path = directory / "ticket.npz"
    save_ticket(TICKET, path)
    return path, lambda: load_ticket(path, TICKET, "mend")["fc/dense"]


def labels(directory):
    path = directory / TEST_LABELS
    np.savez(path, labels=VALUES)
    read = GroupedQuality.__dict__["_labels"].func
    return path, lambda: read(SimpleNamespace(directory=directory))


def damages(content):
    for bit in range(0, 8 * len(content), 5):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)
    for length in range(0, len(content), 11):
        yield content[:length]


@pytest.mark.parametrize("made", [logits, ticket, labels])
def test_a_damaged_archive_is_one_line_or_holds_what_it_held(made, tmp_path):
    path, read = made(tmp_path)
    content, expected, told = path.read_bytes(), read(), 0
    for damaged in damages(content):
        path.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(read(), expected)
        except RunError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            told += 1
    assert told > 60
