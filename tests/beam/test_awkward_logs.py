"""Logs as spreadsheets and people leave them: what describe writes reads them, or says what not."""

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.generic import generic
from beam_preprocess.datasets.toml_file import read_toml, tomllib
from beam_preprocess.errors import DataError
from beam_preprocess.running.describe import describe

ROWS = 200


def shop(price, *, head="click;price;city", delimiter=";", more=""):
    """A log whose prices a function of the row's number writes."""
    lines = [f"{n % 3 == 0:d};{price(n)};c{n % 7}".replace(";", delimiter) for n in range(ROWS)]
    return "\n".join((head.replace(";", delimiter), *lines, more))


def described(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return describe([str(path)])


def dollars(n):
    return f"{n * 37.5:,.2f}"


@pytest.mark.parametrize(
    "price",
    [
        lambda n: f"{n * 37 + 1000:,}",  # a decimal comma, by its looks
        lambda n: f"{n * 37:,}".replace(",", "."),  # a decimal point likewise
        dollars,
        lambda n: dollars(n).translate(str.maketrans(",.", ".,")),
        lambda n: dollars(n).replace(",", "\u00a0").replace(".", ","),
        lambda n: dollars(n).replace(",", "'"),
        lambda n: f"${n * 0.37:.2f}",
        lambda n: f"{n * 0.37:.2f} €".replace(".", ","),
        lambda n: f"{n * 0.37:.2f}%",
        lambda n: f"({n * 0.37:.2f})" if n % 2 else f"{n * 0.37:.2f}",
        lambda n: f"{n * 0.37:.2f}-" if n % 2 else f"{n * 0.37:.2f}",
        lambda n: f"\u2212{n * 0.37:.2f}",
    ],
    ids=["1,234", "1.234", "1,234.50", "1.234,50", "nbsp", "apostrophe", "money", "euros",
         "percent", "parentheses", "minus behind", "minus of text"],
)  # fmt: skip
def test_numbers_in_a_form_that_is_not_read_are_left_out_and_told(tmp_path, price):
    text = described(tmp_path / "shop.csv", shop(price))
    found = tomllib.loads(text)
    assert found["ignore"] == ["price"] and "decimal" not in found
    assert "numbers in a form that is not read, such as " in text


@pytest.mark.parametrize(
    ("price", "decimal"),
    [
        (lambda n: f"{n * 1.001:.3f}", None),  # as programs write it, below 1 too
        (lambda n: f"{n * 0.375:.3f}".replace(".", ","), ","),
        (lambda n: f"{n // 2},5" if n % 5 == 0 else str(n // 2), ","),  # as spreadsheets leave it
        (lambda n: "n/a" if n % 4 == 0 else f"{n * 0.37:.2f}".replace(".", ","), ","),
    ],
)
def test_plain_numbers_are_dense(tmp_path, price, decimal):
    found = tomllib.loads(described(tmp_path / "shop.csv", shop(price)))
    assert (found["dense"], found.get("decimal")) == (["price"], decimal)


def test_a_log_without_header_and_with_decimal_commas_has_semicolons(tmp_path):
    text = shop(lambda n: f"{n * 0.37:.2f}".replace(".", ","), head="1;0,50;c1")
    found = tomllib.loads(described(tmp_path / "shop.csv", text))
    assert (found["delimiter"], found["decimal"], found["dense"]) == (";", ",", ["c2"])


@pytest.mark.parametrize("word", ["-", "n/a", "None", "#DIV/0!", "unknown", "inf"])
def test_words_among_numbers_are_missing_ones(tmp_path, make_dataset, word):
    path, toml = tmp_path / "shop.csv", tmp_path / "shop.toml"
    text = shop(lambda n: word if n % 10 == 0 else n * 0.37)
    toml.write_text(described(path, text))
    found = read_toml(toml)
    assert found.missing_tokens == (word,)
    schema = Schema.load(make_dataset(str(path), found))
    assert schema.dense[0].name == "price" and not schema.rejected


def test_two_answers_are_a_label_whatever_signs_they_are(tmp_path):
    lines = [f"{'+' if n % 3 == 0 else '-'},c{n % 7}" for n in range(ROWS)]
    found = tomllib.loads(described(tmp_path / "log.csv", "class,city\n" + "\n".join(lines)))
    assert found["label"] == {"column": "class", "positive": ["+"]}
    assert "missing_tokens" not in found


@pytest.mark.parametrize(
    "more", ["Total;4000.5;", "click;price;city"], ids=["a total", "the header again"]
)
def test_a_row_of_another_kind_does_not_make_its_columns_others(tmp_path, make_dataset, more):
    path, toml = tmp_path / "shop.csv", tmp_path / "shop.toml"
    toml.write_text(described(path, shop(lambda n: n * 0.37, more=more)))
    found = read_toml(toml)
    assert (found.label, found.label_positive) == ("click", ())
    assert [column.name for column in found.dense] == ["price"]
    schema = Schema.load(make_dataset(str(path), found))
    assert sum(schema.rejected.values()) == 1


def test_a_label_written_in_two_ways_is_a_label(tmp_path):
    lines = [f"{['0', '0.0', '1', '1.0'][n % 4]},c{n % 7}" for n in range(ROWS)]
    found = tomllib.loads(described(tmp_path / "log.csv", "click,city\n" + "\n".join(lines)))
    assert found["label"] == "click"


def test_a_label_of_several_values_is_named_where_it_is_called_so(tmp_path):
    lines = [f"{n % 3},c{n % 7}" for n in range(ROWS)]
    text = described(tmp_path / "log.csv", "clicked,city\n" + "\n".join(lines))
    assert '"clicked" has 3 values: 0, 1, 2' in text


def test_what_is_written_is_tried_and_a_refusal_stands_on_top(tmp_path):
    broken = shop(lambda n: n * 0.37).replace("\n0;", "\r0;")
    text = described(tmp_path / "a.csv", broken)
    assert text.splitlines()[1].startswith("# As it stands, a run is refused: ")
    assert "carriage return inside a row (lines have to end alike in the whole file)" in text
    twice = described(tmp_path / "b.csv", shop(lambda n: n * 0.37, head="click;price;price"))
    assert "column name 'price' is repeated in the header" in twice.splitlines()[1]
    table = {"click": [n % 2 for n in range(ROWS)], "x": [float(2**60)] * 9 + [5.0] * (ROWS - 9)}
    parquet.write_table(pa.table(table), tmp_path / "c.parquet")
    assert "column x: a whole number that floats" in describe([str(tmp_path / "c.parquet")])
    assert "refused" not in described(tmp_path / "d.csv", shop(lambda n: n * 0.37))


@pytest.mark.parametrize(
    "values", [("\U0001f44d", "\U0001f44e"), ("a\x7f", "b\x01"), ("a\nb", "c")]
)
def test_values_in_comments_break_no_file(tmp_path, values):
    table = {"click": [values[n % 3 == 0] for n in range(ROWS)], "x": ["u", "v"] * (ROWS // 2)}
    parquet.write_table(pa.table(table), tmp_path / "log.parquet")
    found = tomllib.loads(describe([str(tmp_path / "log.parquet")]))
    assert found["label"] == {"column": "click", "positive": [values[1]]}


def test_texts_of_parquet_have_decimal_commas_too(tmp_path, make_dataset):
    path, toml = tmp_path / "log.parquet", tmp_path / "log.toml"
    numbers = [n * 0.37 for n in range(ROWS)]
    table = {"click": [n % 2 for n in range(ROWS)], "y": numbers,
             "x": [f"{number:.2f}".replace(".", ",") for number in numbers]}  # fmt: skip
    parquet.write_table(pa.table(table), path)
    toml.write_text(describe([str(path)]))
    schema = Schema.load(make_dataset(str(path), read_toml(toml)))
    assert {feature.name for feature in schema.dense} == {"x", "y"} and not schema.rejected
    first, second = (feature.maximum for feature in schema.dense)
    assert first == pytest.approx(second, abs=0.01)


def test_a_time_that_some_rows_lack_is_no_time_of_a_split(tmp_path, make_dataset):
    path, toml = tmp_path / "shop.csv", tmp_path / "shop.toml"
    seen = shop(
        lambda n: "-" if n % 9 == 0 else f"2024-03-{n % 28 + 1:02d}", head="click;seen;city"
    )
    toml.write_text(described(path, seen))
    assert '# time_column = "seen"  # rows without a time would be rejected' in toml.read_text()
    schema = Schema.load(make_dataset(str(path), read_toml(toml)))
    assert "seen_weekday" in schema.sparse_names and not schema.rejected


def test_seconds_with_a_decimal_comma_are_read_as_numbers(tmp_path, make_dataset):
    path, toml = tmp_path / "shop.csv", tmp_path / "shop.toml"
    toml.write_text(
        described(path, shop(lambda n: f"{1709251200 + n * 777},5", head="click;ts;city"))
    )
    schema = Schema.load(make_dataset(str(path), read_toml(toml)))
    assert schema.dense[0].name == "ts" and not schema.rejected


def test_ids_beyond_floats_do_not_number_the_rows(tmp_path):
    text = shop(lambda n: 2**60 + n % 50, head="click;item;city")
    assert tomllib.loads(described(tmp_path / "log.csv", text))["sparse"] == ["item", "city"]


def test_columns_without_a_name_are_left_out_however_many(tmp_path, make_dataset):
    path, toml = tmp_path / "shop.csv", tmp_path / "shop.toml"
    lines = [f"{n},{n % 3 == 0:d},c{n % 7},," for n in range(ROWS)]
    toml.write_text(described(path, ",click,city,,\n" + "\n".join(lines)))
    assert Schema.load(make_dataset(str(path), read_toml(toml))).sparse_names == ("city",)


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "__index_level_0__"])
def test_row_numbers_that_nobody_named_are_no_feature(name):
    layout = generic("click").resolve((name, "click", "city"), "the log")
    assert [column.source for column in layout.sparse] == ["city"]
    if name:
        named = generic("click", sparse=(name,)).resolve((name, "click", "city"), "the log")
        assert [column.source for column in named.sparse] == [name]


def test_utf_32_is_told_from_utf_16(tmp_path):
    text = shop(lambda n: n * 0.37).encode("utf-32")
    found = tomllib.loads(described(tmp_path / "log.csv", text))
    assert (found["file_encoding"], found["label"]) == ("utf-32", "click")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n\n\n", "has no rows to look at"),
        ("click" + "x" * (1 << 23), "line 1: is longer than a row may be"),
        ("click,city\n" + "0,a,\n1,b,\n" * 9, "line 1: has 2 columns, one less than most lines"),
        ("Clicks of May,,\nclick,city,x\n" + "0,a,1\n1,b,2\n" * 9, "what stands before the table"),
        ("# of May, by me\nclick,city,x,y\n" + "0,a,1,2\n" * 9, "what stands before the table"),
        ('click,note\n' + '1,"a\nb"\n' * 9, "values hold line breaks between quotes"),
        ("click^city\n" + "0^a\n1^b\n" * 9, "describe it by hand, with delimiter = ..."),
        ('[0, "a"]\n[1, "b"]\n' * 9, "is JSON"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_told_with_the_mend(tmp_path, text, told):
    with pytest.raises(DataError, match=f"log.csv.*{told}"):
        described(tmp_path / "log.csv", text)


def test_a_tab_within_quotes_is_no_delimiter(tmp_path):
    lines = [f'{n % 3 == 0:d},"a\tb{n % 5}"' + ("," * (n == 7)) for n in range(ROWS)]
    found = tomllib.loads(described(tmp_path / "log.csv", "click,note\n" + "\n".join(lines)))
    assert (found["delimiter"], found["sparse"]) == (",", ["note"])


def test_a_plain_file_of_a_packed_name_is_told(tmp_path):
    with pytest.raises(DataError, match=r"take \.gz off its name if nothing packed it"):
        described(tmp_path / "log.csv.gz", shop(lambda n: n))


def test_a_label_that_is_empty_for_no_clicks_is_named(tmp_path):
    lines = [f"{'1' if n % 4 == 0 else ''},c{n % 7}" for n in range(ROWS)]
    text = described(tmp_path / "log.csv", "click,city\n" + "\n".join(lines))
    assert '"click" has 1 value: 1, and none in 150 rows: if these are no clicks, write a 0' in text


@pytest.mark.parametrize(
    ("price", "mark"),
    [
        (lambda n: -999 if n % 9 == 0 else n * 0.37, "-999"),
        (lambda n: 9999.5 if n % 9 == 0 else n * 0.37 - 30, "9999.5"),
        (lambda n: 0 if n % 9 == 0 else n * 0.37, None),
        (lambda n: -999 if n == 9 else n * 0.37, None),  # one row: as likely a slip
    ],
)
def test_a_number_that_may_mean_missing_is_hinted_at_and_stays(tmp_path, price, mark):
    text = described(tmp_path / "shop.csv", shop(price))
    assert "missing_tokens" not in tomllib.loads(text)
    assert ("far from all others" in text) == (mark is not None)
    assert mark is None or f"; {mark} stands in 12%, far from all others: a missing one?" in text
