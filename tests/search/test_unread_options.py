"""Options that nothing of a run reads: refused where they are typed, told elsewhere."""

import dataclasses

import pytest
from search_calls import call

import nasrec_tf
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.options import flag
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.scaling import scale
from nasrec_tf.search.search_plan import search_strategy
from nasrec_tf.search.unread_options import (
    check_read,
    unread_options,
    without_effect_on_one_model,
)
from nasrec_tf.strategies.known_strategies import STRATEGIES

ROWS = 40_000
OF_PLANS = {"population": 24, "tournament": 5, "children": 6, "mutation": "annealed"}


BEGUN = "the records stage has not finished; run it first"
"""What a run says that takes its options, and is asked for a later stage alone."""


def of_strategy(name, **options):
    return SearchConfig(strategy=name, score_by=STRATEGIES[name].scored_by[0], **options)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("option", OF_PLANS)
def test_what_a_strategy_does_not_read_of_its_plan_is_refused(strategy, option):
    def planned(config):
        return search_strategy(config, scale(config, ROWS), ROWS)

    without = of_strategy(strategy, candidates=72)
    given = {option: OF_PLANS[option]}
    try:
        config = of_strategy(strategy, candidates=72, **given)
        check_read(config, given)
    except UserError as error:
        assert f"{flag(option)} goes with --strategy evolution" in str(error)
        assert strategy not in ("evolution", "random")
    else:
        # Random search is measured against evolution by the same command: it tells them alone.
        is_read = option not in dict(unread_options(config))
        assert is_read == (planned(config) != planned(without)) == (strategy == "evolution")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_numbers_that_say_how_many_candidates_there_are_are_read(strategy):
    config = of_strategy(strategy, population=24, children=6, generations=8)
    assert unread_options(config) == []
    assert search_strategy(config, scale(config, ROWS), ROWS).trials == 72


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_defaults_are_never_told_whether_or_not_they_are_given(strategy):
    config = of_strategy(strategy)
    assert unread_options(config) == []
    check_read(config, [field.name for field in dataclasses.fields(config)])
    one = SearchConfig(architecture="deepfm")
    assert without_effect_on_one_model(one) == [] == unread_options(one)


CASES = [
    ("--strategy local --population 7", "--population goes with --strategy evolution (--cand"),
    ("--strategy predicted --candidates 40 --children 2", "--children goes with --strategy evolut"),
    ("--fine-tune-steps 0 --fine-tune-learning-rate 0.1", "goes with more --fine-tune-steps than"),
    ("--validation-rows 500 --validation-sample 500", "--validation-sample goes with more --vali"),
    ("--strategy dnas --gpu-precision bfloat16", "--gpu-precision goes without --codesign, --di"),
    ("--codesign --gpu-precision bfloat16", "--gpu-precision goes without --codesign, --distri"),
    ("--distribute mirrored --gpu-precision bfloat16", "--gpu-precision goes without --codesign"),
    ("--architecture deepfm --recipe bars --batch-size 64", "--batch-size goes with a supernet"),
    (
        "--score-by training --retrain-batch-size 64 --batch-size 128",
        "scratch have --retrain-batch-size; leave it out.",
    ),
    ("--recipe bars --recipe-share 0.2", "--recipe-share goes with --recipe auto; leave it out."),
    ("--from elsewhere --recipe-share 0.2", "--recipe-share goes without --from, whose run has"),
    ("--table-rows 50", "--table-rows goes with --encoding hash or modulo; leave it out."),
    ("--encoding hash --min-count 3", "--min-count goes with --encoding vocabulary; leave it"),
    ("--encoding modulo --max-vocabulary 3", "--max-vocabulary goes with --encoding vocabulary"),
    (
        "--data a --dataset csv --validation-data b --test-data c --fractions .8,.1,.1",
        "--fractions goes without splits that are given as files; leave it out.",
    ),
    ("--data a --dataset parquet --delimiter ;", "--delimiter goes with files of text, not Parq"),
    ("--data a --dataset csv --time-format iso8601", "--time-format goes with --time-column, wh"),
    ("--data a --dataset csv --dense-transform log1p", "--dense-transform goes with --dense, wh"),
]


