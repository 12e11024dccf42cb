"""What of a data set may spoil a model: figures, and a warning where they are out of bounds."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from beam_preprocess.dataset.feature_schema import DenseFeature, SparseFeature, column_told
from beam_preprocess.dataset.findings import Finding, Findings
from beam_preprocess.dataset.schema import SPLIT_NAMES, Schema, Split
from beam_preprocess.encoding.encode import transform_dense
from beam_preprocess.encoding.evidence import Evidence, dense_keys
from beam_preprocess.encoding.label_rates import differ, rates_of_parts
from beam_preprocess.encoding.row_sample import dense_auc, meeting_chance, sparse_auc
from beam_preprocess.encoding.statistics import BIN_EDGES, Moments, Summary
from beam_preprocess.encoding.vocabulary import NUMBERS, TIMES, VocabularyCounts
from beam_preprocess.reading.absent_columns import told_absent
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.text_blocks import InputFile

GIVES_AWAY_AUC = 0.98
"""A feature that alone reaches this knows the label: few honest logs reach it with all theirs."""

LEAST_ROWS_OF_A_LABEL = 20
"""With fewer, an AUC is chance."""

_OF_ONE_LABEL = {
    "train": "nothing can be learnt",
    "validation": "its AUC is not defined, and what is best by it says that label of every row",
}
"""What it means that all rows of a split have one label; of another split, that it has no AUC."""

LEAST_VALUES = 100
"""Rows of a column that are no chance: of fewer, shares say nothing."""

NEARLY_ALL = 0.9
"""Distinct values to training rows with a value, and share of these out of vocabulary. Hashed ids
of honest logs stay below: half of the first 10,000 rows' values in some columns of Criteo."""

MANY_UNKNOWN = 0.5
UNKNOWN_BEYOND_TRAINING = 0.2
"""Shares of present values out of vocabulary: of a split, and more than in training."""

CLIPPED = 0.5
"""Share of values below zero, which log1p makes the same."""

EQUAL_ROWS = 0.02
BEYOND_CHANCE = 4.0
"""Share of a split's rows that stand in training too, and how often chance alone does that."""

CUT_LISTS = 0.01
"""Share of training rows that lose items of a multi-valued feature."""

DRIFT_RATIO, SPLIT_RATIO = 1.5, 1.2
"""Of the largest label rate to the smallest: along the log, and between splits."""


