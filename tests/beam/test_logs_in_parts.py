"""Logs of many short files, as hourly jobs write them into directories of a day and an hour."""

import gzip

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from beam_preprocess.config import PreprocessConfig
from beam_preprocess.datasets.generic import generic
from beam_preprocess.datasets.toml_file import parse_toml, tomllib
from beam_preprocess.errors import DataError
from beam_preprocess.running import log_sample
from beam_preprocess.running.describe import describe
from beam_preprocess.running.input_files import find_inputs
from beam_preprocess.running.log_sample import first_line, sample_log

HEADER = "user,view,click\n"
QUIET = "".join(f"u{n % 7},,0\n" for n in range(40))
LATER = "".join(f"u{n % 7},{'NaN' if n % 3 else n / 8},{n % 20 == 0:d}\n" for n in range(40))


def written(directory, *texts, end="csv"):
    for hour, text in enumerate(texts):
        part = directory / "day=2026-01-01" / f"hour={hour:02}" / f"part-0.{end}"
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(gzip.compress(text) if end.endswith("gz") else text)
    return str(directory)


@pytest.mark.parametrize("end", ["csv", "csv.gz"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_guess_goes_on_where_the_first_file_is_short(tmp_path, end, mark):
    parts = [mark + (HEADER + text).encode() for text in (QUIET, LATER, LATER)]
    text = describe([written(tmp_path, *parts, end=end)])
    assert text.startswith("# Guessed from the first 120 rows")
    found = tomllib.loads(text)
    # By the first file alone there was no click, no number and no mark for a missing one.
    assert (found["label"], found["dense"], found["missing_tokens"]) == ("click", ["view"], ["NaN"])
    assert set(found["sparse"]) == {"user", "hour"}


def test_parts_without_header_are_read_from_their_first_line(tmp_path):
    parts = [text.encode() for text in (QUIET, LATER.rstrip("\n"), LATER)]
    sample = sample_log([written(tmp_path, *parts)])
    assert sample.setting("header") is False and len(sample.columns[0]) == 120
    assert sample.columns[0][38:42] == ("u3", "u4", "u0", "u1")


def test_no_more_rows_are_read_than_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(log_sample, "MOST_ROWS", 50)
    directory = written(tmp_path, *[(HEADER + QUIET).encode()] * 4)
    assert len(sample_log([directory]).columns[0]) == 50
    monkeypatch.setattr(log_sample, "MOST_ROWS", 5000)
    monkeypatch.setattr(log_sample, "MOST_FILES", 3)
    assert len(sample_log([directory]).columns[0]) == 120


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ((HEADER.upper() + LATER).encode(), "it lacks 'user', 'view', 'click'"),
        (("user,seen,click\n" + LATER).encode(), "it lacks 'view' and has besides 'seen'"),
        (b'{"user": 1}\n' * 9, "is JSON"),
    ],
    ids=["capitals", "renamed", "JSON"],
)
def test_a_part_of_another_table_is_passed_over_and_told(tmp_path, other, told):
    first = (HEADER + LATER).encode()
    text = describe([written(tmp_path, first, other, first)])
    assert text.startswith("# Guessed from the first 80 rows")
    told = told if "'click'" not in told else "header [USER, VIEW, CLICK] differs"
    assert told in text.splitlines()[1] and "hour=01" in text.splitlines()[1]


def test_a_part_in_another_encoding_does_not_spoil_the_rest(tmp_path):
    first = (HEADER + LATER.replace("u3", "Zoë")).encode()
    latin = (HEADER + LATER.replace("u3", "Zoë")).encode("latin-1")
    sample = sample_log([written(tmp_path, first, latin, first)])
    assert sample.setting("file_encoding") is None and len(sample.columns[0]) == 80


