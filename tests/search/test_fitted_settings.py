"""``--max-hours`` chooses settings that fit, the best of them first."""

import dataclasses

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from measured_costs import COSTS, RECORDS

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.planning.fits import FILLED, Fit, fit_of
from nasrec_tf.search.planning.fitted_options import LEAST, PASSES, SHORT_SCORES
from nasrec_tf.search.planning.fitting import chosen_lines, fitted
from nasrec_tf.search.planning.forecast import Forecast
from nasrec_tf.search.planning.samples import data_set_pilot
from nasrec_tf.search.planning.stage_forecast import Seconds
from nasrec_tf.search.planning.unit_costs import (
    RecordsCost,
    ScoringCost,
    SupernetCost,
    TrainingCost,
)
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.scaling import scale
from nasrec_tf.search.search_plan import search_strategy
from nasrec_tf.search.stages.supernet import training_plan
from nasrec_tf.search.time_budget import CUT, FINISH, RESERVE, TimeBudget, TimeNote


@pytest.fixture(scope="module")
def pilot(finished_run, tmp_path_factory):
    """Of a log of a million rows whose tables are those of the finished run."""
    found = data_set_pilot(
        SearchConfig(max_hours=1.0, run_dir=str(tmp_path_factory.mktemp("other") / "run")),
        RunDirectory(tmp_path_factory.mktemp("another") / "run"),
        finished_run / "run" / "records" / "dataset",
    )
    rows = {"train": 800_000, "validation": 100_000, "test": 100_000}
    pilot = dataclasses.replace(found, rows=rows)
    pilot.records  # noqa: B018  (made once for all)
    return pilot


@settings(max_examples=6, deadline=None, phases=(Phase.generate,))
@given(hours=st.floats(0.02, 60.0), given_top_k=st.one_of(st.none(), st.integers(1, 9)))
def test_what_is_chosen_fits_or_is_the_least(pilot, hours, given_top_k):
    config = dataclasses.replace(pilot.config, top_k=given_top_k)
    forecast = Forecast(dataclasses.replace(pilot, config=config), COSTS, RECORDS)
    fit = fitted(forecast, 3600 * hours)
    assert "top_k" not in fit.chosen or given_top_k is None
    SearchConfig(**fit.chosen)  # Options by name, with values that they take.
    if fit.needed > 3600 * hours:
        assert all(fit.chosen.get(name, 0) <= LEAST[name] for name in ("candidates", "refine"))
        assert fit.planned["recipe"] == 0


@pytest.mark.parametrize(
    ("given", "least"),
    [
        ({"population": 40, "children": 4}, 44),
        ({"tournament": 100, "children": 4}, None),  # Its population is all there would have been.
        ({"strategy": "predicted", "strategy_options": "start=30"}, 31),
        ({"strategy": "local", "strategy_options": "neighbours=25"}, 26),
    ],
)
def test_as_many_candidates_are_left_as_the_search_asks_for(pilot, given, least):
    """A cut below them ended the run in a line on options that the user had not given."""
    config = dataclasses.replace(pilot.config, **given)
    rows = {"train": 60_000, "validation": 8_000, "test": 8_000}
    changed = pilot.with_options(config, rows)
    fit = fitted(Forecast(changed, COSTS, RECORDS), 72.0)
    assert fit.chosen.get("candidates") == least and fit.chosen["retrain_epochs"] == 1
    chosen = dataclasses.replace(config, **fit.chosen)
    assert search_strategy(chosen, changed.with_options(chosen, rows).settings, 60_000)


