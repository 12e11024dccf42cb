"""What a table is asked."""

import contextlib
import dataclasses
import json
import math

import numpy as np
import pytest
from benchmark.made_tables import CARD, SPACE, made_table, row, worth

from nasrec_tf.benchmark import Benchmark
from nasrec_tf.benchmark.leaderboard import tried_strategies
from nasrec_tf.benchmark.measured_rows import CurvePoint, architecture_of
from nasrec_tf.benchmark.strategy_trials import TrialResult
from nasrec_tf.benchmark.surrogate import Surrogate, losses_by_identity
from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies import FieldMutation, RandomSearch
from pim import PimError
from pim.workload.sources import Request, find_workload


@pytest.fixture(scope="module")
def benchmark():
    return Benchmark(made_table(count=96))


def test_a_query_is_the_mean_over_seeds_or_one_of_them(benchmark):
    architecture = benchmark.architectures("made")[7]
    mean = benchmark.query(architecture, "made")
    seeds = [benchmark.query(architecture, "made", seed=seed) for seed in (1, 2)]
    assert mean.seeds == (1, 2) and mean.log_loss == np.mean([one.log_loss for one in seeds])
    assert mean.log_loss == pytest.approx(worth(architecture), abs=0.004)
    assert mean.curves == tuple(one.curves[0] for one in seeds)


def measured(architecture, seed, seconds, *points):
    """A row with a curve: what each of its evaluations came to."""
    curve = tuple(CurvePoint(12 * (n + 1), *point) for n, point in enumerate(points))
    return dataclasses.replace(row(architecture, 0.5, seed), curve=curve, seconds=seconds)


def test_figures_are_of_the_evaluation_that_validation_chooses_and_means_over_seeds():
    diverged = (None, None, None, None)
    first = measured(
        SPACE.widest, 1, 3.0,
        (0.50, 0.70, 0.40, 0.71), (0.44, 0.74, 0.47, 0.69), (0.44, 0.75, 0.41, 0.76), diverged,
    )  # fmt: skip
    second = measured(SPACE.widest, 2, 5.0, (0.48, 0.72, 0.51, 0.73), (0.49, 0.9, 0.1, 0.9))
    assert first.best.step == 24 and second.best.step == 12  # the first of equal ones
    # Better on test, by which nothing is chosen.
    other = SPACE.sample(np.random.default_rng(0))
    others = [measured(other, seed, 1.0, (0.47, 0.8, 0.1, 0.8)) for seed in (1, 2)]
    rows = {made.key: made for made in (first, second, *others)}
    table = dataclasses.replace(made_table(count=1), rows=rows)
    found = Benchmark(table).best("made")
    assert found.architecture == SPACE.widest
    figures = (found.log_loss, found.auc, found.test_log_loss, found.test_auc, found.seconds)
    assert figures == pytest.approx((0.46, 0.73, 0.49, 0.71, 4.0))


def test_each_split_is_predicted_by_a_surrogate_of_its_own(benchmark):
    architecture = benchmark.architectures("made")[7]
    validation, test = (benchmark.predict(architecture, "made", s) for s in ("validation", "test"))
    assert test - validation == pytest.approx(0.01, abs=0.002)
    assert benchmark.predict(architecture, "made") == validation


def test_scores_vary_by_the_noise_that_is_asked_for_and_are_those_of_trial_and_architecture(
    benchmark,
):
    def twice(trial):
        for architecture in benchmark.architectures("made")[:30]:
            assert trial.score(architecture) == trial.score(architecture)

    noise = 0.2
    first, second = (
        benchmark.strategy_trial(twice, "made", budget=60, seed=seed, noise=noise)
        for seed in (1, 2)
    )
    errors = [np.subtract(trial.scores, trial.worths)[::2] for trial in (first, second)]
    assert np.std(errors) == pytest.approx(noise, rel=0.3)
    assert abs(np.corrcoef(*errors)[0, 1]) < 0.5


def test_a_query_is_of_the_function_and_not_of_how_it_is_written(benchmark):
    architecture = next(
        each for each in benchmark.architectures("made")
        if not each.liveness.blocks[0].dense_operators
    )  # fmt: skip
    dead = dataclasses.replace(architecture.blocks[0], dense_operators={"sigmoid_gating": 16})
    twin = dataclasses.replace(architecture, blocks=(dead, *architecture.blocks[1:]))
    assert twin.identity == architecture.identity
    assert benchmark.query(twin, "made") == benchmark.query(architecture, "made")


