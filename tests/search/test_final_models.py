"""Ensembles, final fits and seeds of the winner in the main job."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from search_calls import call, options, run_of

import nasrec_tf
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.export.contents import load_description
from nasrec_tf.networks.ensemble import Ensemble
from nasrec_tf.search import epoch_validation, from_scratch
from nasrec_tf.search.attempts import ended_attempts
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.explained_model import ExplainedModel
from nasrec_tf.search.final_fit import fit_to_all
from nasrec_tf.search.kept_logits import VALIDATION_LOGITS, keep_logits, kept_logits
from nasrec_tf.search.preflight import check_options
from nasrec_tf.search.results import RetrainResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.stages import retrain
from nasrec_tf.search.time_budget import FINISH, TimeBudget, TimeNote
from nasrec_tf.search.winner_quality import predicted
from nasrec_tf.studies.contenders import exported_otherwise
from nasrec_tf.studies.run_figures import figures_of

SEVERAL = ("--ensemble", "3", "--winner-seeds", "2", "--retrain-batch-size", "16")
JOINED = ("--final-fit", "train+validation")
OF_THREE = ("--ensemble", "3", "--refine", "1", "--retrain-batch-size", "16")


def begun(finished_run, directory):
    """A copy of the finished run whose candidates have not been trained from scratch."""
    shutil.copytree(finished_run, directory, dirs_exist_ok=True)
    for stage in ("retrain", "export"):
        shutil.rmtree(directory / "run" / stage)
    shutil.rmtree(directory / "models")
    return directory


def finish(directory, *more):
    said = call(*options(directory), *more)
    assert said.code == 0, said.err
    return said


def result(directory):
    state = json.loads((directory / "run" / "retrain" / "result.json").read_text())
    for name in ("checksum", "seconds"):
        state.pop(name)
    for attempt in state["attempts"]:
        attempt.pop("seconds")
    if state["final_fit"] is not None:
        state["final_fit"].pop("seconds")
    return state


def kept(directory, name):
    root = directory / "run"
    return {str(path.parent.relative_to(root)) for path in root.glob(f"retrain/*/{name}")}


@pytest.fixture
def interrupted(monkeypatch):
    """Ends a call of the job where a function has been called so many times."""

    def at(module, name, times, directory, *more):
        original, calls = getattr(module, name), []

        def stopping(*arguments, **keywords):
            calls.append(name)
            if len(calls) == times:
                raise KeyboardInterrupt
            return original(*arguments, **keywords)

        with monkeypatch.context() as patch:
            patch.setattr(module, name, stopping)
            assert call(*options(directory), *more).code == 130

    return at


# Ensembles and seeds.


@pytest.fixture(scope="module")
def several(finished_run, tmp_path_factory):
    """A run with an ensemble and two seeds of the winner, and its last screen."""
    directory = begun(finished_run, tmp_path_factory.mktemp("several"))
    return directory, finish(directory, *SEVERAL).out


def test_the_ensemble_is_on_validation_no_worse_than_the_winner(several):
    found = result(several[0])
    ensemble = found["ensemble"]
    assert ensemble["validation"]["log_loss"] < found["validation"]["log_loss"]
    assert 2 <= sum(member["count"] for member in ensemble["members"]) <= 3
    gain = ensemble["test"]["log_loss"] - found["test"]["log_loss"]
    assert ensemble["difference"]["log_loss"] == pytest.approx(gain)
    low, high = ensemble["difference"]["log_loss_interval"]
    assert low <= ensemble["difference"]["log_loss"] <= high


def test_an_ensemble_costs_what_its_members_cost(several):
    directory, _ = several
    ensemble = result(directory)["ensemble"]
    networks = [
        nasrec_tf.load(directory / "run" / member["directory"] / "best.npz")
        for member in ensemble["members"]
    ]
    tables = sum(int(np.prod(network.embedding.table.shape)) for network in networks)
    assert ensemble["embedding_parameters"] == tables
    others = sum(network.count_params() for network in networks) - tables
    assert ensemble["parameters"] == others


def test_the_export_is_the_mean_of_the_members_that_were_measured(several):
    from nasrec_tf.data.records import Records
    from nasrec_tf.training.evaluation import Predictor, log_losses

    directory, _ = several
    network = nasrec_tf.load(directory / "models" / "nasrec").model
    ensemble = result(directory)["ensemble"]
    assert isinstance(network, Ensemble)
    assert network.counts == tuple(member["count"] for member in ensemble["members"])
    records = Records(directory / "run" / "records" / "dataset")
    served = load_description(directory / "models" / "nasrec").metrics
    loss = log_losses(*Predictor(network, records)("test")).mean()
    of_calibrated = ensemble["calibration"]["test"]["calibrated_log_loss"]
    assert loss == pytest.approx(of_calibrated, rel=1e-5)
    assert served["test"]["log_loss"] == ensemble["test"]["log_loss"]


def test_what_is_explained_is_the_ensemble_and_in_its_parts_the_network_that_is_drawn(several):
    directory, _ = several
    model = ExplainedModel.of(run_of(directory))
    assert (model.told, model.told_drawn) == ("the ensemble", "the best network alone")
    found = model.predicted_test().quality(seed=3)
    assert found.log_loss == pytest.approx(result(directory)["ensemble"]["test"]["log_loss"])
    drawn = predicted(run_of(directory), model.load_drawn(), "test", directory).quality()
    assert drawn.log_loss == pytest.approx(result(directory)["test"]["log_loss"])


def test_only_what_is_exported_stays_on_disk_and_what_an_extension_chooses_by(several):
    directory, _ = several
    found = result(directory)
    members = {member["directory"] for member in found["ensemble"]["members"]}
    assert kept(directory, "best.npz") == members | {found["directory"]}
    assert kept(directory, VALIDATION_LOGITS) == kept(directory, "result.json")


def test_a_comparison_says_that_an_ensemble_is_exported(several):
    run = run_of(several[0])
    members = len(result(several[0])["ensemble"]["members"])
    assert exported_otherwise(run) == f"an average of {members} networks"


def test_the_winner_is_its_best_seed_on_validation(several):
    found = result(several[0])
    losses = [seed["validation"]["log_loss"] for seed in found["seeds"]]
    best = found["seeds"][int(np.argmin(losses))]
    assert len(set(losses)) == 2
    assert (best["directory"], best["validation"]) == (found["directory"], found["validation"])
    assert best["test"]["log_loss"] == found["test"]["log_loss"]


def test_screen_and_page_tell_of_ensemble_and_seeds(several):
    directory, out = several
    found = result(directory)
    page = (directory / "run" / "report.html").read_text()
    assert f"ensemble test log loss {found['ensemble']['test']['log_loss']:.4f}" in out
    assert "less the best network alone: test log loss" in out
    assert "seeds    test log loss over 2 seeds" in out and "seeds    test AUC over 2 seeds" in out
    losses = [seed["test"]["log_loss"] for seed in found["seeds"]]
    assert f"{np.mean(losses):.4f} ± {np.std(losses, ddof=1):.4f}" in out
    assert "<h3>Ensemble</h3>" in page and f"{found['ensemble']['test']['log_loss']:.5f}" in page
    assert "Test log loss over 2 seeds" in page and page.count("★") == 1
    chosen = found["validation"]["log_loss"]  # of the seed that is told, not of the first one
    assert f"<tr><th>Validation log loss</th><td>{chosen:.5f}</td></tr>" in page
    members = [member["directory"] for member in found["ensemble"]["members"]]
    assert out.count(", seed 2)") == sum(name.endswith("-seed-2") for name in members)


def test_an_ensemble_is_listed_with_its_own_cost(several):
    ensemble = result(several[0])["ensemble"]
    listed = figures_of(several[0] / "run", "run")
    assert listed.model == f"mean of {len(ensemble['members'])} networks"
    assert (listed.mflops, listed.parameters) == (ensemble["mflops"], ensemble["parameters"])


@pytest.mark.slow
def test_a_run_that_is_stopped_again_and_again_chooses_the_same(
    finished_run, several, tmp_path, interrupted, unrendered
):
    directory = begun(finished_run, tmp_path)
    interrupted(epoch_validation, "keep_logits", 2, directory, *SEVERAL)  # within a training
    # With logits, but no quality yet.
    interrupted(epoch_validation, "write_state", 4, directory, *SEVERAL)
    interrupted(retrain, "measure", 1, directory, *SEVERAL)
    interrupted(retrain, "_keep_exported_weights", 1, directory, *SEVERAL)
    finish(directory, *SEVERAL)
    assert result(directory) == result(several[0])
    assert kept(directory, "best.npz") == kept(several[0], "best.npz")
    for name in kept(directory, "best.npz"):
        mine, other = (np.load(d / "run" / name / "best.npz") for d in (directory, several[0]))
        for key in mine.files:
            np.testing.assert_array_equal(mine[key], other[key])


# Kept logits.


@pytest.fixture
def predictions(monkeypatch):
    """The splits that are predicted, in order."""
    from nasrec_tf.training.evaluation import Predictor

    made, original = [], Predictor.__call__

    def counted(self, split, *arguments, **keywords):
        made.append(split)
        return original(self, split, *arguments, **keywords)

    monkeypatch.setattr(Predictor, "__call__", counted)
    return made


def test_what_evaluations_have_predicted_is_not_predicted_again(
    finished_run, tmp_path, interrupted, predictions, unrendered
):
    directory = begun(finished_run, tmp_path)
    interrupted(retrain, "measure", 1, directory)
    evaluations = sum(len(attempt["epochs"]) for attempt in result(finished_run)["attempts"])
    assert predictions == ["validation"] * evaluations
    assert kept(directory, VALIDATION_LOGITS) == kept(directory, "best.npz")
    predictions.clear()
    finish(directory)
    assert predictions == ["test"]
    assert result(directory) == result(finished_run)
    assert kept(directory, VALIDATION_LOGITS) == set()
    # As of trainings by an earlier version, which kept no logits.
    (directory / "run" / "retrain" / "result.json").unlink()
    predictions.clear()
    finish(directory)
    assert predictions == ["validation", "test"]
    assert result(directory) == result(finished_run)


def test_logits_come_back_as_they_were_kept(tmp_path):
    logits = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    keep_logits(tmp_path, logits)
    np.testing.assert_array_equal(kept_logits(tmp_path, 1000, "mend"), logits)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(flipped(path.read_bytes(), 2000)),
        lambda path: keep_logits(path.parent, np.zeros(999, np.float32)),
        lambda path: keep_logits(path.parent, np.zeros(1000)),
    ],
    ids=["missing", "empty", "cut", "one bit", "other rows", "other numbers"],
)
def test_damaged_logits_are_one_line_with_the_mend(tmp_path, damage):
    keep_logits(tmp_path, np.ones(1000, np.float32))
    damage(tmp_path / VALIDATION_LOGITS)
    with pytest.raises(RunError, match=r"validation\.npz: .*; delete it to train again\."):
        kept_logits(tmp_path, 1000, "delete it to train again")


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


# Final fits.


@pytest.fixture(scope="module")
def joined(finished_run, tmp_path_factory):
    directory = begun(finished_run, tmp_path_factory.mktemp("joined"))
    return directory, finish(directory, *JOINED).out


def test_a_final_fit_takes_all_rows_for_as_many_epochs_as_validation_chose(finished_run, joined):
    found, before = result(joined[0]), result(finished_run)
    rows = json.loads((joined[0] / "run" / "records" / "result.json").read_text())["rows"]
    chosen = min(before["attempts"], key=lambda a: a["validation"]["log_loss"])
    fit = found["final_fit"]
    assert fit["rows"] == rows["train"] + rows["validation"]
    assert fit["epochs"] == chosen["best_epoch"] + 1
    assert fit["steps"] == fit["epochs"] * (fit["rows"] // 64)


def test_validation_is_that_of_the_training_before_and_test_that_of_the_fit(finished_run, joined):
    from nasrec_tf.data.records import Records
    from nasrec_tf.training.evaluation import Predictor, log_losses

    directory, out = joined
    found, before = result(directory), result(finished_run)
    assert found["validation"] == before["validation"]
    assert found["calibration"]["validation"] == before["calibration"]["validation"]
    network = nasrec_tf.load(directory / "run").model
    records = Records(directory / "run" / "records" / "dataset")
    loss = log_losses(*Predictor(network, records)("test")).mean()
    served = found["calibration"]["test"]["calibrated_log_loss"]
    assert served == pytest.approx(loss, rel=1e-5)
    assert found["test"]["log_loss"] != before["test"]["log_loss"]
    assert "of a final fit on 1,350 rows of train and validation" in out
    page = (directory / "run" / "report.html").read_text()
    assert "trained once more, on all 1,350 rows" in page and page.count("★") == 1


def test_before_its_final_fit_the_winner_is_what_is_explained(finished_run, joined):
    model = ExplainedModel.of(run_of(joined[0]))
    assert model.told == "the model found (before its final fit)"
    found = model.predicted_test().quality()
    assert found.log_loss == pytest.approx(result(finished_run)["test"]["log_loss"])


def test_a_final_fit_that_is_stopped_ends_alike(
    finished_run, joined, tmp_path, interrupted, unrendered
):
    from nasrec_tf.networks import weights
    from nasrec_tf.search import final_fit

    directory = begun(finished_run, tmp_path)
    saved = sum(len(list((joined[0] / "run").glob(f"retrain/{r:02d}-*"))) for r in (1, 2))
    assert saved == 3  # two candidates and the fit
    interrupted(final_fit, "make_ready", 1, directory, *JOINED)
    interrupted(final_fit, "clear_checkpoint", 1, directory, *JOINED)
    (directory / "run" / result(joined[0])["directory"] / "fit.json").unlink()
    interrupted(weights, "save_weights", 1, directory, *JOINED)
    finish(directory, *JOINED)
    assert result(directory) == result(joined[0])


def let_the_best_two_be_better_together(run):
    """Whether networks this small are depends on the last bits, and so on the processor."""
    from nasrec_tf.data.records import Records

    def log_loss(directory):
        return json.loads((directory / "result.json").read_text())["validation"]["log_loss"]

    signs = 2 * Records(run / "records" / "dataset").labels("validation") - 1
    in_turn = np.resize([1.5, -1.5], len(signs))
    best = sorted((path.parent for path in run.glob("retrain/*/result.json")), key=log_loss)
    for directory, beside in zip(best[:2], (in_turn, -in_turn)):
        keep_logits(directory, np.float32(2 * signs + beside))


@pytest.mark.slow
def test_each_network_of_an_ensemble_is_fitted_to_all_rows(finished_run, tmp_path, interrupted):
    from nasrec_tf.data.records import Records
    from nasrec_tf.search import final_fit
    from nasrec_tf.training.evaluation import Predictor, log_losses

    directory = begun(finished_run, tmp_path)
    interrupted(retrain, "measure", 1, directory, *JOINED, *OF_THREE)
    let_the_best_two_be_better_together(directory / "run")
    interrupted(final_fit, "clear_checkpoint", 2, directory, *JOINED, *OF_THREE)
    out = finish(directory, *JOINED, *OF_THREE).out
    found = result(directory)
    members = {member["directory"] for member in found["ensemble"]["members"]}
    assert len(members) == 2 and all(name.endswith("-final-fit") for name in members)
    assert found["directory"] in members
    records = Records(directory / "run" / "records" / "dataset")
    network = nasrec_tf.load(directory / "models" / "nasrec").model
    loss = log_losses(*Predictor(network, records)("test")).mean()
    of_calibrated = found["ensemble"]["calibration"]["test"]["calibrated_log_loss"]
    assert loss == pytest.approx(of_calibrated, rel=1e-5)
    assert kept(directory, "best.npz") == members | {found["candidate"]}
    assert "of a final fit on 1,350 rows of train and validation" in out


# Options.


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ensemble": 0}, "--ensemble must be at least 1"),
        ({"ensemble": 1.5}, "--ensemble must be a whole number"),
        ({"winner_seeds": 0}, "--winner-seeds must be at least 1"),
        ({"final_fit": "all"}, "--final-fit must be one of train, train"),
        ({"winner_seeds": 3, "final_fit": "train+validation"}, "leave --winner-seeds out"),
        ({"ensemble": 3, "codesign": True}, "--ensemble cannot be measured on the crossbars"),
        ({"final_fit": "train+validation", "codesign": True}, "--final-fit cannot be measured"),
        ({"ensemble": 4, "top_k": 3}, "--ensemble 4 is more than .* at most 3"),
        ({"ensemble": 16}, "--ensemble 16 is more than .* at most 15"),
        ({"final_fit": "train+validation", "schedule": "plateau"}, "--schedule plateau"),
        ({"score_by": "training", "schedule": "plateau"}, "--score-by training leaves no valid"),
    ],
)
def test_what_cannot_be_asked_for_is_told_before_anything_is_begun(changes, told):
    with pytest.raises(UserError, match=told) as error:
        check_options(SearchConfig(**changes))
    assert "\n" not in str(error.value)


def test_several_learning_rates_and_seeds_make_more_networks_to_average():
    check_options(
        SearchConfig(top_k=2, retrain_learning_rates="0.1,0.2", winner_seeds=2, ensemble=5)
    )
    check_options(SearchConfig(top_k=2, finalist_seeds=2, winner_seeds=3, ensemble=5))
    with pytest.raises(UserError, match="at most 4"):
        check_options(SearchConfig(top_k=2, finalist_seeds=2, winner_seeds=2, ensemble=5))


def test_a_network_is_loaded_as_it_was_trained_and_not_as_the_run_began(finished_run, tmp_path):
    """Finalists are tried again without the normalisation that the run has chosen."""
    directory = RunDirectory(finished_run / "run")
    run = Run(directory.stored_config(), directory, quiet=True)
    winner = directory.finished("retrain", RetrainResult).architecture
    recipe = run.recipe.replace(normalization="batch", epochs=1)
    what = from_scratch.FromScratch(winner, recipe, tmp_path / "normalized")
    from_scratch.train_from_scratch(run, what, "normalized")
    network = from_scratch.load_trained(run, winner, what.directory, recipe)
    assert network.options.normalization == "batch"
    assert run.model_cost(winner, recipe).parameters > run.model_cost(winner).parameters
    with pytest.raises(RunError, match="cannot be read as this network's weights"):
        from_scratch.load_trained(run, winner, what.directory, None)


def test_a_final_fit_is_given_up_when_its_time_is_over(run_files):
    """It went on to its end on a machine that had become slow, whatever was left."""
    run = run_of(run_files)
    attempt, trained = ended_attempts(run)[0]
    place = attempt.directory.with_name(f"{attempt.directory.name}-final-fit")
    planned = {"retrain": 1.0, FINISH: 0.0}

    def fitted(late):
        """What the fit comes to if the clock is so late once it has begun."""
        budget = TimeBudget(1.0, TimeNote(0.0, {}, planned), clock=lambda: late * place.is_dir())
        budget.begin("retrain")
        config = dataclasses.replace(run.config, final_fit="train+validation")
        limited = dataclasses.replace(run, config=config, time=budget)
        return fit_to_all(limited, (attempt, trained))

    assert fitted(late=4000.0) == (attempt, None) and not place.exists()
    found, fit = fitted(late=1.0)
    assert found.directory == place and fit is not None and (place / "best.npz").exists()
