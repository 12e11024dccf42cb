"""Commas between digits: decimals and lists are told apart, or it is said that they are not."""

import random

import pytest

from beam_preprocess.datasets.toml_file import tomllib
from beam_preprocess.running.comma_readings import CommaReading, comma_reading, decimal_sign
from beam_preprocess.running.describe import describe

ROWS = 300


def lists(draw, ids, lengths, *, ordered=False):
    rows = (draw.sample(ids, draw.choice(lengths)) for _ in range(ROWS))
    return [",".join(map(str, sorted(row) if ordered else row)) for row in rows]


def pairs(draw, pair):
    return ["{},{}".format(*pair(draw)) for _ in range(ROWS)]


def numbers(draw, number, form):
    return [form.format(number(draw)).replace(".", ",") for _ in range(ROWS)]


LISTS = {
    "iPinYou's tags": lambda draw: lists(draw, [10006, 10024, 13403, 16706], [2]),
    "one or two": lambda draw: lists(draw, range(1, 80), [1, 1, 1, 2]),
    "up to three": lambda draw: lists(draw, range(9), [1, 2, 3]),
    "many ids": lambda draw: lists(draw, range(10000, 99999), [2]),
    "three digits": lambda draw: lists(draw, draw.sample(range(100, 999), 20), [1, 2]),
    "in order": lambda draw: lists(draw, range(1, 31), [1, 2], ordered=True),
    "shop and item": lambda draw: pairs(draw, lambda d: (d.randint(1, 30), d.randint(1000, 9999))),
    "zeros before": lambda draw: lists(draw, [f"{n:03d}" for n in range(60)], [2]),
}
DECIMALS = {
    "prices": lambda draw: numbers(draw, lambda d: d.lognormvariate(2, 1), "{:.2f}"),
    "signs": lambda draw: numbers(draw, lambda d: d.gauss(0, 3), "{:.1f}"),
    "shares": lambda draw: numbers(draw, lambda d: d.uniform(0.1, 0.99), "{:.2f}"),
    "floats": lambda draw: numbers(draw, lambda d: d.uniform(0, 9), "{!r}"),
    "halves": lambda draw: numbers(draw, lambda d: d.randint(1, 10) / 2, "{}"),
    "spreadsheet's": lambda draw: numbers(draw, lambda d: d.randint(1, 400) / 4, "{:g}"),
    "with exponents": lambda draw: numbers(draw, lambda d: d.lognormvariate(0, 9), "{:.3e}"),
    "degrees": lambda draw: numbers(draw, lambda d: d.gauss(52, 2), "{:.5f}"),
    "grades": lambda draw: numbers(draw, lambda d: d.uniform(1, 5), "{:.1f}"),
    "endings": lambda draw: numbers(draw, lambda d: d.randint(10, 80) + 0.99, "{:.2f}"),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("column", "reading"),
    [(make, CommaReading.LIST) for make in LISTS.values()]
    + [(make, CommaReading.DECIMALS) for make in DECIMALS.values()],
    ids=[*LISTS, *DECIMALS],
)
def test_lists_and_decimals_are_told_apart(column, reading, seed):
    assert comma_reading(column(random.Random(seed))) is reading


@pytest.mark.parametrize("seed", range(40))
def test_no_list_is_taken_for_numbers_however_small(seed):
    draw = random.Random(seed)
    ids = draw.sample(range(draw.choice([5, 30, 1000, 100000])), draw.choice([3, 5]))
    lengths, ordered = draw.choice([[1, 2], [2], [1, 1, 1, 1, 2]]), draw.random() < 0.5
    column = lists(draw, ids, lengths, ordered=ordered)[: draw.choice([20, 60, 300])]
    assert comma_reading(column) is not CommaReading.DECIMALS


