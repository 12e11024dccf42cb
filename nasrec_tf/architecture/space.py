"""Search spaces: which architectures are candidates, and drawing some (paper 3.3, 5.1)."""

import dataclasses
import math
import pathlib
from typing import Any

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Bits, Block
from nasrec_tf.architecture.membership import check_membership
from nasrec_tf.architecture.space_rules import (
    ALWAYS,
    ANY,
    NEVER,
    PER_BRANCH,
    PER_OPERATOR,
    SINGLE,
    checked_fields,
)
from nasrec_tf.architecture.space_size import genotypes
from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.common.strict_json import names_a_file, shown
from nasrec_tf.operators import DENSE, SPARSE

DENSE_WIDTHS = (16, 32, 64, 128, 256, 512, 768, 1024)
"""Dense output widths (paper 5.1)."""

SPARSE_WIDTHS = (16, 32, 48, 64)
"""Sparse output tokens (paper 5.1)."""


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """The architectures that a search may find.

    Args:
        name: what to call it.
        dense_operators: names of the candidate operators of the dense branch.
        sparse_operators: names of the candidate operators of the sparse branch.
        num_blocks: number of choice blocks, N.
        dense_widths: candidate widths of dense operators.
        sparse_widths: candidate tokens of sparse operators.
        mergers: whether blocks may have the two dense-sparse mergers.
        operators: ``"any"`` non-empty subset of the operators per branch, or a ``"single"`` one.
        widths: an output width per ``"operator"`` (Eq. 3) or one per ``"branch"``.
        max_sources: cap on the sources of a branch; ``None`` for any number (paper 3.3), 4 in the
            authors' code.
        bits: candidate bit widths of operators, rising; none for networks in floating point.
        separate_bits: whether weights and activations of an operator have a width each, or one in
            common, as in the paper (5.1).
        dense_embeddings: whether dense source 0 holds the flattened embeddings beside the raw
            dense features: ``"never"``, as in the paper, ``"always"``, or ``"any"``: architectures
            choose.

    Raises:
        ArchitectureError: if a field is not valid; the message names it.

    Example:
        >>> space = SearchSpace(
        ...     "tiny", ("fc", "dot_product"), ("efc",), num_blocks=2, dense_widths=(8, 16)
        ... )
        >>> architecture = space.sample(np.random.default_rng(0))
        >>> len(architecture), space.check(architecture)
        (2, None)
        >>> space.replace(num_blocks=1).size()
        64
    """

    name: str
    dense_operators: tuple[str, ...]
    sparse_operators: tuple[str, ...]
    num_blocks: int = 7
    dense_widths: tuple[int, ...] = DENSE_WIDTHS
    sparse_widths: tuple[int, ...] = SPARSE_WIDTHS
    mergers: bool = True
    operators: str = SINGLE
    widths: str = PER_OPERATOR
    max_sources: int | None = None
    bits: tuple[int, ...] = ()
    separate_bits: bool = False
    dense_embeddings: str = NEVER

    def __post_init__(self):
        for field, value in checked_fields(vars(self)).items():
            object.__setattr__(self, field, value)

    @property
    def widest(self) -> Architecture:
        """The whole supernet as one architecture: every operator, source and merger, full width.

        Pairwise operators read the last dense output on the left and the raw features on the
        right.
        """
        dense = dict.fromkeys(self.dense_operators, self.dense_widths[-1])
        sparse = dict.fromkeys(self.sparse_operators, self.sparse_widths[-1])
        bits: dict[str, Bits] = {}
        if self.bits:
            bits = dict.fromkeys((*dense, *sparse), Bits(self.bits[-1], self.bits[-1]))
        return Architecture(
            tuple(
                Block(
                    dense,
                    sparse,
                    tuple(range(number)),
                    tuple(range(number)),
                    left_source=number - 1,
                    right_source=0,
                    dense_to_sparse=self.mergers,
                    sparse_to_dense=self.mergers,
                    bits=bits,
                )
                for number in range(1, self.num_blocks + 1)
            ),
            dense_embeddings=self.dense_embeddings != NEVER,
        )

    def size(self) -> int:
        """How many genotypes the rules in force allow, as ``genotypes`` counts them."""
        return genotypes(self)

    @property
    def bit_settings(self) -> int:
        """How many bit widths an operator may have; 1, none, in floating point."""
        return max(1, len(self.bits)) ** (2 if self.separate_bits else 1)

    def candidates(self, branch: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """The names of a branch's candidate operators, and their candidate widths.

        Args:
            branch: ``"dense"`` or ``"sparse"``.

        Example:
            >>> NASREC_SMALL.candidates("sparse")
            (('efc',), (16, 32, 48, 64))
        """
        if branch == DENSE:
            return self.dense_operators, self.dense_widths
        return self.sparse_operators, self.sparse_widths

    def source_counts(self, number: int) -> range:
        """How many sources a branch of block ``number`` (from 1) may read, fewest to most.

        Args:
            number: of the block, from 1.

        Example:
            >>> SearchSpace("mine", ("fc",), ("efc",), max_sources=4).source_counts(6)
            range(1, 5)
        """
        return range(1, min(number, self.max_sources or number) + 1)

    def check(self, architecture: Architecture) -> None:
        """Checks that an architecture is of this space.

        Args:
            architecture: the architecture.

        Raises:
            ArchitectureError: if it is not; the message names block and field.
        """
        check_membership(architecture, self)

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draws an architecture: every field uniformly over what the rules allow.

        Non-empty sets of sources and of operators are uniform over all such sets.

        Args:
            rng: the generator that is drawn from; the same state gives the same architecture.
        """
        numbers = range(1, self.num_blocks + 1)
        blocks = tuple(self.sample_block(number, rng) for number in numbers)
        return Architecture(blocks, self.sample_dense_embeddings(rng))

    def sample_dense_embeddings(self, rng: np.random.Generator) -> bool:
        """Draws whether an architecture has dense embeddings; draws nothing unless it may choose.

        Args:
            rng: the generator that is drawn from.
        """
        if self.dense_embeddings == ANY:
            return bool(rng.integers(2))
        return self.dense_embeddings == ALWAYS

    def sample_block(self, number: int, rng: np.random.Generator) -> Block:
        """Draws one block.

        Args:
            number: where it stands, from 1.
            rng: the generator that is drawn from.
        """
        dense = self.sample_operators(DENSE, rng)
        sparse = self.sample_operators(SPARSE, rng)
        return Block(
            dense_operators=dense,
            sparse_operators=sparse,
            **self.sample_connections(number, rng),
            bits=self.sample_bits((*dense, *sparse), rng),
        )

    def sample_connections(self, number: int, rng: np.random.Generator) -> dict[str, Any]:
        """Draws what a block reads and which mergers it has, by field of ``Block``.

        Args:
            number: where the block stands, from 1.
            rng: the generator that is drawn from.
        """
        return {
            "dense_sources": self.sample_sources(number, rng),
            "sparse_sources": self.sample_sources(number, rng),
            "left_source": int(rng.integers(number)),
            "right_source": int(rng.integers(number)),
            "dense_to_sparse": self.mergers and bool(rng.integers(2)),
            "sparse_to_dense": self.mergers and bool(rng.integers(2)),
        }

    def sample_bits(self, operators: tuple[str, ...], rng: np.random.Generator) -> dict[str, Bits]:
        """Draws bit widths for some operators; none in floating point.

        Args:
            operators: names of operators.
            rng: source of the draws.
        """
        if not self.bits:
            return {}
        drawn = {}
        for name in operators:
            weights = int(rng.choice(self.bits))
            drawn[name] = Bits(
                weights, int(rng.choice(self.bits)) if self.separate_bits else weights
            )
        return drawn

    def sample_sources(self, number: int, rng: np.random.Generator) -> tuple[int, ...]:
        """Draws a non-empty set of the sources of block ``number``, uniformly over such sets.

        Args:
            number: of the block, from 1.
            rng: source of the draws.

        Returns:
            source numbers, rising; 0 stands for the raw features.
        """
        counts = self.source_counts(number)
        weights = np.array([math.comb(number, count) for count in counts], dtype=float)
        count = rng.choice(counts, p=weights / weights.sum())
        return tuple(sorted(rng.choice(number, size=count, replace=False).tolist()))

    def sample_operators(self, branch: str, rng: np.random.Generator) -> dict[str, int]:
        """Draws operators of a branch with their widths.

        Args:
            branch: ``"dense"`` or ``"sparse"``.
            rng: source of the draws.

        Returns:
            widths (dense) or numbers of tokens (sparse) by name.
        """
        names, widths = self.candidates(branch)
        if self.operators == SINGLE:
            chosen = [names[rng.integers(len(names))]]
        else:
            subset = int(rng.integers(1, 2 ** len(names)))
            chosen = [name for index, name in enumerate(names) if subset >> index & 1]
        if self.widths == PER_BRANCH:
            return dict.fromkeys(chosen, int(rng.choice(widths)))
        return {name: int(rng.choice(widths)) for name in chosen}

    def replace(self, **changes: Any) -> "SearchSpace":
        """A copy with some fields changed.

        Args:
            **changes: the fields by name.

        Raises:
            ArchitectureError: if the copy is not valid.
        """
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values; ``from_json`` reads them back.

        ``dense_embeddings`` is left out where it is the paper's: what was written of such a space
        before the field was there stays as it is.
        """
        value = dataclasses.asdict(self)
        if self.dense_embeddings == NEVER:
            del value["dense_embeddings"]
        return {name: list(v) if isinstance(v, tuple) else v for name, v in value.items()}

    @classmethod
    def from_json(cls, value: Any) -> "SearchSpace":
        """Reads the form of ``to_json``, also the table of a TOML file.

        Args:
            value: what a JSON or TOML file holds.

        Raises:
            ArchitectureError: if a field is unknown, missing or not valid.
        """
        if not isinstance(value, dict):
            raise ArchitectureError(f"Search space: must be a table. Received: {shown(value)}")
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in value:
            if name not in fields:
                raise ArchitectureError(
                    f"Search space: unknown field {shown(name)}; the fields are "
                    f"{', '.join(fields)}."
                )
        for name, field in fields.items():
            if field.default is dataclasses.MISSING and name not in value:
                raise ArchitectureError(f"Search space: field {name!r} is missing.")
        return cls(**value)

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "SearchSpace":
        """Reads a search space from a TOML or JSON file.

        Args:
            path: the file, of at most 1 MiB; its name is the space's unless it says another.

        Raises:
            UserError: if it cannot be read or is not valid; the message names file and field.
        """
        from nasrec_tf.common.config_files import read_table

        try:
            return cls.from_json({"name": pathlib.Path(path).stem} | read_table(path))
        except ArchitectureError as error:
            raise ArchitectureError(f"{path}: {error}") from error


NASREC_SMALL = SearchSpace("nasrec-small", ("fc", "dot_product"), ("efc",))
"""NASRec-Small (paper 3.3)."""

NASREC_FULL = SearchSpace(
    "nasrec-full", ("fc", "sigmoid_gating", "sum", "dot_product"), ("efc", "attention")
)
"""NASRec-Full (paper 3.3)."""

RANKING_STUDY = SearchSpace(
    "nasrec-ranking",
    NASREC_FULL.dense_operators,
    NASREC_FULL.sparse_operators,
    dense_widths=(32, 64, 128, 256, 512),
    sparse_widths=(16, 32, 64),
)
"""NASRec-Full with the widths of the ranking study (paper 6.3)."""

CODESIGN = SearchSpace(
    "nasrec-codesign",
    NASREC_SMALL.dense_operators,
    NASREC_SMALL.sparse_operators,
    dense_widths=(64, 128, 256, 512, 768, 1024),
    bits=(4, 8),
)
"""NASRec-Small of the co-design study: dense widths from 64 (paper 3.3), 4 or 8 bits (5.1)."""

SPACES = {space.name: space for space in (NASREC_SMALL, NASREC_FULL, RANKING_STUDY, CODESIGN)}


def search_space(name_or_path: str) -> SearchSpace:
    """A search space by its name, or from a TOML or JSON file.

    Args:
        name_or_path: a name in ``SPACES``, or a file.

    Raises:
        UserError: if there is neither such a name nor such a file, or it cannot be read or is not
            valid; the message names it.

    Example:
        >>> search_space("nasrec-small").sparse_operators
        ('efc',)
    """
    if name_or_path in SPACES:
        return SPACES[name_or_path]
    if names_a_file(name_or_path):
        return SearchSpace.load(name_or_path)
    raise ArchitectureError(
        f"No search space {shown(name_or_path)}: give a TOML or JSON file, or one of "
        f"{', '.join(SPACES)}."
    )
