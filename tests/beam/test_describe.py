"""The layout of a log, guessed: each answer right, and the description that comes out usable."""

import datetime
import resource

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from beam_preprocess.cli import main
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.toml_file import read_toml, tomllib
from beam_preprocess.errors import DataError
from beam_preprocess.running.describe import describe

ROWS = 300


def guessed(path, text, **encoding):
    path.write_text(text, **{"newline": "", "encoding": "utf-8"} | encoding)
    return tomllib.loads(describe([str(path)]))


def test_a_log_with_every_kind_of_column(tmp_path):
    start = datetime.datetime(2024, 3, 1)
    lines = ["row,click,price,change,hour,user_id,shop,day,constant,note,city,age,views"]
    for n in range(ROWS):
        day = start + datetime.timedelta(minutes=n)
        user = "NA" if n % 50 == 7 else n % 40 + 1000
        numbers = f"{n},{n % 9 == 0:d},{n * 0.37:.2f},{n % 50 - 25},{n % 24}"
        lines.append(f'{numbers},{user},s{n % 5},{day},x,"a,{n}",{n % 70},{n % 60},{n**3}')
    found = guessed(tmp_path / "shop log.csv", "\n".join(lines))
    assert (found["name"], found["label"], found["delimiter"]) == ("shop-log", "click", ",")
    assert found["header"] is True and found["missing_tokens"] == ["NA"]
    change = {"source": "change", "transform": "standardize"}
    assert found["dense"] == ["price", change, "age", "views"]
    assert found["sparse"] == ["hour", "user_id", "shop", "city"]
    assert found["time_column"] == "day"
    assert found["times"] == {"day": {"format": "iso8601", "derive": ["hour_of_day"]}}
    assert found["ignore"] == ["row", "constant", "note"]


def test_ids_are_no_amounts_however_they_look(tmp_path):
    """Negative ones of columns such as JSON's ``user.id``, and long ones that no row shares."""
    lines = ["click,user.id,shop-code,impression,elevation"]
    lines += [
        f"{n % 3 // 2},{n % 40 - 20},{(n % 40) ** 4},{10**24 + n * 7919 % 1009},{n * 7919 % 1009}"
        for n in range(ROWS)
    ]
    found = guessed(tmp_path / "log.csv", "\n".join(lines))
    assert "dense" not in found
    assert found["sparse"] == ["user.id", "shop-code"]
    assert found["ignore"] == ["impression", "elevation"]


def test_vectors_are_no_lists_of_categories(tmp_path):
    rows = range(ROWS)
    columns = {
        "click": [n % 3 // 2 for n in rows],
        "embedding": pa.array([[n * 0.37, -n / 7] for n in rows], pa.list_(pa.float32(), 2)),
        "genres": [[f"g{n % 5}"] for n in rows],
    }
    parquet.write_table(pa.table(columns), tmp_path / "log.parquet")
    text = describe([str(tmp_path / "log.parquet")])
    found = tomllib.loads(text)
    assert found["sparse"] == [{"source": "genres", "multi": True}]
    assert found["ignore"] == ["embedding"]
    assert "if these are ids, name it as sparse, with multi = true" in text


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (
            "a\tb\tclick\nx\ty\t1\n" + "u\tv\t0\nz\tv\t1\n" * 9,
            {"delimiter": "\t", "quoting": False},
        ),
        ("1::a::0\n2::b::1\n" * 9, {"delimiter": "::", "quoting": False, "header": False}),
        ("a;b;click\n" + "1,5;x;1\n2,5;y;0\n" * 9, {"delimiter": ";", "header": True}),
        ("39, Private, <=50K\n50, Self, >50K\n" * 9, {"skip_blanks": True, "header": False}),
        ('t,click\n"say \\"a\\", b",1\n"c",0\n' * 9, {"escape": "\\", "delimiter": ","}),
        ("a,click\r" + "x,1\ry,0\r" * 9, {"delimiter": ",", "header": True}),
        ("a\x01click\n" + "x\x011\ny\x010\n" * 9, {"delimiter": "\x01", "header": True}),
    ],
    ids=["tabs", "colons", "semicolons", "blanks", "escapes", "returns", "Hive's"],
)
def test_how_text_is_written(tmp_path, text, settings):
    found = guessed(tmp_path / "log.csv", text)
    assert {key: found.get(key) for key in settings} == settings


