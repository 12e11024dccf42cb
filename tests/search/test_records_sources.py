"""Raw logs in the main job: every option of beam_preprocess, and what changes under a run."""

import gzip
import html
import json
import os
import shutil
import zlib

import pytest
from search_calls import call

from beam_preprocess import cli
from beam_preprocess.dataset.origin import Origin
from beam_preprocess.dataset.schema import Schema
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.last_screen import warning_lines
from nasrec_tf.search.options import flag
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.trained.model_sources import _data_of_run

RECORDS = ("--stage", "records", "--quiet")
BY_COLUMNS = ("--dataset", "csv", "--label", "click")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_log(path, rows=200, header="click,buy,user\n", first=0):
    path.write_text(
        header + "".join(f"{n % 2},{n % 3 == 0:d},u{n % 7}\n" for n in range(first, first + rows))
    )
    return path


def records(*arguments):
    return call(*arguments, *RECORDS)


def rows_of(run):
    splits = Schema.load(run / "records" / "dataset").splits
    return sum(split.rows for split in splits.values())


def test_every_option_of_beam_preprocess_is_one_of_the_main_job():
    actions = cli._parser()._actions
    flags = {option for action in actions for option in action.option_strings}
    named_otherwise = {
        *("--input", "--train", "--validation", "--test", "--output", "--name", "-h", "--help"),
        *("--no-quoting", "--no-skip-blanks", "--sample", "--quiet"),
    }
    known = {flag(field) for field in SearchConfig.__dataclass_fields__}
    assert flags - named_otherwise <= known


def test_several_logs_are_all_read(here):
    for name in ("a.csv", "b.csv", "c.csv"):
        write_log(here / name)
    for number, names in enumerate(
        (
            ("--data", "a.csv", "--data", "b.csv"),
            ("--data", "a.csv", "b.csv"),
            ("--data", "[ab].csv"),
        )
    ):
        said = records(*names, *BY_COLUMNS, "--run-dir", here / f"run{number}")
        assert said.code == 0, said.err
        assert rows_of(here / f"run{number}") == 400


def test_the_splits_and_columns_of_the_other_command(here):
    write_log(here / "log.csv", header="click,day,user\n")
    options = "--split chronological --time-column day --fractions 0.4,0.3,0.3 --sample 100"
    options += " --missing-tokens u3 --min-count 1 --max-vocabulary 3 --shards 2"
    said = records("--data", "log.csv", *BY_COLUMNS, *options.split(), "--run-dir", here / "run")
    assert "3 distinct" not in said.err and "splits need at least 3" in said.error
    write_log(here / "log.csv", header="buy,click,user\n")
    options = options.replace("chronological --time-column day", "stratified")
    said = records("--data", "log.csv", *BY_COLUMNS, *options.split(), "--run-dir", here / "run")
    assert said.code == 0, said.err
    schema = Schema.load(here / "run" / "records" / "dataset")
    assert rows_of(here / "run") == 100
    assert schema.splits["train"].rows == pytest.approx(40, abs=2)
    assert schema.missing_tokens == ("u3",) and schema.sparse[1].missing_count > 0
    assert schema.sparse[1].rows == 5 and len(schema.splits["train"].files) == 2


def test_kdd_is_read_with_its_side_tables(here):
    row = "{click}\t1\tu\tad\tadv\t2\t1\tq\tk\tt\td\t{user}\n"
    lines = (row.format(click=n % 3, user=n % 5) for n in range(90))
    (here / "training.txt").write_text("".join(lines))
    (here / "profile.txt").write_text("".join(f"{user}\t{user % 3}\t{user}\n" for user in range(5)))
    said = records("--data", "training.txt", "--dataset", "kdd", "--run-dir", here / "plain")
    assert said.code == 0, said.err
    joined = ("--side-table", "user=profile.txt", "--run-dir", here / "joined")
    assert records("--data", "training.txt", "--dataset", "kdd", *joined).code == 0
    names = [
        Schema.load(here / run / "records" / "dataset").sparse_names for run in ("plain", "joined")
    ]
    assert set(names[1]) - set(names[0]) == {"gender", "age"}


def test_hashed_ids_need_no_table_size(here):
    write_log(here / "log.csv")
    said = records(
        "--data", "log.csv", *BY_COLUMNS, "--encoding", "hash", "--run-dir", here / "run"
    )
    assert said.code == 0, said.err
    assert set(Schema.load(here / "run" / "records" / "dataset").sparse_rows) == {100_000}


def test_dense_columns_alone_are_refused_before_the_log_is_read(here):
    write_log(here / "log.csv", header="click,a,b\n")
    (here / "log.csv").write_text("click,a,b\n" + "0,0.5,1\n1,0.25,2\n" * 90)
    said = records("--data", "log.csv", *BY_COLUMNS, "--dense", "a,b", "--run-dir", here / "run")
    assert "log.csv: all features are dense (a, b)" in said.error
    assert not (here / "run" / "records" / "dataset").exists()


