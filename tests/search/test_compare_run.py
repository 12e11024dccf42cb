"""A run's model beside others: what is trained, measured and told, and how it goes on."""

import contextlib
import csv
import dataclasses
import html.parser
import io
import json
import shutil
import statistics
import types

import comparison_tables
import numpy as np
import pytest
import search_calls
from extreme_rows import SQUARING, extreme_data_set

from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.compare import main
from nasrec_tf.data.features import Features
from nasrec_tf.networks.baselines import load_baseline
from nasrec_tf.search import epoch_validation
from nasrec_tf.search.results import RetrainResult
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.studies import finished_runs, planned_cost, speed
from nasrec_tf.studies.comparison import Comparison, load_comparison
from nasrec_tf.studies.config import CompareConfig
from nasrec_tf.studies.contenders import contenders, left_out
from nasrec_tf.studies.finished_runs import runs_of_the_same_data
from nasrec_tf.studies.rival_results import MeasuredResult, Settings, SpeedResult, TuningResult
from nasrec_tf.studies.strategy_rows import strategy_rows
from nasrec_tf.studies.table_rows import Outcome
from nasrec_tf.training.evaluation import auc, log_losses
from nasrec_tf.training.recipe import Recipe

MODEL = 'model = "fm"\nembedding_dim = 4\n'

RECIPE = "learning_rate = 0.1\nbatch_size = 64\nepochs = 2\n"

TIMES = ("seconds", "us_per_row")
"""Endings of columns that are of the clock."""


def call(*arguments):
    """Code, output and errors of the command line, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def table(directory):
    with open(directory / "comparison.csv", newline="") as file:
        return {row["model"]: row for row in csv.DictReader(file)}


def without_times(directory):
    return {
        model: {key: value for key, value in row.items() if not key.endswith(TIMES)}
        for model, row in table(directory).items()
    }


@pytest.fixture(scope="module", autouse=True)
def hasty():
    """Speeds are measured in no time: they are not looked at here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "ROUND_SECONDS", 0.001)
        yield


@pytest.fixture(scope="module")
def place(finished_run, tmp_path_factory):
    """A copy of the finished run, and beside it files of a model and of a recipe."""
    directory = tmp_path_factory.mktemp("compared")
    shutil.copytree(finished_run / "run", directory / "run")
    (directory / "mine.toml").write_text(MODEL)
    (directory / "quick.toml").write_text(RECIPE)
    return directory


def arguments(place, *more):
    files = ["--models", place / "mine.toml", "--recipe", place / "quick.toml"]
    return ["--run-dir", place / "run", "--quiet", *files, "--seeds", "2", *more]


@pytest.fixture(scope="module")
def compared(place):
    """Directory and screen of a finished comparison."""
    code, screen, err = call(*arguments(place))
    assert code == 0, err
    return place / "run" / "compare" / "quick", screen


def of_seeds(directory, model):
    """Test labels and logits of each training of a model."""
    labels = np.load(directory / "test_labels.npz")["labels"].astype(np.float32)
    files = sorted(directory.glob(f"{model}-*/seed-*/test.npz"))
    return labels, [np.load(file)["logits"] for file in files]


@pytest.mark.parametrize("model", ["found", "lr", "mine"])
def test_figures_are_those_of_the_predictions_of_all_seeds(compared, place, model):
    directory, _ = compared
    labels, logits = of_seeds(directory, model)
    assert len(logits) == 2 and {each.dtype for each in logits} == {np.dtype(np.float32)}
    row = table(directory)[str(place / "mine.toml") if model == "mine" else model]
    losses = [float(log_losses(labels, each).mean()) for each in logits]
    areas = [auc(labels, each) for each in logits]
    for name, values in (("log_loss", losses), ("auc", areas)):
        assert float(row[f"{name}_mean"]) == pytest.approx(statistics.mean(values))
        assert float(row[f"{name}_deviation"]) == pytest.approx(statistics.stdev(values))


