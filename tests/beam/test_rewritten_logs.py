"""A model reads its rows whoever wrote them: times, lists and missing values in another writing."""

import dataclasses
import datetime

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.toml_file import read_toml
from beam_preprocess.running.further_rows import RowReplay, read_vocabularies
from nasrec_tf.trained.model_sources import with_features_of

ROWS = 200
LAYOUT = """
name = "shop"
label = "click"
delimiter = ";"
missing_tokens = ["k.A."]
time_column = "at"
dense = ["price"]
sparse = ["city", {source = "tags", multi = "|"}]

[times]
at = {format = "%d.%m.%Y %H:%M", derive = ["hour_of_day", "weekday"]}
born = {format = "%d.%m.%Y", age_until = "at"}
"""
OTHER = """
name = "elsewhere"
label = "bought"
delimiter = ","
missing_tokens = ["?"]
time_column = "at"
dense = ["price"]
sparse = ["city", {source = "tags", multi = "/"}]

[times]
at = {format = "seconds", derive = ["weekday"]}
born = {format = "%Y%m%d", age_until = "at"}
"""


def rows():
    """The log, by column, as values."""
    start = datetime.datetime(2024, 3, 1)
    return {
        "click": [row // 2 % 2 for row in range(ROWS)],
        "price": [None if row % 9 == 0 else row % 50 + 0.5 for row in range(ROWS)],
        "city": [None if row % 7 == 0 else ("Köln", "Rom")[row % 2] for row in range(ROWS)],
        "tags": [list("abc"[: row % 4]) for row in range(ROWS)],
        "at": [start + datetime.timedelta(minutes=97 * row) for row in range(ROWS)],
        "born": [datetime.date(1950, 1, 1) + datetime.timedelta(80 * row) for row in range(ROWS)],
    }


def text(delimiter, missing, between, at, born):
    """The log as text in some writing."""
    columns = rows()
    columns["tags"] = [between.join(items) for items in columns["tags"]]
    columns["at"] = [at(value) for value in columns["at"]]
    columns["born"] = [f"{value:{born}}" for value in columns["born"]]
    lines = zip(*([name, *values] for name, values in columns.items()), strict=True)
    shown = ([missing if value is None else str(value) for value in line] for line in lines)
    return "".join(delimiter.join(line) + "\n" for line in shown)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The schema, a way to read further rows, and the rows as the training's log had them."""
    from beam_preprocess.api import preprocess
    from beam_preprocess.config import PreprocessConfig

    directory = tmp_path_factory.mktemp("shop")
    (directory / "shop.toml").write_text(LAYOUT)
    log = directory / "log.csv"
    log.write_text(text(";", "k.A.", "|", "{:%d.%m.%Y %H:%M}".format, "%d.%m.%Y"))
    description = read_toml(directory / "shop.toml")
    out = directory / "out"
    preprocess(PreprocessConfig(description, str(out), inputs=(str(log),)))
    schema = Schema.load(out)
    vocabularies = read_vocabularies(schema, out)

    def replay(layout=description):
        return RowReplay(with_features_of(schema, layout), schema, vocabularies, ("tags",))

    return replay, list(replay().unlabelled([str(log)]))


def assert_same(found, expected):
    for name in ("dense", "sparse"):
        one, two = (np.concatenate([getattr(block, name) for block in each])
                    for each in (found, expected))  # fmt: skip
        np.testing.assert_array_equal(one, two)
    assert sum(len(block.rejects) for block in [*found, *expected]) == 0
    assert [block.items["tags"].to_pylist() for block in found] == [
        block.items["tags"].to_pylist() for block in expected
    ]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_that_a_type_tells_need_not_be_in_the_form_of_the_training(trained, tmp_path, zone):
    replay, expected = trained
    table = pa.table(rows() | {"at": pa.array(rows()["at"], pa.timestamp("ms", zone))})
    assert_same(list(replay().of_table(table)), expected)
    parquet.write_table(table, tmp_path / "log.parquet")
    layout = dataclasses.replace(read_toml_of(tmp_path, LAYOUT), file_format="parquet")
    assert_same(list(replay(layout).unlabelled([str(tmp_path / "log.parquet")])), expected)


def test_a_layout_of_one_s_own_says_how_times_lists_and_missing_values_are_written(
    trained, tmp_path
):
    replay, expected = trained
    log = tmp_path / "log.csv"
    utc = datetime.timezone.utc
    log.write_text(text(",", "?", "/", lambda t: int(t.replace(tzinfo=utc).timestamp()), "%Y%m%d"))
    assert_same(list(replay(read_toml_of(tmp_path, OTHER)).unlabelled([str(log)])), expected)


def test_a_row_over_several_lines_is_one_that_cannot_be_read(trained, tmp_path):
    replay, expected = trained
    lines = text(";", "k.A.", "|", "{:%d.%m.%Y %H:%M}".format, "%d.%m.%Y").splitlines()
    for row in (1, 2, 150):
        lines[row] = lines[row].replace(";", ';"one\n\ntwo";', 1)
    log = tmp_path / "log.csv"
    log.write_text("\n".join(lines) + "\n")
    (block,) = replay().unlabelled([str(log)])
    assert np.flatnonzero(~block.readable).tolist() == [0, 1, 149]
    assert [block.told(reject).split(": ")[0] for reject in block.rejects] == [
        f"{log} line {line}" for line in (2, 5, 155)
    ]
    others = np.delete(np.concatenate([each.sparse for each in expected]), [0, 1, 149], axis=0)
    np.testing.assert_array_equal(block.sparse, others)


def read_toml_of(directory, layout):
    (directory / "layout.toml").write_text(layout)
    return read_toml(directory / "layout.toml")