def test_warnings_of_the_data_are_told_whatever_is_quiet_and_stand_in_the_report(here):
    rows = "".join(f"{n % 3 == 0:d},{-1 - n % 40},u{n % 7}\n" for n in range(300))
    (here / "log.csv").write_text("click,index,user\n" + rows)
    said = records("--data", "log.csv", *BY_COLUMNS, "--dense", "index", "--run-dir", here / "run")
    assert said.code == 0
    (line,) = said.err.splitlines()
    assert line.startswith(
        "warning: dense column 'index': its transform log1p makes all its values"
    )
    report = html.unescape((here / "run" / "report.html").read_text())
    assert line.removeprefix("warning: ") in report
    run = Run(SearchConfig(run_dir=str(here / "run")), RunDirectory(here / "run"))
    assert warning_lines(run) == [line.replace("warning: ", "warning  ")]


def test_a_manifest_of_another_program_makes_no_data_set(here):
    (here / "unload").mkdir()
    write_log(here / "unload" / "part-0.csv")
    (here / "unload" / "manifest.json").write_text('{"entries": []}')
    assert records("--data", "unload", *BY_COLUMNS, "--run-dir", here / "run").code == 0
    assert rows_of(here / "run") == 200


@pytest.mark.parametrize(
    "slip",
    [("--label", "clik"), ("--label", "user"), ("--label", "none"), ("--max-reject-share", 0)],
)
def test_a_run_directory_is_not_bound_before_its_records_are_there(here, slip):
    write_log(here / "log.csv", header="click,none,user\n")
    text = (here / "log.csv").read_text().replace(",0,", ",1,").replace(",1,", ",0,")
    (here / "log.csv").write_text(text + "broken\n")
    again = ("--data", "log.csv", *BY_COLUMNS, "--run-dir", here / "run")
    assert records(*again, *slip).code == 2
    said = records(*again)
    assert said.code == 0, said.err
    assert rows_of(here / "run") == 200
    assert (
        "this run was made with --label 'click', not 'user'"
        in records(*again, "--label", "user").error
    )


def test_paths_are_compared_as_places(here):
    write_log(here / "log.csv")
    (here / "link.csv").symlink_to("log.csv")
    again = (*BY_COLUMNS, "--run-dir", here / "run")
    assert records("--data", "log.csv", *again).code == 0
    stored = (here / "run" / "config.toml").read_text()
    for name in ("./log.csv", here / "log.csv", "link.csv", here / "run" / ".." / "log.csv"):
        assert records("--data", name, *again).code == 0
    assert (here / "run" / "config.toml").read_text() == stored
    write_log(here / "other.csv")
    assert "--data" in records("--data", "other.csv", *again).error


def test_a_data_set_may_be_moved_and_is_told_from_others(here):
    write_log(here / "log.csv")
    write_log(here / "other.csv", rows=150)
    for name in ("log", "other"):
        made = ["--dataset", "csv", "--label", "click", "--input", f"{name}.csv"]
        assert cli.main([*made, "--output", f"{name}-records", "--quiet"]) == 0
    again = ("--run-dir", here / "run")
    assert records("--data", "log-records", *again).code == 0
    stored = (here / "run" / "config.toml").read_text()
    for source, place in (("log-records", "moved"), ("moved", "moved-again")):
        (here / source).rename(here / place)
        assert records("--data", place, *again).code == 0
        assert (here / "run" / "config.toml").read_text() == stored
        directory = RunDirectory(here / "run")
        assert Run(directory.stored_config(), directory, True).dataset == here / place
        assert records("--data", place, *again).code == 0
    told = records("--data", "other-records", *again).error
    assert "this run was made with --data" in told and "other-records" in told


def test_what_a_run_left_is_not_read_by_a_data_set_in_the_place_of_its_own(here):
    """Ids of one vocabulary are other values in another: predictions would be of anything."""
    made = ["--dataset", "csv", "--label", "click", "--input", "log.csv", "--output", "data"]
    write_log(here / "log.csv")
    assert cli.main([*made, "--quiet"]) == 0
    assert records("--data", "data", "--run-dir", here / "run").code == 0
    directory = RunDirectory(here / "run")

    def again():
        return Run(directory.stored_config(), directory, True)

    assert again().schema == Schema.load(here / "data")
    shutil.rmtree(here / "data")
    write_log(here / "log.csv", first=3)
    assert cli.main([*made, "--quiet"]) == 0
    with pytest.raises(RunError, match="data: is another data set than the one that .*run was"):
        _ = again().schema
    with pytest.raises(UserError, match="is another data set"):
        _data_of_run(again(), lambda: None)
    (here / "data").rename(here / "later")
    write_log(here / "log.csv")
    assert cli.main([*made, "--quiet"]) == 0
    assert again().schema == Schema.load(here / "data")