def test_rows_are_not_cut_below_what_the_search_asks_for(pilot):
    """They decide how many candidates there are, where ``candidates`` may not change."""
    config = dataclasses.replace(
        pilot.config, data=("log.csv",), dataset="csv", score_by="training", score_rows=1000,
        strategy="predicted", strategy_options="start=60",
    )  # fmt: skip
    records = RecordsCost(start=1.0, reading=10.0, disk=1 << 20, raw_disk=0)
    costs = dataclasses.replace(COSTS, supernet=None, scoring=())
    changed = pilot.with_options(config, pilot.rows)
    fit = fitted(Forecast(changed, costs, records), 30.0, fixed=("candidates",))
    chosen = dataclasses.replace(config, **fit.chosen)
    rows = round(0.8 * fit.chosen["max_rows"])
    assert search_strategy(chosen, scale(chosen, rows), rows).trials > 60


def test_rows_of_splits_of_their_own_are_cut_each(pilot):
    """They were planned as if those of one log were, a tenth of validation and test."""
    of_log = {"data": ("log.csv",), "dataset": "csv"}
    given = {"validation_data": ("validation.csv",), "test_data": ("test.csv",)}
    records = RecordsCost(start=1.0, reading=10.0, disk=1 << 20, raw_disk=0)
    for more in ({}, given):
        config = dataclasses.replace(pilot.config, **of_log, **more)
        fit = fitted(Forecast(dataclasses.replace(pilot, config=config), COSTS, records), 60.0)
        most = fit.chosen["max_rows"]
        assert most < 100_000
        read = 3 * most if more else most
        assert fit.planned["records"] == pytest.approx(1.0 + 10.0 * read / 1_000_000, rel=1e-4)


LARGE = {"train": 36_700_000, "validation": 4_600_000, "test": 4_600_000}


@pytest.mark.parametrize("hours", [24.0, 12.0])
def test_a_large_log_is_scored_shortly_and_its_best_again(pilot, hours):
    forecast = Forecast(pilot.with_options(pilot.config, LARGE), COSTS, RECORDS)
    chosen = fitted(forecast, 3600 * hours).chosen
    assert SHORT_SCORES.items() <= chosen.items()
    settings = scale(dataclasses.replace(pilot.config, **chosen), LARGE["train"])
    assert chosen["rescore"] == 3 * settings.top_k
    assert (settings.rescore_steps, settings.rescore_rows) == (500, 819_200)
    # Once more candidates would have to go, they go second.
    whole = fitted(forecast, 3600 * hours, fixed=("rescore",)).chosen
    assert whole["candidates"] < chosen.get("candidates", 2048)


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ({}, {"train": 800_000, "validation": 100_000, "test": 100_000}),
        ({}, {**LARGE, "validation": 160_000}),
        ({"fine_tune_steps": 500}, LARGE),
        ({"validation_rows": 819_200}, LARGE),
        ({"validation_sample": 40_960}, LARGE),
        ({"score_by": "training"}, LARGE),
        ({"architecture": "dlrm"}, LARGE),
    ],
)
def test_scores_are_not_made_short_where_it_is_not_known_what_that_loses(pilot, given, rows):
    config = dataclasses.replace(pilot.config, **given)
    forecast = Forecast(pilot.with_options(config, rows), COSTS, RECORDS)
    chosen = fitted(forecast, 3600 * 6.0).chosen
    assert not {"rescore", "fine_tune_steps"} & set(chosen)


def test_a_large_log_of_which_little_is_read_is_scored_as_a_small_one(pilot):
    config = dataclasses.replace(pilot.config, data=("log.csv",), dataset="csv")
    records = RecordsCost(start=1.0, reading=2000.0, disk=1 << 30, raw_disk=0)
    forecast = Forecast(pilot.with_options(config, LARGE), COSTS, records)
    chosen = fitted(forecast, 600.0).chosen
    assert chosen["max_rows"] < 1_600_000
    assert not {"rescore", "fine_tune_steps"} & set(chosen)
    SearchConfig(**{**chosen, "data": ("log.csv",), "dataset": "csv"})