@pytest.mark.parametrize(
    ("values", "label"),
    [
        (("<=50K", ">50K"), {"column": "income", "positive": [">50K"]}),
        (("no", "yes"), {"column": "income", "positive": ["yes"]}),
        (("left", "right"), {"column": "income", "positive": ["right"]}),
        (("0", "1"), "income"),
        (("0.0", "1.0"), "income"),
    ],
)
def test_which_value_of_the_label_is_a_click(tmp_path, values, label):
    rows = "".join(f"{n % 7},{values[n % 3 == 0]}\n" for n in range(60))
    assert guessed(tmp_path / "log.csv", "user,income\n" + rows)["label"] == label


def test_a_label_without_a_name_is_known_by_its_values(tmp_path):
    rows = "".join(f"{n}, {'MF'[n % 2]}, {('<=50K', '>50K')[n % 3 == 0]}\n" for n in range(60))
    found = guessed(tmp_path / "adult.data", rows)
    assert found["label"] == {"column": "c3", "positive": [">50K"]}


def test_encodings_are_told(tmp_path):
    text = "stadt,click\n" + "Köln,1\nMünchen,0\n" * 20
    assert guessed(tmp_path / "a.csv", text, encoding="cp1252")["file_encoding"] == "cp1252"
    assert guessed(tmp_path / "b.csv", text, encoding="utf-16")["file_encoding"] == "utf-16"
    assert "file_encoding" not in guessed(tmp_path / "c.csv", text)


def test_a_parquet_directory_becomes_a_data_set_by_its_description(tmp_path, capsys):
    for day in (1, 2):
        part = tmp_path / "log" / f"day=2024-03-0{day}"
        part.mkdir(parents=True)
        table = pa.table(
            {
                "clicked": [n % 3 == 0 for n in range(ROWS)],
                "item": [n % 30 + 100.0 for n in range(ROWS)],
                "tags": [["a", "b"]] * ROWS,
                "where": [{"x": 1, "y": 2}] * ROWS,
            }
        )
        parquet.write_table(table, part / "part-0.parquet")
    toml = tmp_path / "log.toml"
    assert main(["describe", str(tmp_path / "log"), "-o", str(toml)]) == 0
    description = read_toml(toml)
    assert (description.label, description.file_format) == ("clicked", "parquet")
    assert "where" in description.ignore and "struct<x: int64" in toml.read_text()
    assert "multi = true},  # of type list<element: string>" in toml.read_text()
    command = ["--dataset", str(toml), "--input", str(tmp_path / "log"), "--quiet"]
    assert main([*command, "--output", str(tmp_path / "out")]) == 0
    assert Schema.load(tmp_path / "out").sparse_names == ("item", "tags", "day_weekday")
    assert description.time_column == "day"
    assert main(["describe", str(tmp_path / "log"), "-o", str(toml)]) == 2
    assert "log.toml: exists" in capsys.readouterr().err


def dates(form, step=3):
    first = datetime.datetime(2024, 1, 25, 3, 7, 9)
    return [(first + datetime.timedelta(days=n * step, hours=n)).strftime(form) for n in range(30)]


@pytest.mark.parametrize(
    ("name", "values", "form"),
    [
        ("x", dates("%d/%m/%Y"), "%d/%m/%Y"),
        ("x", dates("%m/%d/%Y"), "%m/%d/%Y"),
        ("x", dates("%d.%m.%y %H:%M"), "%d.%m.%y %H:%M"),
        ("x", dates("%b %d, %Y %I:%M %p"), "%b %d, %Y %I:%M %p"),
        ("x", dates("%d/%b/%Y:%H:%M:%S +0200"), "%d/%b/%Y:%T %z"),
        ("x", dates("%a, %d %b %Y %H:%M:%S GMT"), "%a, %d %b %Y %T %Z"),
        ("x", dates("%Y%m%d"), "%Y%m%d"),
        ("x", dates("%Y%m%d%H%M%S"), "%Y%m%d%H%M%S"),
        ("hour", dates("%y%m%d%H"), "YYMMDDHH"),
        ("hour", dates("%Y%m%d%H"), "%Y%m%d%H"),
        ("x", dates("%Y-%m-%dT%H:%M:%SZ"), "iso8601"),
        ("ts", [str(1706152029 + 7000 * n) for n in range(30)], "seconds"),
        ("ts", [str(1706152029123 + 7000000 * n) for n in range(30)], "milliseconds"),
    ],
)
def test_the_form_of_times(tmp_path, name, values, form):
    rows = "".join(f'"{value}",{n % 2}\n' for n, value in enumerate(values))
    found = guessed(tmp_path / "log.csv", f"{name},click\n{rows}")
    assert found["times"][name]["format"] == form
    assert found["time_column"] == name


@pytest.mark.parametrize("values", [["1706152029", "1706152999"], ["0.5", "7.25"], ["12", "31"]])
def test_numbers_that_are_called_otherwise_are_no_times(tmp_path, values):
    rows = "".join(f"{value},{n % 2}\n" for n, value in enumerate(values * 20))
    assert "times" not in guessed(tmp_path / "log.csv", f"amount,click\n{rows}")


