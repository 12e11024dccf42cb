"""Logs whose later files have other columns than the first, or the same in another order."""

import json
import pathlib
import random

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from beam_preprocess.api import preprocess
from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.findings import Findings
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.layout_options import LayoutOptions
from beam_preprocess.datasets.toml_file import parse_toml
from beam_preprocess.errors import DataError
from beam_preprocess.running.describe import describe
from beam_preprocess.running.further_rows import RowReplay, read_vocabularies
from beam_preprocess.running.input_files import find_inputs

COLUMNS = ("click", "user", "price", "device", "tags")
BEFORE = ("click", "user", "price")
AFTER = ("device", "tags", "user", "click")
OPTIONS = {"label": "click", "dense": "price", "multi": "tags"}


def rows(seed, count=120):
    draw = random.Random(seed)
    return [
        {
            "click": int(draw.random() < 0.4),
            "user": f"u{draw.randrange(9)}",
            "price": draw.randrange(50) / 4,
            "device": draw.choice(("phone", "tablet")),
            "tags": draw.sample(("red", "blue", "green"), draw.randrange(1, 4)),
        }
        for _ in range(count)
    ]


def as_csv(path, table, columns, empty=()):
    lines = [",".join(columns)]
    for row in table:
        texts = {**row, "tags": "|".join(row["tags"]), **dict.fromkeys(empty, "")}
        lines.append(",".join(str(texts[name]) for name in columns))
    path.write_text("\n".join(lines) + "\n")


def as_parquet(path, table, columns, empty=()):
    kinds = {"tags": pa.list_(pa.string()), "click": pa.int64(), "at": pa.int64()}
    kinds |= dict.fromkeys(("price", "weight"), pa.float64())
    parquet.write_table(
        pa.table(
            {
                name: pa.array(
                    [None if name in empty else row[name] for row in table],
                    kinds.get(name, pa.string()),
                )
                for name in columns
            }
        ),
        path,
    )


WRITERS = {"csv": as_csv, "parquet": as_parquet}


def log(directory, kind, alike):
    """Two files, the second with two more columns and one less; or both with all."""
    directory.mkdir()
    for name, columns, seed in (("a", BEFORE, 1), ("b", AFTER, 2)):
        empty = [each for each in COLUMNS if each not in columns]
        path = directory / f"{name}.{kind}"
        WRITERS[kind](path, rows(seed), COLUMNS if alike else columns, empty if alike else ())
    return str(directory)


def described(kind, **options):
    multi = {} if kind == "parquet" else {"multi_separator": "|"}
    return LayoutOptions(**OPTIONS, **multi, **options).describe(kind)


def made(tmp_path, kind, alike):
    inputs = (log(tmp_path / f"log-{alike}", kind, alike),)
    output = tmp_path / f"data-{alike}"
    empty = described(kind, absent_columns="empty")
    preprocess(PreprocessConfig(empty, str(output), inputs=inputs))
    return output


def records(directory):
    files = json.loads((directory / "manifest.json").read_text())["files"]
    return {name: said["sha256"] for name, said in files.items() if ".tfrecord" in name}


@pytest.mark.parametrize("kind", WRITERS)
def test_columns_that_a_file_lacks_are_as_if_they_were_empty(tmp_path, kind):
    found, expected = (made(tmp_path, kind, alike) for alike in (False, True))
    assert Schema.load(found).sparse == Schema.load(expected).sparse
    assert records(found) == records(expected)
    told = [each for each in Findings.load(found).warnings if each.kind == "absent columns"]
    assert {each.column for each in told} == {"price", "device", "tags"}
    price = next(each.text for each in told if each.column == "price")
    assert "is not in 1 of 2 files" in price and f"b.{kind}" in price
    assert not [e for e in Findings.load(expected).warnings if e.kind == "absent columns"]


def test_further_rows_are_read_likewise(tmp_path):
    data = made(tmp_path, "csv", False)
    schema = Schema.load(data)
    description = find_inputs(
        PreprocessConfig(
            described("csv", absent_columns="empty"), "out", inputs=(str(tmp_path / "log-False"),)
        )
    )[0].description
    blocks = [
        [
            (block.label.tolist(), block.dense.tolist(), block.sparse.tolist())
            for block in RowReplay(description, schema, read_vocabularies(schema, data)).labelled(
                [log(tmp_path / f"further-{alike}", "csv", alike)]
            )
        ]
        for alike in (False, True)
    ]
    assert blocks[0] == blocks[1] and len(blocks[0]) == 2


@pytest.mark.parametrize("kind", WRITERS)
def test_a_further_file_may_lack_a_column_of_the_training(tmp_path, kind):
    data = made(tmp_path, kind, False)
    schema = Schema.load(data)
    trained = described(kind, absent_columns="empty")
    config = PreprocessConfig(trained, "out", inputs=(str(tmp_path / "log-False"),))
    replay = RowReplay(find_inputs(config)[0].description, schema, read_vocabularies(schema, data))
    found = []
    for name, columns in (("alone", ("user", "price")), ("whole", COLUMNS)):
        path = tmp_path / f"{name}.{kind}"
        WRITERS[kind](path, rows(5), columns, ("device", "tags") if name == "whole" else ())
        found.append([block.sparse.tolist() for block in replay.unlabelled([str(path)])])
    assert found[0] == found[1]