def test_differences_are_from_the_found_model_and_verdicts_follow_from_the_intervals(compared):
    rows = table(compared[0])
    found = rows.pop("found")
    assert found["log_loss_gap"] == "" and found["found"] == "True"
    for row in rows.values():
        for name, better in (("log_loss", -1), ("auc", 1)):
            gap, low, high = (float(row[f"{name}_gap{end}"]) for end in ("", "_low", "_high"))
            assert gap == pytest.approx(float(row[f"{name}_mean"]) - float(found[f"{name}_mean"]))
            expected = "within"
            if low > 0 or high < 0:
                expected = "better" if gap * better > 0 else "worse"
            assert low <= gap <= high and row[f"{name}_gap_verdict"] == expected


@pytest.mark.parametrize("model", ["found", "lr", "mine"])
def test_averages_are_those_of_the_mean_logits_of_all_seeds(compared, place, model):
    directory, _ = compared
    labels, logits = of_seeds(directory, model)
    row = table(directory)[str(place / "mine.toml") if model == "mine" else model]
    mean = np.mean(np.asarray(logits, np.float64), axis=0)
    assert float(row["averaged_log_loss"]) == pytest.approx(float(log_losses(labels, mean).mean()))
    assert float(row["averaged_auc"]) == pytest.approx(auc(labels, mean))
    if model == "found":
        assert row["averaged_log_loss_gap"] == row["averaged_auc_gap_verdict"] == ""
        return
    found = table(directory)["found"]
    for name in ("averaged_log_loss", "averaged_auc"):
        gap, low, high = (float(row[f"{name}_gap{end}"]) for end in ("", "_low", "_high"))
        assert gap == pytest.approx(float(row[name]) - float(found[name])) and low <= gap <= high


def test_one_seed_has_no_average(compared, place):
    shutil.copytree(compared[0], place / "single")
    more = arguments(place, "--out", place / "single", "--seeds", "1", "--models", "lr")
    code, _, err = call(*more)
    assert code == 0, err
    assert table(place / "single")["lr"]["averaged_log_loss"] == ""
    assert "averaged" not in (place / "single" / "comparison.md").read_text()
    assert "Averaged" not in (place / "single" / "comparison.html").read_text()


def test_the_constant_prediction_is_the_click_rate_of_the_training_split(compared, place):
    labels, _ = of_seeds(compared[0], "lr")
    records = json.loads((place / "run" / "records" / "result.json").read_text())
    rate, clicks = records["label_rates"]["train"], labels.mean()
    row = table(compared[0])["constant"]
    expected = -clicks * np.log(rate) - (1 - clicks) * np.log(1 - rate)
    assert float(row["log_loss_mean"]) == pytest.approx(expected, rel=1e-5)
    assert row["auc_mean"] == "0.5" and row["seeds"] == "0"


def test_costs_are_those_of_the_counter_and_of_the_rows_trained_on(compared, place):
    config = CompareConfig(str(place / "run"))
    run = load_comparison(config, quiet=True)[0].run
    rows, training = table(compared[0]), run.schema.splits["train"].rows
    cost = load_baseline(place / "mine.toml").complexity(run.features)
    mine = rows[str(place / "mine.toml")]
    assert int(mine["embedding_parameters"]) == cost.embedding_parameters > 0
    assert float(mine["training_rows"]) == 2 * training and mine["search_rows"] == ""
    # The supernet saw the rows once, six candidates were scored, and another one was trained.
    settings, result = run.settings, run.directory.finished("retrain", RetrainResult)
    supernet = training // settings.batch_size * settings.batch_size
    scored = 6 * (2 * settings.batch_size + run.schema.splits["validation"].rows / 3)
    others = [each for each in result.attempts if each.rank != result.rank]
    expected = supernet + scored + training * sum(len(each.epochs) for each in others)
    assert float(rows["found"]["search_rows"]) == pytest.approx(expected)


def test_what_stays_are_predictions_and_no_weights(compared):
    assert not list(compared[0].rglob("*.npz.tmp")) and not list(compared[0].rglob("best.npz"))
    assert not list(compared[0].rglob("checkpoint"))


