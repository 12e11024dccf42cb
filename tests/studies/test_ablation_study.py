"""An ablation: whole searches that differ by an option, judged beside each other."""

import contextlib
import io
import math

import pytest
from extreme_rows import extreme_data_set

from nasrec_tf.benchmark.table_build import TimeIsUp
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.locked_directory import locked
from nasrec_tf.common.saved_state import write_state
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.studies import ablation_study
from nasrec_tf.studies.ablation_study import AblationStudy, AblationVariant, JudgedSearch
from nasrec_tf.studies.paired_intervals import paired_difference
from nasrec_tf.studies.resampled_quality import ResampledQuality
from nasrec_tf.studies.study_command import main

BASE = """
demo_rows = 1500
space = "nasrec-small"
blocks = 2
batch_size = 64
supernet_epochs = 1
population = 4
tournament = 2
children = 2
generations = 1
fine_tune_steps = 2
top_k = 1
refine = 0
recipe = "paper"
retrain_epochs = 1
"""


def study(directory, *more, base=BASE):
    path = directory / "base.toml"
    path.write_text(base)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(
            ["ablation", "--dir", str(directory / "study"), "--config", str(path), "--quiet", *more]
        )
    return code, out.getvalue(), err.getvalue()


@pytest.mark.slow
def test_an_ablation_sets_searches_beside_each_other_and_goes_on(tmp_path):
    options = ("--seeds", "1", "--variant", "default", "--variant", "strategy=random")
    code, out, _ = study(tmp_path, *options, "--minutes", "0.0001")
    assert code == 0 and out.startswith("time is up")
    code, out, err = study(tmp_path, *options)
    assert code == 0, err
    table = (tmp_path / "study" / "ablation.csv").read_text()
    rows = [line.split(",") for line in table.splitlines()[1:]]
    assert [row[0] for row in rows] == ["default", "strategy=random"]
    assert all(0 < float(row[1]) < 2 and float(row[4]) > 0 and float(row[5]) > 0 for row in rows)
    assert rows[0][7] == "" and float(rows[1][7]) == float(rows[1][1]) - float(rows[0][1])
    assert "0.4417" in (tmp_path / "study" / "ablation.md").read_text()
    assert study(tmp_path, *options) == (0, out, "")


@pytest.mark.parametrize(
    ("more", "base", "told"),
    [
        (
            ("--variant", "recipe_share=0.4"),
            'recipe = "paper"',
            "--variant recipe_share=0.4: --recipe-share goes with --recipe auto; leave it out.",
        ),
        (("--variant", "luck=3"), "", "--variant: a search has no 'luck'; it has"),
        (("--variant", "seed=3"), "", "--variant: a search has no 'seed'; it has"),
        (("--variant", "blocks=0"), "", "--variant blocks=0: --blocks must be at least 1"),
        (("--variant", "default", "--variant", "default"), "", "the same options are given twice"),
        (
            ("--variant", "default", "--variant", "warmup=true"),
            "",
            "twice (default and warmup=true)",
        ),
        ((), "seed = 3", "--seed is the study's own; leave it out of --config."),
        ((), 'prune = "mask"', "--prune: this study ends before a network is pruned; leave it out"),
        (("--variant", "prune=mask"), "", "--variant: a search has no 'prune'; it has"),
        (("--seeds", "0"), "", "--seeds must be at least 1. Received: 0"),
    ],
)
def test_what_cannot_be_searched_is_told_in_one_line(more, base, told, tmp_path):
    code, out, err = study(tmp_path, *more, base=base)
    assert code == 2 and out == "" and err.count("\n") == 1
    assert told in err
    assert not (tmp_path / "study").exists()


def test_a_directory_that_cannot_be_made_is_told_by_its_own_option(tmp_path):
    (tmp_path / "study").write_text("a file")
    code, out, err = study(tmp_path, "--variant", "default", "--variant", "warmup=false")
    assert code == 2 and out == "" and err.count("\n") == 1
    assert "cannot be made" in err and "use another --dir." in err


