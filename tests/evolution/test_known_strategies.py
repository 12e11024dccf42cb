"""Strategies by name: the same candidates as ever, and the rules that all of them keep."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasrec_tf.architecture.space import CODESIGN, NASREC_FULL, NASREC_SMALL
from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies.budget import Budget, HardwareBudget
from nasrec_tf.strategies.choice_distribution import ChoiceDistribution, choice_shapes
from nasrec_tf.strategies.draws import Draws, NothingScored
from nasrec_tf.strategies.hardware_space import CODESIGN_SPACE
from nasrec_tf.strategies.history import COMPLETED, DIVERGED, History, Outcome
from nasrec_tf.strategies.known_strategies import STRATEGIES, register_strategy, strategy_of_run
from nasrec_tf.strategies.mutation import MUTATIONS
from nasrec_tf.strategies.strategy import SearchPlan

NAMES = tuple(STRATEGIES)
BY_LOGITS = ("dnas", "progressive")
SPACE = NASREC_FULL.replace(num_blocks=3)
OPTIONS = {
    "local": "neighbours=4,patience=2",
    "predicted": "start=8,batch=4,pool=12,parents=3",
    "autoctr": "population=6,children=4,guided=8,pressure=3",
    "autoctr-hybrid": "population=6,children=4,guided=8,pressure=3",
}
PLAN = SearchPlan(trials=24, population=8, tournament=4, children=4, generations=4)


def width(architecture):
    return float(sum(block.dense_width for block in architecture.blocks))


DRAWS = Draws(SPACE, (Budget("mflops", width, 2000.0),))


def log_loss(architecture):
    """As good as random, and the same for the same function."""
    return 0.4 + int(architecture.identity[:6], 16) / 2**24


def completed(architecture):
    return Outcome(COMPLETED, {"log_loss": log_loss(architecture)}, 1.0)


def searched(strategy, draws=DRAWS, seed=3, outcome=completed, order=None):
    """The history of a search whose workers end their candidates in some order.

    ``order`` picks the next of those that are being scored, and says how many are scored at once.
    """
    history = History()
    workers, pick = order or (1, min)
    while len(history) < strategy.trials or history.open:
        number = len(history)
        idle = len(history.open) < workers and number < strategy.trials
        if idle and strategy.ready(number, history):
            history.add(strategy.propose(number, history, draws, seed))
        else:
            ended = pick(sorted(history.open))
            history.end(ended, outcome(history.candidates[ended].architecture))
    return history


def digest(history):
    """A digest of all candidates, with parents, generations and costs."""
    told = json.dumps([one.to_json() for one in history.candidates], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def made(name, plan=PLAN, space=SPACE):
    if name in BY_LOGITS:
        logits = {choice: np.zeros(shape) for choice, shape in choice_shapes(space).items()}
        plan = dataclasses.replace(plan, distribution=ChoiceDistribution(space, logits))
    return strategy_of_run(name, plan, OPTIONS.get(name))


# What was there before the registry.


@pytest.mark.parametrize(
    ("name", "plan", "drawn"),
    [
        ("evolution", {}, "e3243fa17e5c2491"),
        ("evolution", {"mutation": MUTATIONS["annealed"]()}, "b6c6260ccd009ac4"),
        ("random", {"trials": 40}, "5fc3cbb497ccbcdb"),
    ],
    ids=["evolution", "annealed", "random"],
)
def test_candidates_are_those_of_the_versions_before_the_registry(name, plan, drawn):
    evolution = {"population": 12, "tournament": 6, "children": 4, "generations": 6}
    strategy = strategy_of_run(name, SearchPlan(**{"trials": 36} | evolution | plan))
    assert digest(searched(strategy)) == drawn


def test_so_are_those_of_pareto_evolution():
    strategy = strategy_of_run(
        "evolution", SearchPlan(36, 12, 6, 4, 6, objectives=("log_loss", "rows"))
    )
    rows = HardwareBudget("rows", lambda _, hardware: float(hardware["array.rows"]))
    draws = Draws(CODESIGN.replace(num_blocks=2), (rows,), hardware=CODESIGN_SPACE)
    assert digest(searched(strategy, draws)) == "fb77825dd4ae6f1c"


@pytest.mark.parametrize(
    ("name", "objectives", "oracle"),
    [
        ("evolution", None, "RegularizedEvolutionOracle"),
        ("evolution", ("log_loss", "mflops"), "ParetoEvolutionOracle"),
        ("random", None, "RandomSearchOracle"),
    ],
    ids=["evolution", "pareto", "random"],
)
def test_a_journal_of_an_earlier_version_goes_on(tmp_path, name, objectives, oracle):
    """An oracle of a name writes the journal, and the oracle of any strategy reads it."""
    import nasrec_tf.strategies as strategies

    sizes = {} if name == "random" else {"population": 8, "tournament": 4, "children": 4}
    sizes |= {"max_trials": 24} if name == "random" else {"generations": 4}
    sizes |= {} if objectives is None else {"objectives": objectives}
    old = getattr(strategies, oracle)(SPACE, budgets=DRAWS.budgets, seed=3, **sizes)
    old._set_project_dir(str(tmp_path), "search")
    for _ in range(3):
        old.create_trial("tuner0")
        old.end_trial(_scored(old, old.create_trial("tuner0")))
    plan = SearchPlan(24, 8, 4, 4, 4, objectives=objectives)
    new = strategies.ArchitectureOracle(
        strategy_of_run(name, plan), SPACE, budgets=DRAWS.budgets, seed=3
    )
    new._set_project_dir(str(tmp_path), "search")
    new.reload()
    assert len(new.history.outcomes) == 3
    told = json.loads((tmp_path / "search" / "journal.jsonl").read_text().splitlines()[0])
    assert told["settings"]["oracle"] == oracle == new.settings()["oracle"]


def _scored(oracle, trial):
    oracle.update_trial(trial.trial_id, {"log_loss": 0.5})
    trial.status = "COMPLETED"
    return trial


# What every strategy keeps.


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**32), workers=st.integers(1, 9), luck=st.randoms())
@settings(max_examples=2, deadline=None)
def test_a_search_is_the_same_however_many_workers_score(name, seed, workers, luck):
    strategy = made(name)
    alone = searched(strategy, seed=seed)
    order = (workers, luck.choice)
    assert digest(searched(strategy, seed=seed, order=order)) == digest(alone)


@pytest.mark.parametrize("name", NAMES)
def test_candidates_are_new_within_the_budgets_and_of_their_generation(name):
    strategy = made(name)
    history = searched(strategy)
    assert len({one.architecture.identity for one in history.candidates}) == strategy.trials
    for one in history.candidates:
        SPACE.check(one.architecture)
        assert one.costs["mflops"] == width(one.architecture) <= 2000.0
        assert one.generation == strategy.generation_of(one.number)
        if one.parent is not None:
            assert history.candidates[one.parent].generation < one.generation
        elif not strategy.may_restart:
            assert one.generation == 0


@pytest.mark.parametrize("name", NAMES)
def test_candidates_that_diverge_are_no_parents_and_a_search_of_them_ends(name):
    strategy = made(name, SearchPlan(trials=200, population=8, tournament=4, children=4))
    drawn = []

    def half(architecture):
        drawn.append(architecture)
        return completed(architecture) if len(drawn) % 2 else Outcome(DIVERGED, {}, 1.0)

    history = searched(made(name), outcome=half)
    parents = {one.parent for one in history.candidates if one.parent is not None}
    assert all(map(history.scored, parents))
    with pytest.raises(NothingScored):
        searched(strategy, outcome=lambda _: Outcome(DIVERGED, {}, 1.0))


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("autoctr")])
def test_a_small_space_is_searched_to_its_end(name):
    """Every genotype of it is a function of its own."""
    space = NASREC_SMALL.replace(
        num_blocks=1, dense_operators=("fc",), dense_widths=(16, 32), sparse_widths=(16, 32)
    )
    plan = SearchPlan(trials=16, population=4, tournament=2, children=4, generations=3)
    history = searched(made(name, plan, space), Draws(space, (), max_redraws=300))
    assert len(history) == space.size() == 16


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BY_LOGITS])
def test_hardware_is_searched_as_well(name):
    rows = HardwareBudget("mflops", lambda _, hardware: float(hardware["array.rows"]))
    draws = Draws(CODESIGN.replace(num_blocks=2), (rows,), hardware=CODESIGN_SPACE)
    history = searched(made(name), draws)
    assert len({tuple(one.hardware.values()) for one in history.candidates}) > 10
    assert {one.costs["mflops"] for one in history.candidates} == {64.0, 128.0, 256.0}


# Names and settings.


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("luck", None, "No strategy 'luck'; there are evolution, random, local, "),
        ("local", "", "`strategy_options` must be settings separated by commas"),
        ("local", "patience", "must be settings separated by commas, such as start=32,pool=200"),
        ("local", "trials=4", "local has no 'trials'; it has neighbours, patience."),
        ("evolution", "population=4", "evolution has no 'population'; it has none of its own."),
        ("local", "patience=2,patience=3", "gives patience twice"),
        ("local", "patience=two", "patience must be a whole number. Received: 'two'"),
        ("local", "patience=0", "local: `patience` must be a positive integer. Received: 0"),
        ("local", "neighbours=24", "local: `neighbours` must be below the search's 24 candidates"),
        ("predicted", "start=24", "predicted: `start` must be below the search's 24 candidates"),
        ("autoctr", "cost=luck,population=4", "autoctr: `cost` must be one of mflops."),
        ("autoctr", "ranker=luck", "autoctr: `ranker` must be one of logistic, lambdarank."),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line_that_names_it(name, options, told):
    with pytest.raises(UserError) as error:
        strategy_of_run(name, PLAN, options)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="'random' is registered already"):
        register_strategy("random", STRATEGIES["local"])