def test_screen_markdown_and_page_have_every_model(compared, place):
    directory, screen = compared
    text = (directory / "comparison.md").read_text()
    page = (directory / "comparison.html").read_text()
    for name in ("found", "lr", "constant", str(place / "mine.toml")):
        assert all(name in each for each in (screen, text, page))
    assert "The trainings of each model averaged" in text and "<h2>Averaged</h2>" in page
    assert "AutoCTR's own figures" in text and "AutoCTR&#39;s own figures" in page
    assert page.count('role="img"') == 4 and "http" not in _links(page)
    assert page.count("<script") == 1 and "<script src" not in page  # the frame's own


def test_page_and_markdown_show_the_figures_of_the_csv(compared):
    directory, _ = compared
    texts = [(directory / f"comparison.{end}").read_text("utf-8") for end in ("html", "md", "csv")]
    comparison_tables.check_same(*texts)


def _links(page):
    found = []

    class Links(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.extend(str(value) for name, value in attrs if name in ("src", "href"))

    Links().feed(page)
    return " ".join(link for link in found if not link.startswith("#"))


def test_a_comparison_that_was_stopped_ends_with_the_same_figures(compared, place, monkeypatch):
    save, saved = epoch_validation.write_state, []
    again = arguments(
        place, "--out", place / "again", "--checkpoint-seconds", "0.01", "--models", "lr"
    )

    def stopping(path, value):
        save(path, value)
        saved.append(path)
        if len(saved) == 3:  # within the second training of the found model
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(epoch_validation, "write_state", stopping)
        codes = [call(*again)[0] for _ in range(2)]
    assert codes == [130, 0]
    stopped, undisturbed = without_times(place / "again"), without_times(compared[0])
    assert set(stopped) == {"found", "lr", "constant"}
    assert stopped == {model: undisturbed[model] for model in stopped}


def test_seeds_may_be_added_and_nothing_is_trained_again(compared, place, monkeypatch):
    from nasrec_tf.studies import rival_trainings

    trained, original = [], rival_trainings.train_from_scratch

    def counted(run, what, title):
        trained.append(title)
        return original(run, what, title)

    monkeypatch.setattr(rival_trainings, "train_from_scratch", counted)
    shutil.copytree(compared[0], place / "more")
    more = arguments(place, "--out", place / "more", "--seeds", "3", "--models", "lr")
    code, _, err = call(*more)
    assert code == 0, err
    assert trained == ["found, seed 3", "lr, seed 3"]
    assert {row["seeds"] for row in table(place / "more").values()} == {"3", "0"}
    labels, logits = of_seeds(place / "more", "lr")
    mean = np.mean(np.asarray(logits, np.float64), axis=0)
    averaged = float(table(place / "more")["lr"]["averaged_log_loss"])
    assert len(logits) == 3 and averaged == pytest.approx(float(log_losses(labels, mean).mean()))


def test_auc_within_groups_is_told_of_what_was_trained_before(compared, place, monkeypatch):
    from nasrec_tf.studies import rival_trainings

    monkeypatch.setattr(rival_trainings, "train_from_scratch", None)
    shutil.copytree(compared[0], place / "grouped")
    run = finished_runs.finished_run(place / "run", "--run-dir", quiet=True, checkpoint_seconds=60)
    sparse = np.concatenate([inputs["sparse"] for inputs, _ in run.records.batches("test", 99)])
    # The feature of the fewest values that make enough groups for an interval.
    counts = {len(set(values)): number for number, values in enumerate(sparse.T)}
    column = counts[min(count for count in counts if count >= 30)]
    name = run.schema.sparse[column].name
    more = arguments(place, "--out", place / "grouped", "--models", "lr", "--group", name)
    code, screen, err = call(*more)
    assert code == 0, err
    labels, logits = of_seeds(place / "grouped", "lr")
    members = [np.flatnonzero(sparse[:, column] == group) for group in set(sparse[:, column])]
    members = [rows for rows in members if 0 < labels[rows].sum() < len(rows)]
    areas = [[auc(labels[rows], each[rows]) for rows in members] for each in logits]
    expected = [np.average(each, weights=list(map(len, members))) for each in areas]
    row = table(place / "grouped")["lr"]
    assert float(row["grouped_auc_mean"]) == pytest.approx(np.mean(expected))
    gap, low, high = (float(row[f"grouped_auc_gap{end}"]) for end in ("", "_low", "_high"))
    assert low <= gap <= high and len(members) >= 10
    page = (place / "grouped" / "comparison.html").read_text()
    assert f"test AUC within {name}" in screen and f"Within {name}" in page
    told = f"AUC within {name} is the mean over the"
    markdown = (place / "grouped" / "comparison.md").read_text()
    assert f"{told} {len(members)} groups that have both labels" in markdown
    assert f"{told} {len(members)} groups" in " ".join(page.split())


def test_a_found_model_that_diverges_is_told_as_that_within_groups_too(place):
    (place / "steep.toml").write_text(RECIPE.replace("0.1", "1e30"))
    more = ["--recipe", place / "steep.toml", "--models", "lr", "--group", "C1"]
    code, _, err = call(*arguments(place, *more, "--out", place / "steep"))
    assert code == 0, err
    row = table(place / "steep")["found"]
    assert (row["seeds"], row["diverged"], row["grouped_auc_mean"]) == ("2", "2", "")


def test_a_model_that_is_not_finite_on_a_row_of_test_counts_as_diverged_and_says_why(tmp_path):
    data = extreme_data_set(tmp_path)
    run, model, recipe = (tmp_path / name for name in ("run", "squaring.json", "quick.toml"))
    model.write_text(json.dumps(SQUARING))
    recipe.write_text(RECIPE)
    said = search_calls.call("--data", data, "--run-dir", run, "--export-dir", tmp_path / "models",
                             *("--architecture", "lr", "--recipe", recipe, "--quiet"),
                             "--no-explain")  # fmt: skip
    assert said.code == 0, said.err
    code, screen, err = call("--run-dir", run, "--models", model, "--recipe", recipe,
                             "--seeds", "1")  # fmt: skip
    assert code == 0, err
    [line] = [line for line in screen.splitlines() if "it counts as diverged" in line]
    assert line.startswith(f"{model}, seed 1: ") and "price" in line and "3e+38" in line
    rows = table(run / "compare" / "quick")
    assert {name: row["diverged"] for name, row in rows.items()} == {
        "constant": "0", "found": "0", "lr": "0", str(model): "1"
    }  # fmt: skip
    row = rows[str(model)]
    assert row["validation_mean"] != "" and row["log_loss_mean"] == row["log_loss_gap"] == ""
    for text in (screen, (run / "compare" / "quick" / "comparison.md").read_text()):
        assert f"{model} (1 of 1 diverged)" in text


def test_what_other_runs_found_takes_part_with_what_its_search_cost(compared, place):
    shutil.copytree(place / "run", place / "again-found")
    shutil.copytree(compared[0], place / "runs-out")
    more = arguments(place, "--out", place / "runs-out", "--models", "lr", "--seeds", "1")
    code, _, err = call(*more, "--runs", place / "again-found")
    assert code == 0, err
    rows = table(place / "runs-out")
    # The same model, trained in the same order of rows.
    found, other = rows["found"], rows["again-found"]
    assert other["log_loss_mean"] == found["log_loss_mean"] and other["log_loss_gap"] == "0.0"
    assert other["search_rows"] == found["search_rows"] != "" and rows["lr"]["search_rows"] == ""
    page = (place / "runs-out" / "comparison.html").read_text()
    assert "<h2>Searches</h2>" in page and page.count("<td>evolution, by supernet</td>") == 2
    assert "a run is a seed of its way" not in page  # both were found by one


def test_runs_are_the_seeds_of_their_way_of_searching(compared, place):
    comparison, _ = load_comparison(CompareConfig(str(place / "run"), seeds=1), quiet=True)
    [found, *_] = comparison.contenders
    random = dataclasses.replace(found.search, strategy="random")
    tests = [
        MeasuredResult(loss, 0.5, (loss, loss + 0.001), (0.5, 0.5)) for loss in (0.5, 0.4, 0.41)
    ]
    outcomes = [
        Outcome(dataclasses.replace(found, search=search), TuningResult(Recipe()), [], [test])
        for search, test in zip((found.search, random, random), tests)
    ]
    first, other = strategy_rows(outcomes)
    assert (first.method, first.runs, first.log_loss_gap) == ("evolution, by supernet", 1, None)
    assert (other.method, other.runs) == ("random, by supernet", 2)
    assert other.log_loss.mean == pytest.approx(0.405)
    assert other.log_loss.deviation == pytest.approx(np.std([0.4, 0.41], ddof=1))
    assert other.log_loss_gap.value == pytest.approx(-0.095)
    assert strategy_rows(outcomes[1:]) == []


def extended(directory, *options):
    """What another process does meanwhile: it goes on with a run by other options."""
    said = search_calls.call("--config", directory / "config.toml", "--extend", "--quiet",
                             *("--run-dir", directory, "--export-dir", directory / "models"),
                             *options)  # fmt: skip
    assert said.code == 0, said.err


def test_a_run_that_is_extended_before_it_is_locked_is_compared_as_it_is_then(
    place, tmp_path, monkeypatch
):
    run = tmp_path / "run"
    shutil.copytree(place / "run", run, ignore=shutil.ignore_patterns("compare"))
    opened, still_to_come = RunDirectory.opened, [True]

    def late(self, *arguments, **options):
        if still_to_come.pop() if still_to_come else False:
            extended(run, "--retrain-epochs", "1")
        return opened(self, *arguments, **options)

    monkeypatch.setattr(RunDirectory, "opened", late)
    code, _, err = call("--run-dir", run, "--quiet", "--recipe", "paper", "--models", "lr",
                        "--seeds", "1")  # fmt: skip
    assert code == 0, err
    assert read_state(run / "compare" / "paper" / "compare.json", Settings, "").start.epochs == 1
    assert call("--run-dir", run, "--quiet", "--recipe", "paper", "--models", "lr", "--seeds", "1",
                "--plan")[0] == 0  # fmt: skip


def test_a_further_run_is_told_as_it_was_when_its_model_was_taken(place, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(place / "run", other, ignore=shutil.ignore_patterns("compare"))
    config = CompareConfig(str(place / "run"), models="lr", runs=str(other))
    comparison, late = (load_comparison(config, quiet=True)[0] for _ in range(2))
    taken = comparison.contenders[1]
    before = runs_of_the_same_data([str(other)], late.run)
    extended(other, "--strategy", "random")
    searches = comparison.summary([]).searches
    assert [each.strategy for each in searches] == ["evolution", "evolution"]
    assert searches[1] == taken.search and taken.cost.rows > 0
    # What was read before and what is read after do not belong together.
    with pytest.raises(RunError, match="other: another process went on with this run while it was"):
        contenders(late.run, before, "lr")
    assert late.contenders[1].search.strategy == "random"


def test_a_run_of_other_data_is_one_line(place):
    other, run = (
        finished_runs.finished_run(place / "run", "--run-dir", True, 60.0) for _ in range(2)
    )
    vars(run)["schema"] = dataclasses.replace(other.schema, seed=other.schema.seed + 1)
    with pytest.raises(UserError, match="is of other data than"):
        runs_of_the_same_data([str(place / "run")], run)


def begun(place, **options):
    """The trainings of a comparison, and logistic regression, which takes part in it."""
    comparison, _ = load_comparison(CompareConfig(str(place / "run"), **options), quiet=True)
    return comparison.trainings, comparison.contenders[1]


def test_of_several_learning_rates_validation_chooses(place):
    out = place / "rates"
    trainings, lr = begun(
        place, recipe=str(place / "quick.toml"), learning_rates="0.001,0.1", out=str(out)
    )
    tuning = trainings.tuned(lr)
    chosen = trainings.trained(lr, tuning.recipe, 1)
    trainings.tested(lr, chosen)
    [other] = [path.parent for path in out.glob("lr-*/*/training.json")
               if not (path.parent / "test.json").exists()]  # fmt: skip
    loss = json.loads((other / "training.json").read_text())["validation"]["log_loss"]
    assert chosen.validation.log_loss < loss and tuning.trials == 1
    # The test split was looked at with the chosen one alone, and no weights are left.
    assert [*out.rglob("test.npz")] == [other.parent / "seed-1-rate-0.1" / "test.npz"]
    assert not [*out.rglob("best.npz")]


def test_rows_are_counted_of_passes_that_end_before_those_of_the_split(place, monkeypatch):
    (place / "early.toml").write_text(RECIPE + "epoch_rows = 200\n")
    trainings, lr = begun(place, recipe=str(place / "early.toml"), out=str(place / "early"))
    # Two passes of three batches of 64, told as the rows after which a pass ends.
    assert trainings.trained(lr, trainings.tuned(lr).recipe, 1).rows == 2 * 200
    monkeypatch.setattr(planned_cost, "_measured", lambda *of: SpeedResult(1.0, 1.0, 64))
    assert planned_cost.planned_cost(trainings, lr, seeds=3).rows == 3 * 2 * 200


def test_a_plan_counts_a_training_of_each_rate_and_of_each_further_seed(place, monkeypatch):
    monkeypatch.setattr(planned_cost, "_measured", lambda *_: SpeedResult(1.0, 1.0, 64))
    recipe, out = str(place / "quick.toml"), str(place / "planned")
    trainings, lr = begun(place, recipe=recipe, learning_rates="0.001,0.1,0.3", out=out)
    cost = planned_cost.planned_cost(trainings, lr, 2)
    # The best rate's own training is that of the first seed.
    assert (cost.trainings, cost.rows) == (4, 4 * 2 * trainings.run.records.rows("train"))


def test_a_recipe_is_chosen_for_each_model_within_one_budget(place):
    trainings, lr = begun(place, tuning_passes=4.5, out=str(place / "auto"))
    found = trainings.tuned(lr)
    passes = found.rows / trainings.run.schema.splits["train"].rows
    assert (passes, found.trials) == (4.0, 2) and trainings.tuned(lr) == found
    trials = [json.loads(f.read_text()) for f in (place / "auto").glob("lr-*/recipe/*/result.json")]
    assert [each["question"] for each in trials] == ["learning_rate"] * 2


def test_the_plan_tells_what_it_would_cost_and_changes_nothing(compared, place):
    before = {path: path.stat().st_mtime_ns for path in compared[0].rglob("*")}
    code, text, err = call(*arguments(place, "--plan"))
    assert code == 0, err
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["found", "lr", str(place / "mine.toml")]
    # Three models, two seeds, two passes over 1,201 rows.
    assert lines[4].startswith("in all at most 0.014 M rows")
    assert {path: path.stat().st_mtime_ns for path in compared[0].rglob("*")} == before


def test_models_that_are_nothing_on_the_data_are_left_out_of_all_of_them_alone():
    run = types.SimpleNamespace(features=Features(0, (9,)))
    assert [*left_out(run, "all")] == ["dlrm"]
    assert left_out(run, "all")["dlrm"].startswith("Left out of --models all: dlrm: takes inner")
    assert [*left_out(run, "all:bars")] == ["dlrm:bars"]
    assert not left_out(run, "all,dlrm") and not left_out(run, "dlrm")
    assert not left_out(types.SimpleNamespace(features=Features(0, (9, 4))), "all")


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (["--models", "deepmf"], "No architecture or baseline 'deepmf'"),
        (["--models", "all:kaggle"], "no model has options of 'kaggle'; there are autoctr"),
        (["--models", "found"], "found is always there"),
        (["--models", "fm,"], "--models has an empty name between commas. Received: 'fm,'"),
        (["--runs", ",{run}"], "--runs has an empty name between commas"),
        (["--recipe", "papre"], "No recipe 'papre'"),
        (["--group", "nobody"], "--group: the data set has no sparse feature 'nobody'; there are "),
        (["--seeds", "0"], "--seeds must be from 1 to 1000. Received: 0"),
        (["--learning-rates", "0.1,-1"], "--learning-rates must be different positive numbers"),
        (["--learning-rates", "0.1,0.1000000001"], "--learning-rates must be different"),
        (["--tuning-passes", "3"], "--tuning-passes goes with --recipe auto"),
        (["--recipe", "auto", "--learning-rates", "0.1"], "--learning-rates goes with a recipe"),
        (
            ["--runs", "nowhere"],
            "nowhere: has no config.toml, so it is not a run directory; check --r",
        ),
        (["--runs", "{run}"], "is the run of --run-dir itself; leave it out."),
        (["--runs", "{run},{run}"], "--runs: two directories are called 'run'"),
        (["--run-dir", "nowhere"], "nowhere: has no config.toml, so it is not a run directory"),
    ],
)
def test_what_cannot_be_used_is_one_line_before_anything_is_made(place, tmp_path, more, wanted):
    more = [each.format(run=place / "run") for each in more]
    code, out, err = call(*arguments(place, "--out", tmp_path / "out", *more))
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("error: ") and wanted in err
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_a_model_cannot_take_is_one_line_that_names_the_model(place, tmp_path):
    recipe = tmp_path / "dropout.toml"
    recipe.write_text(RECIPE + "head_dropout = 0.1\n")
    code, _, err = call(*arguments(place, "--recipe", recipe, "--out", tmp_path / "out"))
    assert code == 2 and err.startswith("error: lr: head_dropout is of architectures")