@dataclasses.dataclass(frozen=True)
class Judge:
    """Looks at what a run has found.

    Attributes:
      description: Of the data set.
      schema: Of the data set.
      summary, evidence: Of the first pass.
      vocabularies: What was written of them, by sparse feature.
      outside, present: int64 [splits, sparse features]; rows out of vocabulary, and with a value.
      files: That the log consists of.
    """

    description: Description
    schema: Schema
    summary: Summary
    evidence: Evidence
    vocabularies: Mapping[str, VocabularyCounts]
    outside: np.ndarray
    present: np.ndarray
    files: Sequence[InputFile] = ()

    def findings(self) -> Findings:
        """All warnings and figures, the gravest first."""
        warnings = (
            *self._labels(),
            *self._giving_away(),
            *self._equal_rows(),
            *self._dense(),
            *self._sparse(),
            *self._cut_lists(),
            *self._unknown_values(),
            *self._drift(),
            *self._absent_columns(),
        )
        return Findings(
            warnings=tuple(warnings),
            out_of_vocabulary=self._unknown_shares,
            auc_alone=self._aucs,
            label_rates=tuple(clicks / rows for rows, clicks in self._parts),
        )

    def _absent_columns(self) -> Iterator[Finding]:
        for name, text in told_absent(self.description, self.files):
            yield Finding("absent columns", text, name)

    def _labels(self) -> Iterator[Finding]:
        found = [value.decode() for value in self.summary.answers]
        for answer in self.description.label_positive:
            if answer.encode() not in self.summary.clicks_found:
                more = ", ..." if len(found) == Summary.KEPT_ANSWERS else ""
                yield Finding(
                    "no such label",
                    f"no row of the log has the label {answer!r}, which is named as a click "
                    "(--label-positive, or `positive` in the TOML file); column "
                    f"{self.schema.label!r} has {', '.join(map(repr, found))}{more}",
                    self.schema.label,
                )
        for name, split in self.schema.splits.items():
            if split.positives not in (0, split.rows):
                if name == "validation":  # Of the test split, whoever judges by it says so.
                    yield from self._few_of_a_label(split)
                continue
            label = int(bool(split.positives))
            what = _OF_ONE_LABEL.get(name, "its AUC is not defined")
            yield Finding(
                "labels",
                f"all {split.rows:,} rows of the {name} split have label {label}, so {what}; see "
                f"to column {self.schema.label!r}, or give other splits",
                self.schema.label,
            )

    def _few_of_a_label(self, validation: Split) -> Iterator[Finding]:
        if validation.rows < 2 * LEAST_ROWS_OF_A_LABEL:
            return  # A toy, as whoever made it knows: no split of that size could do.
        rare = int(2 * validation.positives <= validation.rows)
        rows = validation.positives if rare else validation.rows - validation.positives
        if rows < LEAST_ROWS_OF_A_LABEL:
            has = "has" if rows == 1 else "have"
            yield Finding(
                "labels",
                f"only {rows} of the {validation.rows:,} rows of the validation split {has} label "
                f"{rare}, so what is best by it is largely so by chance; give it more rows",
                self.schema.label,
            )

    @functools.cached_property
    def _aucs(self) -> dict[str, float]:
        sample = self.evidence.sample
        if min(np.bincount(sample.label, minlength=2)) < LEAST_ROWS_OF_A_LABEL:
            return {}
        sources = dense_keys(self.description)
        found = {
            feature.name: dense_auc(sample.dense[:, sources.index(feature.key)], sample.label)
            for feature in self.schema.dense
        }
        for at, feature in enumerate(self.schema.sparse):
            found[feature.name] = sparse_auc(sample.sparse[:, at], sample.label)
        return {name: auc for name, auc in found.items() if auc is not None}

    def _giving_away(self) -> Iterator[Finding]:
        features: dict[str, DenseFeature | SparseFeature] = {}
        features.update((feature.name, feature) for feature in self.schema.dense)
        features.update((feature.name, feature) for feature in self.schema.sparse)
        for name, auc in self._aucs.items():
            if auc >= GIVES_AWAY_AUC:
                yield Finding(
                    "gives the label away",
                    f"column {column_told(features[name])} alone tells the labels apart with an "
                    f"AUC of {auc:.3f}: is it known before the click? If not, leave it out "
                    "(--ignore)",
                    features[name].source,
                )

    def _equal_rows(self) -> Iterator[Finding]:
        sample = self.evidence.sample
        columns = [*sample.dense.T, *sample.sparse.T, sample.label]
        chance = math.prod(meeting_chance(column) for column in columns)
        expected = min(1.0, chance * self.summary.rows[0])
        for split in (1, 2):
            share = self.evidence.equal.share_in_training(split)
            if share >= EQUAL_ROWS and share >= BEYOND_CHANCE * expected:
                yield Finding(
                    "equal rows",
                    f"{share:.1%} of the rows of the {SPLIT_NAMES[split]} split stand in the "
                    "training split too, alike in every feature and the label: rows written twice, "
                    "or the same impression again? What is measured on them flatters a model; "
                    "leave repeated rows out, or use --split chronological",
                )

    def _dense(self) -> Iterator[Finding]:
        for feature in self.schema.dense:
            if reason := self._constant(feature):
                yield Finding(
                    "constant",
                    f"dense column {column_told(feature)}: {reason}",
                    feature.source,
                )

    def _constant(self, feature: DenseFeature) -> str | None:
        moments = self.summary.dense[feature.key]
        rows = moments.count + moments.missing
        raw = [feature.minimum, feature.maximum] if moments.count else []
        values = transform_dense(
            np.array([*raw, *([np.nan] if moments.missing else [])]), feature
        ).astype(np.float32)
        if len(set(values.tolist())) <= 1:
            if not moments.count:
                return f"has no value in any of the {rows:,} training rows; leave it out"
            if feature.minimum == feature.maximum:
                value = f"{feature.minimum:g}"
                return f"is {value} in every training row that has a value; leave it out"
            return (
                f"its transform {feature.transform} makes all its values, from "
                f"{feature.minimum:g} to {feature.maximum:g}, the same number; {_OTHER_TRANSFORM}"
            )
        below = _share_below_zero(moments)
        if feature.transform == "log1p" and below >= CLIPPED:
            return (
                f"its transform log1p makes {below:.0%} of its values, those below 0, the same; "
                f"{_OTHER_TRANSFORM}"
            )
        return None

    def _sparse(self) -> Iterator[Finding]:
        train = self.schema.splits["train"].rows
        for feature in self.schema.sparse:
            present = train - feature.missing_count
            counts = self.vocabularies.get(feature.name)
            about = f"sparse column {column_told(feature)}"
            if not present:
                text = f"{about} has no value in training; leave it out"
                yield Finding("empty", text, feature.source)
            if feature.is_list:
                present = feature.item_count
            if counts is None or present < LEAST_VALUES:
                continue
            if counts.distinct == 1 and not feature.missing_count:
                yield Finding(
                    "constant",
                    f"{about} has one value in all {train:,} training rows; leave it out",
                    feature.source,
                )
            if counts.twin is not None:
                text, other, how = counts.twin
                yield Finding(
                    "written in two ways",
                    f"{about} has values such as {text!r} and {other!r} ({how}), which are "
                    "different ones here; if they mean the same, write them alike",
                    feature.source,
                )
            if counts.distinct / present >= NEARLY_ALL:
                yield Finding(
                    "nearly unique",
                    f"{about} has {counts.distinct:,} different values in {present:,} training "
                    f"rows: {_MENDS[counts.looks_like]}",
                    feature.source,
                )
            elif feature.out_of_vocabulary_count / present >= NEARLY_ALL:
                share = feature.out_of_vocabulary_count / present
                yield Finding(
                    "out of vocabulary",
                    f"{about}: {share:.0%} of its training values are seen less than "
                    f"{counts.min_count} times and have no row of their own: "
                    f"{_MENDS[counts.looks_like]}, or lower --min-count",
                    feature.source,
                )

    def _cut_lists(self) -> Iterator[Finding]:
        train = self.schema.splits["train"].rows
        for feature in self.schema.sparse:
            share = feature.cut_count / max(1, train)
            if share >= CUT_LISTS:
                yield Finding(
                    "cut lists",
                    f"sparse column {column_told(feature)}: {share:.1%} of the training rows have "
                    f"more than {feature.longest} items, of which the first are kept; keep more "
                    "with `longest` in the TOML file (--multi-longest)",
                    feature.source,
                )

    @functools.cached_property
    def _unknown_shares(self) -> dict[str, dict[str, float]]:
        return {
            feature.name: {
                split: float(self.outside[row, at] / max(1, self.present[row, at]))
                for row, split in enumerate(SPLIT_NAMES)
            }
            for at, feature in enumerate(self.schema.sparse)
            if feature.encoding == "vocabulary"
        }

    def _why_unknown(self, feature: SparseFeature) -> str:
        if self.schema.split_method == "grouped" and feature.source == self.schema.group:
            return "so --split grouped has it; leave it out (--ignore) if users to come are new"
        if feature.derive is not None:
            return "the training rows are of too short a time for it; leave it out, or take more"
        return "are its values written alike in all files?"

    def _unknown_values(self) -> Iterator[Finding]:
        features = {feature.name: feature for feature in self.schema.sparse}
        for name, found in self._unknown_shares.items():
            for split in ("validation", "test"):
                share, before = found[split], found["train"]
                if self.summary.rows[SPLIT_NAMES.index(split)] < LEAST_VALUES:
                    continue
                if share >= MANY_UNKNOWN and share - before >= UNKNOWN_BEYOND_TRAINING:
                    feature = features[name]
                    yield Finding(
                        "unknown values",
                        f"sparse column {column_told(feature)}: {share:.0%} of its values in the "
                        f"{split} split are out of vocabulary, {before:.0%} in training: nothing "
                        f"learnt of it holds there; {self._why_unknown(feature)}",
                        feature.source,
                    )

    @functools.cached_property
    def _parts(self) -> list[tuple[int, int]]:
        series = self.evidence.over_time.series()
        if not series:
            series = [counts for _, counts in sorted(self.summary.block_labels.items())]
        return rates_of_parts(series)

    def _drift(self) -> Iterator[Finding]:
        splits = list(self.schema.splits.items())
        # Of rows that count once, as those are that tell whether it is chance.
        shares = {name: split.positives / max(1, split.rows) for name, split in splits}
        rates = ", ".join(f"{name} {share:.2%}" for name, share in shares.items())
        if differ([(split.rows, split.positives) for _, split in splits], SPLIT_RATIO):
            yield Finding("drift", f"label rates of the splits differ: {rates}", self.schema.label)
        if differ(self._parts, DRIFT_RATIO) and self.schema.split_method != "given":
            shown = [clicks / rows for rows, clicks in self._parts]
            column = self.description.time_column
            where = f"by {column!r}" if column else "along the log"
            mend = (
                ""
                if self.schema.split_method == "chronological"
                else (
                    "; if that is the order of time, --split chronological measures what it costs"
                )
            )
            yield Finding(
                "drift",
                f"label rates drift {where}: {shown[0]:.2%} in the first tenth, {shown[-1]:.2%} "
                f"in the last, from {min(shown):.2%} to {max(shown):.2%}{mend}",
                self.schema.label,
            )


_OTHER_TRANSFORM = (
    "choose another with --dense-transform (standardize), or `transform` in the TOML file, or "
    "leave the column out"
)

_MENDS = {
    "": "an id of the row? Leave it out (--ignore)",
    NUMBERS: "a number? Give it as --dense; an id of the row? Leave it out (--ignore)",
    TIMES: "a time? Leave it out (--ignore), or name it --time-column",
}


def _share_below_zero(moments: Moments) -> float:
    below = sum(n for at, n in moments.histogram.items() if BIN_EDGES[at] < 0)
    return below / max(1, moments.count)
