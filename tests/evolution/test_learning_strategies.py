"""What climbing and learning strategies do with scores."""

import sys

import numpy as np
import pytest
from evolution_landscape import SPACE, log_loss
from scipy import stats
from test_known_strategies import searched

from nasrec_tf.architecture.space import CODESIGN, NASREC_FULL, NASREC_SMALL
from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies.architecture_vector import architecture_vector
from nasrec_tf.strategies.autoctr import AutoCTR
from nasrec_tf.strategies.budget import Budget
from nasrec_tf.strategies.draws import Draws
from nasrec_tf.strategies.history import COMPLETED, Candidate, History, Outcome
from nasrec_tf.strategies.local_search import LocalSearch
from nasrec_tf.strategies.mutation import FieldMutation
from nasrec_tf.strategies.predicted import PredictedSearch
from nasrec_tf.strategies.random_search import RandomSearch
from nasrec_tf.strategies.rank_models import fit_forest, fit_lambdarank, fit_pairwise

DRAWS = Draws(SPACE, (Budget("mflops", lambda a: float(sum(b.dense_width for b in a.blocks))),))


def scored(architecture):
    return Outcome(COMPLETED, {"log_loss": log_loss(architecture)}, 1.0)


def history_of(losses, costs=None):
    """Candidates with such scores and costs; what they are does not matter."""
    rng, history = np.random.default_rng(0), History()
    for number, loss in enumerate(losses):
        cost = {"mflops": float(number if costs is None else costs[number])}
        history.add(Candidate(number, 0, None, NASREC_FULL.sample(rng), cost))
        history.end(number, Outcome(COMPLETED, {"log_loss": loss}, 1.0))
    return history


@pytest.mark.parametrize(
    "strategy",
    [
        LocalSearch(100),
        pytest.param(PredictedSearch(100, start=20, batch=16, pool=20), marks=pytest.mark.slow),
        AutoCTR(100, children=10, guided=20),
        pytest.param(
            AutoCTR(100, children=10, guided=20, ranker="lambdarank"), marks=pytest.mark.slow
        ),
    ],
    ids=["local", "predicted", "autoctr", "autoctr-lambdarank"],
)
def test_it_finds_better_architectures_than_random_search(strategy):
    """By at least one of the choices of a landscape in which each counts alike."""

    def best(strategy):
        found = (searched(strategy, DRAWS, seed, scored) for seed in (0, 1))
        return np.mean([history.score(history.best) for history in found])

    assert best(strategy) < best(RandomSearch(100)) - 0.01


# Hill climbing.


def test_a_climb_goes_on_from_its_best_and_ends_where_it_gets_no_better():
    climb = LocalSearch(trials=100, neighbours=2, patience=2)
    losses = [0.5, 0.4] + [0.45, 0.3] + [0.3, 0.6] + [0.7, 0.7] + [0.9, 0.8] + [0.85, 0.81]
    centres = [climb.centre(generation, history_of(losses)) for generation in range(1, 7)]
    # Equal is no better; the fifth generation begins anew, and stays with what it found.
    assert centres == [1, 3, 3, None, 9, 9]


def test_its_candidates_are_single_mutations_of_the_best():
    history = searched(LocalSearch(trials=64), DRAWS, 0, scored)
    children = [one for one in history.candidates if one.parent is not None]
    assert len(children) > 20
    for child in children:
        parent = history.candidates[child.parent].architecture
        changed = [
            new != old for new, old in zip(child.architecture.blocks, parent.blocks, strict=True)
        ]
        assert sum(changed) == 1


def test_a_field_mutation_changes_one_field_at_most():
    rng = np.random.default_rng(0)
    fields = [*NASREC_SMALL.widest.blocks[0].to_json()]
    parent = NASREC_SMALL.sample(rng)
    for _ in range(300):
        child = FieldMutation()(parent, NASREC_SMALL, rng, 0, 240)
        changed = {
            field
            for new, old in zip(child.blocks, parent.blocks)
            for field in fields
            if getattr(new, field) != getattr(old, field)
        }
        # The operators of both branches are one place.
        assert len(changed) <= 1 or changed == {"dense_operators", "sparse_operators"}


# AutoCTR.


def test_a_parent_s_chance_is_that_of_the_released_search():
    weights = AutoCTR(100).parent_weights(20)
    np.testing.assert_allclose(weights[:3], [0.367, 0.24, 0.154], atol=1e-3)
    np.testing.assert_allclose(weights.sum(), 1.0)


