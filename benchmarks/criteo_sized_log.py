"""A generated log of Criteo's size and laws: ``python -m benchmarks.criteo_sized_log -o LOG``.

45.8 million rows in Criteo's layout whose categories have about as many distinct values as Criteo's
have, 33.8 million, most of them seen once or twice. Clicks depend on the hidden traits of
:mod:`nasrec_tf.data.generated_log` and on the products planted there; some of the traits are told
by categories of 15,000 and 93,000 values. The best possible log loss is printed.

Nothing is held in memory but one piece of the log: names and hidden vectors of a category's values
are hashes of their ranks, and ranks are drawn by the inverse of their distribution function.
"""

import argparse
import functools
import pathlib
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv as arrow_csv

from beam_preprocess.datasets.criteo import CRITEO_TABLE_ROWS
from nasrec_tf.common.atomic_file import atomic_path
from nasrec_tf.common.errors import UserError, one_line
from nasrec_tf.data import generated_log as demo

CRITEO_ROWS = 45_840_617
"""Rows of the Kaggle challenge's ``train.txt``."""

TAIL = 4.0
"""Ranks are floor(pool · u ** TAIL) of a uniform u: their density falls as rank ** (1 / TAIL - 1),
slower than Zipf's in the head, with a tail in which most values are rare."""

VIEWER_FIELDS = (*demo.VIEWER_FIELDS, 9)
ADVERT_FIELDS = (*demo.ADVERT_FIELDS, 14)
"""Those of the demo, and one each of 93,146 and of 14,993 values."""

_HEX = np.array([f"{value:04x}" for value in range(2**16)], "S4")


class CriteoSizedWorld(demo.DemoWorld):
    """The hidden truth behind the log; everything follows from the seed.

    Args:
        seed: a non-negative integer.
    """

    def _categories(self, rng: np.random.Generator) -> np.ndarray:
        uniform = rng.random((demo.CHUNK_ROWS, demo.SPARSE_FEATURES), dtype=np.float64)
        return np.floor(uniform**TAIL * _pools()).astype(np.int64)

    def _traits(self, fields: Sequence[int], sparse: np.ndarray) -> np.ndarray:
        fields = VIEWER_FIELDS if fields == demo.VIEWER_FIELDS else ADVERT_FIELDS
        parts = [self._vectors_of(field, sparse[:, field]) for field in fields]
        return np.sum(parts, axis=0) / np.sqrt(len(fields))

    def _vectors_of(self, field: int, ranks: np.ndarray) -> np.ndarray:
        """(rows, traits) hidden vectors of values; 0 for a missing one (rank -1)."""
        columns = []
        for trait in range(demo.TRAITS):
            first, second = (
                _mixed(ranks, (self._seed, field, trait, part)) / 2.0**32 for part in (1, 2)
            )
            # Two uniform numbers make a normal one (Box and Muller 1958).
            columns.append(np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second))
        return np.where(ranks[:, None] < 0, 0.0, np.stack(columns, axis=1))

    def tokens_of(self, field: int, ranks: np.ndarray) -> pa.Array:
        """Names of eight hexadecimal digits, empty where a value is missing.

        Args:
            field: index of the category, from 0.
            ranks: (rows,) integers, -1 where missing.
        """
        numbers = _mixed(ranks, (self._seed, field, 0, 0))
        digits = np.stack([_HEX[numbers >> 16], _HEX[numbers & 0xFFFF]], axis=1)
        offsets = np.arange(len(ranks) + 1, dtype=np.int32) * 8
        names = pa.Array.from_buffers(
            pa.string(), len(ranks), [None, pa.py_buffer(offsets), pa.py_buffer(digits.tobytes())]
        )
        return pa.compute.if_else(pa.array(ranks >= 0), names, pa.scalar(None, pa.string()))


@functools.cache
def _pools() -> np.ndarray:
    """(26,) values to draw from, of which about Criteo's distinct number is drawn."""
    return np.array([_pool(distinct) for distinct in CRITEO_TABLE_ROWS], np.float64)


