"""The oracles behave as KerasTuner's do, and survive what KerasTuner's do not."""

import itertools
import json
import math

import keras_tuner
import pytest
from evolution_landscape import SPACE, TRIALS, log_loss, make_oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_tuner.engine.trial import Trial, TrialStatus

from nasrec_tf.architecture.space import NASREC_SMALL
from nasrec_tf.common.errors import RunError
from nasrec_tf.strategies import Budget, Patience, RandomSearchOracle
from nasrec_tf.strategies.oracle.architecture_genes import from_values

TINY = NASREC_SMALL.replace(
    num_blocks=1, dense_operators=("fc",), dense_widths=(16, 32), sparse_widths=(16, 32)
)


def architecture_of(trial, space=SPACE):
    return from_values(trial.hyperparameters.values, space)


def report(oracle, trial, value, status=TrialStatus.COMPLETED):
    """What a worker does: it ends a copy of the trial, made by KerasTuner's own messages."""
    if status == TrialStatus.COMPLETED:
        oracle.update_trial(trial.trial_id, {"log_loss": value})
    copy = Trial.from_proto(trial.to_proto())
    copy.status = status
    oracle.end_trial(copy)


def run(oracle, trials=None, worker="tuner0"):
    """Scores candidates one after the other until told to stop, or so many of them."""
    for _ in range(trials) if trials is not None else itertools.count():
        trial = oracle.create_trial(worker)
        if trial.status == TrialStatus.STOPPED:
            return
        assert trial.status == TrialStatus.RUNNING
        report(oracle, trial, log_loss(architecture_of(trial, oracle.space)))


def at(directory, oracle):
    oracle._set_project_dir(str(directory), "search")
    return oracle


def found(oracle):
    """Everything that a search decides, and its scores."""
    history = oracle.history
    return [
        (c.to_json(), history.outcomes[c.number].status, history.outcomes[c.number].metrics)
        for c in history.candidates
    ]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    oracle = at(tmp_path_factory.mktemp("undisturbed"), make_oracle())
    run(oracle)
    return oracle


def test_a_search_scores_every_candidate_once_and_stops(undisturbed):
    assert len(undisturbed.history) == len(undisturbed.trials) == TRIALS
    assert undisturbed.finished
    assert undisturbed.failure is None
    assert undisturbed.remaining_trials() == 0
    assert undisturbed.create_trial("tuner0").status == TrialStatus.STOPPED
    identities = {c.architecture.identity for c in undisturbed.history.candidates}
    assert len(identities) == TRIALS


def test_keras_tuner_s_own_tools_read_the_trials(undisturbed):
    best = undisturbed.get_best_trials(3)
    assert [trial.score for trial in best] == sorted(trial.score for trial in best)
    history = undisturbed.history
    assert best[0].score == history.score(history.best)
    assert architecture_of(best[0]) == history.candidates[history.best].architecture
    assert best[0].metrics.get_best_value("log_loss") == best[0].score


def test_evolution_finds_better_architectures_than_random_search(tmp_path):
    for seed in range(3):
        evolution = at(
            tmp_path / f"evolution{seed}",
            make_oracle(population=20, tournament=10, generations=45, seed=seed),
        )
        chance = at(
            tmp_path / f"random{seed}", RandomSearchOracle(SPACE, max_trials=200, seed=seed)
        )
        run(evolution)
        run(chance)
        assert len(evolution.history) == len(chance.history) == 200
        best = [oracle.history.score(oracle.history.best) for oracle in (evolution, chance)]
        assert best[0] < best[1]


@settings(max_examples=10, deadline=None)
@given(stops=st.lists(st.integers(0, 9), max_size=6), half_way=st.booleans())
def test_interruptions_at_any_trial_change_nothing(tmp_path_factory, undisturbed, stops, half_way):
    directory = tmp_path_factory.mktemp("interrupted")
    for stop in stops:
        oracle = at(directory, make_oracle())
        run(oracle, trials=stop)
        if half_way:
            oracle.create_trial("tuner0")
    oracle = at(directory, make_oracle())
    run(oracle)
    assert found(oracle) == found(undisturbed)


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_several_workers_in_any_order_find_what_one_finds(tmp_path_factory, undisturbed, data):
    oracle = at(tmp_path_factory.mktemp("workers"), make_oracle())
    held = {}
    while not oracle.finished:
        worker = data.draw(st.sampled_from("abc"))
        if worker in held:
            trial = held.pop(worker)
            report(oracle, trial, log_loss(architecture_of(trial)))
            continue
        trial = oracle.create_trial(worker)
        if trial.status == TrialStatus.RUNNING:
            held[worker] = trial
    assert found(oracle) == found(undisturbed)


