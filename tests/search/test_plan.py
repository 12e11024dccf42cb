"""What a run is going to take is told before it is begun, by what the run itself will count."""

import dataclasses
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured_costs import COSTS, RECORDS
from search_calls import call, options

from beam_preprocess import cli
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.row_counts import RowCounts
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.halving import SHARES, numbers_left, trained_share
from nasrec_tf.search.planning import measuring, meter, run_plan
from nasrec_tf.search.planning.forecast import TRIAL_SECONDS, Forecast
from nasrec_tf.search.planning.forecast_parts import Parts
from nasrec_tf.search.planning.pilot import Pilot
from nasrec_tf.search.planning.proposals import proposal_seconds
from nasrec_tf.search.planning.run_plan import check_fits, in_words_of_the_log, make_plan
from nasrec_tf.search.planning.samples import Sampled, data_set_pilot
from nasrec_tf.search.planning.stage_forecast import Seconds
from nasrec_tf.search.planning.unit_costs import RecordsCost, TrainingCost
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.scaling import scale
from nasrec_tf.search.search_plan import search_rows, search_strategy
from nasrec_tf.search.search_size import PILOTS
from nasrec_tf.search.workload import LEAST_TRAININGS, recipe_passes, warmup_steps
from nasrec_tf.training.recipe_choice import FEW_TO_REPEAT


@pytest.fixture(autouse=True)
def short_measurements(monkeypatch):
    """What is measured here is not whether times are right."""
    monkeypatch.setattr(meter, "PIECES", 1)
    monkeypatch.setattr(meter, "PIECE_SECONDS", 0.01)
    monkeypatch.setattr(meter, "DRAWN", 1)
    monkeypatch.setattr(meter, "FURTHER_UNITS", 2)


def tree(directory):
    return {path: path.stat().st_mtime_ns for path in sorted(directory.rglob("*"))}


@pytest.mark.slow
def test_a_plan_of_a_new_run_tells_every_stage_and_leaves_nothing(tmp_path):
    given_options = [one for one in options(tmp_path) if one != "--no-explain"]
    said = call(*given_options, "--prune", "mask", "--halving", "--plan")
    assert said.code == 0, said.err
    stages = [line.split()[0] for line in said.out.splitlines()]
    for stage in ("records", "supernet", "evolution", "retrain", "prune", "export", "in"):
        assert stages.count(stage) == 1
    # As the run would count them: 1,199 rows of training, 6 candidates, 2 finalists.
    assert "18 steps of 64" in said.out and "6 candidates" in said.out
    assert "2 trainings of up to 2 epochs" in said.out
    assert "6 trainings" in said.out and "3 simple models beside it" in said.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_has_been_done_is_not_planned_again_and_nothing_is_touched(run_files):
    run = run_files / "run"
    for stage in ("retrain", "export"):
        (run / stage / "result.json").unlink()
    before = tree(run_files)
    said = call(*options(run_files), "--plan")
    assert said.code == 0, said.err
    assert "supernet" not in said.out.split("stage ")[1]
    # Both finalists have been trained; what is left is to choose and to export.
    assert "0% of it left" in said.out and "a SavedModel" in said.out
    assert tree(run_files) == before


def test_a_finished_run_and_other_options_are_refused(run_files):
    assert "has finished" in call(*options(run_files), "--plan").error
    assert "--top-k 2, not 3" in call(*options(run_files), "--top-k", 3, "--plan").error


def test_what_explains_a_finished_model_is_planned(run_files):
    """It is left out with ``--max-hours``; its plan was refused, since the run had finished."""
    given_options = [one for one in options(run_files) if one != "--no-explain"]
    said = call(*given_options, "--plan")
    assert said.code == 0, said.err
    stages = [line.split()[0] for line in said.out.split("\nstage ")[1].splitlines()[1:]]
    assert stages == ["explain", "in"] and "3 simple models beside it" in said.out


def test_what_a_plan_cannot_measure_is_refused(tmp_path):
    for more in (["--codesign"], ["--distribute", "mirrored"]):
        given_options = [*options(tmp_path), *more]
        for name in ("--population", "--tournament", "--children", "--generations"):
            place = given_options.index(name)
            del given_options[place : place + 2]
        assert "--plan does not measure" in call(*given_options, "--plan").error


