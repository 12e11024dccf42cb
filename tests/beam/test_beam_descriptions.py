"""Descriptions and options: whatever is wrong with them is one line, before anything is read."""

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_preprocess.api import Schema, verify
from beam_preprocess.cli import main
from beam_preprocess.dataset.file_names import file_stem
from beam_preprocess.datasets.generic import generic
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import DenseColumn, SparseColumn
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.moments import seconds_of

LOG = "label,x,user\n" + "0,1,a\n1,2,b\n" * 30
HUGE = "9" * 30
CJK = "特" * 100

TOML = [
    ('label = "label', "not valid TOML"),
    (f"label = {'[' * 20_000}", "not valid TOML (nested too deeply)"),
    (f'label = "label"\nsparse = [{{source = "user", rows = {"9" * 5000}}}]', "not valid TOML"),
    ("label = 3", "label must be text, not 3"),
    ('label = ["label"]', "label must be text, not ('label',)"),
    ("label = 1979-05-27", "label must be text, not datetime.date(1979, 5, 27)"),
    ('label = ""', "label must not be empty"),
    ('label = "a\\nb"', "label must hold no line break"),
    (f'label = "{"x" * 1001}"', "label must have at most 1000 characters"),
    ('label = "label"\nname = ["shop"]', "name must be text"),
    ('label = "label"\nname = ""', "name must not be empty"),
    ('label = "label"\nlable = "x"', "'lable', did you mean 'label'?; keys are name"),
    ('label = "label"\npartitions = []', "unknown key 'partitions'"),
    ('label = "label"\nside_tables = "users"', "side_tables must be tables"),
    ('label = "label"\n[[side_tables]]\nname = "u"', "side_tables entry 1: "),
    (
        'label = "label"\n[[side_tables]]\nname = "u"\nkey = "user"\ncolumns = ["age"]\n'
        'dense = ["aeg"]',
        "side table 'u': no column 'aeg', did you mean 'age'?",
    ),
    ('label = "label"\nheader = "yes"', "header must be true or false"),
    ('label = "label"\nheader = 1', "header must be true or false"),
    ('label = "label"\nquoting = []', "quoting must be true or false"),
    ('label = "label"\ndelimiter = 9', "delimiter must be text"),
    ('label = "label"\ndelimiter = ""', "delimiter must be ASCII characters"),
    ('label = "label"\ndelimiter = "\\u0000"', "delimiter must be ASCII characters"),
    ('label = "label"\ndelimiter = "特"', "delimiter must be ASCII characters"),
    ('label = "label"\nlabel_rule = "some"', "label_rule must be one of binary, positive"),
    ('label = "label"\nlabel_rule = ["binary"]', "label_rule must be text"),
    ('label = "label"\nfile_format = "orc"', "file_format must be one of text, parquet"),
    ('label = "label"\ntime_format = 3', "time_format must be text"),
    ('label = "label"\ntime_column = ["t"]', "time_column must be text"),
    ('label = "label"\ntime_column = ""', "time_column must not be empty"),
    ('label = "label"\nmissing_tokens = "NA"', "missing_tokens must be a list"),
    ('label = "label"\nmissing_tokens = [1]', "missing_tokens[0] must be text, not 1"),
    ('label = "label"\nignore = {a = 1}', "ignore must be a list"),
    ('label = "label"\ncolumns = []', "columns must not be empty"),
    ('label = "label"\ncolumns = ["label", 3]', "columns[1] must be text, not 3"),
    ('label = "label"\ncolumns = ["label", "a", "a"]', "column name 'a' is repeated"),
    ('label = "label"\ndense = "x"', "dense must be a list of names or of tables"),
    ('label = "label"\ndense = [["x"]]', "dense entry 1: must be a table"),
    ('label = "label"\ndense = [3]', "dense entry 1: must be a table"),
    ('label = "label"\ndense = [""]', "dense entry 1: dense column '': source must not be empty"),
    ('label = "label"\ndense = [{name = "x"}]', "dense entry 1: key 'source' is missing"),
    ('label = "label"\ndense = [{source = ["x"]}]', "source must be text"),
    ('label = "label"\ndense = [{source = "x", name = ""}]', "name must not be empty"),
    ('label = "label"\ndense = [{source = "x", name = 7}]', "name must be text, not 7"),
    ('label = "label"\ndense = [{source = "x", transform = 1}]', "transform must be text"),
    ('label = "label"\ndense = [{source = "x", missing = "0"}]', "missing must be a number"),
    ('label = "label"\ndense = [{source = "x", missing = nan}]', "missing must be a finite number"),
    (
        'label = "label"\ndense = [{source = "x", missing = -inf}]',
        "missing must be a finite number",
    ),
    ('label = "label"\ndense = [{source = "x", missing = 1e39}]', "missing must be at most"),
    (f'label = "label"\ndense = [{{source = "x", missing = {HUGE}{HUGE}}}]', "missing must be"),
    ('label = "label"\ndense = [{source = "x", missing = true}]', "missing must be a number"),
    ('label = "label"\ndense = ["x", "x"]', "two features are called 'x'"),
    ('label = "label"\ndense = ["x"]\nsparse = ["x"]', "two features are called 'x'"),
    ('label = "label"\nsparse = 3', "sparse must be a list of names or of tables"),
    ('label = "label"\nsparse = [{source = "user", rows = "8"}]', "rows must be a whole number"),
    ('label = "label"\nsparse = [{source = "user", rows = 8.0}]', "rows must be a whole number"),
    ('label = "label"\nsparse = [{source = "user", rows = true}]', "rows must be a whole number"),
    ('label = "label"\nsparse = [{source = "user", rows = 1}]', "rows must be at least 2, not 1"),
    ('label = "label"\nsparse = [{source = "user", rows = -8}]', "rows must be at least 2"),
    (f'label = "label"\nsparse = [{{source = "user", rows = {HUGE}}}]', "rows must be"),
    ('label = "label"\nsparse = [{source = "user", fold = 0}]', "fold must be at least 1, not 0"),
    (f'label = "label"\nsparse = [{{source = "user", fold = {HUGE}}}]', "fold must be"),
    ('label = "label"\nsparse = [{source = "user", derive = ["weekday"]}]', "derive must be text"),
    ('label = "label"\nsparse = [{source = "user", radix = 16}]', "radix must be text, not 16"),
    (
        'label = "label"\nsparse = [{source = "user", row = 8}]',
        "unknown key 'row', did you mean 'rows'?; keys are",
    ),
]

