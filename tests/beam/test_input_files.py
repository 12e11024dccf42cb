"""Which files a name means, and text in forms that other programs leave."""

import codecs
import errno
import gzip
import os

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from beam_preprocess.cli import main
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.generic import generic
from beam_preprocess.errors import DataError
from beam_preprocess.running.file_patterns import find_files, would_read

LOG = "label,user\n" + "".join(f"{row % 2},u{row % 5}\n" for row in range(60))
VOCABULARY = {f"u{user}" for user in range(5)}


def paths(*patterns):
    return [file.path for file in find_files(patterns)]


def vocabulary(directory, feature="user"):
    return set((directory / "vocabularies" / f"{feature}.txt").read_text("utf-8").split("\n")) - {
        ""
    }


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_glob_needs_no_folder(here):
    touch(here / "day1.csv")
    touch(here / "day2.csv")
    assert paths("day?.csv") == ["day1.csv", "day2.csv"]
    assert paths("./day?.csv") == ["./day1.csv", "./day2.csv"]


def test_a_file_of_several_names_is_one_file(here):
    touch(here / "day1.csv")
    (here / "link.csv").symlink_to("day1.csv")
    assert paths("day1.csv", "./day1.csv", str(here / "*.csv")) == ["day1.csv"]


def test_names_that_exist_mean_themselves(here):
    for name in ("log[1].csv", "log1.csv", "a*b.csv", "runs[2]/x.csv"):
        touch(here / name)
    assert paths("log[1].csv") == ["log[1].csv"]
    assert paths("a*b.csv") == ["a*b.csv"]
    assert paths("runs[2]/*.csv") == ["runs[2]/x.csv"]
    assert paths(str(here / "runs[2]" / "*")) == [str(here / "runs[2]" / "x.csv")]


def test_a_name_that_is_no_text_is_refused_before_a_row_is_read(here):
    """The data card could not be written once all had been read, which was a traceback."""
    touch(here / "log" / "a.csv")
    for name in (b"l\xe9on.csv", b"day=\xe9/b.csv"):
        path = here / "log" / os.fsdecode(name)
        touch(path)
        with pytest.raises(DataError, match=r"\.csv: the name is not valid UTF-8; rename it"):
            find_files(["log"])
        path.unlink()
    assert paths("log") == ["log/a.csv"]


def test_a_directory_means_its_parts(here):
    touch(here / "spark" / "part-0.csv")
    touch(here / "spark" / "part-1.csv", "")
    for name in ("_SUCCESS", ".part-0.csv.crc", "_temporary/0/part-9.csv", "manifest.json"):
        touch(here / "spark" / name)
    assert paths("spark") == paths("spark/") == paths("spark/part-*") == ["spark/part-0.csv"]
    assert paths("spark/*")[-1] == "spark/part-0.csv"


def test_linked_directories_are_parts_and_may_lead_back(here):
    touch(here / "log" / "a.csv")
    touch(here / "elsewhere" / "b.csv")
    (here / "log" / "day=2").symlink_to(here / "elsewhere")
    (here / "log" / "back").symlink_to(here / "log")
    (here / "elsewhere" / "up").symlink_to(here / "log")
    assert paths("log") == ["log/a.csv", "log/day=2/b.csv"]
    assert find_files(("log",))[1].partitions == (("day", "2"),)


