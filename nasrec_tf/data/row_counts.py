"""Rows of a data set's splits, and how many steps an epoch of them has; needs no TensorFlow."""

import dataclasses
from collections.abc import Mapping

from nasrec_tf.common.errors import UserError
from nasrec_tf.data.joined_splits import JOIN


@dataclasses.dataclass(frozen=True)
class RowCounts:
    """Rows of the splits, with what a ``TrainingPlan`` asks of a data set to count its steps.

    Args:
        by_split: rows of ``train``, ``validation`` and ``test``.
        directory: of the data set that has them; ``None`` where they are an estimate.

    Example:
        >>> RowCounts({"train": 1000, "validation": 100}).steps_per_epoch(128)
        7
    """

    by_split: Mapping[str, int]
    directory: str | None = None

    def rows(self, split: str) -> int:
        """Number of rows of a split, or of several joined by ``"+"``.

        Args:
            split: its name.
        """
        return sum(self.by_split[part] for part in split.split(JOIN))

    def steps_per_epoch(self, batch_size: int, split: str = "train") -> int:
        """Full batches of an epoch.

        Args:
            batch_size: rows of a batch.
            split: name of the split.

        Raises:
            UserError: if there is not even one.

        Example:
            >>> RowCounts({"train": 48}).steps_per_epoch(128)
            Traceback (most recent call last):
            nasrec_tf.common.errors.UserError: split 'train' has about 48 rows, fewer than one \
batch of 128; use a smaller one: --batch-size, or batch_size in a recipe.
        """
        rows = self.rows(split)
        steps = rows // batch_size
        if not steps:
            where, about = ("", "about ") if self.directory is None else (f"{self.directory}: ", "")
            raise UserError(
                f"{where}split {split!r} has {about}{rows} rows, fewer than one batch of "
                f"{batch_size}; use a smaller one: --batch-size, or batch_size in a recipe."
            )
        return steps