def test_another_recipe_or_another_run_needs_another_place(compared, place, tmp_path):
    code, _, err = call(*arguments(place, "--out", compared[0], "--recipe", "paper"))
    assert code == 2 and "was begun with another --recipe" in err
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "notes.txt").write_text("mine")
    code, _, err = call(*arguments(place, "--out", stranger))
    assert code == 2 and "so it is no comparison" in err


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ({"data": "0" * 16}, "the run has other records than when"),
        ({"start": Recipe(epochs=1, batch_size=64)}, "another batch size or number of passes"),
        ({"operator_balancing": False}, "another --operator-balancing"),
        ({"optimizer": "0" * 12}, "another file of its optimizer"),
    ],
)
def test_a_run_that_was_extended_since_needs_another_place(compared, place, before, told, tmp_path):
    """Its model may be the same one; trainings that are there are not those of now."""
    shutil.copytree(compared[0], tmp_path / "out")
    path = tmp_path / "out" / "compare.json"
    settings = read_state(path, Settings, "")
    write_state(path, dataclasses.replace(settings, **before))
    code, _, err = call(*arguments(place, "--out", tmp_path / "out"))
    assert code == 2 and told in err and err.count("\n") == 1


def test_a_comparison_that_does_not_tell_of_its_run_is_gone_on_with(compared, place, tmp_path):
    """Earlier versions kept neither records nor passes."""
    shutil.copytree(compared[0], tmp_path / "out")
    path = tmp_path / "out" / "compare.json"
    settings = read_state(path, Settings, "")
    write_state(path, dataclasses.replace(settings, data=None, start=None, operator_balancing=None))
    assert call(*arguments(place, "--out", tmp_path / "out"))[0] == 0
    assert read_state(path, Settings, "") == settings