@pytest.mark.parametrize(
    ("data", "log"), [(None, "the generated log"), (("a.csv", "b.csv"), "a.csv b.csv")]
)
def test_what_is_wrong_with_a_sample_is_told_of_the_log(tmp_path, data, log):
    """A directory that is gone by then says nothing."""
    config = SearchConfig() if data is None else SearchConfig(data=data, dataset="criteo")
    with pytest.raises(UserError, match=f"^{log}: split 'train' has 48 rows; use"):
        with in_words_of_the_log(config, tmp_path):
            raise UserError(f"{tmp_path / 'dataset-1'}: split 'train' has 48 rows; use a")
    with pytest.raises(UserError, match="^--seed is wrong"):
        with in_words_of_the_log(config, tmp_path):
            raise UserError("--seed is wrong")


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("click,a\n" + "0,0.5\n1,0.25\n" * 90, "data: has dense features alone, and networks need"),
        ("click,a,b\n" + "0,0.5,x\n0,0.25,y\n" * 90, "data: all rows of split 'train' have label"),
    ],
)
def test_what_is_wrong_with_a_data_set_is_told_as_the_run_would(tmp_path, log, told):
    (tmp_path / "log.csv").write_text(log)
    made = ["--dataset", "csv", "--label", "click", "--dense", "a", "--input"]
    assert cli.main([*made, f"{tmp_path}/log.csv", "--output", f"{tmp_path}/data", "--quiet"]) == 0
    asked = ["--data", tmp_path / "data", "--run-dir", tmp_path / "run", "--recipe", "paper"]
    assert told in call(*asked, "--plan").error
    assert told in call(*asked, "--stage", "records").error


@pytest.mark.slow
def test_logits_that_are_learnt_with_the_supernet_are_measured(tmp_path):
    given_options = options(tmp_path)
    for name in ("--population", "--tournament", "--children", "--generations"):
        place = given_options.index(name)
        del given_options[place : place + 2]
    said = call(*given_options, "--strategy", "dnas", "--candidates", 6, "--plan")
    assert said.code == 0, said.err
    assert "18 steps of 64" in said.out
    assert (
        "--strategy dnas learns"
        in call(*given_options, "--strategy", "dnas", "--max-hours", 1).error
    )


@given(count=st.integers(1, 100), keep=st.integers(1, 100))
def test_steps_of_halving_are_those_that_its_rungs_leave(count, keep):
    """Each training goes on from one rung to the next or stops there."""
    total = 0.0
    for number in range(count):
        reached = 1.0
        for share, left in zip(SHARES, numbers_left(count, keep)):
            if number >= left:
                reached = share
                break
        total += reached
    assert trained_share(count, keep) == pytest.approx(total)


def test_what_does_not_fit_names_the_option_that_would_help(run_files, monkeypatch):
    (run_files / "run" / "export" / "result.json").unlink()
    config = RunDirectory(run_files / "run").stored_config()
    plan = make_plan(config)
    check_fits(plan)
    large = dataclasses.replace(plan.stages[0], memory=1 << 60)
    with pytest.raises(Exception, match=r"the export stage would take .* --min-count"):
        check_fits(dataclasses.replace(plan, stages=(large,)))
    large = dataclasses.replace(plan.stages[0], disk=1 << 60)
    with pytest.raises(Exception, match=r"GiB free, and the run would take .* --export-dir"):
        check_fits(dataclasses.replace(plan, stages=(large,)))


def test_measuring_that_is_late_plans_by_what_was_measured_first(
    finished_run, tmp_path, monkeypatch
):
    monkeypatch.setattr(meter, "DRAWN", 3)
    given_run = RunDirectory(finished_run / "run").stored_config()
    config = dataclasses.replace(given_run, recipe="auto", run_dir=str(tmp_path / "run"))
    dataset = finished_run / "run" / "records" / "dataset"
    pilot = data_set_pilot(config, RunDirectory(tmp_path / "run"), dataset)
    (tmp_path / "work").mkdir()
    costs = measuring.measured(
        pilot, tmp_path / "work", config.stages, 0.0, time.perf_counter, is_late=lambda: True
    )
    (first,) = costs.found
    assert costs.plain == costs.mixed == first
    assert costs.supernet is not None and len(costs.scoring) == 1 and costs.export > 0
    records = RecordsCost(start=1.0, reading=1.0, disk=0, raw_disk=0)
    stages = Forecast(pilot, costs, records).stages()
    assert {"recipe", "supernet", "evolution", "retrain", "export"} <= {s.stage for s in stages}
    assert all(stage.seconds.expected > 0 for stage in stages)
    (retrain,) = [stage for stage in stages if stage.stage == "retrain"]
    few = pilot.rows["validation"] < FEW_TO_REPEAT
    assert few and retrain.count == pilot.settings.top_k + pilot.settings.refine


