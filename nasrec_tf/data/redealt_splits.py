"""Other validation rows of a small data set: its training and validation rows, dealt out anew."""

import functools

import numpy as np
import tensorflow as tf

from nasrec_tf.data.joined_splits import JOIN
from nasrec_tf.data.records import Records, derived_seed
from nasrec_tf.data.row_parser import LABEL

TRAIN, VALIDATION = "train", "validation"
WHOLE = JOIN.join((TRAIN, VALIDATION))


def deals(records: Records) -> int:
    """How many validation splits with no row in common there are, the data set's own included.

    One where the split means something, by time or given; and one where the order of the rows does.

    Args:
        records: the data set.

    Example:
        >>> deals(Records("data/10k"))                                  # doctest: +SKIP
        8
    """
    train, validation = (records.schema.splits[name] for name in (TRAIN, VALIDATION))
    if records.schema.split_method != "stratified" or records.order != "shuffled":
        return 1
    of_labels = (
        (train.positives, validation.positives),
        (train.rows - train.positives, validation.rows - validation.positives),
    )
    return 1 + min((of // part for of, part in of_labels if part), default=0)


class RedealtRecords(Records):
    """A data set with other rows for validation, on whose own validation rows is trained instead.

    As many rows of each label as the validation split has are taken out of the training split;
    no two deals take the same row. Both splits are held in memory: this is for small data sets.
    Vocabularies and statistics stay as they are, of the training split that was.

    Args:
        records: the data set.
        deal: which rows, from 1; fewer than ``deals`` of the data set.
        seed: of what is dealt out.

    Raises:
        ValueError: if there is no such deal.

    Example:
        >>> records = RedealtRecords(Records("data/10k"), deal=1, seed=0)    # doctest: +SKIP
    """

    def __init__(self, records: Records, deal: int, seed: int):
        if not 1 <= deal < deals(records):
            raise ValueError(f"`deal` must lie in [1, {deals(records)}). Received: {deal}")
        super().__init__(records.directory, records.memory_limit, records.order)
        self._deal, self._seed = deal, seed

    def _fits(self, split: str) -> bool:
        return split in (TRAIN, VALIDATION) or super()._fits(split)

    def _load(self, split: str):
        if split not in (TRAIN, VALIDATION):
            return super()._load(split)
        index = self._dealt[split]
        return super()._load(WHOLE).gather(index)

    def _column(self, split: str, name: str, dtype: tf.DType) -> np.ndarray:
        if split not in (TRAIN, VALIDATION):
            return super()._column(split, name, dtype)
        return self._whole_column(name, dtype)[self._dealt[split]]

    def _whole_column(self, name: str, dtype: tf.DType) -> np.ndarray:
        of_split = super()._column
        return np.concatenate([of_split(split, name, dtype) for split in (TRAIN, VALIDATION)])

    @functools.cached_property
    def _dealt(self) -> dict[str, np.ndarray]:
        """Rows of each split, counted through the training split and then the validation split."""
        positive = self._whole_column(LABEL, tf.float32) > 0.5
        rows = self.rows(TRAIN)
        random = np.random.default_rng(derived_seed(self._seed, "deal"))
        taken = []
        for label in (True, False):
            of_label = random.permutation(np.flatnonzero(positive[:rows] == label))
            count = int(np.count_nonzero(positive[rows:] == label))
            taken.append(of_label[(self._deal - 1) * count : self._deal * count])
        validation = np.sort(np.concatenate(taken))
        kept = np.delete(np.arange(len(positive)), validation)
        return {TRAIN: kept, VALIDATION: validation}