@pytest.mark.parametrize(
    "form", ["%Y/%m/%d %H", "%a, %d %b %Y", "%a %b %d %Y", "%Y-%m-%d %H:%M", "%b %d, %Y %I %p"]
)
def test_dates_of_rarer_forms_are_dates(tmp_path, form):
    # One digit where it is enough, as people write; ISO 8601 has two.
    lines = [day.replace("-0", "-").replace(" 0", " ") for day in dates(form)]
    rows = "".join(f'"{day}",s{n % 3},{n % 2}\n' for n, day in enumerate(lines))
    found = guessed(tmp_path / "log.csv", f"seen,shop,click\n{rows}")
    assert found["times"]["seen"]["format"] == form


def test_dates_that_can_be_read_both_ways_are_told_and_left_to_the_owner(tmp_path):
    rows = "".join(f"0{n % 9 + 1}/0{n % 5 + 1}/2024,s{n % 3},{n % 2}\n" for n in range(60))
    (tmp_path / "log.csv").write_text(f"seen,shop,click\n{rows}")
    text = describe([str(tmp_path / "log.csv")])
    found = tomllib.loads(text)
    assert found["ignore"] == ["seen"] and "times" not in found
    assert "no value tells whether %d/%m/%Y or %m/%d/%Y" in text


def test_what_began_has_an_age_until_the_click(tmp_path):
    lines = [
        f"{born},{seen},s{n % 3},{n % 2}"
        for n, (born, seen) in enumerate(
            zip(dates("%d.%m.%Y"), dates("%Y-%m-%d %H:%M"), strict=True)
        )
    ]
    path = tmp_path / "log.csv"
    path.write_text("birth_date,seen,shop,click\n" + "\n".join(lines))
    toml = tmp_path / "log.toml"
    toml.write_text(describe([str(path)]))
    description = read_toml(toml)
    assert description.time_column == "seen"
    assert [(column.name, column.until) for column in description.dense] == [
        ("birth_date_age", "seen")
    ]
    names = [column.name for column in description.sparse]
    assert names == ["shop", "birth_date_weekday", "seen_hour_of_day", "seen_weekday"]


def test_what_is_no_table_is_one_line(tmp_path):
    (tmp_path / "a.txt").write_text("word\nother\n")
    with pytest.raises(DataError, match="no delimiter is known"):
        describe([str(tmp_path / "a.txt")])
    (tmp_path / "c.txt").write_text("# of yesterday\na,click\n" + "x,1\ny,0\n" * 9)
    with pytest.raises(DataError, match="line 1: has another number of columns .1. than most"):
        describe([str(tmp_path / "c.txt")])
    (tmp_path / "d.txt").write_text('{"click": 1, "user": "a"}\n' * 9)
    with pytest.raises(DataError, match="d.txt: is JSON"):
        describe([str(tmp_path / "d.txt")])
    with pytest.raises(DataError, match="no such file"):
        describe([str(tmp_path / "b.txt")])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_found_with_its_mark_or_without(tmp_path, encoding):
    text = "city,click\n" + "Łódź,1\nOslo,0\n" * 9
    found = guessed(tmp_path / "log.csv", text, encoding=encoding)
    assert (found["file_encoding"], found["label"]) == (encoding, "click")


@pytest.mark.parametrize(
    "name, role",
    [(name, "sparse") for name in ("country", "language", "page", "account", "consumer", "storage")]
    + [(name, "dense") for name in ("item_count", "unitPrice", "AGE", "totalSum", "pagecount")],
)
def test_codes_are_categories_whatever_letters_their_name_has(tmp_path, name, role):
    random = np.random.default_rng(3)
    rows = "".join(f"{n % 2},{random.integers(5000, 5100)},u{n % 9}\n" for n in range(400))
    assert name in guessed(tmp_path / "log.csv", f"click,{name},user\n{rows}")[role]


def test_codes_with_a_mark_for_a_missing_one_are_categories(tmp_path):
    """As Avazu's C20, which is -1 or from 100000 on."""
    rows = "".join(f"{n % 2},{100_000 + n % 70 if n % 3 else -1},u{n % 9}\n" for n in range(400))
    assert "C20" in guessed(tmp_path / "log.csv", f"click,C20,user\n{rows}")["sparse"]


def test_of_one_and_two_the_rarer_is_the_click(tmp_path):
    found = guessed(tmp_path / "log.csv", "answer,shop\n" + "1,a\n1,b\n2,a\n" * 20)
    assert found["label"] == {"column": "answer", "positive": ["2"]}