def test_parts_of_parquet_are_read_on_as_well(tmp_path):
    for hour, views in enumerate([[None, None], [0.5, 2.0], [3, 4]]):
        part = tmp_path / f"hour={hour}" / "part.parquet"
        part.parent.mkdir()
        columns = {"click": [0, hour % 2], "view": pa.array(views, None if hour else pa.null())}
        names = sorted(columns, reverse=hour == 1)  # columns may stand in another order
        parquet.write_table(pa.table({name: columns[name] for name in names}), part)
    sample = sample_log([str(tmp_path)])
    found = dict(zip(sample.names, sample.columns, strict=True))
    assert found["view"] == ("", "", "0.5", "2", "3", "4")
    assert found["click"] == ("0", "0", "0", "1", "0", "0")


def test_the_first_line_ends_where_text_says():
    assert first_line(b"\xef\xbb\xbfa,b\r\n1,2") == b"a,b\r\n"
    assert first_line(b"a,b") == b"a,b" and first_line(b"") == b""


DESCRIPTION = 'name = "log"\nlabel = "click"\nsparse = ["user", "day", "hour"]\n'


@pytest.mark.parametrize(
    "named", ["", "day=2026-01-01", "day=2026-01-01/hour=01", "day=2026-01-01/hour=01/part-0.csv",
              "day=2026-01-01/hour=*"]
)  # fmt: skip
def test_a_directory_that_is_named_itself_is_a_column_where_one_is_asked_for(tmp_path, named):
    directory = written(tmp_path / "log", *[(HEADER + LATER).encode()] * 2)
    description = parse_toml(DESCRIPTION, tmp_path / "log.toml")
    _, files = find_inputs(
        PreprocessConfig(description, "out", inputs=(f"{directory}/{named}".rstrip("/"),))
    )
    assert dict(files[-1].partitions) == {"day": "2026-01-01", "hour": "01"}
    # Where nothing asks for it, it may be the number of an experiment.
    plain = parse_toml('name = "log"\nlabel = "click"\nsparse = ["user"]\n', tmp_path / "log.toml")
    one = f"{directory}/day=2026-01-01/hour=01/part-0.csv"
    assert find_inputs(PreprocessConfig(plain, "out", inputs=(one,)))[1][0].partitions == ()


def test_days_that_are_named_have_the_columns_of_those_that_a_glob_finds(tmp_path):
    for day in range(1, 5):
        part = tmp_path / f"log/day={day}/kind=a/part-0.csv"
        part.parent.mkdir(parents=True)
        part.write_text(HEADER + LATER)
    log, layout = tmp_path / "log", generic("click")
    splits = {"train": "day=[12]", "validation": "day=3", "test": "day=4/kind=a"}
    given = {split: (f"{log}/{name}",) for split, name in splits.items()}
    config, files = find_inputs(PreprocessConfig(layout, "out", split="given", split_inputs=given))
    assert [dict(file.partitions)["day"] for file in files] == [*"1234"]
    assert config.description.partitions == ("day", "kind")
    together = (f"{log}/day=[12]", f"{log}/day=3")
    config, files = find_inputs(PreprocessConfig(layout, "out", inputs=together))
    assert [dict(file.partitions)["day"] for file in files] == [*"123"]
    alone = tuple(f"{log}/day={day}" for day in (1, 2))
    config, files = find_inputs(PreprocessConfig(layout, "out", inputs=alone))
    assert all("day" not in dict(file.partitions) for file in files)


def test_a_column_of_the_file_goes_before_the_name_of_a_directory(tmp_path):
    directory = written(tmp_path / "log", b"user,day,click\nu,monday,1\nv,monday,0\n")
    description = parse_toml(DESCRIPTION, tmp_path / "log.toml")
    config, _ = find_inputs(
        PreprocessConfig(description, "out", inputs=(f"{directory}/day=2026-01-01/hour=00",))
    )
    assert config.description.columns == ("user", "day", "click")
    assert config.description.partitions == ("hour",)
    other = parse_toml(DESCRIPTION.replace('"day"', '"week"'), tmp_path / "log.toml")
    with pytest.raises(DataError, match="no column 'week'"):
        find_inputs(PreprocessConfig(other, "out", inputs=(directory,)))