def test_searches_that_were_made_with_other_options_are_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(AblationStudy, "_dataset", lambda _: ("data",))
    variants = [AblationVariant.parsed("default"), AblationVariant.parsed("refine=0")]

    def ablation(epochs):
        base = SearchConfig(recipe="paper", retrain_epochs=epochs)
        return AblationStudy(base, tmp_path, variants, 2, True, math.inf)

    made = ablation(1)._config(variants[1], 2, ("data",))
    with RunDirectory(made.run_dir).opened(made):
        (RunDirectory(made.run_dir).stage("retrain") / "loss.csv").touch()
    judged = []
    monkeypatch.setattr(AblationStudy, "_judged", lambda *a: judged.append(a) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ablation(1)()
    judged.clear()
    with pytest.raises(RunError, match="--retrain-epochs 1 becomes 3; use another --dir, or"):
        ablation(3)()
    assert not judged


def test_rows_are_over_seeds_and_set_beside_the_first_variant(tmp_path, monkeypatch):
    def figures(loss, auc, *rest):
        return JudgedSearch(ResampledQuality(loss, auc, (loss, loss + 0.01), (auc, auc)), *rest)

    found = {
        ("default", 1): figures(0.50, 0.70, 1.0, 4.0, 10.0),
        ("default", 2): figures(0.52, 0.72, 3.0, 6.0, 30.0),
        ("refine=0", 1): figures(0.47, 0.75, 2.0, 1.0, 5.0),
        ("refine=0", 2): figures(0.46, None, 4.0, 2.0, 6.0),
    }
    monkeypatch.setattr(AblationStudy, "_dataset", lambda _: ("data",))
    monkeypatch.setattr(AblationStudy, "_judged", lambda _, one, seed, data: found[one.text, seed])
    variants = [AblationVariant.parsed(text) for text in ("default", "refine=0")]
    study = AblationStudy(SearchConfig(recipe="paper"), tmp_path, variants, 2, True, math.inf)
    first, other = study()
    assert (first.name, first.log_loss.values, first.from_default) == ("default", [0.5, 0.52], None)
    told = (first.auc, first.mflops, first.passes, first.seconds)
    assert told == pytest.approx((0.71, 2.0, 5.0, 20.0))
    assert (other.name, other.auc, other.mflops) == ("refine=0", None, 3.0)
    assert other.from_default.value == pytest.approx(-0.045)
    assert other.from_default == paired_difference(other.log_loss, first.log_loss)


def judged_study(directory, monkeypatch, judged, **base):
    """A study of one search whose records and stages are there in no time."""
    monkeypatch.setattr(AblationStudy, "_dataset", lambda _: (str(directory / "data"),))
    monkeypatch.setattr(AblationStudy, "_stages", lambda *_: ())
    monkeypatch.setattr(ablation_study, "digest_of_data", lambda _: "0" * 16)
    monkeypatch.setattr(ablation_study, "_judge", lambda _: judged.append(1) or FIGURES)
    config = SearchConfig(**{"recipe": "paper"} | base)
    return AblationStudy(config, directory, [AblationVariant.parsed("default")], 1, True, math.inf)


FIGURES = JudgedSearch(ResampledQuality(0.5, 0.7, (0.5, 0.5), (0.7, 0.7)), 0.1, 3.0, 5.0)


@pytest.mark.integration
@pytest.mark.parametrize(("clicks", "few"), [(7, 7), (100, None)])
def test_few_clicks_are_those_of_the_records_of_all_searches(clicks, few, tmp_path):
    base = SearchConfig(data=(extreme_data_set(tmp_path, clicks),), recipe="paper")
    variants = [AblationVariant.parsed("default")]
    made = AblationStudy(base, tmp_path / "study", variants, 1, True, 0.0)
    with pytest.raises(TimeIsUp):
        made()
    assert made.few_of_a_label() == few


def test_figures_of_a_search_that_was_deleted_are_taken_for_its_own_options_alone(
    tmp_path, monkeypatch
):
    judged = []
    for _ in range(2):
        judged_study(tmp_path, monkeypatch, judged, ensemble=2)()
    assert judged == [1]
    with pytest.raises(RunError, match="is of a search with other options or records"):
        judged_study(tmp_path, monkeypatch, judged, ensemble=3)()


def test_figures_of_a_deleted_search_are_of_what_stood_in_its_files(tmp_path, monkeypatch):
    recipe, judged = tmp_path / "own.toml", []
    for text in (
        "epochs = 2\nlearning_rate = 0.1\n",
        "# The same.\nlearning_rate = 0.1\nepochs = 2\n",
    ):
        recipe.write_text(text)
        judged_study(tmp_path / "study", monkeypatch, judged, recipe=str(recipe))()
    assert judged == [1]
    recipe.write_text("epochs = 3\nlearning_rate = 0.1\n")
    with pytest.raises(RunError, match="is of a search with other options or records"):
        judged_study(tmp_path / "study", monkeypatch, judged, recipe=str(recipe))()


def test_what_an_earlier_version_judged_is_judged_again_where_its_search_is_there(
    tmp_path, monkeypatch
):
    """It judged the winner alone, where an ensemble is exported."""
    judged, study = [], judged_study(tmp_path, monkeypatch, [])
    place = study._place(study.variants[0], 1)
    place.mkdir(parents=True)
    write_state(place / "judged.json", FIGURES)
    with pytest.raises(RunError, match="of an earlier version, which is not there any more"):
        judged_study(tmp_path, monkeypatch, judged)()
    made = study._config(study.variants[0], 1, (str(tmp_path / "data"),))
    with RunDirectory(made.run_dir).opened(made):
        pass
    judged_study(tmp_path, monkeypatch, judged)()
    assert judged == [1]


def test_variants_whose_searches_would_lie_in_one_directory_are_refused(tmp_path):
    variants = [AblationVariant.parsed(f"recipe={name}") for name in ("a_b.toml", "a-b.toml")]
    study = AblationStudy(SearchConfig(), tmp_path, variants, 1, True, math.inf)
    with pytest.raises(UserError, match="recipe=a_b.toml and recipe=a-b.toml would lie in one"):
        study._check_places()


def test_a_study_s_directory_is_of_one_study_and_of_one_process(tmp_path, monkeypatch):
    """Two processes in one directory trained the same searches side by side, and mixed them."""
    place, judged = tmp_path / "study", []
    judged_study(place, monkeypatch, judged)()
    with (
        locked(place, "directory"),
        pytest.raises(RunError, match=r"study: another process is working in this directory"),
    ):
        judged_study(place, monkeypatch, judged)()
    judged_study(place, monkeypatch, judged)()
    assert judged == [1]


@pytest.mark.parametrize("theirs", ["pruning.json", "config.toml", "notes.txt"])
def test_a_directory_of_something_else_is_no_ablation_s(theirs, tmp_path, monkeypatch):
    (tmp_path / theirs).write_text("{}")
    # A pruning study and a run have directories of these names too.
    (tmp_path / "mask" / "seed-1").mkdir(parents=True)
    (tmp_path / "records").mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(RunError, match="but no ablation.json, .* give another --dir"):
        judged_study(tmp_path, monkeypatch, [])()
    assert sorted(path.name for path in tmp_path.iterdir()) == before
