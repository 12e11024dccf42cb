"""Everything that one preprocessing run is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated

import pydantic

from beam_preprocess.common.checked import (
    Count,
    Finite,
    PositiveCount,
    check_choice,
    check_fields,
)
from beam_preprocess.dataset.feature_schema import SPARSE_ENCODINGS
from beam_preprocess.dataset.schema import ROW_ORDERS, SPLIT_NAMES
from beam_preprocess.errors import DataError
from beam_preprocess.reading.description import Description

SPLIT_METHODS = ("stratified", "grouped", "chronological", "given")

# The AutoCTR protocol that the paper follows (Section 5.1): 80 % / 10 % / 10 %.
PAPER_FRACTIONS = (0.8, 0.1, 0.1)

# Shortest text line that is refused as malformed. Criteo's rows have about 240 bytes; the limit
# keeps one broken line (a missing line break, a binary file) from filling the memory.
MAX_ROW_BYTES = 256 * 1024
MAX_REJECT_SHARE = 0.01

# Training holds ids as 32-bit integers.
MOST_TABLE_ROWS = 2**31 - 1

# Rows of a hashed table where nobody names a number: few collisions for columns of up to some ten
# thousand values, and 6 MiB of weights of width 16.
HASH_TABLE_ROWS = 100_000


Path = Annotated[str, pydantic.Field(pattern=r"^[^\x00]*$")]  # a path or a glob


@dataclasses.dataclass(frozen=True)
class PreprocessConfig:
    """One preprocessing run.

    Attributes:
      description: The raw data set.
      output: Data set directory to create.
      inputs: Files or globs, local or on any file system that Beam knows, when the rows are split
        here.
      split_inputs: Files or globs per split name, when the splits are given.
      split: ``stratified``, ``grouped`` (rows of a value of the description's group column stay
        together), ``chronological`` (by its time column) or ``given``.
      fractions: Shares of train, validation and test (not for ``given``).
      seed: Seed of the stratified or grouped split.
      encoding: Encoding of all sparse features, one of ``vocabulary``, ``modulo``, ``hash``.
      min_count: Training rows a value needs to enter a vocabulary; None for 2 below a million
        training rows and 10 from there on.
      max_vocabulary: Most entries of one vocabulary (the most frequent are kept); None for no cap.
      table_rows: Table rows for ``modulo`` and ``hash`` where the description has none; None is
        ``HASH_TABLE_ROWS`` for ``hash`` and an error for ``modulo``.
      max_rows: Use the first rows only (a quick look), of each split if they are given; None for
        all.
      shards: Shards per split; None chooses by the rows of the split.
      row_order: ``hashed`` or ``log``; see schema.py.
      max_reject_share: Largest tolerated share of malformed rows.
      max_row_bytes: Longest accepted row, in bytes.
      side_tables: From side table name to its file or glob.
      workers: Worker processes of the local runner (1: in this process).
      beam_options: Further Beam options, as on a command line.
      compression_level: Of gzip, 1 (fast) to 9 (small).
      output_option: The option that says where ``output`` is, as messages name it.
    """

    description: Description
    output: Path
    inputs: tuple[Path, ...] = ()
    split_inputs: Mapping[str, tuple[Path, ...]] = dataclasses.field(default_factory=dict)
    split: str = "stratified"
    fractions: tuple[Finite, Finite, Finite] = PAPER_FRACTIONS
    seed: Count = 0
    encoding: str = "vocabulary"
    min_count: PositiveCount | None = None
    max_vocabulary: PositiveCount | None = None
    table_rows: Annotated[int, pydantic.Field(ge=3, le=MOST_TABLE_ROWS)] | None = None
    max_rows: PositiveCount | None = None
    shards: PositiveCount | None = None
    row_order: str = "hashed"
    max_reject_share: Annotated[Finite, pydantic.Field(ge=0, le=1)] = MAX_REJECT_SHARE
    max_row_bytes: Annotated[int, pydantic.Field(ge=1, le=2**30)] = MAX_ROW_BYTES
    side_tables: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    workers: Annotated[int, pydantic.Field(ge=1, le=1024)] = 1
    beam_options: tuple[str, ...] = ()
    compression_level: Annotated[int, pydantic.Field(ge=1, le=9)] = 1
    output_option: str = "--output"

    def __post_init__(self) -> None:
        if isinstance(self.fractions, tuple) and len(self.fractions) != 3:
            raise DataError(f"--fractions: three positive shares, not {self.fractions}")
        check_fields(self, flags=True)
        check_choice("--split", self.split, SPLIT_METHODS)
        check_choice("--encoding", self.encoding, SPARSE_ENCODINGS)
        check_choice("--row-order", self.row_order, ROW_ORDERS)
        self._check_inputs()
        self._check_fractions()
        if self.split == "grouped" and not self.description.group:
            raise DataError(
                f"--split grouped: data set {self.description.name} has no group column; name it "
                "(group, --group) or use --split stratified"
            )
        if self.split == "chronological" and not self.description.time_column:
            raise DataError(
                f"--split chronological: data set {self.description.name} has no time column; "
                "name it (time_column, --time-column) or use --split stratified"
            )

    def _check_inputs(self) -> None:
        if not self.output:
            raise DataError(f"{self.output_option}: name the directory to create")
        if self.split == "given":
            if tuple(sorted(self.split_inputs)) != tuple(sorted(SPLIT_NAMES)) or self.inputs:
                raise DataError(
                    "given splits need --train, --validation and --test (all three, no --input)"
                )
        elif not self.inputs or self.split_inputs:
            raise DataError("--input: name the raw files (or --train, --validation and --test)")

    def _check_fractions(self) -> None:
        if min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 1e-9:
            raise DataError(
                f"--fractions: three positive shares that add up to 1, not {self.fractions}"
            )


def name_pairs(flag: str, entries: Sequence[str]) -> dict[str, str]:
    """What stands behind a flag that is given as NAME=PATH, several times.

    Args:
      flag: For errors.
      entries: As they were written.

    Raises:
      DataError: One is of another form, or names what another one names.

    >>> name_pairs("--side-table", ["user=profile.txt"])
    {'user': 'profile.txt'}
    """
    pairs: dict[str, str] = {}
    for entry in entries:
        name, separator, value = entry.partition("=")
        if not (separator and name and value):
            raise DataError(f"{flag} {entry}: write NAME=PATH")
        if name in pairs:
            raise DataError(f"{flag} {name}: is given twice; name one file or glob for it")
        pairs[name] = value
    return pairs


def shares(text: str | None) -> tuple[float, float, float]:
    """The shares that ``--fractions`` gives to train, validation and test.

    Args:
      text: Three numbers with commas between; None for the paper's.

    Raises:
      DataError: They are not three numbers.

    >>> shares("0.7,0.2,0.1")
    (0.7, 0.2, 0.1)
    """
    if text is None:
        return PAPER_FRACTIONS
    try:
        given = tuple(map(float, text.split(",")))
    except ValueError:
        raise DataError(f"--fractions {text}: write three numbers such as 0.8,0.1,0.1") from None
    if len(given) != 3:
        raise DataError(f"--fractions: three positive shares, not {given}")
    train, validation, test = given
    return train, validation, test
