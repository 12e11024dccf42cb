"""Several objectives: fronts, crowding, Pareto evolution with hardware genes, and its oracle."""

import json

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from nasrec_tf.architecture.space import NASREC_SMALL
from nasrec_tf.codesign.knee import nearest_to_ideal
from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies.budget import HardwareBudget
from nasrec_tf.strategies.design import Design
from nasrec_tf.strategies.draws import Draws
from nasrec_tf.strategies.hardware_space import CODESIGN_SPACE, HardwareSpace, with_tied
from nasrec_tf.strategies.history import COMPLETED, Candidate, History, Outcome
from nasrec_tf.strategies.oracle.oracle import ParetoEvolutionOracle
from nasrec_tf.strategies.oracle.trial_results import from_history
from nasrec_tf.strategies.pareto import (
    ParetoEvolution,
    crowding_distances,
    fronts_of,
    pareto_results,
)
from nasrec_tf.strategies.random_search import RandomSearch

POINTS = arrays(
    float, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.integers(0, 4).map(float)
)
SPACE = NASREC_SMALL.replace(num_blocks=2, bits=(4, 8))
HARDWARE = HardwareSpace({"array.rows": (64, 128, 256), "adc.bits": (8, 9)})


def dominates(first, second):
    return bool((first <= second).all() and (first < second).any())


@given(values=POINTS)
@settings(deadline=None)
def test_a_point_of_the_first_front_is_dominated_by_none(values):
    fronts = fronts_of(values)
    for index, point in enumerate(values):
        beaten = any(dominates(other, point) for other in values)
        assert (fronts[index] > 0) == beaten


@given(values=POINTS)
@settings(deadline=None)
def test_a_point_of_a_later_front_is_dominated_by_one_of_the_front_before(values):
    fronts = fronts_of(values)
    for index, point in enumerate(values):
        before = values[fronts == fronts[index] - 1]
        assert fronts[index] == 0 or any(dominates(other, point) for other in before)


@given(values=POINTS)
@settings(deadline=None)
def test_no_point_of_a_front_dominates_another_of_it(values):
    fronts = fronts_of(values)
    assert not any(
        dominates(values[one], values[other])
        for one in range(len(values))
        for other in np.flatnonzero(fronts == fronts[one])
    )


def test_fronts_and_distances_by_hand():
    values = np.array(
        [[0.0, 10.0], [1.0, 9.0], [2.0, 8.0], [6.0, 3.0], [10.0, 0.0], [2.0, 9.0], [3.0, 9.0],
         [np.nan, -1.0], [-1.0, np.inf]]
    )  # fmt: skip
    assert fronts_of(values).tolist() == [0, 0, 0, 0, 0, 1, 2, 3, 3]
    # Of each objective the distance of the neighbours on both sides, over its span of 10.
    inner = [0.2 + 0.2, 0.5 + 0.6, 0.8 + 0.8]
    expected = [np.inf, *inner, np.inf, np.inf, np.inf, 0.0, 0.0]
    assert crowding_distances(values).tolist() == pytest.approx(expected)


def test_ends_of_a_front_are_infinitely_far_and_the_lonely_farther_than_the_crowded():
    values = np.array([[0.0, 10.0], [1.0, 9.0], [2.0, 8.0], [6.0, 3.0], [10.0, 0.0]])
    distances = crowding_distances(values)
    assert np.isinf(distances[[0, 4]]).all()
    assert distances[3] > distances[1]


@given(POINTS, st.integers(-30, 30), st.integers(-30, 30))
@settings(deadline=None)
def test_units_change_neither_fronts_nor_distances(values, first, second):
    # Log losses differ in the third digit, energies by millions.
    scaled = values * 2.0 ** np.resize([first, second], values.shape[1])
    assert np.array_equal(fronts_of(scaled), fronts_of(values))
    assert np.array_equal(crowding_distances(scaled), crowding_distances(values))


def test_candidates_without_a_score_are_on_the_last_front():
    assert fronts_of(np.array([[np.inf, 5.0], [1.0, 5.0]])).tolist() == [1, 0]


def energy(architecture, hardware):
    return float(sum(block.dense_width for block in architecture.blocks) * hardware["array.rows"])