def test_an_architecture_is_given_as_it_is_or_by_its_file_or_what_that_holds(benchmark, tmp_path):
    architecture = benchmark.architectures("made")[7]
    path = tmp_path / "it.json"
    path.write_text(architecture.dumps())
    answer = benchmark.query(architecture, "made", seed=2)
    for given in (path, str(path), json.loads(path.read_text())):
        assert benchmark.query(given, "made", seed=2) == answer
        assert benchmark.predict(given, "made") == benchmark.predict(architecture, "made")


def test_the_best_is_the_lowest_of_those_with_two_seeds(benchmark):
    answers = [benchmark.query(each, "made") for each in benchmark.architectures("made")]
    assert benchmark.best("made").log_loss == min(answer.log_loss for answer in answers)


def test_a_lucky_seed_does_not_win_where_others_have_two():
    table = made_table(count=24)
    lucky = row(SPACE.widest, 0.01)
    table.rows[lucky.key] = lucky
    best = Benchmark(table).best("made")
    assert best.seeds == (1, 2) and best.log_loss > 0.01
    alone = made_table(count=24, seeds=1)
    alone.rows[lucky.key] = lucky
    assert Benchmark(alone).best("made").architecture == SPACE.widest


def test_hardware_costs_are_the_estimators(benchmark):
    small, large = sorted(
        (benchmark.query(each, "made") for each in benchmark.architectures("made")),
        key=lambda answer: answer.mflops,
    )[:: len(benchmark.architectures("made")) - 1]
    assert 0 < small.hardware_costs()["energy_nj"] < large.hardware_costs()["energy_nj"]


def test_predictions_are_better_than_the_mean_and_their_errors_say_how_good(benchmark):
    errors = benchmark.surrogate("made").errors()
    assert errors.rmse < 0.5 * errors.constant_rmse and errors.kendall > 0.5
    assert errors.seeds == pytest.approx(0.001, rel=0.3)
    others = [SPACE.sample(np.random.default_rng(seed)) for seed in range(1000, 1100)]
    distances = [benchmark.predict(each, "made") - worth(each) for each in others]
    assert np.sqrt(np.mean(np.square(distances))) == pytest.approx(errors.rmse, rel=0.5)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_errors_are_those_of_architectures_that_were_left_out_by_hand(split):
    """One that learnt less than nothing counts as one that learnt nothing, on the split it is of.

    Splits by time have click rates of their own: what is nothing on one is much on another.
    """
    table = made_table(count=40)
    first = next(iter(table.rows.values()))
    for key, made in table.rows.items():
        if made.identity == first.identity:
            table.rows[key] = row(architecture_of(made.architecture), 50.0, made.seed)
    rates = {"train": 0.25, "validation": 0.30, "test": 0.20}
    card = dataclasses.replace(CARD, label_rates=rates)
    rows = [*table.rows.values()]
    nothing = -rates[split] * np.log(0.25) - (1 - rates[split]) * np.log(0.75)
    found = Surrogate(card, rows, split)
    means = [np.mean(each) for each in losses_by_identity(rows, split).values()]
    losses = np.minimum(means, nothing)
    folds = np.random.default_rng(0).permutation(40) % 10
    others = np.array([losses[folds != fold].mean() for fold in folds])
    assert losses.max() == nothing
    assert found.errors().constant_rmse == pytest.approx(np.sqrt(np.mean((others - losses) ** 2)))
    assert found.errors().rmse < 0.1
    predicted = found([architecture_of(made.architecture) for made in rows])
    assert found.lowest == predicted.min() < predicted.max() < 0.7


def test_a_seed_that_failed_is_neither_its_architectures_worth_nor_the_noise():
    table = made_table(count=40)
    first = next(iter(table.rows.values()))
    table.rows[first.key] = row(architecture_of(first.architecture), 50.0, first.seed)
    nothing = -0.25 * np.log(0.25) - 0.75 * np.log(0.75)
    losses = losses_by_identity([*table.rows.values()])
    pairs = np.minimum([*losses.values()], nothing)
    noise = np.sqrt(np.mean((pairs[:, 0] - pairs[:, 1]) ** 2) / 2)
    errors = Benchmark(table).surrogate("made").errors()
    assert errors.seeds == pytest.approx(noise) and noise < 0.05
    assert errors.rmse < 0.05


