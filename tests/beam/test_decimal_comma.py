"""Numbers as half of the world writes them, 3,5: what is read equals what points would give."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_preprocess.cli import main
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.generic import generic
from beam_preprocess.datasets.toml_file import read_toml, tomllib
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import DenseColumn, SparseColumn
from beam_preprocess.reading.decode import decode_rows
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.parse import parse_block
from beam_preprocess.running.describe import describe

HEADER = ("label", "x", "both", "w")
LONGEST = 10_000
numbers = st.floats(-1e30, 1e30).map(repr) | st.integers(-99, 99).map(str) | st.just("")


def layout(decimal):
    """Numbers, one of which is a category as well: PyArrow reads the one, ``decode`` the other."""
    return Description(
        "log", "label", None, dense=(DenseColumn("x"), DenseColumn("both")),
        sparse=(SparseColumn("both", name="both as text"),), delimiter=";", header=True,
        quoting=True, decimal=decimal, weight="w",
    )  # fmt: skip


def block(description, *lines):
    """The rows of a block, and the rejected ones."""
    description = description.resolve(HEADER, "test")
    text = "\n".join((";".join(HEADER), *lines)).encode() + b"\n"
    raw = parse_block(text, 0, description, LONGEST)
    return decode_rows(raw, description, numeric_ids=False)


def decoded(rows, decimal):
    """Rows of (x, both) as a log with a decimal sign has them; ``both`` is a category as well."""
    description = layout(decimal)
    return block(description, *(f"1;{x};{both};1.5".replace(".", decimal) for x, both in rows))


@settings(deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8), st.booleans())
def test_commas_are_read_as_points_are(rows, quoted):
    if quoted:
        rows = [(f'"{x}"', both) for x, both in rows]
    points, faults = decoded(rows, ".")
    commas, others = decoded(rows, ",")
    assert not faults and not others
    for name in ("x", "both"):
        np.testing.assert_array_equal(commas.dense[name], points.dense[name])
    np.testing.assert_array_equal(commas.weight, np.full(len(rows), 1.5, np.float32))
    # A category is the text that stands there.
    written = [both.replace(".", ",").encode() or None for _, both in rows]
    assert commas.sparse["both", None, None].to_pylist() == written


@pytest.mark.parametrize("value", ["3.5", "1.234,5", "1,2,3", "3,5 %"])
@pytest.mark.parametrize("column", ["x", "both"])
def test_what_is_no_number_with_a_comma_is_a_fault(value, column):
    text = {"x": "2,5", "both": "2,5", column: value}
    description = layout(",")
    line = f"1;{text['x']};{text['both']};1"
    rows, (reject,) = block(description, line, "0;2,5;2,5;1")
    assert rows.dense["x"].tolist() == [2.5]
    assert reject.reason == f"column {column}: not a number: {value!r}"


def test_labels_have_decimals_too():
    description = generic("label", ("x",), delimiter=";", decimal=",")
    rows, rejects = block(description, "1,0;2;3;4", "0,0;2;3;4", "1;2;3;4", "1.0;2;3;4")
    assert rows.label.tolist() == [1, 0, 1]
    assert [reject.reason for reject in rejects] == ["column label: label is not 0 or 1: '1.0'"]
    stars = generic("label", ("x",), delimiter=";", decimal=",", label_above=3.5)
    assert block(stars, "3,5;2;3;4", "3,6;2;3;4")[0].label.tolist() == [0, 1]


def shop_log(rows=300):
    lines = ["click;price;pair;city"]
    lines += [f"{n % 3 == 0:d};{n * 0.37:.2f};{n % 5} {n % 7};c{n % 4}" for n in range(rows)]
    return "\n".join(lines).replace(".", ",") + "\n"


def test_describe_finds_decimal_commas_and_the_log_is_read_by_what_it_says(tmp_path, make_dataset):
    path = tmp_path / "shop.csv"
    path.write_text(shop_log())
    found = tomllib.loads(describe([str(path)]))
    assert found["decimal"] == "," and found["dense"] == ["price"]
    (tmp_path / "shop.toml").write_text(describe([str(path)]))
    schema = Schema.load(make_dataset(str(path), read_toml(tmp_path / "shop.toml")))
    price = schema.dense[0]
    assert not schema.rejected and math.isclose(price.maximum, 299 * 0.37, abs_tol=1)


@pytest.mark.parametrize(
    "text",
    [
        "click;x;y\n" + "1;2.5;a,b\n0;3.5;c\n" * 9,  # points
        "click;x;y\n" + "1;1,5;2.5\n0;2,5;3.5\n" * 9,  # either: commas may stand between items
        "click,x,y\n" + "1,2,3\n0,4,5\n" * 9,  # a delimiter
    ],
)
def test_other_commas_are_not_taken_for_decimal_ones(tmp_path, text):
    (tmp_path / "log.csv").write_text(text)
    assert "decimal" not in tomllib.loads(describe([str(tmp_path / "log.csv")]))


def test_parquet_s_texts_are_read_so_and_its_numbers_as_they_are(tmp_path, make_dataset):
    table = {"label": [n % 2 for n in range(60)], "x": [f"{n},5" for n in range(60)],
             "y": [n + 0.25 for n in range(60)]}  # fmt: skip
    parquet.write_table(pa.table(table), tmp_path / "log.parquet")
    description = generic("label", ("x", "y"), decimal=",", file_format="parquet")
    schema = Schema.load(make_dataset(str(tmp_path / "log.parquet"), description))
    assert [feature.maximum % 1 for feature in schema.dense] == [0.5, 0.25]


def test_the_option_is_named_where_it_would_help(tmp_path, capsys):
    path = tmp_path / "shop.csv"
    path.write_text(shop_log())
    given = ["--dataset", "csv", "--label", "click", "--dense", "price", "--input", str(path),
             "--output", str(tmp_path / "out"), "--quiet"]  # fmt: skip
    assert main(given) == 2
    assert "is the delimiter ';'? --delimiter (delimiter in TOML)" in capsys.readouterr().err
    assert main([*given, "--delimiter", ";"]) == 2
    assert "'0,00' (--decimal , says that numbers have a decimal comma" in capsys.readouterr().err
    assert main([*given, "--delimiter", ";", "--decimal", ","]) == 0
    known = ["--dataset", "criteo", *given[6:], "--decimal", ","]
    assert main(known) == 2
    assert "--decimal goes with --dataset csv or parquet" in capsys.readouterr().err


def test_a_comma_that_is_the_delimiter_as_well_needs_quotes():
    with pytest.raises(DataError, match="decimal ',' is the delimiter as well, which needs"):
        generic("label", ("x",), decimal=",", quoting=False)
    assert isinstance(generic("label", ("x",), decimal=","), Description)
    with pytest.raises(DataError, match="decimal must be one of"):
        generic("label", ("x",), decimal="·")


SIDE_TABLE = """label = "label"
delimiter = ";"
decimal = ","
weight = "w"
dense = ["x"]
[[side_tables]]
name = "items"
key = "item"
columns = ["price"]
dense = ["price"]
"""


def with_side_table(directory, more="default = '0,5'"):
    (directory / "log.toml").write_text(SIDE_TABLE + more)
    return read_toml(directory / "log.toml")


def test_weights_and_side_tables_have_the_sign_of_the_log(tmp_path, make_dataset):
    lines = [f"{n % 2};i{n % 9};1,5;{n % 4},5" for n in range(200)]
    (tmp_path / "items.csv").write_text("".join(f"i{n}\t{n + 1},25\n" for n in range(8)))
    log = "label;item;x;w\n" + "\n".join(lines)
    tables = {"items": str(tmp_path / "items.csv")}
    directory = make_dataset(log, with_side_table(tmp_path), side_tables=tables)
    schema = Schema.load(directory)
    assert "Rows count by column `w`" in (directory / "data_card.md").read_text()
    price = schema.dense[-1]
    assert (price.name, price.minimum, price.maximum) == ("price", 0.5, 8.25)
    assert not schema.rejected


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("default = '0.5'", "default '0.5' is no number with the decimal sign ',', which column"),
        ("default = 'none'", "default 'none' is no number"),
        ("delimiter = ','", "decimal ',' is its delimiter as well, which needs quoting = true"),
    ],
)
def test_a_side_table_without_readable_numbers_is_refused_at_once(tmp_path, more, told):
    with pytest.raises(DataError, match=f"side table 'items': {told}"):
        with_side_table(tmp_path, more)