def evolve(strategy, draws, seed=0):
    """A history in which wide networks score well and cost much."""
    history = History()
    for number in range(strategy.trials):
        candidate = strategy.propose(number, history, draws, seed)
        history.add(candidate)
        width = sum(block.dense_width for block in candidate.architecture.blocks)
        history.end(number, Outcome(COMPLETED, {"log_loss": 1.0 / width}, 1.0))
    return history


@pytest.fixture(scope="module")
def history():
    strategy = ParetoEvolution(
        population=16, tournament=6, children=4, generations=40,
        objectives=("log_loss", "energy_nj"),
    )  # fmt: skip
    draws = Draws(SPACE, (HardwareBudget("energy_nj", energy),), hardware=HARDWARE)
    return evolve(strategy, draws)


def test_every_candidate_has_hardware_of_the_space_and_its_cost(history):
    for candidate in history.candidates:
        assert candidate.hardware.keys() == HARDWARE.choices.keys()
        assert all(value in HARDWARE.choices[name] for name, value in candidate.hardware.items())
        assert candidate.costs["energy_nj"] == energy(candidate.architecture, candidate.hardware)


def test_the_search_moves_towards_the_front(history):
    numbers = [*range(16), *range(len(history) - 16, len(history))]
    values = [(history.score(n), history.candidates[n].costs["energy_nj"]) for n in numbers]
    fronts = fronts_of(np.array(values))
    assert fronts[16:].mean() < 0.8 * fronts[:16].mean()


def test_the_winner_of_a_tournament_of_all_is_dominated_by_none(history):
    strategy = ParetoEvolution(
        population=16, tournament=16, children=4, generations=40,
        objectives=("log_loss", "energy_nj"),
    )  # fmt: skip
    for generation in range(1, 41):
        parent = strategy.parent(generation, history, seed=0)
        end = 16 + 4 * (generation - 1)
        mine = np.array(strategy._values(history, parent))
        alive = [np.array(strategy._values(history, n)) for n in range(end - 16, end)]
        assert not any(dominates(other, mine) for other in alive)


def test_of_one_front_the_loneliest_wins_and_of_those_the_oldest():
    # One front: 1 to 3 are crowded, 4 stands alone, 0 and 5 are its ends.
    points = [(0.0, 10.0), (1.0, 9.0), (2.0, 8.0), (3.0, 7.0), (7.0, 2.0), (10.0, 0.0), (11.0, 1.0)]
    history = History()
    for number, (loss, cost) in enumerate(points):
        history.add(Candidate(number, 0, None, SPACE.widest, {"energy_nj": cost}))
        history.end(number, Outcome(COMPLETED, {"log_loss": loss}, 1.0))
    strategy = ParetoEvolution(
        population=7, tournament=7, children=1, generations=1, objectives=("log_loss", "energy_nj")
    )

    def winner(*competing):
        return strategy._winner(history, range(len(points)), set(competing))

    assert winner(1, 2, 3, 4) == 4
    assert winner(1, 2, 4, 5) == 5
    assert winner(0, 5) == winner(5, 0) == 0
    assert winner(1, 6) == 1  # 5 dominates 6.


def test_the_same_design_is_not_tried_twice_but_an_architecture_is_on_other_hardware(history):
    designs = {candidate.design.identity for candidate in history.candidates}
    assert len(designs) == len(history)
    single = SPACE.replace(num_blocks=1, dense_operators=("fc",), dense_widths=(16,), bits=(8,))
    draws = Draws(single.replace(sparse_widths=(16,), mergers=False), hardware=HARDWARE)
    strategy = RandomSearch(trials=6)
    assert len(evolve(strategy, draws)) == 6  # One architecture, six settings of the hardware.


def test_candidates_read_back_from_json_with_and_without_hardware(history):
    for hardware in (None, {"array.rows": 64}):
        candidate = Candidate(0, 0, None, SPACE.widest, {"energy_nj": 1.0}, hardware)
        value = json.loads(json.dumps(candidate.to_json()))
        assert ("hardware" in value) == (hardware is not None)
        assert Candidate.from_json(value) == candidate