def test_of_one_seed_there_is_no_noise():
    alone = Benchmark(made_table(count=24, seeds=1))
    errors = alone.surrogate("made").errors()
    found = alone.strategy_trial("random", "made", budget=48)
    assert errors.seeds is None and found.scores == found.worths


def test_a_regret_is_of_what_seemed_best_so_far():
    found = TrialResult((0.5, 0.4, 0.45, 0.3), (0.5, 0.6, 0.2, 0.05), SPACE.widest, 0.1, 1.0)
    assert found.regrets == pytest.approx((0.4, 0.5, 0.5, -0.05))


LEARN = ("predicted", "autoctr", "autoctr-hybrid")
"""Strategies that learn a model after every few candidates, which takes seconds."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in LEARN else ())
        for name in tried_strategies()
    ],
)
def test_every_strategy_can_be_tried(benchmark, name):
    found = benchmark.strategy_trial(name, "made", budget=48, seed=1)
    assert len(found.scores) == 48
    lowest = found.scores.index(min(found.scores))
    assert found.worths[lowest] == benchmark.predict(found.incumbent, "made")
    assert found.regrets[-1] == found.worths[lowest] - found.reference


def test_the_seed_decides_what_a_strategy_finds(benchmark):
    found, again, other = (
        benchmark.strategy_trial("evolution", "made", budget=48, seed=seed) for seed in (1, 1, 2)
    )
    assert found.scores == again.scores != other.scores


def test_a_function_of_ones_own_can_be_tried(benchmark):
    told = []

    def climb(trial):
        best, lowest = trial.space.sample(trial.rng), float("inf")
        drawn = best
        while True:
            score = trial.score(drawn)
            told.append(score)
            if score < lowest:
                best, lowest = drawn, score
            drawn = FieldMutation()(best, trial.space, trial.rng, 0, 1)

    found = benchmark.strategy_trial(climb, "made", budget=60, seed=1)
    assert found.scores == tuple(told) and len(told) == 60
    assert found.regrets[-1] < found.regrets[0]
    assert benchmark.strategy_trial(climb, "made", budget=60, seed=1).scores == found.scores


def test_a_function_that_guards_its_scores_ends_with_its_budget(benchmark):
    def guarded(trial):
        while True:
            with contextlib.suppress(Exception):
                trial.score(trial.space.sample(trial.rng))

    assert len(benchmark.strategy_trial(guarded, "made", budget=5).scores) == 5


def test_without_noise_regret_never_rises(benchmark):
    found = benchmark.strategy_trial(RandomSearch(60), "made", budget=60, noise=0.0)
    assert list(found.regrets) == sorted(found.regrets, reverse=True)
    assert found.scores == found.worths


def test_mistakes_are_told(benchmark):
    known = {each.identity for each in benchmark.architectures("made")}
    unknown = next(
        drawn for seed in range(10**6)
        if (drawn := SPACE.sample(np.random.default_rng(seed))).identity not in known
    )  # fmt: skip
    for call, told in (
        (lambda: benchmark.query(unknown, "made"), "predict"),
        (lambda: benchmark.query(benchmark.architectures("made")[7], "made", 0), "seeds .*: 1, 2"),
        (lambda: benchmark.query("no.json", "made"), "no.json"),
        (lambda: benchmark.query({}, "made"), "Not an architecture"),
        (lambda: benchmark.best("criteo"), "No data set"),
        (lambda: benchmark.strategy_trial("luck", "made"), "No strategy"),
        (lambda: benchmark.strategy_trial("dnas", "made"), "a table cannot try it"),
        (lambda: benchmark.strategy_trial("random", "made", budget=3), "at least 48"),
        (lambda: benchmark.strategy_trial(lambda trial: None, "made"), "scored no architecture"),
        (lambda: benchmark.strategy_trial(lambda trial: trial.score(7), "made"), "Received: 7"),
        (lambda: benchmark.strategy_trial(7, "made"), "`strategy` must be"),
        (lambda: benchmark.strategy_trial("random", "made", budget="many"), "`budget` must be"),
        (lambda: benchmark.strategy_trial("random", "made", seed=-1), "`seed` must be"),
        (lambda: benchmark.strategy_trial("random", "made", noise=-1.0), "`noise` must be"),
        (lambda: Benchmark(made_table(count=4)).predict(unknown, "made"), "too few"),
    ):
        with pytest.raises(UserError, match=told):
            call()


NO_NAMES = (5, None, True, ["made"], {}, b"made", np.array([["made"], ["x"]]))


@pytest.mark.parametrize("wrong", NO_NAMES, ids=repr)
def test_a_value_of_another_kind_is_told_by_its_argument(benchmark, wrong):
    architecture = benchmark.architectures("made")[7]
    answer = benchmark.query(architecture, "made")
    calls = [
        (lambda: Benchmark(wrong), "table"),
        (lambda: Benchmark.load(wrong), "name_or_path"),
        (lambda: benchmark.card(wrong), "dataset"),
        (lambda: benchmark.architectures(wrong), "dataset"),
        (lambda: benchmark.best(wrong), "dataset"),
        (lambda: benchmark.query(architecture, wrong), "dataset"),
        (lambda: benchmark.predict(architecture, wrong), "dataset"),
        (lambda: benchmark.surrogate(wrong), "dataset"),
        (lambda: benchmark.strategy_trial("random", wrong), "dataset"),
        (lambda: benchmark.surrogate("made", wrong), "split"),
        (lambda: benchmark.surrogate("made")([wrong]), "architecture"),
        (lambda: benchmark.strategy_trial(wrong, "made"), "strategy"),
        (lambda: answer.hardware_costs(wrong), "hardware"),
    ]
    if not isinstance(wrong, dict):  # What a JSON file holds is an architecture, or told as none.
        calls += [
            (lambda: benchmark.query(wrong, "made"), "architecture"),
            (lambda: benchmark.predict(wrong, "made"), "architecture"),
        ]
    for call, argument in calls:
        with pytest.raises(UserError) as raised:
            call()
        assert str(raised.value).startswith(f"`{argument}` must be ")
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("wrong", ["1", 1.0, True, [1], np.array([1, 2]), math.nan], ids=repr)
def test_what_is_no_whole_number_is_told_by_its_argument(benchmark, wrong):
    architecture = benchmark.architectures("made")[7]
    for call, argument in (
        (lambda: benchmark.query(architecture, "made", seed=wrong), "seed"),
        (lambda: benchmark.strategy_trial("random", "made", seed=wrong), "seed"),
        (lambda: benchmark.strategy_trial("random", "made", budget=wrong), "budget"),
    ):
        with pytest.raises(UserError, match=f"`{argument}` must be a whole number"):
            call()
    assert benchmark.query(architecture, "made", seed=np.int64(2)).seeds == (2,)


def test_a_strategys_class_is_no_strategy(benchmark):
    with pytest.raises(UserError, match="`strategy` must be a name, a strategy or a function"):
        benchmark.strategy_trial(RandomSearch, "made")


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", ""], ids=["long", "null", "empty"])
def test_a_name_that_no_file_can_have_is_told(benchmark, name):
    """An empty one was the directory that one stood in: all tables below were read as one."""
    answer = benchmark.best("made")
    for call, told in (
        (lambda: Benchmark.load(name), "No table '"),
        (lambda: benchmark.query(name, "made"), "No architecture '"),
        (lambda: answer.hardware_costs(name), "no hardware '"),
    ):
        with pytest.raises((UserError, PimError), match=f"^{told}"):
            call()
    with pytest.raises(PimError, match="^no architecture or workload '"):
        find_workload(name, Request())


def test_scores_are_plain_numbers_whatever_the_noise_is_given_as(benchmark):
    def once(trial):
        trial.score(benchmark.architectures("made")[0])

    found = [
        benchmark.strategy_trial(once, "made", noise=noise).scores
        for noise in (0.5, np.float32(0.5))
    ]
    assert found[0] == found[1] and type(found[1][0]) is float


def test_a_budget_beyond_what_a_trial_can_keep_is_refused_before_anything_is_asked(benchmark):
    with pytest.raises(UserError, match="`budget` must be a whole number from 1 to 100000"):
        benchmark.strategy_trial(lambda trial: 1 / 0, "made", budget=10**6)