def test_a_guess_tells_of_columns_that_only_later_files_have(tmp_path):
    as_csv(tmp_path / "a.csv", rows(1, 6000), BEFORE)
    as_csv(tmp_path / "b.csv", rows(2), ("device", *BEFORE))
    text = describe([str(tmp_path)])
    told = text.splitlines()[1]
    assert told.startswith("# Not in the first file") and '"device"' in told and "b.csv" in told
    whole = text.replace("sparse = [", 'absent_columns = "empty"\nsparse = ["device",')
    config = PreprocessConfig(
        parse_toml(whole, tmp_path / "log.toml"), "out", inputs=(str(tmp_path),)
    )
    assert "device" in find_inputs(config)[0].description.sources
    as_csv(tmp_path / "b.csv", rows(2), BEFORE[::-1])
    assert "first file" not in describe([str(tmp_path)])


@pytest.mark.parametrize("kind", WRITERS)
def test_they_are_refused_unless_that_is_asked_for(tmp_path, kind):
    inputs = (log(tmp_path / "log", kind, False),)
    plain = LayoutOptions(label="click").describe(kind)
    with pytest.raises(DataError, match=r"b\.\w+: header .*--absent-columns empty"):
        find_inputs(PreprocessConfig(plain, "out", inputs=inputs))


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("name", ["click", "weight", "at"])
def test_no_file_may_lack_what_every_row_needs(tmp_path, kind, name):
    extra = [{**row, "weight": 1.0, "at": 3} for row in rows(1)]
    columns = (*COLUMNS, "weight", "at")
    log(tmp_path / "log", kind, False)
    for at, missing in (("a", ""), ("b", name)):
        path = tmp_path / "log" / f"{at}.{kind}"
        WRITERS[kind](path, extra, [each for each in columns if each != missing])
    description = described(kind, absent_columns="empty", weight="weight", time_column="at")
    config = PreprocessConfig(description, "out", inputs=(str(tmp_path / "log"),))
    with pytest.raises(DataError, match=rf"b\.\w+: no column '{name}', which every file needs"):
        find_inputs(config)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("absent", ["refuse", "empty"])
def test_a_column_that_a_directory_gives_one_file_and_another_has_itself(tmp_path, kind, absent):
    """It was empty where the directory says it."""
    found = {}
    for name, columns in (("mixed", ("click", "user")), ("alike", ("click", "user", "device"))):
        for device, own in (("phone", columns), ("tablet", ("click", "user", "device"))):
            directory = tmp_path / name / f"device={device}"
            directory.mkdir(parents=True)
            table = [{**row, "device": device} for row in rows(3)]
            WRITERS[kind](directory / f"a.{kind}", table, own)
        named = LayoutOptions(label="click", sparse="user,device", absent_columns=absent)
        data = tmp_path / f"{name}-data"
        inputs = (str(tmp_path / name),)
        preprocess(PreprocessConfig(named.describe(kind), str(data), inputs=inputs))
        found[name] = records(data)
        assert not [e for e in Findings.load(data).warnings if e.kind == "absent columns"]
    assert found["mixed"] == found["alike"]


def test_a_part_without_a_header_is_told_as_such(tmp_path):
    for name, columns in (("a", BEFORE), ("b", BEFORE)):
        as_csv(tmp_path / f"{name}.csv", rows(1), columns)
    text = (tmp_path / "b.csv").read_text()
    (tmp_path / "b.csv").write_text(text[text.index("\n") + 1 :])
    description = LayoutOptions(label="click", absent_columns="empty").describe("csv")
    with pytest.raises(DataError, match=r"b\.csv: no column 'click'.*if line 1 is a row"):
        find_inputs(PreprocessConfig(description, "out", inputs=(str(tmp_path),)))


def test_a_header_in_another_order_is_read_by_its_names(tmp_path):
    found = {}
    for order in (COLUMNS, COLUMNS[::-1]):
        directory = tmp_path / order[0]
        directory.mkdir()
        as_csv(directory / "a.csv", rows(1), COLUMNS)
        as_csv(directory / "b.csv", rows(2), order)
        data = f"{directory}-data"
        preprocess(PreprocessConfig(described("csv"), data, inputs=(str(directory),)))
        found[order[0]] = records(pathlib.Path(data))
    assert found["click"] == found["tags"]


@pytest.mark.parametrize("kind", WRITERS)
def test_columns_that_are_not_read_may_come_and_go(tmp_path, kind):
    """As those of a model in use, and of a description that names its features."""
    columns = ("user", "price", "click")
    inputs = (log(tmp_path / "log", kind, False),)
    WRITERS[kind](tmp_path / "log" / f"b.{kind}", rows(2), ("device", *columns))
    named = LayoutOptions(label="click", dense="price", sparse="user").describe(kind)
    config, files = find_inputs(PreprocessConfig(named, "out", inputs=inputs))
    assert config.description.sources == named.sources
    data = tmp_path / "data"
    preprocess(PreprocessConfig(named, str(data), inputs=inputs))
    assert Schema.load(data).splits["train"].rows > 100
    assert not [e for e in Findings.load(data).warnings if e.kind == "absent columns"]
