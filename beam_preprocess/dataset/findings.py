"""``findings.json``: what in a data set may spoil a model, and the figures that tell."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import pathlib
import re
from collections.abc import Mapping

from beam_preprocess.common.checked import Finite, build, check_fields, shown
from beam_preprocess.dataset.file_format import read_json
from beam_preprocess.errors import DataError

FINDINGS_FILE = "findings.json"

MOST_COLUMNS = 300
"""Columns that a line on the screen and in a report names: of a wide log all, in one argument."""

_NAMES_AND_FIGURES = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9.,%-]+")

# Warnings that say the same that are all told, and of more than these how many in full.
_MOST_ALIKE, _SHOWN_ALIKE = 5, 3

_FORMAT = "nasrec_tf.findings"
_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Finding:
    """One warning.

    Attributes:
      kind: What it is about, in one word or two.
      text: The warning, with its figures and its mend.
      column: The raw column that it is about, or None.
    """

    kind: str
    text: str
    column: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)


@dataclasses.dataclass(frozen=True)
class Findings:
    """Warnings and figures of a data set.

    Attributes:
      warnings: The most grave ones first.
      out_of_vocabulary: From sparse feature and split to the share of present values with no id of
        their own.
      auc_alone: From feature to how well it alone tells the labels apart, from 0.5 to 1, on a
        sample of the training split.
      label_rates: Label rates of ten parts of the log, by its time column or in its order.
    """

    warnings: tuple[Finding, ...] = ()
    out_of_vocabulary: Mapping[str, Mapping[str, Finite]] = dataclasses.field(default_factory=dict)
    auc_alone: Mapping[str, Finite] = dataclasses.field(default_factory=dict)
    label_rates: tuple[Finite, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)

    def told(self, most_columns: int | None = MOST_COLUMNS) -> tuple[str, ...]:
        """The warnings as a reader is told them: of many that say the same the first few, and one
        line with the columns of all, as ``--ignore`` takes them, so that they bury nothing else.

        Args:
          most_columns: Columns that such a line names; None for all.

        >>> columns = [f"c{number}" for number in range(9)]
        >>> found = Findings(tuple(Finding("constant", f"{c} is 0", c) for c in columns))
        >>> found.told(2)
        ('c0 is 0', 'c1 is 0', 'c2 is 0', 'constant, 9 columns in all: c0,c1 and 7 others')
        """
        alike: dict[tuple[str, str], list[Finding]] = {}
        for found in self.warnings:
            alike.setdefault(_said(found), []).append(found)
        lines = []
        for found in self.warnings:
            same = alike[_said(found)]
            others = same[_SHOWN_ALIKE:]
            few = len(same) <= _MOST_ALIKE or any(not one.column for one in same)
            if few or found not in others:
                lines.append(found.text)
            elif found is others[0]:
                lines.append(_in_all(same, most_columns))
        return tuple(lines)

    def dumps(self) -> str:
        """The text of the file."""
        body = {"format": _FORMAT, "version": _VERSION, **dataclasses.asdict(self)}
        return json.dumps(body, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, directory: str | pathlib.Path) -> Findings:
        """Reads the findings of a data set; none of one that an earlier version wrote.

        Args:
          directory: The data set.

        Raises:
          DataError: The file is damaged.
        """
        path = pathlib.Path(directory) / FINDINGS_FILE
        if not path.exists():
            return cls()
        body = read_json(path)
        try:
            if (body.pop("format"), body.get("version")) != (_FORMAT, _VERSION):
                raise DataError(f"version must be {_VERSION}, not {shown(body.get('version'))}")
            del body["version"]
            warnings = [build(Finding, entry, "warnings") for entry in body["warnings"]]
            return build(cls, {**body, "warnings": warnings}, "findings")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}: damaged ({error}); preprocess the data again") from None


def _said(found: Finding) -> tuple[str, str]:
    """What a warning says but for names and figures: of one kind there are several mends."""
    return found.kind, _NAMES_AND_FIGURES.sub("", found.text)


def _in_all(alike: list[Finding], most_columns: int | None) -> str:
    names = list(dict.fromkeys(str(found.column) for found in alike))
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(names[:most_columns])
    left = 0 if most_columns is None else max(0, len(names) - most_columns)
    more = f" and {left:,} others" if left else ""
    return f"{alike[0].kind}, {len(names):,} columns in all: {row.getvalue()}{more}"