@pytest.mark.parametrize(
    ("values", "reading"),
    [
        ([f"{n % 9 + 1},{n % 10}" for n in range(90)], CommaReading.EITHER),
        (
            [f"{n % 24:02d},{7 * n % 60:02d}" for n in range(300)],
            CommaReading.NEITHER,
        ),  # of a clock
        ([f"{n * 37 + 1000:,}" for n in range(90)], CommaReading.THOUSANDS),
        ([f"{n * 37:,}" for n in range(90)], CommaReading.THOUSANDS),
        ([f"12,{n}" for n in range(1100, 1400)], CommaReading.EITHER),  # of two kinds
        ([f"{n % 6 + 1},{n * 37 + 1000}" for n in range(200)], CommaReading.EITHER),
        (
            [f"{n % 28 + 1},{n % 24:02d}{7 * n % 60:02d}" for n in range(300)],
            CommaReading.NEITHER,
        ),  # day and minute
        ([f"{n},{n}" if n == 7 else str(n) for n in range(200)], None),  # a slip
        (["a1,b1", "1,5"] * 20, None),
    ],
)
def test_what_is_not_told(values, reading):
    assert comma_reading(values) is reading


def test_one_column_shows_the_sign_of_all():
    either = [f"{n % 9 + 1},{n % 10}" for n in range(90)]
    assert decimal_sign([either]) is None
    assert decimal_sign([either, ["-0,5", "-1,5"]]) == (",", "-0,5")
    assert decimal_sign([either, ["-0,5", "-1,5"], ["0.5"]]) == (".", "0.5")


def described(path, *columns, delimiter):
    names = delimiter.join(["click", *"xyz"[: len(columns)], "city"])
    rows = zip(*columns, strict=True)
    quoted = ([f'"{value}"' for value in row] for row in rows)
    lines = [delimiter.join((f"{n % 3 == 0:d}", *row, f"c{n % 7}")) for n, row in enumerate(quoted)]
    path.write_text("\n".join((names, *lines)))
    text = describe([str(path)])
    assert "a run is refused" not in text
    return tomllib.loads(text), text


EITHER = [f"{n % 9 + 1},{n // 9 % 10}" for n in range(ROWS)]
AS_LISTS = '{source = "x", multi = ","} as sparse'


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_column_that_may_be_either_is_left_out_and_both_are_named(tmp_path, delimiter):
    found, text = described(tmp_path / "log.csv", EITHER, delimiter=delimiter)
    assert found["ignore"] == ["x"] and "decimal" not in found
    assert 'nothing tells whether 1,0 is a number (then decimal = ",", and' in text
    assert AS_LISTS in text


def test_a_column_that_may_be_either_goes_by_the_others(tmp_path):
    signed = [f"{n - 99},5" for n in range(ROWS)]
    found, text = described(tmp_path / "a.csv", EITHER, signed, delimiter=";")
    standardized = {"source": "y", "transform": "standardize"}
    assert (found["decimal"], found["dense"]) == (",", ["x", standardized])
    assert f"if its commas are none of decimals: {AS_LISTS}" in text
    points = [f"{n}.5" for n in range(ROWS)]
    found, _ = described(tmp_path / "b.csv", EITHER, points, delimiter=";")
    assert found["sparse"] == [{"source": "x", "multi": ","}, "city"] and "decimal" not in found


def test_lists_stay_lists_beside_decimal_commas_and_few_values_are_a_category(tmp_path):
    signed = [f"{n - 99},5" for n in range(ROWS)]
    tags, few = LISTS["many ids"](random.Random(1)), ["1,5" if n % 2 else "2" for n in range(ROWS)]
    found, _ = described(tmp_path / "a.csv", tags, signed, delimiter="\t")
    assert found["sparse"] == [{"source": "x", "multi": ","}, "city"] and found["decimal"] == ","
    few[0] = "2,5"
    found, text = described(tmp_path / "b.csv", few, delimiter="\t")
    assert (
        found["sparse"] == ["x", "city"] and "3 different values; nothing tells whether 2,5" in text
    )


def test_thousands_may_be_lists_too(tmp_path):
    found, text = described(
        tmp_path / "a.csv", [f"{n * 37 + 1000:,}" for n in range(ROWS)], delimiter=";"
    )
    assert found["ignore"] == ["x"] and f"or as lists: {AS_LISTS}" in text