OPTIONS = [
    ("--max-reject-share nan", "--max-reject-share must be"),
    ("--max-reject-share -0.1", "--max-reject-share must be at least 0"),
    ("--max-reject-share 2", "--max-reject-share must be at most 1"),
    ("--max-reject-share some", "argument --max-reject-share: invalid float value: 'some'"),
    ("--fractions nan,nan,nan", "--fractions[0] must be a finite number"),
    ("--fractions inf,-inf,1", "--fractions[0] must be a finite number"),
    ("--fractions 0.5,0.5", "--fractions: three positive shares"),
    ("--fractions 1,0,0", "--fractions: three positive shares"),
    (f"--seed {HUGE}", "--seed must be"),
    ("--seed -1", "--seed must be at least 0"),
    ("--seed 1.5", "argument --seed: invalid int value: '1.5'; see --help"),
    (f"--min-count {HUGE}", "--min-count must be"),
    ("--min-count 0", "--min-count must be at least 1"),
    (f"--max-rows {HUGE}", "--max-rows must be"),
    (f"--shards {HUGE}", "--shards must be"),
    ("--table-rows 2", "--table-rows must be at least 3"),
    ("--table-rows 3000000000", "--table-rows must be at most"),
    (f"--max-row-bytes {HUGE}", "--max-row-bytes must be"),
    ("--workers 1000000", "--workers must be at most 1024"),
    ("--compression-level 0", "--compression-level must be at least 1"),
    ("--row-order sorted", "--row-order 'sorted'; it is one of hashed, log"),
    ("--dense x,", "--dense x,: a name between the commas is empty"),
    ("--dense x,x", "two features are called 'x'"),
    ("--dense x --sparse x", "two features are called 'x'"),
    ("--sparse ,", "--sparse ,: a name between the commas is empty"),
    ("--name a\nb", "name must hold no line break"),
    (f"--name {'x' * 1001}", "name must have at most 1000 characters"),
    ("--time-column a\rb", "time_column must hold no line break"),
    ("--side-table a=b --side-table a=c", "--side-table a: is given twice"),
    ("--output a\0b", "--output"),
    ("--output /", "--output /: exists"),
    (f"--output {'x' * 300}", "File name too long"),
]


