"""Mistakes on the command line of the main job get one line and exit code 2."""

import errno
import json
import os
import pathlib

import pytest

from nasrec_tf.architecture.space import search_space
from nasrec_tf.search import main
from nasrec_tf.search.config import SearchConfig, load_options
from nasrec_tf.search.results import Skipped
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.scaling import PAPER_ROWS, Settings, dense_widths, explain, scale


@pytest.fixture
def fails(capsys, tmp_path, monkeypatch):
    """Runs the command in an empty directory; the one line that it says."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        code = main([*map(str, arguments), "--quiet"])
        said = capsys.readouterr()
        assert code == 2
        assert said.out == ""
        lines = said.err.splitlines()
        assert len(lines) == 1 and lines[0].startswith("error: ")
        return lines[0]

    return run


def criteo_row(label="0", integer="1", columns=26):
    return "\t".join([label, *[integer] * 13, *["68fd1e64"] * columns]) + "\n"


def raw_log(path: pathlib.Path, *bad_rows: str) -> pathlib.Path:
    path.write_text(criteo_row() * 50 + criteo_row("1") * 50 + "".join(bad_rows))
    return path


def test_a_missing_file(fails):
    assert "nowhere.txt" in fails("--data", "nowhere.txt", "--dataset", "criteo")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--recipe", "papre"), "No recipe 'papre', did you mean 'paper'?: give a file, or one of"),
        (("--recipe", "mine.toml"), "mine.toml: head_dropout must be at most 0.99. Received: 1.0"),
        (("--row-decay", -0.1), "--row-decay must be at least 0.0. Received: -0.1"),
        (("--head-dropout", 1), "--head-dropout must be at most 0.99. Received: 1.0"),
        (("--embedding-dim", 12), "--embedding-dim must be a multiple of 8. Received: 12"),
        (("--optimizer", "adam"), "--optimizer adam needs its own --retrain-learning-rates"),
        (("--optimizer", "adam", "--weight-decay", 0.1), "weight_decay goes with optimizer adamw"),
        (("--recipe-share", 1), "--recipe-share must be at most 0.9"),
        (("--recipe", "paper", "--stage", "recipe"), "--stage recipe goes with --recipe auto"),
        (
            ("--retrain-batch-size", 4096, "--demo-rows", 3000),
            "--retrain-batch-size 4096 must not exceed the training rows, which are 2400",
        ),
        (("--final-layer-norm", "--normalization", "batch"), "contradict each other"),
        (("--codesign", "--normalization", "batch"), "--normalization batch is not searched with"),
    ],
)
def test_a_recipe_that_cannot_be_used(fails, tmp_path, arguments, what):
    (tmp_path / "mine.toml").write_text("head_dropout = 1.0")
    assert what in fails(*arguments)


def test_an_unknown_data_set(fails, tmp_path):
    line = fails("--data", raw_log(tmp_path / "log.txt"), "--dataset", "criteoo")
    assert "criteoo" in line and "criteo" in line


def test_a_raw_log_without_its_layout(fails, tmp_path):
    assert "--dataset" in fails("--data", raw_log(tmp_path / "log.txt"))


def test_splits_that_are_given_are_asked_for_by_the_options_of_this_command(fails, tmp_path):
    log = raw_log(tmp_path / "log.txt")
    options = ("--data", log, "--dataset", "criteo", "--split")
    assert "--split given goes with --validation-data and --test" in fails(*options, "given")
    splits = ("--validation-data", log, "--test-data", log)
    assert "--split stratified goes without --validation" in fails(*options, "stratified", *splits)


def test_a_data_set_in_other_letters_is_not_known(fails, tmp_path):
    log = raw_log(tmp_path / "log.txt")
    line = fails("--data", log, "--dataset", "CSV", "--label", "c")
    assert "--dataset CSV: unknown, did you mean 'csv'?" in line


def test_files_of_options_may_have_the_mark_of_utf_8(fails, tmp_path):
    (tmp_path / "run.toml").write_text('\ufeffdata = ["nowhere.txt"]\ndataset = "shop.toml"\n')
    (tmp_path / "shop.toml").write_text('\ufefflabel = "click"\nheader = true\nquoting = 3\n')
    assert "nowhere.txt: no such file" in fails("--config", tmp_path / "run.toml")
    log = raw_log(tmp_path / "log.txt")
    assert "shop.toml: quoting" in fails("--data", log, "--dataset", "shop.toml")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--label", "c"),
        ("--dense", "a"),
        ("--sparse", "a"),
        ("--ignore", "a"),
        ("--delimiter", ";"),
    ],
)
def test_columns_are_described_only_where_the_layout_leaves_them_open(
    fails, tmp_path, option, value
):
    log = raw_log(tmp_path / "log.txt")
    line = fails("--data", log, "--dataset", "criteo", option, value)
    assert line.startswith(f"error: {option} goes with --dataset csv or parquet; data set criteo")
    assert option in fails(option, value)


def test_a_name_between_commas_that_is_empty(fails, tmp_path):
    (tmp_path / "log.csv").write_text("click,a,b\n1,2,3\n")
    options = ("--data", tmp_path / "log.csv", "--dataset", "csv", "--label", "click")
    assert "--dense a,,b: a name between the commas is empty" in fails(*options, "--dense", "a,,b")


def test_a_directory_that_is_no_data_set(fails, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "manifest.json" in fails("--data", tmp_path / "empty")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (criteo_row(columns=25), "column"),
        (criteo_row(label="2"), "label"),
        (criteo_row(integer="many"), "many"),
    ],
)
def test_too_many_malformed_rows(fails, tmp_path, row, reason):
    path = raw_log(tmp_path / "log.txt", row * 20)
    line = fails("--data", path, "--dataset", "criteo", "--run-dir", tmp_path / "run")
    assert reason in line
    assert not (tmp_path / "run" / "records" / "dataset").exists()


def test_a_full_disk_under_the_records_names_the_option_of_this_command(
    fails, tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("beam_preprocess.running.driver.run_pipeline", full)
    log = raw_log(tmp_path / "log.txt")
    line = fails("--data", log, "--dataset", "criteo", "--run-dir", "r")
    assert "No space left on device; free some space or name another --run-dir" in line


def test_an_empty_log(fails, tmp_path):
    (tmp_path / "log.txt").write_text("")
    line = fails("--data", tmp_path / "log.txt", "--dataset", "criteo")
    assert "log.txt" in line or "no rows" in line


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--blocks", "0"),
        ("--population", "0"),
        ("--retrain-learning-rates", "fast"),
        ("--max-table-rows", "2"),
        ("--max-mflops", "-1"),
        ("--space", "nasrec-tiny"),
        ("--architecture", "nasrec-criteo-huge"),
        ("--name", "a/b"),
        ("--config", "missing.toml"),
    ],
)
def test_a_value_that_cannot_be_used(fails, option, value):
    line = fails(option, value)
    assert option in line or value in line


def test_a_tournament_larger_than_the_population(fails):
    assert "--tournament" in fails("--population", "4", "--tournament", "8")


def test_a_batch_larger_than_the_training_split_of_a_log(fails, tmp_path):
    rows = "".join(f"{n % 3 == 0:d},s{n % 5}\n" for n in range(100))
    (tmp_path / "log.csv").write_text(f"click,shop\n{rows}")
    log = ("--data", "log.csv", "--dataset", "csv", "--label", "click")
    line = fails(*log, "--retrain-batch-size", "82", "--run-dir", "run")
    assert "--retrain-batch-size 82 must not exceed the training rows, which are 81" in line
    assert not (tmp_path / "run" / "records" / "result.json").exists()


def test_an_unknown_option_in_a_file(fails, tmp_path):
    (tmp_path / "run.toml").write_text("blocs = 3\n")
    assert "blocs" in fails("--config", tmp_path / "run.toml")


def test_an_export_version_that_exists(fails, tmp_path):
    (tmp_path / "models" / "nasrec" / "3").mkdir(parents=True)
    line = fails("--export-dir", tmp_path / "models", "--export-version", "3")
    assert "3" in line and "exists" in line


LAYOUT = ("--dataset", "criteo")


def test_a_number_of_generated_rows_beside_a_log(fails, tmp_path):
    path = raw_log(tmp_path / "log.txt")
    assert "--demo-rows" in fails("--data", path, *LAYOUT, "--demo-rows", 5000)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--encoding", "hash"), ("--min-count", 3), ("--max-reject-share", 0.5), ("--label", "y")],
)
def test_an_option_of_raw_logs_beside_a_data_set(fails, finished_run, option, value):
    line = fails("--data", finished_run / "run" / "records" / "dataset", option, value)
    assert option in line and "data set already" in line


def test_a_log_with_clicks_alone(fails, tmp_path):
    path = tmp_path / "log.txt"
    path.write_text(criteo_row("1") * 200)
    assert "have label 1" in fails("--data", path, *LAYOUT)


@pytest.mark.parametrize("port", [None, "", "abc", "0", "-1", "99999", "1e3", "9" * 5000])
@pytest.mark.parametrize("part", ["chief", "worker-1"])
def test_a_port_of_the_chief_that_is_none(fails, monkeypatch, port, part):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", part)
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.delenv("KERASTUNER_ORACLE_PORT", raising=False)
    if port is not None:
        monkeypatch.setenv("KERASTUNER_ORACLE_PORT", port)
    line = fails()
    assert "KERASTUNER_ORACLE_PORT must be a port" in line and len(line) < 300


def test_a_chief_without_a_name(fails, monkeypatch):
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "8000")
    assert "KERASTUNER_ORACLE_IP must name" in fails()


def test_a_file_whose_name_breaks_the_line(fails):
    assert "a b.txt" in fails("--data", "a\nb.txt", *LAYOUT)


@pytest.mark.parametrize("kind", ["file/x", "dangling", "loop", "loop/x"])
def test_an_export_directory_that_cannot_be_made(fails, tmp_path, kind):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    line = fails("--export-dir", tmp_path / kind)
    assert str(tmp_path / kind.split("/")[0]) in line and "--export-dir" in line
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")
def test_an_export_directory_where_nothing_can_be_made(fails, tmp_path):
    """Not even by whom rights do not stop."""
    assert "/proc: cannot be written" in fails("--export-dir", "/proc/models")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("kind", ["directory", "loop", "dangling"])
def test_a_lock_that_is_no_file(fails, tmp_path, kind):
    lock = tmp_path / "run" / ".lock"
    lock.parent.mkdir()
    if kind == "directory":
        lock.mkdir()
    else:
        lock.symlink_to(lock if kind == "loop" else tmp_path / "nowhere" / "x")
    assert ".lock: cannot be written" in fails("--run-dir", tmp_path / "run")


def test_an_export_directory_that_is_a_file(fails, tmp_path):
    (tmp_path / "models").write_text("")
    assert "models" in fails("--export-dir", tmp_path / "models")


@pytest.mark.parametrize("option", ["run-dir", "export-dir"])
def test_what_a_run_writes_may_not_lie_in_its_log(fails, tmp_path, option):
    """The run's own files were read as rows, once the run had begun."""
    (tmp_path / "log").mkdir()
    raw_log(tmp_path / "log" / "train.txt")
    said = fails("--data", "log", "--dataset", "criteo", f"--{option}", "log/mine")
    assert f"--{option} log/mine lies in log, of which all files are read" in said
    assert [path.name for path in tmp_path.rglob("*")] == ["log", "train.txt"]