def test_survivors_are_mostly_the_youngest_and_otherwise_the_good_and_cheap():
    strategy = AutoCTR(100, population=3, children=2)

    def alive(losses, costs):
        return sorted(strategy.survivors(range(len(losses)), history_of(losses, costs)))

    alike = [0.5] * 9
    # Three are kept; the first three are of one age.
    assert alive(alike[:3], [1.0] * 3) == [0, 1, 2]
    assert alive(alike, [1.0] * 9) == [6, 7, 8]
    # Of 100 candidates a place of age counts 0.01, and a place among the six youngest 0.1 / 6.
    many = [0.5] * 100
    assert alive(many, [1.0] * 100) == [97, 98, 99]
    assert alive([*many[:-4], 0.1, 0.5, 0.5, 0.9], [1.0] * 100) == [96, 97, 98]
    assert alive(many, [1.0] * 96 + [0.1, 1.0, 1.0, 9.0]) == [96, 97, 98]
    # However good, what is older than twice the population does not come back.
    assert alive([0.1, *many[1:]], [1.0] * 100) == [97, 98, 99]
    best = np.arange(100) == 93
    assert alive(np.where(best, 0.1, 0.5), np.where(best, 0.1, 1.0)) == [97, 98, 99]


def test_survivors_have_the_lowest_sums_of_the_formula():
    rng = np.random.default_rng(0)
    for _ in range(20):
        losses, costs = rng.integers(1, 6, 60) / 10, rng.integers(1, 4, 60) * 1.0
        strategy = AutoCTR(100, population=6, children=4)
        found = strategy.survivors(range(60), history_of(losses, costs))
        youngest = np.arange(48, 60)
        sums = 0.1 * stats.rankdata(losses[youngest]) / 12 + (60 - youngest) / 60
        sums += 0.1 * stats.rankdata(costs[youngest]) / 12
        assert np.sort(sums[np.array(found) - 48]) == pytest.approx(np.sort(sums)[:6])


def test_parents_are_drawn_by_their_rank_and_not_by_their_number():
    strategy, rng = AutoCTR(100, population=6, children=4, pressure=2), np.random.default_rng(0)
    losses = [0.4, 0.2, 0.6, 0.1, 0.5, 0.3]
    history = history_of(losses)
    drawn = [strategy.parent(range(6), history, rng) for _ in range(3000)]
    ranks = np.bincount(stats.rankdata(losses).astype(int)[drawn], minlength=7)[1:]
    # The best of three that were drawn: 21, 15, 10, 6, 3 and 1 of 56.
    expected = np.array([21, 15, 10, 6, 3, 1]) / 56
    assert stats.chisquare(ranks, 3000 * expected).pvalue > 0.01


def test_only_the_first_population_is_of_one_age():
    """Where some of it have no score, the first children are not as old as the others."""
    strategy = AutoCTR(100, population=2, children=2)
    losses = [0.5, np.nan, 0.9, 0.9]
    # Of one age with the child, the better first candidate would be alive.
    assert sorted(strategy.survivors([0, 2, 3], history_of(losses))) == [2, 3]


# Models that rank.


@pytest.mark.parametrize("fit", [fit_forest, fit_pairwise, fit_lambdarank])
def test_a_model_ranks_new_architectures_by_what_it_has_seen(fit):
    rng = np.random.default_rng(1)
    drawn = [SPACE.sample(rng) for _ in range(160)]
    vectors = np.array([architecture_vector(one, SPACE) for one in drawn])
    # A log loss that the live parts alone decide.
    losses = vectors @ rng.normal(size=vectors.shape[1])
    losses[0] = 1e6  # A network that hardly learns outweighs nothing.
    predicted = fit(vectors[:100], losses[:100], rng)(vectors[100:])
    assert np.corrcoef(predicted, losses[100:])[0, 1] > 0.3


@pytest.mark.parametrize("fit", [fit_forest, fit_pairwise, fit_lambdarank])
@pytest.mark.parametrize("count", [1, 2, 40])
def test_a_model_of_equal_scores_prefers_nothing(fit, count):
    vectors = np.random.default_rng(0).random((count, 5))
    model = fit(vectors, np.full(count, 0.5), np.random.default_rng(0))
    assert np.isfinite(model(vectors)).all()
    again = fit(vectors, np.full(count, 0.5), np.random.default_rng(0))
    np.testing.assert_array_equal(model(vectors), again(vectors))


def test_lambdarank_without_lightgbm_is_one_line_at_the_start(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(UserError, match=r"^ranker=lambdarank needs LightGBM: pip install"):
        AutoCTR(100, ranker="lambdarank")
    AutoCTR(100)


@pytest.mark.parametrize("space", [NASREC_SMALL, NASREC_FULL, CODESIGN], ids=lambda s: s.name)
def test_a_vector_tells_what_is_live_and_nothing_else(space):
    space = space.replace(num_blocks=4, dense_embeddings="any")
    rng = np.random.default_rng(2)
    drawn = [space.sample(rng) for _ in range(200)]
    vectors = [architecture_vector(one, space) for one in drawn]
    assert len({vector.shape for vector in vectors}) == 1
    assert all(((vector >= 0) & (vector <= 1)).all() for vector in vectors)
    for one, vector in zip(drawn, vectors):
        other = FieldMutation()(one, space, rng, 0, 1)
        changed = (architecture_vector(other, space) != vector).any()
        # Numbers of blocks can change without effect; what has an effect is always told.
        assert changed or other == one