def test_state_can_be_taken_out_and_put_back(tmp_path, undisturbed):
    first = at(tmp_path / "first", make_oracle())
    run(first, trials=15)
    second = at(tmp_path / "second", make_oracle())
    second.set_state(first.get_state())
    run(second)
    assert found(second) == found(undisturbed)
    third = at(tmp_path / "second", make_oracle())
    third.reload()
    assert found(third) == found(undisturbed)


def test_save_and_reload_restore_trials_and_order(tmp_path):
    first = at(tmp_path, make_oracle())
    run(first, trials=12)
    first.save()
    second = at(tmp_path, make_oracle())
    second.reload()
    assert second.start_order == first.start_order
    assert second.end_order == first.end_order
    assert [t.get_state() for t in second.trials.values()] == [
        t.get_state() for t in first.trials.values()
    ]


def test_seed_zero_is_a_seed(tmp_path):
    runs = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        oracle = at(tmp_path / name, make_oracle(seed=seed))
        assert oracle.seed == seed
        run(oracle, trials=5)
        runs.append(found(oracle))
    assert runs[0] == runs[1] != runs[2]


def test_without_a_seed_a_search_draws_one_and_keeps_it(tmp_path):
    first = at(tmp_path / "a", make_oracle(seed=None))
    run(first, trials=5)
    resumed = at(tmp_path / "a", make_oracle(seed=None))
    resumed.reload()
    assert resumed.seed == first.seed
    other = at(tmp_path / "b", make_oracle(seed=None))
    run(other, trials=5)
    assert found(other) != found(first)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed = 0, not 1"),
        ({"children": 5}, "strategy = .*children=4.*children=5"),
        ({"budgets": [Budget("blocks", len, 4)]}, "budgets = {}, not {'blocks': 4}"),
    ],
)
def test_a_search_is_not_resumed_with_other_settings(tmp_path, change, named):
    run(at(tmp_path, make_oracle()), trials=2)
    with pytest.raises(RunError, match=named):
        at(tmp_path, make_oracle(**change)).reload()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_stops_nothing_while_one_alive_has_a_score(
    tmp_path, value, caplog
):
    oracle = at(tmp_path, make_oracle(tournament=3))
    while (trial := oracle.create_trial("tuner0")).status == TrialStatus.RUNNING:
        number = int(trial.trial_id)
        report(oracle, trial, value if number % 9 else 0.5)
    assert len(oracle.history.outcomes) == TRIALS
    assert "diverged: its log loss is not finite" in caplog.text
    assert oracle.history.best == 0
    assert all(c.parent % 9 == 0 for c in oracle.history.candidates[10:])
    assert [t.trial_id for t in oracle.get_best_trials(9)] == ["00", "09", "18", "27", "36"]
    resumed = at(tmp_path, make_oracle(tournament=3))
    resumed.reload()
    assert found(resumed) == found(oracle)


def test_a_population_without_a_score_ends_the_search_and_says_what_to_change(tmp_path, caplog):
    def ended(count):
        return f"ends after {count} candidates: none of 10 candidates in a row got a finite log"

    for kind, first, drawn in (("none", 0, 10), ("some", 5, 18)):
        oracle = at(tmp_path / kind, make_oracle(generations=1000))
        while (trial := oracle.create_trial("tuner0")).status == TrialStatus.RUNNING:
            report(oracle, trial, 0.5 if int(trial.trial_id) < first else math.nan)
        assert trial.status == TrialStatus.STOPPED
        assert len(oracle.history) == drawn
        assert ended(drawn) in caplog.text and "lower learning rate" in caplog.text
        resumed = at(tmp_path / kind, make_oracle(generations=1000))
        assert resumed.create_trial("tuner0").status == TrialStatus.STOPPED
        assert resumed.finished