def test_a_run_directory_of_other_settings(fails, tmp_path):
    directory = RunDirectory(tmp_path / "run")
    with directory.opened(SearchConfig(run_dir=str(tmp_path / "run"), seed=1)):
        directory.finish("records", Skipped(skipped="a test"), 1.0)
    line = fails("--run-dir", tmp_path / "run", "--seed", "2")
    assert "--seed" in line and "1" in line and "2" in line


def test_a_run_directory_that_is_somebody_elses(fails, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("")
    assert "thesis.tex" in fails("--run-dir", tmp_path / "run")


@pytest.mark.parametrize("place", ["thesis.tex", "thesis.tex/run/1"])
def test_a_run_directory_that_is_a_file(fails, tmp_path, place):
    (tmp_path / "thesis.tex").write_text("mine")
    assert "thesis.tex: is not a directory; use" in fails("--run-dir", tmp_path / place)


def test_a_run_directory_in_use(fails, tmp_path):
    directory = RunDirectory(tmp_path / "run")
    with directory.opened(SearchConfig(run_dir=str(tmp_path / "run"))):
        assert "another process" in fails("--run-dir", tmp_path / "run")


def test_a_stage_whose_predecessor_is_missing(fails, tmp_path):
    assert "records" in fails("--run-dir", tmp_path / "run", "--stage", "retrain")


def test_the_stored_configuration_gives_the_same_options_again(tmp_path):
    config = SearchConfig(data=None, seed=5, blocks=3, warmup=False, max_mflops=2.5)
    with RunDirectory(tmp_path / "run").opened(config):
        pass
    assert SearchConfig(**load_options(tmp_path / "run" / "config.toml")) == config


def test_large_data_sets_get_the_papers_settings():
    assert scale(SearchConfig(), 10 * PAPER_ROWS) == Settings(
        blocks=7,
        max_width=1024,
        batch_size=512,
        supernet_epochs=1,
        supernet_learning_rate=0.12,
        population=128,
        tournament=64,
        children=8,
        generations=240,
        fine_tune_steps=500,
        validation_rows=819_200,
        rescore_steps=500,
        rescore_rows=819_200,
        top_k=15,
        retrain_epochs=1,
        refine=0,
        halving=False,
    )
    assert explain(SearchConfig(), scale(SearchConfig(), 10 * PAPER_ROWS), 10 * PAPER_ROWS) == []


@pytest.mark.parametrize("rows", [1, 100, 8_000, 200_000, 2_000_000])
def test_small_data_sets_get_usable_settings_and_are_told(rows):
    settings = scale(SearchConfig(), rows)
    assert 1 <= settings.tournament <= settings.population
    assert settings.generations >= 1 and settings.top_k >= 1
    assert explain(SearchConfig(), settings, rows)


def test_what_a_run_does_not_read_is_not_told(tmp_path):
    def told(**options):
        config = SearchConfig(**options)
        return {line.split()[0] for line in explain(config, scale(config, 8_000), 8_000)[1:]}

    own = tmp_path / "own.toml"
    own.write_text("epochs = 3\n")
    assert "retrain_epochs" in told() & told(recipe="paper")
    assert told() - told(recipe=str(own)) == {"retrain_epochs"}
    assert told(architecture="nasrec-criteo-small") == {"batch_size", "retrain_epochs"}
    assert "generations" in told(strategy="random")
    assert "generations" not in told(strategy="random", candidates=40)


def test_given_options_are_never_scaled():
    config = SearchConfig(batch_size=32, population=7, generations=2, top_k=1)
    settings = scale(config, 1000)
    assert (settings.batch_size, settings.population) == (32, 7)
    assert (settings.generations, settings.top_k) == (2, 1)


def test_small_data_search_narrow_networks_of_the_papers_spaces(tmp_path):
    def widest(rows, **options):
        config = SearchConfig(**options)
        return max(dense_widths(search_space(config.space), scale(config, rows).max_width))

    assert [widest(rows) for rows in (10_000, 999_999, 1_000_000)] == [256, 256, 1024]
    assert widest(10_000, max_width=512) == 512 and widest(10_000_000, max_width=512) == 512
    assert widest(10_000, codesign=True) == 1024
    own = tmp_path / "own.json"
    space = search_space("nasrec-full").replace(name="own")
    own.write_text(json.dumps(space.to_json()))
    assert widest(10_000, space=str(own)) == 1024


def test_a_width_that_leaves_none_is_refused_at_the_start(fails):
    assert "--max-width 8 leaves no width of 'nasrec-full'" in fails("--max-width", "8")


@pytest.mark.parametrize("wrong", [["--stage", "foo"], ["--no-such-option"], ["--top-k", "x"]])
def test_a_mistake_in_an_option_is_one_line_without_the_usage(wrong, capsys):
    from nasrec_tf.search.command import main

    with pytest.raises(SystemExit) as stopped:
        main(wrong)
    told = capsys.readouterr()
    assert stopped.value.code == 2 and told.out == ""
    assert told.err.startswith("error: ") and told.err.count("\n") == 1 and wrong[0] in told.err
