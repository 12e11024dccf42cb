"""Search spaces: which architectures are candidates, and how many there are (paper 3.3, 5.1)."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import (
    MAX_BITS,
    MAX_BLOCKS,
    MAX_TOKENS,
    MAX_WIDTH,
    MIN_BITS,
    Bits,
    Block,
)
from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.common.strict_json import names_a_file, shown
from nasrec_tf.common.value_checks import is_whole
from nasrec_tf.operators import DENSE, OPERATORS, SPARSE

DENSE_WIDTHS = (16, 32, 64, 128, 256, 512, 768, 1024)
"""Dense output widths (paper 5.1)."""

SPARSE_WIDTHS = (16, 32, 48, 64)
"""Sparse output tokens (paper 5.1)."""

ANY = "any"
SINGLE = "single"
PER_OPERATOR = "operator"
PER_BRANCH = "branch"
NEVER = "never"
ALWAYS = "always"


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
        for field in ("dense_operators", "sparse_operators", "dense_widths", "sparse_widths"):
            value = getattr(self, field)
            if not isinstance(value, (list, tuple)) or not value:
                raise self._wrong(field, "must be a non-empty list")
            object.__setattr__(self, field, tuple(value))
        if not isinstance(self.name, str) or not self.name:
            raise self._wrong("name", "must be a text that is not empty")
        self._check_operators("dense_operators", DENSE)
        self._check_operators("sparse_operators", SPARSE)
        for field, most in (("dense_widths", MAX_WIDTH), ("sparse_widths", MAX_TOKENS)):
            widths = getattr(self, field)
            if not all(is_whole(width, 1, most) for width in widths):
                raise self._wrong(field, f"must hold positive integers of at most {most}")
            if list(widths) != sorted(set(widths)):
                raise self._wrong(field, "must rise strictly")
        if not is_whole(self.num_blocks, 1, MAX_BLOCKS):
            raise self._wrong("num_blocks", f"must be a positive integer of at most {MAX_BLOCKS}")
        if self.operators not in (ANY, SINGLE):
            raise self._wrong("operators", f"must be {ANY!r} or {SINGLE!r}")
        if self.widths not in (PER_OPERATOR, PER_BRANCH):
            raise self._wrong("widths", f"must be {PER_OPERATOR!r} or {PER_BRANCH!r}")
        if self.max_sources is not None and not is_whole(self.max_sources, 1):
            raise self._wrong("max_sources", "must be a positive integer, or left out")
        for field in ("mergers", "separate_bits"):
            if not isinstance(getattr(self, field), bool):
                raise self._wrong(field, "must be true or false")
        if self.dense_embeddings not in (NEVER, ALWAYS, ANY):
            raise self._wrong("dense_embeddings", f"must be {NEVER!r}, {ALWAYS!r} or {ANY!r}")
        self._check_bits()

    def _check_bits(self) -> None:
        if not isinstance(self.bits, (list, tuple)):
            raise self._wrong("bits", "must be a list")
        object.__setattr__(self, "bits", tuple(self.bits))
        if not all(is_whole(bits, MIN_BITS, MAX_BITS) for bits in self.bits):
            raise self._wrong("bits", f"must hold whole numbers from {MIN_BITS} to {MAX_BITS}")
        if list(self.bits) != sorted(set(self.bits)):
            raise self._wrong("bits", "must rise strictly")

    def _check_operators(self, field: str, branch: str) -> None:
        known = [name for name, operator in OPERATORS.items() if operator.branch == branch]
        names = getattr(self, field)
        for name in names:
            if name not in known:
                raise self._wrong(field, f"knows {', '.join(known)}")
        if len(set(names)) < len(names):
            raise self._wrong(field, "names an operator twice")
        in_order = tuple(name for name in OPERATORS if name in names)
        object.__setattr__(self, field, in_order)

    def _wrong(self, field: str, mend: str) -> ArchitectureError:
        value = getattr(self, field)
        return ArchitectureError(f"Search space: {field} {mend}. Received: {shown(value)}")

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
        """How many genotypes the rules in force allow.

        Every field of every block counts, whether its operators read it or not, as the authors'
        code draws them; ``docs/search_space.md`` sets this beside the paper's figure (3.3).
        """
        blocks = math.prod(self._block_size(number) for number in range(1, self.num_blocks + 1))
        return blocks * (2 if self.dense_embeddings == ANY else 1)

    def _block_size(self, number: int) -> int:
        sources = sum(math.comb(number, count) for count in self.source_counts(number))
        operators = self._branch_size(len(self.dense_operators), len(self.dense_widths))
        operators *= self._branch_size(len(self.sparse_operators), len(self.sparse_widths))
        return sources**2 * number**2 * operators * (4 if self.mergers else 1)

    def _branch_size(self, operators: int, widths: int) -> int:
        bits = self.bit_settings
        if self.operators == SINGLE:
            return operators * widths * bits
        if self.widths == PER_BRANCH:
            return ((1 + bits) ** operators - 1) * widths
        return (widths * bits + 1) ** operators - 1

    @property
    def bit_settings(self) -> int:
        """How many bit widths an operator may have; 1, none, in floating point."""
        return max(1, len(self.bits)) ** (2 if self.separate_bits else 1)

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
        if len(architecture) != self.num_blocks:
            raise ArchitectureError(
                f"The architecture has {len(architecture)} blocks; search space {self.name!r} "
                f"has {self.num_blocks}."
            )
        allowed = {NEVER: (False,), ALWAYS: (True,), ANY: (False, True)}[self.dense_embeddings]
        if architecture.dense_embeddings not in allowed:
            raise ArchitectureError(
                f"The architecture is {'with' if architecture.dense_embeddings else 'without'} "
                f"dense embeddings; search space {self.name!r} has them {self.dense_embeddings}."
            )
        for number, block in enumerate(architecture.blocks, start=1):
            self._check_branch(number, "dense", block.dense_operators, block.dense_sources)
            self._check_branch(number, "sparse", block.sparse_operators, block.sparse_sources)
            if not self.mergers and (block.dense_to_sparse or block.sparse_to_dense):
                raise self._outside(number, "mergers", "are off")
            self._check_bits_of(number, block)

    def _check_bits_of(self, number: int, block: Block) -> None:
        if bool(block.bits) != bool(self.bits):
            why = "needs the bits of every operator" if self.bits else "has no bits"
            raise self._outside(number, "bits", why)
        for name, bits in block.bits.items():
            for width in (bits.weights, bits.activations):
                if width not in self.bits:
                    raise self._outside(number, "bits", f"has no {width} bits for {name!r}")
            if not self.separate_bits and bits.weights != bits.activations:
                raise self._outside(number, "bits", f"takes one width for {name!r}")

    def _check_branch(self, number: int, branch: str, operators: Mapping, sources: tuple) -> None:
        allowed = getattr(self, f"{branch}_operators")
        widths = getattr(self, f"{branch}_widths")
        for name, width in operators.items():
            if name not in allowed:
                raise self._outside(number, f"{branch}_operators", f"has no {name!r}")
            if width not in widths:
                raise self._outside(number, f"{branch}_operators", f"has no width {width}")
        if self.operators == SINGLE and len(operators) > 1:
            raise self._outside(number, f"{branch}_operators", "takes a single operator")
        if self.widths == PER_BRANCH and len(set(operators.values())) > 1:
            raise self._outside(number, f"{branch}_operators", "takes one width per branch")
        if len(sources) not in self.source_counts(number):
            raise self._outside(number, f"{branch}_sources", f"takes at most {self.max_sources}")

    def _outside(self, number: int, field: str, why: str) -> ArchitectureError:
        return ArchitectureError(f"Block {number}: {field}: search space {self.name!r} {why}.")

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
        names = self.dense_operators if branch == DENSE else self.sparse_operators
        widths = self.dense_widths if branch == DENSE else self.sparse_widths
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
        ArchitectureError: if there is neither such a name nor such a file, or it is not valid.

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
