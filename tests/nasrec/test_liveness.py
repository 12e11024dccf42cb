"""The liveness rule: against plain reachability, and alike for all kinds of truth values."""

import itertools

import numpy as np
import pytest
from core_cases import EMBEDDED, architectures
from hypothesis import given, settings

from nasrec_tf.architecture.liveness import Flags, Runs, reads, runs
from nasrec_tf.operators import OPERATORS

MERGERS = ("dense_to_sparse", "sparse_to_dense")


def edges(architecture):
    """What feeds what, as the paper draws it: (source, reader) pairs of named parts."""
    blocks = architecture.blocks
    if architecture.dense_embeddings:
        yield ("sparse", 0), ("dense", 0)
    for n, block in enumerate(blocks, start=1):
        yield ("dense operators", n), ("dense", n)
        yield ("sparse operators", n), ("sparse", n)
        if block.dense_to_sparse:
            yield ("dense operators", n), ("dense_to_sparse", n)
            yield ("dense_to_sparse", n), ("sparse", n)
        if block.sparse_to_dense:
            yield ("sparse operators", n), ("sparse_to_dense", n)
            yield ("sparse_to_dense", n), ("dense", n)
        for branch, names in (("dense", block.dense_operators), ("sparse", block.sparse_operators)):
            kinds = set().union(*(OPERATORS[name].reads for name in names))
            sources = {("dense", s) for s in block.dense_sources if "dense" in kinds}
            sources |= {("sparse", s) for s in block.sparse_sources if "sparse" in kinds}
            if "pair" in kinds:
                sources |= {("dense", block.left_source), ("dense", block.right_source)}
            yield from ((source, (f"{branch} operators", n)) for source in sources)


def reaching(architecture):
    """All parts from which the outputs of the last block can be reached."""
    found = {(branch, len(architecture)) for branch in ("dense", "sparse")}
    while True:
        more = {source for source, reader in edges(architecture) if reader in found} - found
        if not more:
            return found
        found |= more


@given(architectures(EMBEDDED.replace(num_blocks=5)))
@settings(max_examples=150, deadline=None)
def test_what_is_live_is_what_reaches_the_logit(architecture):
    found, live = reaching(architecture), architecture.liveness
    assert (live.raw_dense, live.raw_sparse) == (("dense", 0) in found, ("sparse", 0) in found)
    for number, part in enumerate(live.blocks, start=1):
        assert part.dense_output == (("dense", number) in found)
        assert part.sparse_output == (("sparse", number) in found)
        assert part.dense_operators == (("dense operators", number) in found)
        assert part.sparse_operators == (("sparse operators", number) in found)
        for merger in MERGERS:
            assert getattr(part, merger) == ((merger, number) in found)


def test_the_rule_is_one_for_booleans_arrays_and_tensors():
    import tensorflow as tf

    rows = np.array(list(itertools.product([False, True], repeat=7)))
    kinds = ("dense", "sparse", "pair")
    plain = []
    for row in rows.tolist():
        part = runs(Flags(*row[:4]))
        plain.append([*part, *reads(part, dict(zip(kinds, row[4:])))])
    for columns in (list(rows.T), [tf.constant(column) for column in rows.T]):
        part = runs(Flags(*columns[:4]))
        together = [*part, *reads(part, dict(zip(kinds, columns[4:])))]
        np.testing.assert_array_equal(np.stack([np.asarray(each) for each in together], 1), plain)


@pytest.mark.parametrize("reader", ["dense_output", "sparse_output"])
def test_a_block_that_is_read_runs_the_branch_that_is_read(reader):
    flags = Flags(False, False, False, False)
    assert not any(runs(flags))
    branch = reader.replace("output", "operators")
    assert runs(flags._replace(**{reader: True})) == Runs(*([False] * 4))._replace(**{branch: True})
