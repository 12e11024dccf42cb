"""The main job with other strategies than evolution, and with scores of trainings from scratch."""

import importlib.util
import json
import pathlib
import re
import types

import pytest
from search_calls import call

from nasrec_tf.architecture.complexity import FINAL_OPTIONS
from nasrec_tf.architecture.space import NASREC_FULL, NASREC_SMALL
from nasrec_tf.codesign.costs import costs_at_8_bits
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.learnt_choices import path_cost
from nasrec_tf.search.preflight import check_options
from nasrec_tf.search.scaling import scale
from nasrec_tf.search.search_plan import search_rows, search_strategy
from nasrec_tf.strategies.known_strategies import STRATEGIES
from nasrec_tf.strategies.oracle.ledger import read_history
from nasrec_tf.training.recipe import Recipe

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "extending.md"
OPTIONS = (
    "--recipe paper --demo-rows 1500 --space nasrec-small --blocks 1 --batch-size 64 "
    "--retrain-epochs 1 --top-k 1 --refine 0 --no-explain --seed 3 --quiet"
).split()
TRAINED = "--score-by training --score-rows 640 --candidates 6".split()


def options(directory):
    places = ["--run-dir", directory / "run", "--export-dir", directory / "models"]
    return [*OPTIONS, *places]


@pytest.fixture(scope="module", autouse=True)
def greedy(tmp_path_factory):
    """The strategy of the page, registered as the page says."""
    code = next(
        code
        for code in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        if "class Greedy" in code
    )
    path = tmp_path_factory.mktemp("strategy") / "greedy.py"
    path.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("greedy", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    yield
    del STRATEGIES["greedy"]


def search_of(directory):
    """Settings and history of the search, but for the times."""
    settings, history = read_history(directory / "run" / "evolution" / "search")
    outcomes = [history.outcomes[one.number] for one in history.candidates]
    told = [(one.to_json(), end.status, dict(end.metrics))
            for one, end in zip(history.candidates, outcomes)]  # fmt: skip
    return settings, told


def searched(directory, *given, stages=("records", "supernet", "evolution")):
    """Runs stages up to the search."""
    for stage in stages:
        said = call(*options(directory), *given, "--stage", stage)
        assert said.code == 0, said.err


@pytest.mark.slow
def test_the_strategy_of_the_page_trains_its_candidates_and_goes_on_after_a_kill(
    tmp_path_factory, monkeypatch
):
    from nasrec_tf.training.short_training import TrainingScorer

    given = [*TRAINED, "--strategy", "greedy", "--strategy-options", "start=3,batch=2"]
    undisturbed, killed = (tmp_path_factory.mktemp(name) for name in ("undisturbed", "killed"))
    searched(undisturbed, *given)

    score, calls = TrainingScorer.__call__, []

    def interrupted(self, architecture):
        calls.append(architecture)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return score(self, architecture)

    searched(killed, *given, stages=("records", "supernet"))
    with monkeypatch.context() as patch:
        patch.setattr(TrainingScorer, "__call__", interrupted)
        call(*options(killed), *given, "--stage", "evolution")
    assert len(calls) == 5 and not (killed / "run" / "evolution" / "result.json").exists()
    searched(killed, *given, stages=("evolution",))

    settings, told = search_of(killed)
    assert (settings, told) == search_of(undisturbed)
    assert settings["strategy"].startswith("Greedy(trials=6, start=3, batch=2")
    assert settings["scoring"]["--score-rows"] == 640
    assert [parent for one, *_ in told if (parent := one["parent"]) is not None]
    assert "skipped" in json.loads((killed / "run" / "supernet" / "result.json").read_text())
    page = (killed / "run" / "report.html").read_text()
    assert "validation log losses after a training from scratch on 640 rows" in page
    refused = call(*options(killed), *TRAINED, "--strategy", "random").error
    assert "--strategy 'greedy', not 'random'" in refused


@pytest.mark.slow
def test_logits_are_learnt_with_the_supernet_whether_that_is_killed_or_not(
    tmp_path_factory, monkeypatch
):
    from nasrec_tf.training.choice_training import ChoiceTrainer

    strategy = "--strategy dnas --strategy-options rate=0.2,cost_weight=0.1 --candidates 6".split()
    strategy += "--supernet-epochs 1 --fine-tune-steps 2 --checkpoint-seconds 0.01".split()
    undisturbed, killed = (tmp_path_factory.mktemp(name) for name in ("undisturbed", "killed"))

    def searched(directory):
        for stage in ("records", "supernet", "evolution"):
            said = call(*options(directory), *strategy, "--stage", stage)
            assert said.code == 0, said.err

    searched(undisturbed)
    make_steps, steps = ChoiceTrainer.steps, []

    def interrupted(self, batches, count):
        if sum(steps) > 8:
            raise KeyboardInterrupt
        steps.append(count)
        return make_steps(self, batches, count)

    with monkeypatch.context() as patch:
        patch.setattr(ChoiceTrainer, "steps", interrupted)
        call(*options(killed), *strategy, "--stage", "records")
        call(*options(killed), *strategy, "--stage", "supernet")
    assert not (killed / "run" / "supernet" / "result.json").exists()
    searched(killed)
    left = [(one / "run" / "supernet" / "logits.json").read_text() for one in (undisturbed, killed)]
    assert left[0] == left[1]
    assert any(map(any, json.loads(left[0])["logits"]["dense_widths"]))
    settings, told = search_of(killed)
    assert (settings, told) == search_of(undisturbed)
    assert settings["strategy"] == (
        "LogitSearch(trials=6, paths=4, rate=0.2, temperature=0.5, cost_weight=0.1)"
    )
    (killed / "run" / "supernet" / "logits.json").unlink()
    (killed / "run" / "evolution" / "result.json").unlink()
    refused = call(*options(killed), *strategy, "--stage", "evolution").error
    assert "logits.json: is missing, which --strategy dnas draws by; delete" in refused


def test_paths_may_be_weighed_by_what_they_take_in_memory():
    """As the benchmark's answers tell it, and least for the least."""
    features = Features(13, (1000,) * 26)
    run = types.SimpleNamespace(
        features=features, stated_recipe=Recipe(), recipe_options=lambda _: FINAL_OPTIONS
    )
    wide, narrow = (space.replace(num_blocks=1).widest for space in (NASREC_FULL, NASREC_SMALL))
    for name in ("latency_us", "energy_nj", "area_mm2"):
        cost = path_cost(run, name)
        assert cost(wide) == costs_at_8_bits(wide, features, FINAL_OPTIONS)[name]
        assert cost(wide) > cost(narrow) > 0


REFUSED = [
    ("--strategy dnas --codesign", "--codesign goes with another --strategy; leave it out"),
    ("--strategy dnas --max-sources 2", "logits are learnt of single operators, any number of"),
    ("--strategy dnas --strategy-options paths=1", "--strategy-options: dnas: `paths` must be at"),
    ("--strategy dnas --strategy-options cost=watts,cost_weight=1", "dnas: `cost` must be one of"),
    (
        "--strategy dnas --strategy-options cost=energy_nj",
        "`cost` energy_nj weighs nothing",
    ),
    ("--strategy dnas --strategy-options rate=nan", "dnas: `rate` must be a positive, finite"),
    ("--strategy dnas --strategy-options rate=1e30", "dnas: `rate` must be from 0 to 1000"),
    ("--strategy dnas --strategy-options temperature=1e-46", "`temperature` must be from 0.001"),
    ("--strategy progressive --strategy-options cost_weight=1e39", "must be from 0 to 1e+06"),
    ("--strategy autoctr", "--strategy autoctr goes with --score-by training, not supernet"),
    ("--strategy autoctr-hybrid --score-by training", "goes with --score-by supernet"),
    ("--score-rows 100", "--score-rows goes with --score-by training; leave it out"),
    ("--score-by training --fine-tune-steps 5", "--fine-tune-steps goes with --score-by supernet"),
    ("--score-by training --validation-sample 5", "goes with --score-by supernet"),
    ("--score-by training --supernet-epochs 5", "--supernet-epochs goes with --score-by supernet"),
    ("--score-by training --no-warmup", "--warmup goes with --score-by supernet"),
    ("--strategy local --mutation annealed", "--mutation goes with --strategy evolution"),
    ("--strategy local --tournament 2", "--tournament goes with --strategy evolution"),
    ("--candidates 50 --generations 5", "--generations and --candidates both say how many"),
    ("--candidates 10", "10 candidates are fewer than a population of 16 and one generation of 4"),
    ("--score-by training --score-budget 100 --score-rows 200", "is not enough for one candidate"),
    ("--strategy local --strategy-options luck=1", "--strategy-options: local has no 'luck'"),
    ("--strategy local --strategy-options patience=0", "--strategy-options: local: `patience`"),
    ("--strategy random --strategy-options a=1", "random has no 'a'; it has none of its own."),
    ("--codesign --strategy local --objective pareto", "--objective pareto needs --strategy evol"),
]


@pytest.mark.parametrize(("given", "told"), REFUSED, ids=[given for given, _ in REFUSED])
def test_options_that_do_not_fit_together_are_one_line_at_the_start(tmp_path, given, told):
    places = ["--run-dir", tmp_path / "run", "--export-dir", tmp_path / "models"]
    assert told in call("--demo-rows", "1500", *places, *given.split()).error
    assert list(tmp_path.iterdir()) == []


def strategy_of(rows=40_000, **given):
    config = SearchConfig(**given)
    check_options(config)
    return search_strategy(config, scale(config, rows), rows)


def test_every_strategy_has_as_many_candidates_as_evolution_unless_told_otherwise():
    evolution = strategy_of()
    assert evolution.trials == 48
    for name, kind in STRATEGIES.items():
        by = kind.scored_by[0]
        assert strategy_of(strategy=name, score_by=by).trials == evolution.trials
        found = strategy_of(strategy=name, score_by=by, candidates=100).trials
        # Evolution makes whole generations, of 4 here.
        assert found == 100 or name == "evolution" and 96 < found <= 100


@pytest.mark.parametrize(
    "given",
    [
        {"strategy": "predicted", "strategy_options": "start={}"},
        {"strategy": "local", "strategy_options": "neighbours={}"},
        {"strategy": "autoctr", "score_by": "training", "strategy_options": "population={}"},
    ],
    ids=lambda given: given["strategy"],
)
def test_a_log_whose_rows_are_not_known_yet_may_be_large(tmp_path, given):
    """It was refused as if it had the 48 candidates of the smallest log."""
    log = tmp_path / "log.csv"
    log.touch()
    places = {"run_dir": str(tmp_path / "run"), "export_dir": str(tmp_path / "models")}

    def config(count):
        options = {**given, "strategy_options": given["strategy_options"].format(count)}
        return SearchConfig(data=(str(log),), dataset="criteo", **places, **options)

    check_options(config(100))
    with pytest.raises(UserError, match=r"must be below the search's 2048 candidates"):
        check_options(config(2048))
    small = scale(config(100), 40_000)
    with pytest.raises(UserError, match=r"must be below the search's 48 candidates"):
        search_strategy(config(100), small, 40_000)


def test_hardware_costs_may_count_beside_the_log_loss_in_co_design_alone():
    given = {"strategy": "autoctr-hybrid", "strategy_options": "cost=latency_us,population=4"}
    assert strategy_of(**given, codesign=True).cost == "latency_us"
    with pytest.raises(UserError, match="autoctr-hybrid: `cost` must be one of mflops. Received"):
        strategy_of(**given)


def test_a_budget_of_training_rows_pays_for_candidates():
    given = {"strategy": "random", "score_by": "training", "score_budget": 10**6}
    assert strategy_of(**given).trials == 25  # Of 40,000 rows, the whole split.
    assert strategy_of(**given, score_rows=10_000).trials == 100
    assert strategy_of(5_000_000, **given).trials == 10  # Of 100,000 rows, as AutoCTR's.
    config = SearchConfig(**given, validation_rows=500)
    rows = {"train": 40_000, "validation": 5_000}
    assert search_rows(config, scale(config, 40_000), rows) == 25 * (40_000 + 500)


def test_a_recipe_is_settled_once_candidates_are_trained_with_it():
    import dataclasses

    fields = {field.name: field for field in dataclasses.fields(SearchConfig)}
    for by, stage in (("supernet", "retrain"), ("training", "evolution")):
        config = SearchConfig(recipe="paper", score_by=by)
        assert config.first_reader(fields["row_decay"]) == stage


def test_a_search_for_a_budget_that_is_not_enough_is_told_once_the_rows_are_known():
    config = SearchConfig(strategy="random", score_by="training", score_budget=1000)
    with pytest.raises(UserError, match="--score-budget 1000 is not enough for one candidate"):
        scale(config, 40_000)