@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_random_search_without_scores_ends_alike_however_many_workers(tmp_path_factory, data):
    oracle = at(
        tmp_path_factory.mktemp("random"), RandomSearchOracle(SPACE, max_trials=500, seed=0)
    )
    held = {}
    while not oracle.finished:
        worker = data.draw(st.integers(0, 3))
        if worker in held:
            number = int(held[worker].trial_id)
            report(oracle, held.pop(worker), 0.5 if number in (3, 70) else math.inf)
            continue
        trial = oracle.create_trial(f"tuner{worker}")
        if trial.status == TrialStatus.RUNNING:
            held[worker] = trial
    # The first two batches of 64 have a score; the third has none, which the fifth would find.
    assert len(oracle.history) == 4 * 64
    assert oracle.history.best == 3


def test_too_many_failures_in_a_row_stop_the_search_and_are_tried_again(tmp_path, undisturbed):
    oracle = at(tmp_path, make_oracle())
    run(oracle, trials=10)
    for _ in range(3):
        report(oracle, oracle.create_trial("tuner0"), None, TrialStatus.INVALID)
    assert oracle.failure
    assert oracle.create_trial("tuner0").status == TrialStatus.STOPPED
    assert oracle.create_trial("tuner1").status == TrialStatus.STOPPED
    resumed = at(tmp_path, make_oracle())
    run(resumed, trials=1)
    assert not resumed.failure
    run(resumed)
    assert found(resumed) == found(undisturbed)
    assert found(at(tmp_path, make_oracle())) == found(undisturbed)


def test_single_failures_count_as_worst_and_are_not_tried_again(tmp_path):
    oracle = at(tmp_path, make_oracle())
    while (trial := oracle.create_trial("tuner0")).status == TrialStatus.RUNNING:
        failed = int(trial.trial_id) % 3 == 0
        status = TrialStatus.FAILED if failed else TrialStatus.COMPLETED
        report(oracle, trial, log_loss(architecture_of(trial)), status)
    assert len(oracle.history.outcomes) == TRIALS
    parents = {c.parent for c in oracle.history.candidates} - {None}
    assert not any(parent % 3 == 0 for parent in parents)
    resumed = at(tmp_path, make_oracle())
    resumed.reload()
    assert resumed.finished


def test_an_end_that_comes_twice_counts_once(tmp_path):
    oracle = at(tmp_path, make_oracle())
    trial = oracle.create_trial("tuner0")
    report(oracle, trial, 0.5)
    report(oracle, trial, 0.1)
    assert oracle.end_order == [trial.trial_id]
    assert oracle.history.score(0) == 0.5
    assert at(tmp_path, make_oracle()).history.score(0) == 0.5


def test_a_score_that_the_chief_lost_is_asked_for_again(tmp_path):
    oracle = at(tmp_path, make_oracle())
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"log_loss": 0.5})
    restarted = at(tmp_path, make_oracle())
    trial.status = TrialStatus.COMPLETED
    restarted.end_trial(trial)
    again = restarted.create_trial("tuner0")
    assert again.trial_id == trial.trial_id
    report(restarted, again, 0.5)
    assert restarted.history.score(0) == 0.5


def test_a_worker_that_asks_again_gets_its_trial_again(tmp_path):
    oracle = at(tmp_path, make_oracle())
    trial = oracle.create_trial("tuner0")
    assert oracle.create_trial("tuner0").trial_id == trial.trial_id
    assert oracle.create_trial("tuner1").trial_id != trial.trial_id


def test_the_trial_of_a_lost_worker_goes_to_an_idle_one(tmp_path):
    oracle = at(tmp_path, make_oracle(patience=Patience(factor=1.0, seconds=1e-9)))
    orphan = oracle.create_trial("killed")
    oracle.live_workers()
    run(oracle, worker="other")
    assert len(oracle.history.outcomes) == TRIALS
    assert orphan.trial_id in oracle.end_order
    assert oracle.ongoing_trials == {}
    assert oracle.live_workers() == set()


def test_an_idle_worker_is_told_to_wait_while_a_generation_is_being_scored(tmp_path):
    oracle = at(tmp_path, make_oracle())
    run(oracle, trials=9)
    last = oracle.create_trial("slow")
    assert oracle.create_trial("idle").status == TrialStatus.IDLE
    report(oracle, last, 0.5)
    assert oracle.create_trial("idle").status == TrialStatus.RUNNING


