"""What is tried beside the candidates of the search."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.search_calls import call, options

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.space import ALWAYS, ANY, NASREC_FULL, NEVER, SPACES
from nasrec_tf.search.references import FLAT, PLAIN
from nasrec_tf.search.refinement import neighbour, plain_candidates


@given(st.integers(3, 9))
def test_plain_candidates_compute_shapes_of_hand_made_models_in_a_space_of_any_depth(blocks):
    space = NASREC_FULL.replace(num_blocks=blocks)
    for rule, expected in ((NEVER, [PLAIN]), (ANY, [PLAIN, FLAT])):
        found = plain_candidates(space.replace(dense_embeddings=rule))
        assert [one.identity for one in found] == [one.identity for one in expected]
        for one in found:
            space.replace(dense_embeddings=rule).check(one)


def test_where_all_architectures_have_dense_embeddings_plain_candidates_have_them_too():
    space = NASREC_FULL.replace(dense_embeddings=ALWAYS)
    assert all(one.dense_embeddings for one in plain_candidates(space))
    assert len(plain_candidates(space)) == 2


def test_shapes_that_a_space_has_not_the_operators_or_blocks_for_are_left_out():
    assert plain_candidates(NASREC_FULL.replace(num_blocks=2)) == ()
    assert plain_candidates(NASREC_FULL.replace(dense_operators=("fc", "sum"))) == ()
    [found] = plain_candidates(NASREC_FULL.replace(num_blocks=2, dense_embeddings=ANY))
    assert found.identity == FLAT.identity


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(sorted(SPACES)),
    st.integers(2, 7),
    st.integers(0, 2**32 - 1),
    st.integers(0, 100),
    st.booleans(),
)
def test_neighbours_are_new_within_the_budget_and_the_same_every_time(
    name, blocks, seed, number, narrow
):
    space = SPACES[name].replace(num_blocks=blocks, dense_embeddings=ANY)
    parent = space.sample(np.random.default_rng(seed))
    first = neighbour(parent, space, lambda _: True, {parent.identity}, seed, number)
    tried = {parent.identity, first.identity}

    def allows(architecture):
        return not narrow or architecture.blocks[-1].dense_width <= 512

    second = neighbour(parent, space, allows, tried, seed, number)
    assert second == neighbour(parent, space, allows, tried, seed, number)
    space.check(second)
    assert second.identity not in tried and allows(second)


def test_where_nothing_is_allowed_there_is_no_neighbour():
    assert neighbour(NASREC_FULL.widest, NASREC_FULL, lambda _: False, set(), 0, 0) is None


@pytest.mark.slow
def test_a_run_trains_the_plain_network_and_changes_of_the_best_so_far(tmp_path):
    ended = call(*options(tmp_path), "--blocks", "3", "--top-k", "1", "--refine", "4")
    assert ended.code == 0, ended.err
    paths = sorted((tmp_path / "run" / "retrain").glob("*/result.json"))
    trained = [json.loads(path.read_text()) for path in paths]
    networks = [Architecture.from_json(one["architecture"]) for one in trained]
    losses = [one["validation"]["log_loss"] for one in trained]
    assert [one["rank"] for one in trained] == [1, 2, 3, 4, 5]
    assert networks[1].identity == PLAIN.identity
    assert len({network.identity for network in networks}) == 5
    for number in (2, 3, 4):
        parent = networks[losses.index(min(losses[:number]))]
        assert _different_fields(networks[number], parent) <= 3
    result = json.loads((tmp_path / "run" / "retrain" / "result.json").read_text())
    assert result["validation"]["log_loss"] == min(losses)
    report = (tmp_path / "run" / "leaderboard.csv").read_text()
    assert all(network.identity in report for network in networks)


def _different_fields(left: Architecture, right: Architecture) -> int:
    fields = [field.name for field in dataclasses.fields(left.blocks[0])]
    return sum(
        getattr(mine, name) != getattr(other, name)
        for mine, other in zip(left.blocks, right.blocks)
        for name in fields
    )