def one_error(arguments, capsys):
    """The error of a command, which is one line and ends with exit code 2."""
    assert main(arguments) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and errors[0].startswith("error: "), errors
    return errors[0]


@pytest.mark.parametrize(("toml", "message"), TOML, ids=range(len(TOML)))
def test_a_wrong_description_is_one_line_before_the_log_is_opened(toml, message, capsys, tmp_path):
    path = tmp_path / "shop.toml"
    path.write_text(toml)
    arguments = ["--dataset", str(path), "--input", "no such file", "--output", str(tmp_path / "o")]
    error = one_error(arguments, capsys)
    assert f"{path}: " in error and message in error
    assert len(error) < 500 + len(str(path))
    assert [path.name for path in tmp_path.iterdir()] == ["shop.toml"]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=range(len(OPTIONS)))
def test_a_wrong_option_is_one_line(options, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").write_text(LOG)
    arguments = ["--dataset", "csv", "--label", "label", "--input", "log.csv", "--output", "out"]
    assert message in one_error([*arguments, *options.split(" ")], capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("inspect", "required: DIR; see --help"),
        ("inspect --rows many data", "argument --rows: invalid int value: 'many'; see --help"),
        ("inspect one other", "unrecognized arguments: other"),
        ("describe", "required: FILE; see --help"),
        ("describe --outptu x.toml log.csv", "unknown option --outptu, did you mean '--output'?"),
    ],
)
def test_a_wrong_option_of_the_other_commands_is_one_line(command, message, capsys):
    assert message in one_error(command.split(), capsys)