@pytest.mark.parametrize(
    ("given_options", "rows", "of_log", "smaller"),
    [
        ({}, 2_000_000, False, (5, 256)),
        ({}, 500_000, False, None),  # It is what such a log has.
        ({"blocks": 7, "max_width": 1024}, 2_000_000, False, None),
        ({"blocks": 7}, 2_000_000, False, None),
        ({"blocks": 7}, 2_000_000, True, (7, 256)),  # What half of the rows would have.
        ({"architecture": "dlrm"}, 2_000_000, True, None),
    ],
)
def test_a_smaller_space_is_measured_where_it_may_be_chosen(
    finished_run, tmp_path, given_options, rows, of_log, smaller
):
    data = {"data": ("log.csv",), "dataset": "csv"} if of_log else {}
    config = SearchConfig(run_dir=str(tmp_path / "run"), recipe="paper", **data, **given_options)
    dataset = finished_run / "run" / "records" / "dataset"
    pilot = data_set_pilot(config, RunDirectory(tmp_path / "run"), dataset)
    pilot = pilot.with_options(config, {"train": rows, "validation": 9_000, "test": 9_000})
    found = Sampled(pilot, dataclasses.replace(RECORDS, disk=1 << 20 if of_log else 0))
    measured = []

    def measure(pilot):
        measured.append((pilot.settings.blocks, pilot.settings.max_width))
        return COSTS

    for limit, others in ((1e9, []), (1.0, [] if smaller is None else [smaller])):
        measured.clear()
        plan = run_plan._measured_plan(found, measure, 1.0, limit)
        assert measured[1:] == others
        assert (plan.forecast.smaller is None) == (not others)


@pytest.mark.parametrize(
    ("given_options", "learns"),
    [
        ({"strategy": "predicted", "strategy_options": "start=3,pool=8"}, True),
        ({"strategy": "local", "strategy_options": "neighbours=3"}, True),
        ({"population": 3, "tournament": 2, "children": 2}, True),
        ({"strategy": "random"}, False),
        ({"strategy": "dnas"}, False),
        ({"strategy": "local", "max_mflops": 1e-6}, False),  # The run itself tells of that.
    ],
)
def test_what_a_strategy_takes_to_choose_its_candidates_counts(
    finished_run, tmp_path, given_options, learns
):
    """A model's choice among a hundred takes longer than a score; it was no part of the plan."""
    config = SearchConfig(run_dir=str(tmp_path / "run"), candidates=24, **given_options)
    dataset = finished_run / "run" / "records" / "dataset"
    pilot = data_set_pilot(config, RunDirectory(tmp_path / "run"), dataset)
    assert (proposal_seconds(pilot) > 0) == learns

    def planned(seconds):
        costs = dataclasses.replace(COSTS, proposal=seconds)
        stages = Forecast(pilot, costs, RECORDS).stages()
        (evolution,) = [stage for stage in stages if stage.stage == "evolution"]
        return evolution.seconds.expected

    strategy = search_strategy(config, pilot.settings, pilot.rows["train"])
    later = [n for n in range(strategy.trials) if strategy.generation_of(n) > 0]
    assert planned(2.0) - planned(0.0) == pytest.approx(2.0 * len(later))


def test_what_is_measured_whole_takes_no_more_than_that(finished_run, tmp_path):
    """The weights of the widest network were counted on top, and a logistic regression planned to
    take three times as long as it did."""
    config = RunDirectory(finished_run / "run").stored_config()
    directory = RunDirectory(tmp_path / "run")
    pilot = data_set_pilot(config, directory, finished_run / "run" / "records" / "dataset")
    recipe = pilot.recipe
    cost = TrainingCost(start=1.0, step=0.01, evaluated_row=1e-4, save=0.1)
    costs = dataclasses.replace(COSTS, written_byte=1e-6)
    expected = cost.seconds(2 * 18, 2, pilot.rows["validation"])
    assert Parts(pilot, costs).training(cost) == pytest.approx(expected)
    rows = tuple(10 * count for count in pilot.schema.sparse_rows)
    larger = dataclasses.replace(pilot, table_rows=rows)
    further = 9 * 4 * recipe.embedding_dim * sum(pilot.schema.sparse_rows)
    found = Parts(larger, costs).training(cost)
    assert found == pytest.approx(expected + 2 * 2 * further * 1e-6)