@pytest.mark.parametrize("plan", [[], ["--plan"]], ids=["run", "plan"])
@pytest.mark.parametrize(("given", "told"), CASES)
def test_an_option_that_is_typed_and_says_nothing_is_one_line(given, told, plan, tmp_path):
    said = call(*given.split(), *plan, "--run-dir", str(tmp_path / "run"))
    assert told in said.error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "given",
    [
        {"fine_tune_steps": 0, "fine_tune_learning_rate": 0.1, "rescore": 5, "rescore_steps": 9},
        {"validation_sample": 500},
        {"gpu_precision": "bfloat16"},
        {"architecture": "deepfm", "batch_size": 64},
        {"recipe": "bars", "batch_size": 64},
        {"recipe_share": 0.2},
        {"encoding": "hash", "table_rows": 50},
        {"min_count": 3},
        {"data": "a", "dataset": "parquet", "decimal": ",", "max_rows": 9},
        {"data": "a", "dataset": "csv", "time_column": "day", "time_format": "iso8601"},
    ],
)
def test_what_is_read_is_not_told(given):
    check_read(SearchConfig(**given), given)
    assert unread_options(SearchConfig(**given)) == []


def test_a_strategy_of_ones_own_may_read_all_of_its_plan(monkeypatch):
    class Own(STRATEGIES["random"]):
        pass

    monkeypatch.setitem(STRATEGIES, "own", Own)
    assert unread_options(SearchConfig(strategy="own", population=7)) == []


def test_a_file_of_options_may_serve_other_commands_as_well(tmp_path):
    (tmp_path / "shared.toml").write_text("demo_rows = 1500\npopulation = 7\ntable_rows = 50\n")
    options = ["--config", str(tmp_path / "shared.toml"), "--strategy", "local", "--quiet"]
    options += ["--run-dir", str(tmp_path / "run"), "--stage", "retrain"]
    assert call(*options, "--population", "7").error.startswith("error: --population goes with")
    assert BEGUN in call(*options).error
    stored = RunDirectory(tmp_path / "run").stored_config()
    assert [name for name, _ in unread_options(stored)] == ["population", "table_rows"]


def test_a_run_that_was_begun_with_such_an_option_goes_on(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    begun = SearchConfig(
        run_dir=str(directory.path), demo_rows=1500, strategy="local", population=7
    )
    with directory.opened(begun):
        pass
    options = ["--run-dir", str(directory.path), "--demo-rows", "1500", "--strategy", "local"]
    options += ["--stage", "retrain", "--quiet", "--population"]
    assert BEGUN in call(*options, "7").error
    assert "--population goes with --strategy evolution" in call(*options, "9", "--extend").error


def test_the_function_refuses_what_its_call_gives(tmp_path):
    with pytest.raises(UserError, match="^--population goes with --strategy evolution"):
        nasrec_tf.search(run_dir=tmp_path / "run", strategy="local", population=7)
    assert not (tmp_path / "run").exists()


def test_all_that_only_searches_read_is_told_of_one_model():
    given = {"top_k": 3, "halving": True, "path_sampler": "any-operator-any-connection"}
    found = without_effect_on_one_model(SearchConfig(architecture="deepfm", **given))
    assert sorted(found) == sorted(given)
    rates = SearchConfig(
        architecture="deepfm", halving=True, retrain_learning_rates="0.1,0.2", batch_size=64
    )
    assert without_effect_on_one_model(rates) == []
    codesign = SearchConfig(
        architecture="nasrec-codesign", codesign=True, hardware_rows=5, bits="4", max_area_mm2=9.0
    )
    assert sorted(without_effect_on_one_model(codesign)) == ["bits", "max_area_mm2"]