def test_the_front_holds_what_no_result_dominates(history):
    results = from_history(history)
    front = pareto_results(results, ("log_loss", "energy_nj"))
    losses = [result.metrics["log_loss"] for result in front]
    costs = [result.metrics["energy_nj"] for result in front]
    assert losses == sorted(losses) and costs == sorted(costs, reverse=True)
    for result in results:
        assert any(
            f.metrics["log_loss"] <= result.metrics["log_loss"]
            and f.metrics["energy_nj"] <= result.metrics["energy_nj"]
            for f in front
        )


def test_the_knee_is_on_the_front_and_between_its_ends(history):
    results = from_history(history)
    objectives = ("log_loss", "energy_nj")
    front = pareto_results(results, objectives)
    knee = nearest_to_ideal(results, objectives, 3)
    assert {result.number for result in knee} <= {result.number for result in front}
    assert len({result.architecture.identity for result in knee}) == len(knee) == 3
    assert knee[0].number not in (front[0].number, front[-1].number)


def test_costs_of_the_trained_are_compared_by_their_ratios():
    # Of 1 to 100 nJ, 10 is half the way: by differences 30 nJ at a lower loss would be nearer.
    points = [(0.50, 1.0), (0.46, 10.0), (0.44, 30.0), (0.40, 100.0)]
    rng, history = np.random.default_rng(0), History()
    for number, (loss, cost) in enumerate(points):
        history.add(Candidate(number, 0, None, SPACE.sample(rng), {"energy_nj": cost}))
        history.end(number, Outcome(COMPLETED, {"log_loss": loss, "energy_nj": cost}, 1.0))
    (knee,) = nearest_to_ideal(from_history(history), ("log_loss", "energy_nj"), 1)
    assert knee.number == 1


def test_the_oracle_takes_up_a_pareto_search_where_it_was(tmp_path):
    def oracle():
        made = ParetoEvolutionOracle(
            SPACE,
            objectives=("log_loss", "energy_nj"),
            budgets=[HardwareBudget("energy_nj", energy)],
            hardware=HARDWARE,
            population=4,
            tournament=2,
            children=2,
            generations=2,
            seed=3,
        )
        made._set_project_dir(str(tmp_path), "pareto")
        return made

    drawn = []
    for _ in range(8):
        current = oracle()  # A new process, as it were, for every trial.
        trial = current.create_trial("worker")
        values = trial.hyperparameters.values
        drawn.append((values["hardware_array.rows"], values["block_1_efc_bits"]))
        current.update_trial(trial.trial_id, {"log_loss": 0.5})
        trial.status = "COMPLETED"
        current.end_trial(trial)
    assert oracle().create_trial("worker").status == "STOPPED"
    assert {rows for rows, _ in drawn} <= {64, 128, 256}
    assert [c.hardware["array.rows"] for c in oracle().history.candidates] == [r for r, _ in drawn]


def test_an_objective_that_is_not_a_cost_is_refused():
    with pytest.raises(ValueError, match="`objectives` may name log_loss"):
        ParetoEvolutionOracle(SPACE, objectives=("log_loss", "energy_nj"))
    with pytest.raises(ValueError, match="must hold 'log_loss'"):
        ParetoEvolution(objectives=("energy_nj",))
    with pytest.raises(ValueError, match="`children` must be a positive integer"):
        ParetoEvolution(children=0)


def test_a_setting_without_choices_is_refused():
    with pytest.raises(UserError, match="adc.bits needs different values"):
        HardwareSpace({"adc.bits": ()})


def test_arrays_are_square_and_a_mutation_changes_at_most_one_setting():
    rng = np.random.default_rng(0)
    hardware = CODESIGN_SPACE.sample(rng)
    assert with_tied(hardware)["array.columns"] == hardware["array.rows"]
    seen = {name: set() for name in hardware}
    for _ in range(2000):
        child = CODESIGN_SPACE.mutate(hardware, rng)
        assert sum(child[name] != hardware[name] for name in hardware) <= 1
        hardware = child
        for name, value in hardware.items():
            seen[name].add(value)
    assert {n: tuple(sorted(v)) for n, v in seen.items()} == CODESIGN_SPACE.choices


def test_designs_are_one_if_function_and_hardware_are():
    same = Design(SPACE.widest, {"a": 1, "b": 2}), Design(SPACE.widest, {"b": 2, "a": 1})
    assert same[0].identity == same[1].identity
    assert Design(SPACE.widest).identity != same[0].identity
