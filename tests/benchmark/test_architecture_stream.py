"""The n-th architecture of a stream is always the same one."""

import pytest
from benchmark.made_tables import SPACE, row

from nasrec_tf.benchmark.architecture_stream import (
    GENERATION,
    MOST_CHANGES,
    PARENTS,
    ArchitectureStream,
)
from nasrec_tf.benchmark.measured_rows import architecture_of
from nasrec_tf.common.errors import UserError


@pytest.fixture
def trained():
    """Generation 0 of a stream with made-up log losses, better with every number."""
    stream = ArchitectureStream(SPACE, 0)
    return {n: row(stream.at_random(n), 0.6 - 0.001 * n, number=n) for n in range(GENERATION)}


def test_random_ones_depend_on_seed_and_number_alone():
    asked_alone = ArchitectureStream(SPACE, 3).at_random(2 * GENERATION + 5)
    stream = ArchitectureStream(SPACE, 3)
    in_order = [stream.at_random(n) for n in (*range(GENERATION), 2 * GENERATION + 5)]
    assert in_order[-1] == asked_alone
    assert len({each.identity for each in in_order}) == len(in_order)
    assert ArchitectureStream(SPACE, 4).at_random(0) != ArchitectureStream(SPACE, 3).at_random(0)


def test_near_ones_are_new_and_a_few_fields_from_one_of_the_best(trained):
    found = ArchitectureStream(SPACE, 0).near(GENERATION, trained)
    assert found.identity not in {each.identity for each in trained.values()}
    best = [trained[n].architecture for n in range(GENERATION - PARENTS, GENERATION)]
    # A change of operators changes those of both branches.
    assert 1 <= min(_changed_fields(found, text) for text in best) <= 2 * MOST_CHANGES


def _changed_fields(architecture, text):
    pairs = zip(architecture.blocks, architecture_of(text).blocks)
    return sum(
        getattr(one, name) != getattr(other, name)
        for one, other in pairs
        for name in one.__dataclass_fields__
    )


def test_near_ones_do_not_depend_on_what_the_stream_has_drawn_besides(trained):
    stream = ArchitectureStream(SPACE, 0)
    stream.at_random(6 * GENERATION)
    assert stream.near(GENERATION + 1, trained) == ArchitectureStream(SPACE, 0).near(
        GENERATION + 1, trained
    )


def test_a_space_that_has_no_more_is_told():
    tiny = SPACE.replace(
        num_blocks=1, dense_operators=("fc",), sparse_operators=("efc",), dense_widths=(8,),
        sparse_widths=(4,),
    )  # fmt: skip
    with pytest.raises(UserError, match="hardly any more"):
        ArchitectureStream(tiny, 0).at_random(20)


def test_nothing_to_go_on_from_is_told(trained):
    diverged = {n: row(ArchitectureStream(SPACE, 0).at_random(n), None) for n in trained}
    with pytest.raises(UserError, match="diverged"):
        ArchitectureStream(SPACE, 0).near(GENERATION, diverged)