def test_of_a_wide_log_as_many_rows_are_looked_at(tmp_path):
    """A MiB of it was: a flag that is set once in hundreds of rows had one value, and went."""
    names = [f"c{n}" for n in range(200)]
    row = ",".join(f"value{n % 2}{n}" for n in range(200))
    lines = [f"{n % 7 == 0:d},{n % 1000 == 999:d},{row}" for n in range(1200)]
    found = guessed(tmp_path / "wide.csv", "\n".join([",".join(["click", "flag", *names]), *lines]))
    assert len("\n".join(lines)) > 2 << 20
    assert found["label"] == "click" and found["sparse"] == ["flag"]


def test_a_log_without_a_label_says_so_and_what_to_write(tmp_path, capsys):
    log, toml = tmp_path / "log.csv", tmp_path / "log.toml"
    log.write_text("user,stars\n" + "a,5\nb,3\nc,1\n" * 9)
    text = describe([str(log)])
    assert "a run is refused: no column is known to be the label" in text.splitlines()[1]
    assert 'label = "?"  # no column has two values, as clicks have: write its name here' in text
    toml.write_text(text)
    run = ["--dataset", str(toml), "--input", str(log), "--output", str(tmp_path / "out")]
    assert main(run) == 2
    assert "no column '?'; there are [user, stars]; write the one" in capsys.readouterr().err
    proposed = '{column = "stars", above = 3}'
    assert proposed in text
    toml.write_text(text.replace('label = "?"', f"label = {proposed}").replace('"stars",  #', "#"))
    assert (read_toml(toml).label, read_toml(toml).label_above) == ("stars", 3)


def test_what_only_the_owner_knows_stands_there_as_a_comment(tmp_path):
    rows = "".join(f"{n % 2},u{n % 9},{n % 3 + 1},s{n % 5}\n" for n in range(60))
    (tmp_path / "log.csv").write_text(f"click,user_id,weight,shop\n{rows}")
    text = describe([str(tmp_path / "log.csv")])
    assert '# weight = "weight"  # if it says how much a row counts; then take it out below' in text
    assert '# group = "user_id"  # ' in text
    assert not tomllib.loads(text).keys() & {"weight", "group"}
    toml = tmp_path / "log.toml"
    toml.write_text(text.replace('# weight = "w', 'weight = "w').replace("# group", "group"))
    described = read_toml(toml)
    assert (described.weight, described.group) == ("weight", "user_id")


def test_a_description_that_cannot_be_written_leaves_nothing(tmp_path, capsys):
    log, toml = tmp_path / "log.csv", tmp_path / "log.toml"
    log.write_text("click,user\n" + "1,a\n0,b\n" * 50)
    assert main(["describe", str(log), "-o", str(tmp_path / "nowhere" / "log.toml")]) == 2
    assert "nowhere/log.toml: cannot be written: No such file" in capsys.readouterr().err
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # as a disk that is full
    try:
        code = main(["describe", str(log), "-o", str(toml)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 2 and "log.toml: cannot be written: " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]
    assert main(["describe", str(log), "-o", str(toml)]) == 0


@pytest.mark.parametrize(
    ("columns", "label"),
    [
        ({"is_subscriber": "01", "action": ("skip", "click")}, "action"),
        ({"is_member": "01", "userClicked": "01"}, "userClicked"),
        ({"is_member": "01", "has_purchased": ("n", "y")}, "has_purchased"),
        ({"is_member": "01", "label": "01", "ad_click": "01"}, "label"),
        ({"is_member": "01", "clicks_before": "0123"}, "is_member"),
    ],
)
def test_a_column_that_tells_an_act_is_the_label_before_one_that_tells_who_somebody_is(
    tmp_path, columns, label
):
    rows = (
        ",".join([*(values[n * 7 % 5 % len(values)] for values in columns.values()), f"u{n % 9}"])
        for n in range(200)
    )
    (tmp_path / "log.csv").write_text("\n".join([",".join([*columns, "user"]), *rows]))
    found = tomllib.loads(describe([str(tmp_path / "log.csv")]))["label"]
    assert (found if isinstance(found, str) else found["column"]) == label


def test_another_column_of_two_values_is_told_where_no_name_tells(tmp_path):
    rows = "\n".join(f"{n % 2},{n % 3 // 2},u{n % 9}" for n in range(200))
    (tmp_path / "log.csv").write_text("is_member,is_new,user\n" + rows)
    [line] = [
        line for line in describe([str(tmp_path / "log.csv")]).splitlines()
        if line.startswith("label")
    ]  # fmt: skip
    assert line.startswith('label = "is_member"') and 'so have "is_new": is it this one?' in line
