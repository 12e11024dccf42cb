"""What of a further log is unlike the training is told by column, whatever wrote it otherwise."""

import dataclasses
import decimal
import unicodedata

import pyarrow as pa
import pytest
from pyarrow import parquet

from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.generic import generic
from beam_preprocess.datasets.toml_file import read_toml
from beam_preprocess.errors import DataError
from beam_preprocess.running.further_rows import RowReplay, read_vocabularies

ROWS = 200
CITIES = ("Århus", "Genève", "Köln")
LAYOUT = """
name = "shop"
label = "click"
dense = ["price"]
sparse = ["item", "city", {source = "tags", multi = "|"}]
times = {at = {format = "iso8601", derive = ["weekday"]}}
"""


def log():
    """A log by column."""
    rows = range(ROWS)
    return {
        "click": [str(row // 2 % 2) for row in rows],
        "price": [f"{row * 37 % 50 + 1}.5" for row in rows],
        "item": [str(row * 7 % 10) for row in rows],
        "city": [CITIES[row % 3] if row % 4 else "" for row in rows],
        "tags": ["ab"[row % 2] + "|c" for row in rows],
        "at": ["2026-01-01"] * ROWS,
    }


@pytest.fixture(scope="module")
def replay(tmp_path_factory):
    """Gives a reader of further rows of the log."""
    from beam_preprocess.api import preprocess
    from beam_preprocess.config import PreprocessConfig
    from beam_preprocess.dataset.schema import Schema

    directory = tmp_path_factory.mktemp("shop")
    (directory / "shop.toml").write_text(LAYOUT)
    lines = zip(*([name, *values] for name, values in log().items()), strict=True)
    (directory / "log.csv").write_text("".join(",".join(line) + "\n" for line in lines))
    description = read_toml(directory / "shop.toml")
    out = directory / "out"
    preprocess(PreprocessConfig(description, str(out), inputs=(str(directory / "log.csv"),)))
    schema = Schema.load(out)
    vocabularies = read_vocabularies(schema, out)
    return lambda **layout: RowReplay(
        dataclasses.replace(description, **layout), schema, vocabularies
    )


def told(replay, rows=ROWS, **changed):
    found = replay()
    table = {name: values[:rows] for name, values in (log() | changed).items()}
    assert sum(len(block.label) for block in found.of_table(pa.table(table))) == rows
    return found.unlike.told()


def each(name, change):
    return {name: [change(value) for value in log()[name]]}


def test_a_log_like_the_training_and_a_few_rows_are_not_told_of(replay):
    assert told(replay) == ()
    assert told(replay, rows=99, **each("item", "{}.0".format)) == ()
    half_known = [value if row % 8 < 5 else "?" for row, value in enumerate(log()["item"])]
    assert told(replay, item=half_known) == ()


def test_a_part_of_a_log_in_another_writing_is_told(replay):
    values = [f"{value}.0" if row % 5 == 0 else value for row, value in enumerate(log()["item"])]
    (line,) = told(replay, item=values)
    assert "column 'item': 20% of its values were not learnt" in line and "without .0" in line


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (each("item", "{}.0".format), "'0.0' is not '0'; training had such values without .0"),
        (each("item", "00{}".format), "without leading zeros"),
        (each("item", " {}".format), "'0'; training had such values without blanks around"),
        (each("city", lambda text: unicodedata.normalize("NFD", text)), "composed"),
        (each("city", str.upper), "in other letters"),
        (each("tags", str.upper), "in other letters"),
        (each("tags", lambda text: f"x{text}"), ""),
    ],
)
def test_values_that_are_not_known_are_told_with_what_would_make_them_known(replay, changed, what):
    (line,) = told(replay, **changed)
    assert line.startswith(f"column {next(iter(changed))!r}: ") and what in line
    assert "of its values were not learnt in training (there 0%)" in line


def test_what_is_derived_is_told_as_what_it_is(replay):
    (line,) = told(replay, at=["2026-01-03"] * ROWS)
    assert line == (
        "column 'at' (weekday): 100% of its values were not learnt in training (there 0%), and "
        "nothing learnt of it holds for them. Here '5', in training '3'"
    )


