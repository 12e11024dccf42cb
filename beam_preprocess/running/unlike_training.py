"""Columns of a further log that are not like those of the training: a model would guess there.

No row of such a log is malformed, so that nothing else would tell of it: ids that another program
wrote with ``.0``, a column that a broken job left empty, a price in cents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.dataset.feature_schema import (
    MISSING_ID,
    OUT_OF_VOCABULARY_ID,
    DenseFeature,
    SparseFeature,
    column_told,
)
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.reading.decode import Rows
from beam_preprocess.reading.other_writings import twins
from beam_preprocess.writing.data_warnings import (
    LEAST_VALUES,
    MANY_UNKNOWN,
    UNKNOWN_BEYOND_TRAINING,
)

_TRIED_VALUES = 100
_SOME_UNKNOWN = 0.05
"""Share of unknown values, beyond that in training, from which on another writing is told."""


class UnlikeTraining:
    """Counts what of a log is unlike the training, block by block.

    Args:
      schema: Of the data set that the model was trained on.
      vocabularies: From sparse feature to its entries in id order, Arrow binary.
    """

    def __init__(self, schema: Schema, vocabularies: Mapping[str, pa.Array]):
        self._schema = schema
        self._vocabularies = vocabularies
        self._rows = 0
        self._missing = np.zeros(len(schema.dense) + len(schema.sparse), np.int64)
        self._outside = np.zeros(len(schema.dense), np.int64)
        self._items = np.zeros(len(schema.sparse), np.int64)
        self._unknown = np.zeros(len(schema.sparse), np.int64)
        self._examples: dict[str, list[str]] = {}

    def add(self, rows: Rows, sparse: np.ndarray, starts: Sequence[int] | np.ndarray) -> None:
        """Counts a block.

        Args:
          rows: Its well-formed rows.
          sparse: Their ids, as ``RowEncoder.encode`` gives them.
          starts: The first column of each sparse feature in these.
        """
        self._rows += len(rows)
        for at, number in enumerate(self._schema.dense):
            raw = rows.dense[number.key]
            self._missing[at] += np.isnan(raw).sum()
            self._outside[at] += ((raw < number.minimum) | (raw > number.maximum)).sum()
        for at, (start, feature) in enumerate(zip(starts, self._schema.sparse, strict=True)):
            ids = sparse[:, start : start + feature.width]
            missing = np.count_nonzero(ids[:, 0] == MISSING_ID)
            self._missing[len(self._schema.dense) + at] += missing
            if feature.encoding != "vocabulary":
                continue
            unknown = np.count_nonzero(ids == OUT_OF_VOCABULARY_ID)
            self._unknown[at] += unknown
            self._items[at] += np.count_nonzero(ids >= OUT_OF_VOCABULARY_ID)
            if unknown > _SOME_UNKNOWN * len(ids) and feature.name not in self._examples:
                self._examples[feature.name] = self._unknown_values(feature, rows)

    def told(self) -> tuple[str, ...]:
        """What is unlike, a line for each column, the gravest kind first."""
        if self._rows < LEAST_VALUES:
            return ()
        return tuple(
            dict.fromkeys((*self._unknown_ids(), *self._missing_values(), *self._far_numbers()))
        )

    def _unknown_ids(self) -> Iterator[str]:
        rows = self._schema.splits["train"].rows
        for at, feature in enumerate(self._schema.sparse):
            items = int(self._items[at])
            trained = feature.item_count if feature.is_list else rows - feature.missing_count
            before = feature.out_of_vocabulary_count / max(1, trained)
            share = int(self._unknown[at]) / max(1, items)
            if items < LEAST_VALUES or share - before < _SOME_UNKNOWN:
                continue
            twin, example = self._twin(feature), self._example(feature)
            if twin or _is_far(share, before):
                # What is derived is written by us: the times of training were others.
                why = "; are they written alike?" if feature.derive is None else "."
                yield (
                    f"column {column_told(feature)}: {share:.0%} of its values were not learnt in "
                    f"training (there {before:.0%}), and nothing learnt of it holds for them"
                    f"{why}{twin or example}"
                )

    def _missing_values(self) -> Iterator[str]:
        rows = self._schema.splits["train"].rows
        features: tuple[DenseFeature | SparseFeature, ...] = (
            *self._schema.dense,
            *self._schema.sparse,
        )
        for count, feature in zip(self._missing, features, strict=True):
            before, share = feature.missing_count / max(1, rows), int(count) / self._rows
            if _is_far(share, before):
                yield (
                    f"column {column_told(feature)}: is missing in {share:.0%} of the rows (in "
                    f"training {before:.0%})"
                )

    def _far_numbers(self) -> Iterator[str]:
        for count, missing, number in zip(self._outside, self._missing, self._schema.dense):
            present = self._rows - int(missing)
            share = int(count) / max(1, present)
            if present >= LEAST_VALUES and share >= MANY_UNKNOWN and number.derive is None:
                yield (
                    f"column {column_told(number)}: {share:.0%} of its numbers lie outside of "
                    f"those of the training ({number.minimum:g} to {number.maximum:g}); is it in "
                    "the same unit?"
                )

    def _unknown_values(self, feature: SparseFeature, rows: Rows) -> list[str]:
        values = rows.sparse[feature.raw_key]
        values = (values.flatten() if feature.is_list else values).drop_null().unique()
        known = pc.is_in(values, value_set=self._vocabularies[feature.name].cast(values.type))
        return values.filter(pc.invert(known))[:_TRIED_VALUES].cast(pa.string()).to_pylist()

    def _twin(self, feature: SparseFeature) -> str:
        """An unknown value that is known in another writing, if most are; nothing if not."""
        texts = self._examples.get(feature.name, [])
        for found in twins(texts, self._vocabularies[feature.name].cast(pa.string())):
            if found and len(found) >= MANY_UNKNOWN * len(texts):
                text, known, how = found[0]
                return f" {text!r} is not {known!r}; training had such values {how}"
        return ""

    def _example(self, feature: SparseFeature) -> str:
        """An unknown value beside a known one."""
        texts, entries = self._examples.get(feature.name), self._vocabularies[feature.name]
        if not texts or not len(entries):
            return ""
        return f" Here {texts[0]!r}, in training {entries[0].as_py().decode()!r}"


def _is_far(share: float, before: float) -> bool:
    return share >= MANY_UNKNOWN and share - before >= UNKNOWN_BEYOND_TRAINING