@pytest.mark.parametrize("kind", ["evolution", "random"])
def test_an_exhausted_space_ends_the_search(tmp_path, kind, caplog):
    options = {"seed": 0, "max_redraws": 300}
    oracle = (
        make_oracle_for_tiny(**options)
        if kind == "evolution"
        else RandomSearchOracle(TINY, max_trials=500, **options)
    )
    at(tmp_path, oracle)
    while (trial := oracle.create_trial("tuner0")).status == TrialStatus.RUNNING:
        report(oracle, trial, 0.5)
    assert trial.status == TrialStatus.STOPPED
    # 2 dense and 2 sparse widths, 2 mergers either way: every genotype is a function of its own.
    assert len(oracle.history) == TINY.size() == 16
    assert oracle.finished
    assert "The search ends after 16 candidates: of 300 draws in a row 300" in caplog.text


def make_oracle_for_tiny(**options):
    from nasrec_tf.strategies import RegularizedEvolutionOracle

    return RegularizedEvolutionOracle(
        TINY, population=10, tournament=5, children=4, generations=50, **options
    )


def test_a_budget_that_no_candidate_keeps_is_one_clear_error(tmp_path):
    oracle = at(tmp_path, make_oracle(budgets=[Budget("blocks", len, 3)], max_redraws=20))
    with pytest.raises(RunError, match=r"gives no candidate: .*blocks <= 3 \(lowest drawn: 4\)"):
        oracle.create_trial("tuner0")
    # The lock is free again.
    with pytest.raises(RunError, match="gives no candidate"):
        oracle.create_trial("tuner1")


def test_every_candidate_of_a_search_keeps_the_budget(tmp_path):
    def sources(architecture):
        return float(sum(len(block.dense_sources) for block in architecture.blocks))

    oracle = at(tmp_path, make_oracle(budgets=[Budget("sources", sources, 6)]))
    run(oracle)
    assert all(sources(c.architecture) <= 6 for c in oracle.history.candidates)
    assert all(t.metrics.get_best_value("sources") <= 6 for t in oracle.trials.values())


def test_only_the_journal_is_written_and_it_grows_by_lines(tmp_path, undisturbed):
    oracle = at(tmp_path, make_oracle())
    sizes = []
    for _ in range(TRIALS):
        run(oracle, trials=1)
        sizes.append((tmp_path / "search" / "journal.jsonl").stat().st_size)
    steps = [after - before for before, after in itertools.pairwise(sizes)]
    assert max(steps) < 2 * min(steps)
    assert [path.name for path in (tmp_path / "search").iterdir()] == ["journal.jsonl"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"generation": 10**30}, "candidate 12: is of generation 1, not 10"),
        ({"parent": None}, "candidate 12: has parent None in generation 1"),
        ({"costs": {"mflops": 1.0}}, r"has the costs \['mflops'\], not \[\]"),
        ({"hardware": {"adc.bits": 8}}, r"has hardware \['adc.bits'\], not \[\]"),
        ({"architecture": NASREC_SMALL.widest.to_json()}, "The architecture has 7 blocks"),
    ],
)
def test_a_candidate_that_the_settings_do_not_allow_is_told(tmp_path, change, told):
    """As a journal of version 1 could hold it after a damage that leaves every type as it was."""
    oracle = at(tmp_path, make_oracle())
    run(oracle, trials=14)
    path = tmp_path / "search" / "journal.jsonl"
    values = [json.loads(line) for line in path.read_text().splitlines()]
    values[0]["version"] = 1
    for value in values:
        del value["checksum"]
        if value.get("number") == 12 and value["event"] == "created":
            value |= change
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    with pytest.raises(RunError, match=f"journal.jsonl: damaged: .*{told}"):
        at(tmp_path, make_oracle()).reload()


def test_a_metric_that_is_missing_is_named(tmp_path):
    oracle = at(tmp_path, make_oracle())
    trial = oracle.create_trial("tuner0")
    with pytest.raises(ValueError, match="log_loss"):
        oracle.update_trial(trial.trial_id, {"auc": 0.8})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "`seed` must be an integer from 0"),
        ({"population": 0}, "`population` must be a positive integer"),
        ({"max_redraws": 0}, "`max_redraws` must be a positive integer"),
        ({"max_consecutive_failed_trials": 0}, "`max_consecutive_failed_trials` must be"),
    ],
)
def test_arguments_out_of_range_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        make_oracle(**change)


def test_the_oracles_are_keras_tuner_s():
    assert isinstance(make_oracle(), keras_tuner.Oracle)
    assert make_oracle().objective == keras_tuner.Objective("log_loss", "min")