def test_a_directory_that_cannot_be_read_is_not_passed_over(here, monkeypatch):
    touch(here / "log" / "a.csv")
    touch(here / "log" / "closed" / "b.csv")
    real = os.scandir

    def scan(path):
        if os.fspath(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(DataError, match="log/closed: cannot be read .Permission denied.; mend it"):
        find_files(("log",))


def test_partitions_are_columns(here):
    touch(here / "log" / "day=2024-03-01" / "kind=a%20b" / "part-0.csv")
    touch(here / "log" / "day=2024-03-02" / "kind=__HIVE_DEFAULT_PARTITION__" / "part-0.csv")
    columns = ((("day", "2024-03-01"), ("kind", "a b")), (("day", "2024-03-02"), ("kind", "")))
    for pattern in (
        "log",
        "log/day=*",
        "log/day=*/kind=*/*.csv",
        "log/**/*.csv",
        str(here / "log"),
    ):
        assert tuple(file.partitions for file in find_files((pattern,))) == columns, pattern
    (inside,) = find_files(("log/day=2024-03-01",))
    assert inside.partitions == (("kind", "a b"),)


@pytest.mark.parametrize("pattern", [
    ".", "log", "log/", "log/*", "*", "log/day*", "log/*/part", "**", "log/**", "log/**/part*",
    "_log", "log/day-1.csv", "../*", "other", "lo[gx]", "log/_*",
])  # fmt: skip
@pytest.mark.parametrize("place", [
    "run", "log/run", "log/day/run", "log/day/part", "log/_run", "log/.run/a", "_log/run", "lox/a",
    "log",
])  # fmt: skip
def test_a_place_is_known_to_be_read_before_it_is_there(here, pattern, place):
    touch(here / "log" / "day-1.csv")
    touch(here / "_log" / "day.csv")
    (here / "other").mkdir()
    foreseen = would_read(pattern, place)
    touch(here / place / "part-0")
    try:
        found = {os.path.realpath(path) for path in paths(pattern)}
    except DataError:
        found = set()
    is_read = os.path.realpath(here / place / "part-0") in found
    # What a directory holds is more than a pattern may ask for.
    assert foreseen or not is_read
    assert is_read or not foreseen or pattern in ("log/**/part*", "../*")


def test_a_data_set_among_the_files_of_the_log_is_refused(here, capsys):
    touch(here / "log" / "day.csv", LOG)
    made = ["--dataset", "csv", "--label", "label", "--input", "log", "--output"]
    assert main([*made, "log/made", "--quiet"]) == 2
    assert "--output log/made: lies in log, of which all files are read" in capsys.readouterr().err
    assert main([*made, "made", "--quiet"]) == 0


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("nowhere.csv", "nowhere.csv: no such file"),
        ("*.tsv", r"\*.tsv: no such file"),
        ("empty.csv", "empty.csv: the file is empty"),
        ("nothing", "nothing: no file lies in this directory"),
        ("e*.csv", r"e\*.csv: all of its files are empty"),
    ],
)
def test_what_means_no_file_is_named(here, pattern, message):
    touch(here / "empty.csv", "")
    (here / "nothing").mkdir()
    with pytest.raises(DataError, match=message):
        find_files((pattern,))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (gzip.compress(LOG.encode()), "is packed by gzip; give it a name that ends in .gz"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00", "or an Excel workbook"),
        (b"ARROW1\x00\x00\xff\xff\xff\xff", "is Arrow"),
        (b'{"label": 1, "user": "u1"}\n' * 60, "is JSON"),
        (b'[\n {"label": 1, "user": "u1"}]', "is JSON"),
        (LOG.encode("utf-16"), "is in UTF-16; say so with --file-encoding utf-16 "),
        (LOG.encode("utf-16-le"), "is in UTF-16; say so with --file-encoding utf-16-le "),
        (LOG.encode("utf-16-be"), "is in UTF-16; say so with --file-encoding utf-16-be "),
    ],
    ids=["gzip", "workbook", "Arrow", "JSON lines", "JSON", "UTF-16", "little end", "big end"],
)
def test_what_is_no_delimited_text_is_told_by_what_it_is(make_dataset, data, told):
    with pytest.raises(DataError) as error:
        make_dataset(data)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_parquet_in_a_file_of_another_name_is_told(make_dataset, tmp_path):
    parquet.write_table(pa.table({"label": [0, 1] * 30}), tmp_path / "log.csv")
    with pytest.raises(DataError, match="log.csv: is Parquet; --dataset parquet"):
        make_dataset(tmp_path / "log.csv")