def test_longer_scores_of_the_best_are_planned_by_their_own_rows(finished_run, tmp_path):
    config = RunDirectory(finished_run / "run").stored_config()
    config = dataclasses.replace(config, rescore=4, rescore_steps=30, rescore_rows=100)
    dataset = finished_run / "run" / "records" / "dataset"
    pilot = data_set_pilot(config, RunDirectory(tmp_path / "run"), dataset)
    forecast = Forecast(pilot, COSTS, RecordsCost(1.0, 1.0, 0, 0))
    by_stage = {stage.stage: stage for stage in forecast.stages()}
    (cost,) = COSTS.scoring
    rows = 30 * 64 * cost.tuned_row + 100 * cost.scored_row
    found = by_stage["rescore"]
    begun = COSTS.supernet.build + COSTS.supernet.save + cost.start
    assert found.count == 4
    assert found.seconds.expected - begun == pytest.approx(
        4 * (cost.candidate + rows + TRIAL_SECONDS)
    )


def test_steps_are_counted_by_the_code_of_the_stages(finished_run):
    from nasrec_tf.search.run import Run
    from nasrec_tf.search.stages.supernet import training_plan

    directory = RunDirectory(finished_run / "run")
    run = Run(directory.stored_config(), directory, quiet=True)
    counts = RowCounts({name: split.rows for name, split in run.schema.splits.items()})
    plan = training_plan(run)
    assert plan.steps(counts) == plan.steps(run.records) == directory.result("supernet").steps
    assert warmup_steps(10) == 2


@given(
    rows=st.integers(1, 10**9),
    share=st.one_of(st.none(), st.floats(0.0, 0.9)),
    top_k=st.integers(1, 100),
)
def test_a_choice_takes_no_more_than_its_share_unless_the_log_is_small(rows, share, top_k):
    config = SearchConfig(recipe_share=share, top_k=top_k)
    settings = scale(config, rows)
    splits = {"train": rows, "validation": 1 + rows // 8}
    passes = recipe_passes(config, settings, splits)
    others = search_rows(config, settings, splits) / rows
    others += (settings.top_k + settings.refine) * settings.retrain_epochs
    if share is not None:
        assert passes == pytest.approx(share * (passes + others), rel=1e-6, abs=1e-9)
    assert 0 <= passes <= max(9 * others, LEAST_TRAININGS * settings.retrain_epochs) * (1 + 1e-6)


@pytest.mark.parametrize("given_options", [{}, {"score_by": "training"}, {"validation_sample": 60}])
def test_candidates_of_a_small_log_are_scored_over_the_rows_that_it_has(given_options):
    """A share of the run's rows was one of 5,000 rows for each score, where the split has 150."""
    rows = {"train": 1_200, "validation": 150}
    config = SearchConfig(strategy="random", candidates=48, recipe_share=0.5, **given_options)
    settings = scale(config, rows["train"])
    assert settings.validation_rows == 5_000
    tuned, scored = settings.fine_tune_steps * settings.batch_size, 60
    expected = {
        "": settings.supernet_epochs * 1_200 + 48 * (tuned + 150),
        "score_by": 48 * (1_200 + 150),
        "validation_sample": (settings.supernet_epochs * 1_200 + 48 * (tuned + scored))
        + PILOTS * (tuned + 150),
    }["".join(given_options)]
    assert search_rows(config, settings, rows) == expected
    others = expected / 1_200 + (settings.top_k + settings.refine) * settings.retrain_epochs
    assert recipe_passes(config, settings, rows) == pytest.approx(others)


@given(st.tuples(*[st.floats(0, 1e9)] * 6))
def test_times_add_up(values):
    total = Seconds(*values[:3]) + Seconds(*values[3:])
    assert total.expected == values[1] + values[4]
    assert (total * 0.5).most == 0.5 * total.most
    assert Pilot and Forecast