@pytest.mark.parametrize("hours", [2.0, 1.0])
@pytest.mark.parametrize("of_log", [False, True])
def test_passes_over_a_large_log_end_early_before_less_of_it_is_read(pilot, hours, of_log):
    """The first rows of a log alone were read; of finished records nothing was cut, and the only
    pass of each training ended in the middle."""
    given = {"data": ("log.csv",), "dataset": "csv"} if of_log else {}
    config = dataclasses.replace(pilot.config, **given)
    records = dataclasses.replace(RECORDS, reading=900.0, disk=1 << 30 if of_log else 0)
    forecast = Forecast(pilot.with_options(config, LARGE), COSTS, records)
    fit = fitted(forecast, 3600 * hours)
    assert fit.seconds.expected <= FILLED * 3600 * hours and fit.needed <= 3600 * hours
    passes = {name: fit.chosen[name] for name in PASSES if name in fit.chosen}
    assert passes and "max_rows" not in fit.chosen
    assert all(LEAST[name] <= rows < LARGE["train"] for name, rows in passes.items())
    # They are what is trained on, and by the rules that stages count by.
    changed = forecast.pilot.with_options(dataclasses.replace(config, **fit.chosen), LARGE)
    assert changed.recipe.pass_rows(LARGE["train"]) == passes.get("epoch_rows", LARGE["train"])
    assert training_plan(changed).steps(changed.counts) == (
        passes.get("supernet_rows", LARGE["train"]) // 512
    )


def test_as_many_are_scored_again_as_finalists_ask_for(pilot):
    """Of 24 candidates 45 were to be scored again: all of them, which took most of the time."""
    costs = dataclasses.replace(COSTS, scoring=(ScoringCost(1.0, 0.03, 1e-4, 1e-4),))
    forecast = Forecast(pilot.with_options(pilot.config, LARGE), costs, RECORDS)
    chosen = fitted(forecast, 3600 * 0.9).chosen
    settings = scale(dataclasses.replace(pilot.config, **chosen), LARGE["train"])
    assert chosen["rescore"] == 3 * settings.top_k < chosen["candidates"]
    assert LEAST["rescore_rows"] <= settings.rescore_rows < 819_200


@pytest.mark.parametrize("hours", [6.0, 2.0])
def test_no_stage_is_cut_that_keeps_to_its_plan(pilot, hours):
    """Where the test split takes long, what is kept back for the end was taken from the stages: a
    supernet at Criteo's size ended after 3,469 of 6,000 steps, its learning rate still high."""
    slow = tuple(dataclasses.replace(cost, evaluated_row=1e-4) for cost in COSTS.found)
    forecast = Forecast(
        pilot.with_options(pilot.config, LARGE), dataclasses.replace(COSTS, found=slow), RECORDS
    )
    fit = fitted(forecast, 3600 * hours)
    now = [0.0]
    budget = TimeBudget(hours, TimeNote(0.0, fit.chosen, fit.planned), clock=lambda: now[0])
    now[0] += fit.planned["records"]
    for stage in CUT:
        budget.begin(stage)
        now[0] += 0.999 * fit.planned.get(stage, 0.0)
        assert not budget.is_over() or not fit.planned.get(stage)
    assert budget.left >= RESERVE * fit.planned[FINISH]