def test_missing_values_and_numbers_in_another_unit_are_told(replay):
    lines = told(replay, price=[""] * ROWS, item=[""] * ROWS, city=[""] * ROWS)
    assert [line.split(" is ")[0] for line in lines] == [
        "column 'price':", "column 'item':", "column 'city':"
    ]  # fmt: skip
    assert lines[0].endswith("missing in 100% of the rows (in training 0%)")
    (line,) = told(replay, **each("price", lambda text: str(100 * float(text))))
    assert "100% of its numbers lie outside of those of the training (1.5 to 50.5)" in line


def test_lists_in_a_column_of_single_values_are_refused_at_the_start(replay, tmp_path):
    path = tmp_path / "log.parquet"
    parquet.write_table(pa.table(log() | each("item", lambda text: [text])), path)
    with pytest.raises(DataError, match="column 'item' holds lists, where the model was trained"):
        replay(file_format="parquet").unlabelled([str(path)])


def test_values_of_typed_columns_are_those_of_the_training_s_text(make_dataset):
    layout = generic("click")
    rows = [f"{n % 2},{n % 3 == 0},{n % 5}.0,{n % 7}" for n in range(ROWS)]
    out = make_dataset("\n".join(["click,member,shop,item", *rows]) + "\n", layout)
    schema = Schema.load(out)
    replay = RowReplay(layout, schema, read_vocabularies(schema, out))
    typed = {"member": [True, False, None], "shop": [3, 0, 77], "item": [6.0, None, 0.0]}
    texts = {"member": ["True", "False", ""], "shop": ["3.0", "0.0", "77"], "item": ["6", "", "0"]}
    (of_types,), (of_texts,) = (
        list(replay.of_table(pa.table(columns))) for columns in (typed, texts)
    )
    assert of_types.sparse.tolist() == of_texts.sparse.tolist()
    assert (of_types.sparse > 1).tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 1]]


COMMAS = """
label = "click"
delimiter = ";"
decimal = ","
weight = "w"
dense = ["price"]
sparse = ["size", "shop"]
missing_tokens = ["-1,5"]
times = {at = {format = "seconds", derive = ["hour_of_day"]}}
"""


@pytest.mark.parametrize("kind", [pa.float64(), pa.decimal128(20, 2)], ids=str)
def test_typed_columns_need_no_sign_of_decimals(kind, make_dataset, tmp_path):
    """0.5 of Parquet was an unknown value to a model of a log that has 0,5."""
    columns = {
        "click": [n % 2 for n in range(ROWS)],
        "w": [1 + n % 2 * 0.5 for n in range(ROWS)],
        "price": [(n % 9) * 1.25 - 1.5 for n in range(ROWS)],
        "size": [(-1.5, 0.5, 1.5)[n % 3] for n in range(ROWS)],
        "shop": [float(n % 4) for n in range(ROWS)],
        "at": [1_700_000_000 + 3600 * n for n in range(ROWS)],
    }
    lines = [";".join(columns), *(";".join(map(str, row)) for row in zip(*columns.values()))]
    (tmp_path / "log.toml").write_text(COMMAS)
    layout = read_toml(tmp_path / "log.toml")
    log = tmp_path / "log.csv"
    log.write_text("\n".join(lines).replace(".", ",") + "\n")
    out = make_dataset(log, layout, min_count=1)
    parts = {name: [decimal.Decimal(str(each)) for each in columns[name]] for name in columns}
    typed = {name: pa.array(parts[name]).cast(kind) for name in ("w", "price", "size", "shop")}
    parquet.write_table(pa.table(columns | typed), tmp_path / "log.parquet")
    schema = Schema.load(out)

    def read(path, described):
        replay = RowReplay(
            described, schema, read_vocabularies(schema, out), ("price", "size"), weighted=True
        )
        (rows,) = replay.labelled([str(path)])
        return rows

    text = read(log, layout)
    found = read(
        tmp_path / "log.parquet", dataclasses.replace(layout, file_format="parquet", columns=None)
    )
    assert not found.rejects and found.label.tolist() == text.label.tolist()
    for name in ("dense", "sparse", "weight"):
        assert getattr(found, name).tolist() == getattr(text, name).tolist()
    assert found.further["size"].equals(text.further["size"])
    # Ranges of numbers are told by their text, in which a point is no sign of decimals here.
    assert b"-0,25" in found.further["price"].to_pylist()