def test_a_name_that_begins_like_a_program_s_mark_is_a_name(make_dataset):
    out = make_dataset(LOG.replace("label", "ORC"), generic("ORC"), min_count=1)
    assert vocabulary(out) == VOCABULARY


def test_a_partitioned_directory_becomes_a_data_set(make_dataset, tmp_path):
    for day in range(10):
        part = tmp_path / "log" / f"day=2024-03-{day + 1:02d}"
        part.mkdir(parents=True)
        rows = {"label": [0, 1] * 6, "user": [f"u{row}" for row in range(6)] * 2}
        parquet.write_table(pa.table(rows), part / "part-0.snappy.parquet")
    parquet.write_table(pa.table(rows).slice(0, 0), part / "part-1.snappy.parquet")
    (tmp_path / "log" / "_SUCCESS").touch()
    layout = generic("label", time_column="day", time_format="iso8601", file_format="parquet")
    out = make_dataset(tmp_path / "log", layout, split="chronological", min_count=1)
    assert [split.rows for split in Schema.load(out).splits.values()] == [96, 12, 12]
    sparse = generic("label", file_format="parquet")
    out = make_dataset(tmp_path / "log", sparse, name="sparse", min_count=1)
    assert vocabulary(out, "day") == {f"2024-03-{day + 1:02d}" for day in range(10)}


@pytest.mark.parametrize(
    ("name", "data", "options"),
    [
        ("log.csv", LOG.replace("\n", "\r").encode(), {}),
        ("log.csv", codecs.BOM_UTF8 + LOG.replace("\n", "\r").encode(), {}),
        ("log.csv", LOG.encode("utf-16"), {"file_encoding": "utf-16"}),
        ("LOG.CSV.GZ", gzip.compress(LOG.encode()), {}),
        (
            "log.csv.gz",
            gzip.compress(LOG.replace("\n", "\r").encode("utf-16")),
            {"file_encoding": "utf-16"},
        ),
    ],
    ids=["returns", "returns behind a mark", "UTF-16", "GZ", "all three"],
)
def test_text_as_other_programs_leave_it(make_dataset, tmp_path, name, data, options):
    (tmp_path / name).write_bytes(data)
    out = make_dataset(str(tmp_path / name), generic("label", **options))
    assert vocabulary(out) == VOCABULARY
    assert not Schema.load(out).rejected


def test_characters_of_another_encoding(make_dataset, tmp_path):
    text = "label,user\n" + "0,Müller\n1,Zoë\n" * 40
    layout = generic("label", file_encoding="cp1252")
    out = make_dataset(text.encode("cp1252") + b"1,\x81\n", layout, max_reject_share=0.1)
    assert vocabulary(out) == {"Müller", "Zoë"}
    assert dict(Schema.load(out).rejected) == {"invalid UTF-8": 1}
    with pytest.raises(DataError, match="--file-encoding utf-16"):
        make_dataset(text.encode("utf-16"), generic("label"), name="unsaid")
    with pytest.raises(DataError, match="header is not valid utf-8; name its encoding with"):
        make_dataset("lebël,x\n0,1\n".encode("latin-1"), generic("label"), name="other")


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        ("--label-positive yes,>50K", 2 / 5),
        ("--label rating --label-above 3", 2 / 5),
        ("--label rating --label-above 0.5", 1.0),
    ],
)
def test_labels_by_value_and_by_threshold(tmp_path, options, rate):
    values = ["yes", ">50K", "no", "<=50K", "maybe"]
    rows = (f"{values[row % 5]},{row % 5 + 1},u{row % 3}\n" for row in range(100))
    (tmp_path / "log.csv").write_text("answer,rating,user\n" + "".join(rows))
    chosen = ["--dataset", "csv", "--quiet", "--input", str(tmp_path / "log.csv")]
    chosen += ["--label", "answer", *options.split(), "--output", str(tmp_path / "out")]
    assert main(chosen) == 0
    splits = Schema.load(tmp_path / "out").splits.values()
    assert sum(split.positives for split in splits) == round(100 * rate)