def test_fewer_rows_are_no_more_work(pilot):
    """Below a million rows a log is gone over several times and has further trainings, so that half
    of the rows gained nothing and a sixtieth was read."""
    config = dataclasses.replace(pilot.config, data=("log.csv",), dataset="csv")
    rows = {"train": 3_200_000, "validation": 400_000, "test": 400_000}
    step = 0.1
    costs = dataclasses.replace(
        COSTS,
        found=(TrainingCost(5.0, step, 5e-5, 1.0),) * 2,
        supernet=SupernetCost(2.0, 10.0, step, 10 * step, 2.0),
        scoring=(ScoringCost(5.0, 0.3, 1e-4, 1e-4),),
    )
    records = RecordsCost(start=1.0, reading=50.0, disk=1 << 28, raw_disk=0)
    forecast = Forecast(pilot.with_options(config, rows), costs, records)
    fit = fitted(forecast, 900.0)
    assert fit.needed <= 900.0 and fit.chosen.get("max_rows", 4_000_000) >= 250_000
    read = fit.chosen.get("max_rows", 4_000_000)
    settings = scale(dataclasses.replace(config, **fit.chosen), 4 * read // 5)
    assert (settings.retrain_epochs, settings.supernet_epochs) == (1, 1)


def test_less_of_a_log_is_read_where_short_passes_take_too_long(pilot):
    config = dataclasses.replace(pilot.config, data=("log.csv",), dataset="csv")
    records = RecordsCost(start=1.0, reading=900.0, disk=1 << 30, raw_disk=0)
    forecast = Forecast(pilot.with_options(config, LARGE), COSTS, records)
    chosen = fitted(forecast, 3600 * 0.4).chosen
    rows = round(0.8 * chosen["max_rows"])
    assert all(chosen[name] < rows for name in PASSES if name in chosen)


@pytest.mark.parametrize("hours", [0.7, 1.0, 1.5, 2.0, 3.0])
def test_rows_fill_the_time_that_halves_leave(pilot, hours):
    """Of the time that settings may be planned to need, halves alone left up to an eighth."""
    forecast = Forecast(pilot.with_options(pilot.config, LARGE), COSTS, RECORDS)
    fit = fitted(forecast, 3600 * hours)
    assert 0.98 * 3600 * hours <= fit.needed <= 3600 * hours


@pytest.mark.parametrize("hours", [1.0, 2.0, 3.0])
def test_no_cut_is_left_that_a_later_one_has_made_needless(pilot, hours):
    """Rows were halved, then networks were made smaller, and 35.5 of 36.7 million rows read."""
    forecast = with_smaller(pilot, {}, LARGE)
    fit = fitted(forecast, 3600 * hours)
    for name in ("recipe_share", "epoch_rows", "supernet_rows"):
        without = {other: value for other, value in fit.chosen.items() if other != name}
        assert name not in fit.chosen or fit_of(forecast, without).needed > 3600 * hours


def faster(costs, times):
    """As measured of networks that take so many times less."""
    return dataclasses.replace(
        costs,
        found=tuple(dataclasses.replace(one, step=one.step / times) for one in costs.found),
        supernet=dataclasses.replace(costs.supernet, step=costs.supernet.step / times),
        scoring=tuple(
            ScoringCost(one.start, one.candidate, one.tuned_row / times, one.scored_row / times)
            for one in costs.scoring
        ),
    )


def with_smaller(pilot, given, rows, costs=COSTS):
    changed = pilot.with_options(dataclasses.replace(pilot.config, **given), rows)
    return Forecast(changed, costs, RECORDS, smaller=faster(costs, 4.0))


def test_networks_are_of_a_smaller_space_where_time_is_short(pilot):
    """All rows by smaller networks, where larger ones would see a part of them."""
    forecast = with_smaller(pilot, {}, LARGE)
    short, long = (fitted(forecast, 3600 * hours) for hours in (1.0, 200.0))
    assert (short.chosen["blocks"], short.chosen["max_width"]) == (5, 256)
    assert not {"blocks", "max_width"} & set(long.chosen)
    larger = fitted(dataclasses.replace(forecast, smaller=None), 3600 * 1.0)
    rows = [each.chosen.get("epoch_rows", LARGE["train"]) for each in (short, larger)]
    assert rows[0] >= 2 * rows[1] and short.needed <= 3600 * 1.0
    assert {"blocks": 5, "max_width": 256}.items() <= vars(SearchConfig(**short.chosen)).items()


@pytest.mark.parametrize(
    ("given", "fixed"),
    [
        ({"blocks": 7}, ()),
        ({"max_width": 512}, ()),
        ({"architecture": "dlrm"}, ()),
        ({}, ("blocks",)),  # Of a supernet that has been trained.
    ],
)
def test_a_space_that_is_given_stays(pilot, given, fixed):
    forecast = with_smaller(pilot, given, LARGE)
    chosen = fitted(forecast, 3600 * 2.0, fixed).chosen
    assert not {"blocks", "max_width"} & set(chosen)


def test_fewer_rows_are_planned_by_networks_of_their_space(pilot):
    """Below a million rows the space is smaller; steps of the larger one were counted there, and
    of 4 million rows 125,000 were read in a third of the time that there was."""
    given = {"data": ("log.csv",), "dataset": "csv"}
    rows = {"train": 3_200_000, "validation": 400_000, "test": 400_000}
    slow = faster(COSTS, 0.2)
    records = RecordsCost(start=1.0, reading=50.0, disk=1 << 28, raw_disk=0)
    forecast = dataclasses.replace(with_smaller(pilot, given, rows, slow), records=records)
    read = {}
    for smaller in (forecast.smaller, None):
        fit = fitted(dataclasses.replace(forecast, smaller=smaller), 500.0)
        read[smaller is None] = fit.chosen.get("max_rows", 4_000_000)
    assert read[False] >= 2 * read[True]


@pytest.mark.parametrize("given", [{"supernet_epochs": 1}, {"retrain_epochs": 1}])
def test_passes_that_are_asked_for_are_whole(pilot, given):
    config = dataclasses.replace(pilot.config, **given)
    forecast = Forecast(pilot.with_options(config, LARGE), COSTS, RECORDS)
    chosen = fitted(forecast, 3600 * 1.5).chosen
    (passes,) = given
    assert not any(PASSES[name] == passes for name in chosen if name in PASSES)
    assert any(name in chosen for name in PASSES)


def test_as_many_more_networks_are_trained_as_comparisons_give_up(pilot):
    """15 that are compared while they train take what five do that are not."""
    costs = dataclasses.replace(COSTS, found=(TrainingCost(1.0, 0.1, 1e-5, 1.0),) * 2)
    kept = {}
    for halving in (False, True):
        config = dataclasses.replace(pilot.config, halving=halving, recipe="paper")
        forecast = Forecast(pilot.with_options(config, LARGE), costs, RECORDS)
        chosen = fitted(forecast, 3600 * 24.0).chosen
        kept[halving] = chosen.get("top_k", 15)
    assert kept[True] >= 2 * kept[False]


def test_more_time_trains_more_networks(pilot):
    forecast = Forecast(pilot, COSTS, RECORDS)
    short, long = (fitted(forecast, 3600 * hours).chosen for hours in (0.5, 100.0))
    assert short["candidates"] < long["candidates"]
    assert short.get("top_k", 15) <= long.get("top_k", 15)


def test_what_is_chosen_can_be_typed(pilot):
    """It said --supernet-rows 3.072e+06, which the option does not take."""
    fit = Fit({"supernet_rows": 3_072_000, "recipe_share": 0.075}, Seconds(1.0, 2.0, 3.0), {})
    told = chosen_lines(pilot.config, fit, 3600.0)
    assert told[1:] == ["time: chosen to fit: --supernet-rows 3072000 --recipe-share 0.075"]
    fewer = dataclasses.replace(fit, chosen={"max_rows": 11_000_000})
    assert "first rows are the oldest" in chosen_lines(pilot.config, fewer, 3600.0)[2]


def test_too_little_time_for_any_run_is_one_line(pilot):
    with pytest.raises(UserError, match=r"--max-hours: this machine needs about"):
        fitted(Forecast(pilot, COSTS, RECORDS), 1.0)
    with pytest.raises(UserError, match=r"measuring that has taken all of them: give more"):
        fitted(Forecast(pilot, COSTS, RECORDS), -0.1)


def test_options_that_stages_have_read_stay(pilot):
    fit = fitted(Forecast(pilot, COSTS, RECORDS), 600.0, fixed=("candidates", "recipe_share"))
    assert not {"candidates", "recipe_share"} & set(fit.chosen)