def test_groups_of_the_data_sets_own_column_are_those_of_the_data_set():
    """As a feature it would tell its rare values as one group, under the same heading."""
    schema = types.SimpleNamespace(group="user", sparse=[])
    run = types.SimpleNamespace(schema=schema)
    for asked in (None, "user"):
        comparison = Comparison(CompareConfig("run", group=asked), run)
        assert comparison.grouped_quality.feature is None
        assert comparison.grouped_quality.name == "user"


@pytest.mark.parametrize("stage", ["supernet", "evolution", "export"])
def test_a_stage_whose_result_is_damaged_is_one_line_before_anything_is_trained(
    place, tmp_path, stage
):
    others = shutil.ignore_patterns("compare")
    shutil.copytree(place / "run", tmp_path / "run", ignore=others)
    (tmp_path / "run" / stage / "result.json").write_text("{}")
    code, _, err = call("--run-dir", tmp_path / "run", "--models", "lr")
    assert code == 2 and f"{stage}/result.json: " in err and err.count("\n") == 1
    assert not (tmp_path / "run" / "compare").exists()


def test_a_run_that_has_not_finished_is_one_line(place, tmp_path):
    shutil.copytree(place / "run", tmp_path / "run")
    (tmp_path / "run" / "retrain" / "result.json").unlink()
    code, _, err = call("--run-dir", tmp_path / "run")
    assert code == 2 and "its retrain stage has not finished; finish the run first" in err
