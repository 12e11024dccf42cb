"""AutoCTR's own space: graphs that are drawn and mutated, and strategies over them."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.networks.baselines import baseline
from nasrec_tf.networks.baselines.block_graph import BlockGraph
from nasrec_tf.networks.baselines.graph_space import WIDTHS, GraphDraws, GraphSpace
from nasrec_tf.strategies.budget import Budget
from nasrec_tf.strategies.history import COMPLETED, LOG_LOSS, History, Outcome
from nasrec_tf.strategies.known_strategies import strategy_of_run
from nasrec_tf.strategies.strategy import SearchPlan

FIELDS = [Features(13, (9,) * 26), Features(0, (9, 9)), Features(3, (9,))]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(FIELDS), st.integers(1, 9), st.integers(0, 2**31))
def test_graphs_read_what_there_is_and_a_mutation_changes_one_block(features, blocks, seed):
    space, rng = GraphSpace(features, blocks), np.random.default_rng(seed)
    graph = space.sample(rng)
    child = space.mutate(graph, rng)
    for each in (graph, child):
        assert len(each.blocks) == blocks
        assert all(block.width in (WIDTHS if block.kind == "mlp" else (0,)) for block in each.graph)
        each.pieces(features)  # Each block reads something.
        assert features.dense or not any("dense" in text for text in each.blocks)
        numbers = space.vector(each)
        assert numbers.shape == (blocks * (6 + blocks),)
        assert numbers.min() >= 0.0 and numbers.max() <= 1.0
    assert sum(a != b for a, b in zip(graph.blocks, child.blocks)) == 1
    assert (space.vector(graph) != space.vector(child)).any()
    assert space.sample(np.random.default_rng(seed)) == graph


def test_every_kind_input_and_width_is_drawn():
    space, rng = GraphSpace(FIELDS[0], 3), np.random.default_rng(0)
    graph = space.sample(rng)
    sampled, walked = set(), set()
    for _ in range(500):
        sampled |= set(space.sample(rng).blocks)
        graph = space.mutate(graph, rng)
        walked |= set(graph.blocks)
    for found in (sampled, walked):
        text = " ".join(found)
        assert all(f"mlp {width}:" in text for width in WIDTHS)
        assert all(part in text for part in ("fm:", "dot:", ": dense", "sparse 1 2"))


def test_each_token_is_drawn_with_even_odds():
    """Of a first block: its kind is one of three, and each of its two bits is on or off."""
    space, rng = GraphSpace(FIELDS[0], 1), np.random.default_rng(0)
    graph = BlockGraph(blocks=("fm: dense sparse",))
    counts = {"mlp": 0, "dot": 0, "fm: dense": 0, "fm: sparse": 0}
    for _ in range(4000):
        text = space.mutate(graph, rng).blocks[0]
        counts[text if text.startswith("fm") else text[:3]] += 1
    # A fifth of the draws each: two kinds of three are others, and a bit is another every second
    # time; the rest changes nothing and is drawn again.
    expected = np.array([1 / 3, 1 / 3, 1 / 2, 1 / 2])
    assert stats.chisquare([*counts.values()], 4000 * expected / expected.sum()).pvalue > 0.01


def searched(name, options, trials, seed):
    """Candidates of a strategy where a graph is better the fewer multiply-accumulates it has."""
    features = FIELDS[0]
    draws = GraphDraws(
        GraphSpace(features, 3), (Budget("mflops", lambda g: g.complexity(features).mflops),)
    )
    strategy = strategy_of_run(name, SearchPlan(trials=trials), options)
    history = History()
    for number in range(trials):
        candidate = strategy.propose(number, history, draws, seed)
        history.add(candidate)
        loss = 0.4 + candidate.costs["mflops"] / 100
        history.end(number, Outcome(COMPLETED, {LOG_LOSS: loss}, seconds=1.0))
    return history


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("random", None),
        ("local", "neighbours=4"),
        ("autoctr", "population=8,children=4,guided=20"),
        ("predicted", "start=16,batch=16,pool=20"),
    ],
)
def test_strategies_draw_graphs_each_once_and_the_same_for_a_seed(name, options):
    first, again = (searched(name, options, 32, seed=5) for _ in range(2))
    graphs = [candidate.architecture for candidate in first.candidates]
    assert graphs == [candidate.architecture for candidate in again.candidates]
    assert len({graph.identity for graph in graphs}) == 32
    for candidate in first.candidates:
        if candidate.parent is not None:
            parent = graphs[candidate.parent]
            assert sum(a != b for a, b in zip(parent.blocks, candidate.architecture.blocks)) == 1
    if name != "random":
        assert any(candidate.parent is not None for candidate in first.candidates)
    if name == "autoctr":
        scores = [first.score(number) for number in range(32)]
        assert min(scores[8:]) < min(scores[:8])  # What it learns from is all that it needs.


def test_a_number_of_blocks_that_cannot_be_used_is_told():
    for blocks in (0, 65):
        with pytest.raises(UserError, match="`blocks`"):
            GraphSpace(FIELDS[0], blocks)
    assert baseline("block_graph", blocks=("fm: sparse",) * 64)