@pytest.mark.parametrize("path", ["", "nowhere.toml", "locked.toml", "."])
def test_a_description_that_cannot_be_read_is_named(path, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "locked.toml").mkdir()
    assert "--dataset" in one_error(["--dataset", path, "--input", "x"], capsys) or path


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("label," + "x" * 140_000, "log.csv line 1: the header cannot be read (field larger"),
        ("label," + "x" * 1001, "source must have at most 1000 characters"),
        ("label,a,a", "log.csv: column name 'a' is repeated"),
        (",".join(f"c{n}" for n in range(5000)), "log.csv: no column 'label'"),
    ],
)
def test_a_wrong_header_is_one_line(header, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").write_text(header + "\n0,1\n1,2\n")
    arguments = ["--dataset", "csv", "--label", "label", "--input", "log.csv", "--output", "out"]
    error = one_error(arguments, capsys)
    assert message in error and "log.csv" in error and len(error) < 1500


@pytest.mark.parametrize("name", ["x" * 300, CJK, "a/b", " ac", "€", "..", "%~x"])
def test_a_name_that_is_no_file_name_still_names_a_feature(name, make_dataset, read_split):
    log = f'label,"{name}","{name}2"\n' + "".join(f"{n % 2},u{n % 3},{n}\n" for n in range(40))
    description = generic("label", (f"{name}2",))
    out = make_dataset(log, description, min_count=1, shards=1)
    schema = Schema.load(out)
    assert (schema.sparse_names, schema.dense_names) == ((name,), (f"{name}2",))
    (feature,) = schema.sparse
    assert sorted((out / feature.vocabulary).read_text().split()) == ["u0", "u1", "u2"]
    assert (out / feature.vocabulary).parent == out / "vocabularies"
    assert verify(out) > 0


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


@given(names, names)
def test_two_features_never_share_a_file(first, second):
    one, two = file_stem(first), file_stem(second)
    assert (one == two) == (first == second)
    assert len(one.encode()) <= 200 and "/" not in one and "\0" not in one


@pytest.mark.parametrize(
    "make",
    [
        lambda: SparseColumn("x", rows="8"),
        lambda: SparseColumn(["x"]),
        lambda: DenseColumn("x", missing=float("nan")),
        lambda: Description("shop", "label", ["label", "x"], header=True),
        lambda: generic("label", ("x",), delimiter=3),
        lambda: generic("label", ["x", 3]),
    ],
)
def test_python_programs_are_told_alike(make):
    with pytest.raises(DataError, match="must"):
        make()


def told(capsys, *arguments) -> str:
    assert main([*map(str, arguments), "--quiet"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.fixture
def small_log(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("label,user\n" + "0,a\n1,b\n" * 50)
    return path


@pytest.mark.parametrize(
    ("column", "why"),
    [("usr", "no such column, did you mean 'user'?"), ("label", "is the label")],
)
def test_what_is_to_be_ignored_must_be_there(column, why, capsys, tmp_path, small_log):
    line = told(
        capsys, "--dataset", "csv", "--input", small_log, "--label", "label",
        "--ignore", column, "--output", tmp_path / "out",
    )  # fmt: skip
    assert f"{column!r} cannot be ignored: " in line and why in line and "log.csv" in line


@pytest.mark.parametrize("flag", ["--dense", "--sparse", "--label", "--time-column"])
def test_a_slip_in_the_name_of_a_column_is_told_with_what_was_meant(
    flag, capsys, tmp_path, small_log
):
    named = {"--label": "label", "--sparse": "user", flag: "usr"}
    options = [word for pair in named.items() for word in pair]
    line = told(
        capsys, "--dataset", "csv", "--input", small_log, *options, "--output", tmp_path / "out"
    )
    assert "log.csv: no column 'usr', did you mean 'user'?; there are [label, user]" in line


def test_a_column_is_a_feature_or_ignored_and_not_both(capsys, tmp_path, small_log):
    named = ["--label", "label", "--sparse", "user", "--ignore", "user"]
    line = told(
        capsys, "--dataset", "csv", "--input", small_log, *named, "--output", tmp_path / "out"
    )
    assert "'user' cannot be ignored: is named as a feature as well" in line


@pytest.mark.parametrize("by_link", [False, True])
def test_a_file_stands_in_one_split_only(by_link, capsys, tmp_path, small_log):
    other = tmp_path / "other.csv"
    if by_link:
        other.symlink_to(small_log)
    third = tmp_path / "third.csv"
    third.write_text(small_log.read_text())
    line = told(
        capsys, "--dataset", "csv", "--label", "label", "--train", small_log, "--validation", third,
        "--test", other if by_link else small_log, "--output", tmp_path / "out",
    )  # fmt: skip
    assert "is given for train and for test" in line


def test_no_reject_may_be_allowed(make_dataset):
    make_dataset(LOG, max_reject_share=0.0)
    with pytest.raises(DataError, match="1 of 61 rows are malformed .*allowed are 0.00%"):
        make_dataset(LOG + "2,1,a\n", name="bad", max_reject_share=0.0)
    make_dataset(LOG + "2,1,a\n", name="all", max_reject_share=1.0)


def test_a_time_beyond_64_bits_is_a_reject(make_dataset):
    log = "label,t,user\n" + "".join(f"{n % 2},{n}e9,a\n" for n in range(40)) + "0,1e38,a\n"
    description = generic("label", sparse=("user",), time_column="t")
    out = make_dataset(log, description, split="chronological", max_reject_share=0.1)
    assert Schema.load(out).rejected == {"column t: a time beyond 64 bits": 1}


MOMENTS = st.datetimes(timezones=st.none() | st.timezones())


@given(MOMENTS, st.sampled_from("T "), st.sampled_from(["auto", "seconds", "milliseconds"]))
def test_what_python_writes_as_iso_is_read_to_the_second(moment, separator, timespec):
    import datetime

    text = moment.isoformat(separator, timespec)
    if moment.utcoffset() is not None and moment.utcoffset().seconds % 60:
        return  # Local mean times of the 19th century: ISO 8601 has no seconds in a zone.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    assert seconds_of(text) == (aware - epoch) // datetime.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        # Python 3.10 takes the first two alone; 3.11 all of them.
        ("2014-10-21T07:30:00", 1413876600),
        ("2014-10-21 07:30:00.123456+00:00", 1413876600),
        ("2014-10-21T07:30:00.1Z", 1413876600),
        ("20141021T073000", 1413876600),
        ("2014-10-21T07:30:00,5", 1413876600),
        ("2014-10-21T0930+0200", 1413876600),
        ("2014-10-21T09:30+02", 1413876600),
    ],
)
def test_iso_times_are_read_alike_on_every_python(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "now", "2014-10-32", "2014-1021", "2014-10-21T25:00", "2014-10-21T07:30+25:00", "１-１"],
)
def test_what_is_no_iso_time_is_refused(text):
    with pytest.raises(ValueError):
        seconds_of(text)


def test_the_names_of_files_are_known_of_old():
    assert file_stem("user") == "user" and pathlib.PurePath(file_stem("C1.2-x_y")).name