def _pool(distinct: int) -> int:
    low, high = distinct, 20 * distinct + 20
    while low < high:
        middle = (low + high) // 2
        if _expected_distinct(middle) < distinct:
            low = middle + 1
        else:
            high = middle
    return low


def _expected_distinct(pool: int) -> float:
    """How many of a pool's values a log of Criteo's size is expected to hold."""
    edges = np.linspace(0, 1, 20_001)
    middle = (edges[1:] + edges[:-1]) / 2
    density = middle ** (1 / TAIL - 1) / (TAIL * pool)
    return float(pool * np.mean(1 - np.exp(-CRITEO_ROWS * density)))


def _mixed(ranks: np.ndarray, key: tuple[int, ...]) -> np.ndarray:
    """32 bits of each rank, another one-to-one map of 32 bits for each key.

    Multiplication by odd numbers and shifts of MurmurHash3's finaliser (Appleby 2016) are
    one-to-one, so that different values have different names.
    """
    first, second = np.random.SeedSequence(key).generate_state(2)
    bits = ranks.astype(np.uint32) ^ first
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, int(second) | 1)):
        bits = (bits ^ (bits >> np.uint32(shift))) * np.uint32(factor)
    return bits ^ (bits >> np.uint32(16))


def write_log(path: str | pathlib.Path, rows: int, seed: int, threads: int = 2) -> demo.DemoFacts:
    """Writes the log, whole or not at all, and tells what is known of it.

    Args:
        path: the file.
        rows: how many; a log of fewer rows is the beginning of a longer one.
        seed: a non-negative integer.
        threads: pieces made at the same time.

    Raises:
        UserError: if an argument is out of range or the file cannot be written.
    """
    if rows < 1:
        raise UserError(f"--rows must be at least 1. Received: {rows}")
    world = CriteoSizedWorld(seed)
    options = arrow_csv.WriteOptions(
        include_header=False, delimiter="\t", quoting_style="none", batch_size=demo.CHUNK_ROWS
    )
    pieces = range(0, rows, demo.CHUNK_ROWS)

    def piece(start: int) -> tuple[int, float, pa.Buffer]:
        chunk = world._chunk(start // demo.CHUNK_ROWS + 2).head(rows - start)
        sink = pa.BufferOutputStream()
        arrow_csv.write_csv(_table(world, chunk), sink, options)
        entropy = demo._entropy(chunk.probabilities).sum()
        return int(chunk.labels.sum()), float(entropy), sink.getvalue()

    clicks, entropy = 0, 0.0
    with atomic_path(path) as target, open(target, "wb") as file:
        with ThreadPoolExecutor(threads) as pool:
            for first in range(0, len(pieces), 4 * threads):
                for found in pool.map(piece, pieces[first : first + 4 * threads]):
                    clicks += found[0]
                    entropy += found[1]
                    file.write(found[2])
    constant = float(demo._entropy(np.array([clicks / rows]))[0])
    return demo.DemoFacts(rows, clicks, entropy / rows, constant)


def _table(world: CriteoSizedWorld, chunk: demo.DemoChunk) -> pa.Table:
    columns = {"label": pa.array(chunk.labels)}
    for index, values in enumerate(chunk.dense.T):
        missing = np.isnan(values)
        columns[f"I{index + 1}"] = pa.array(np.nan_to_num(values).astype(np.int64), mask=missing)
    for index, ranks in enumerate(chunk.sparse.T):
        columns[f"C{index + 1}"] = world.tokens_of(index, ranks)
    return pa.table(columns)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.criteo_sized_log", description=__doc__
    )
    parser.add_argument("--rows", type=int, default=CRITEO_ROWS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", required=True, metavar="FILE")
    options = parser.parse_args()
    try:
        facts = write_log(options.output, options.rows, options.seed)
    except UserError as error:
        print(f"{parser.prog}: error: {one_line(error)}", file=sys.stderr)
        return 2
    print(f"{options.output}: {facts}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