@pytest.fixture
def begun(here):
    """A run whose records were made of two days and a description; how to go on."""
    (here / "days").mkdir()
    for day in (1, 2):
        write_log(here / "days" / f"day{day}.csv", first=100 * day)
    (here / "d.toml").write_text('label = "click"')
    again = ("--data", "days", "--dataset", "d.toml", "--run-dir", here / "run")
    assert records(*again).code == 0
    assert len(Origin.load(here / "run" / "records" / "dataset").files) == 2
    return again


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "description",
            "the description has changed since the records were made: label was 'click'",
        ),
        ("appended", "day2.csv: has changed since the records were made of it"),
        ("same size", "day2.csv: has changed since the records were made of it"),
        ("new", "day3.csv: was not there when the records were made"),
        ("gone", "day1.csv: was read when the records were made, and is not there now"),
    ],
)
def test_what_changed_since_is_told(here, begun, change, told):
    day = here / "days" / "day2.csv"
    text = day.read_text()
    if change == "description":
        (here / "d.toml").write_text('label = "buy"\nignore = ["click"]')
    elif change == "appended":
        day.write_text(text + "1,1,u9\n")
    elif change == "same size":
        day.write_text(text.replace("u6", "u5"))
    elif change == "new":
        write_log(here / "days" / "day3.csv")
    else:
        (here / "days" / "day1.csv").unlink()
    assert told in records(*begun).error


def test_what_was_only_copied_or_touched_is_the_same(here, begun):
    day = here / "days" / "day2.csv"
    text = day.read_text()
    day.unlink()
    day.write_text(text)
    os.utime(here / "days" / "day1.csv", ns=(10**18, 10**18))
    (here / "d.toml").write_text('# unchanged\nlabel = "click"\n')
    assert records(*begun).code == 0


PACKED = {
    "plain": lambda text: text,
    "gzip": gzip.compress,
    "utf-16": lambda text: text.decode().encode("utf-16"),
}
"""Ways in which text may lie in a file."""


@pytest.fixture(params=PACKED)
def quick_look(here, request):
    """A run of the first rows of three days, of which the third is not reached; how to go on."""
    (here / "days").mkdir()
    pack, name = PACKED[request.param], "day{}.csv" + ".gz" * (request.param == "gzip")
    for day in (1, 2, 3):
        path = write_log(here / "days" / name.format(day), rows=3000, first=3000 * day)
        path.write_bytes(pack(path.read_bytes()))
    again = ("--data", "days", "--run-dir", here / "run", "--max-rows", 3200, *BY_COLUMNS)
    again += ("--file-encoding", "utf-16") if request.param == "utf-16" else ()
    assert records(*again).code == 0
    return again, here / "days" / name.format(2), pack


def test_a_quick_look_goes_on_where_the_log_has_more_files(here, quick_look):
    """They were told to be new ones: a run of some rows of many days could not be gone on with."""
    again, day, pack = quick_look
    assert rows_of(here / "run") == 3200
    assert records(*again).code == 0
    # A file before the last that was read is another beginning.
    (here / "days" / day.name.replace("2", "0")).write_bytes(pack(b"click,buy,user\n1,1,u1\n"))
    assert "was not there when the records were made" in records(*again).error


def test_what_a_quick_look_has_not_read_may_change(here, quick_look):
    """The whole of a log of any size was read to know its first rows again."""
    again, day, pack = quick_look
    dataset = here / "run" / "records" / "dataset"
    first, second = Origin.load(dataset).files
    written = json.loads((dataset / "origin.json").read_text())["files"]
    assert first.checked is None and "checked" not in written[0]
    # Few bytes of a packed file are read in whole.
    assert (second.checked or 0) < second.bytes
    rows = [f"{n % 2},{n % 3 == 0:d},u{n % 7}\n" for n in range(6000, 9000)]
    head = "click,buy,user\n"
    text = head + "".join(rows)
    if pack is not gzip.compress:
        assert second.checked
        day.write_bytes(pack((text + "1,1,u9\n").encode()))
        assert records(*again).code == 0
        day.write_bytes(pack((head + "".join(rows[:-1]) + "1,1,u9\n").encode()))
        assert records(*again).code == 0
    rows[100] = "1,1,u999\n"
    day.write_bytes(pack((head + "".join(rows)).encode()))
    assert "day2.csv" in records(*again).error


def test_a_quick_look_reads_no_more_than_its_rows(here):
    text = write_log(here / "log.csv", rows=200_000).read_bytes()
    assert (
        records("--data", "log.csv", "--run-dir", "run", "--max-rows", 100, *BY_COLUMNS).code == 0
    )
    (file,) = Origin.load(here / "run" / "records" / "dataset").files
    lines = text.splitlines(keepends=True)
    assert (file.bytes, file.checked) == (len(text), sum(map(len, lines[:101])))
    assert file.crc32 == zlib.crc32(text[: file.checked])


def test_records_of_before_there_were_origins_are_taken_as_they_are(here, begun):
    (here / "run" / "records" / "dataset" / "origin.json").unlink()
    write_log(here / "days" / "day3.csv")
    assert records(*begun).code == 0


def test_a_configuration_of_one_log_is_written_as_it_always_was():
    one, two = SearchConfig(data="a", dataset="x"), SearchConfig(data=["a", "b"], dataset="x")
    assert 'data = "a"\n' in one.to_toml() and one.data == ("a",)
    assert two.data == ("a", "b") and '"b",\n' in two.to_toml()
