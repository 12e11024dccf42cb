"""Warnings of what in a log spoils a model: each where it is due, and none where it is not."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from beam_preprocess.cli import main
from beam_preprocess.common.markdown_cell import markdown_cell
from beam_preprocess.dataset.findings import Findings
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.generic import generic
from beam_preprocess.datasets.toml_file import parse_toml
from beam_preprocess.encoding import equal_rows, label_rates, row_sample
from beam_preprocess.encoding.equal_rows import EqualRows
from beam_preprocess.encoding.label_rates import RatesOverTime, differ, rates_of_parts
from beam_preprocess.encoding.row_sample import RowSample, auc_alone, dense_auc, sparse_auc
from beam_preprocess.reading.other_writings import written_twice

ROWS = 3000


def log(**columns):
    """Text of a log of these columns."""
    rows = zip(*columns.values(), strict=True)
    return ",".join(columns) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)


@pytest.fixture(scope="module")
def honest():
    """Columns of a log of which there is nothing to say."""
    random = np.random.default_rng(0)
    user = random.integers(0, 50, ROWS)
    price = random.exponential(20, ROWS).round(2)
    label = random.random(ROWS) < 0.1 + 0.01 * (user % 20)
    return {
        "label": label.astype(int),
        "user": user,
        "item": random.integers(0, 30, ROWS),
        "price": price,
    }


@pytest.fixture
def warned(make_dataset):
    """The kinds and columns that a log is warned of."""

    def make(columns, **options):
        layout = options.pop("layout", generic("label", ("price",)))
        found = Findings.load(make_dataset(log(**columns), layout, **options))
        return {(warning.kind, warning.column) for warning in found.warnings}

    return make


def test_an_honest_log_is_warned_of_nothing(warned, honest):
    assert warned(honest) == set()


def test_columns_that_know_the_label(warned, honest):
    label = honest["label"]
    spoilt = honest | {
        "installed_at": [f"t{n}" if click else "" for n, click in enumerate(label)],
        "state": np.where(label, "done", np.where(honest["user"] % 2, "new", "open")),
        "price": np.where(label, honest["price"] + 1000, honest["price"]),
    }
    found = warned(spoilt)
    assert {column for kind, column in found if kind == "gives the label away"} == {
        "installed_at", "state", "price",
    }  # fmt: skip


def test_a_dense_column_that_its_transform_makes_one_number(warned, honest):
    spoilt = honest | {
        "index": -1 - honest["user"] % 7,
        "half": np.where(honest["item"] % 5, -2.5, honest["price"]),
        "one": 3,
        "none": "",
    }
    spoilt = {name: np.broadcast_to(values, ROWS) for name, values in spoilt.items()}
    dense = ("price", "index", "half", "one", "none")
    found = warned(spoilt, layout=generic("label", dense))
    assert found == {("constant", name) for name in ("index", "half", "one", "none")}
    found = warned(spoilt, layout=generic("label", dense, transform="standardize"), name="other")
    assert found == {("constant", name) for name in ("one", "none")}


def test_sparse_columns_of_values_seen_once(make_dataset, honest):
    many = honest | {
        "row_id": [f"r{n}" for n in range(ROWS)],
        "time": [
            f"2024-03-01 {n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}" for n in range(ROWS)
        ],
        "weight": np.random.default_rng(1).normal(size=ROWS).round(6),
        "rare": [f"v{n % 1100}" for n in range(ROWS)],
        "empty": [""] * ROWS,
        "same": ["s"] * ROWS,
        "uid": [f"{n % 30}.0" if n % 3 else f"{n % 30}" for n in range(ROWS)],
    }
    found = Findings.load(make_dataset(log(**many), generic("label", ("price",)), min_count=5))
    texts = {(warning.kind, warning.column): warning.text for warning in found.warnings}
    assert set(texts) == {
        ("nearly unique", "row_id"), ("nearly unique", "time"), ("nearly unique", "weight"),
        ("out of vocabulary", "rare"), ("empty", "empty"), ("constant", "same"),
        ("written in two ways", "uid"),
    }  # fmt: skip
    assert "an id of the row?" in texts["nearly unique", "row_id"]
    assert "a time?" in texts["nearly unique", "time"]
    assert "a number?" in texts["nearly unique", "weight"]


def test_the_card_says_what_is_a_click_and_which_rates_count_by_weight(
    make_dataset, honest, tmp_path
):
    layout = parse_toml(
        'name = "log"\nlabel = {column = "label", above = 0.5}\nweight = "w"\n'
        'time_column = "day"\nsparse = ["user"]\n',
        tmp_path / "log.toml",
    )
    # Clicks grow rarer, and weigh the more.
    label = np.where(np.arange(ROWS) % 40 < np.where(np.arange(ROWS) < 2400, 20, 4), 1, 0)
    rows = honest | {"label": label, "w": np.where(label, 9, 1), "day": np.arange(ROWS)}
    out = make_dataset(log(**rows), layout, split="chronological")
    card = (out / "data_card.md").read_text()
    assert "label `label` (above 0.5), " in card
    assert "| train | 2,400 | 1,200 | 0.9000 |" in card  # 9 of 10
    (line,) = (line for line in card.splitlines() if "every row counts once): " in line)
    rates = [float(rate) for rate in line.split("): ")[1].split()]
    assert rates == pytest.approx([0.5] * 8 + [0.1] * 2, abs=0.05)
    (drift,) = (w.text for w in Findings.load(out).warnings if "of the splits" in w.text)
    assert "train 50.00%, validation 10.67%, test 9.33%" in drift


def test_a_time_too_short_for_what_is_derived_of_it(make_dataset, honest, tmp_path):
    layout = parse_toml(
        'name = "log"\nlabel = "label"\ntime_column = "day"\ndense = ["price"]\n'
        'sparse = ["user"]\ntimes = {day = {format = "iso8601", derive = ["weekday"]}}\n',
        tmp_path / "log.toml",
    )
    days = honest | {"day": [f"2026-01-0{1 + (n > 2000) + (n > 2500)}" for n in range(ROWS)]}
    found = Findings.load(make_dataset(log(**days), layout, split="chronological"))
    texts = [warning.text for warning in found.warnings if warning.column == "day"]
    assert len(texts) == 3
    assert all(text.startswith("sparse column 'day' (weekday)") for text in texts)
    assert all("of too short a time" in text for text in texts[1:])


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (lambda n: f"{n % 30:03d}" if n % 7 else f"{n % 30}", "'0' (without leading zeros)"),
        (lambda n: f" c{n % 30}" if n % 7 else f"c{n % 30}", "(without blanks around)"),
        (lambda n: f"Oslo{n % 30}" if n % 7 else f"oslo{n % 30}", "in other letters"),
        (lambda n: f"é{n % 30}" if n % 7 else f"e\u0301{n % 30}", "Unicode's NF"),
        (lambda n: f"{n % 30}.50" if n % 7 else f"{n % 30}.5", "(without zeros at the end)"),
        (lambda n: f"{n % 30:02x}" if n % 7 else f"s{n % 30}", None),
        (lambda n: f"{n}.0" if n % 7 else f"{n}", "(without .0)"),  # no two of one value
        (lambda n: f"c{n % 30}" if n != 5 else "C5", None),  # a slip
    ],
)
def test_values_that_are_written_in_two_ways(written, shown):
    values = pa.array(sorted({written(n) for n in range(ROWS)}))
    found = written_twice(values)
    assert (found is None) == (shown is None)
    assert found is None or shown in f"{found.text!r} and {found.other!r} ({found.how})"
    assert found is None or {found.text, found.other} <= set(values.to_pylist())


def test_values_that_another_split_does_not_know(make_dataset, tmp_path, honest):
    paths = {}
    for name in ("train", "validation", "test"):
        users = [f"{user}.0" if name == "test" else user for user in honest["user"]]
        (tmp_path / name).write_text(log(**(honest | {"user": users})))
        paths[name] = (str(tmp_path / name),)
    out = make_dataset(None, generic("label", ("price",)), split="given", split_inputs=paths)
    found = Findings.load(out)
    assert ("unknown values", "user") in {
        (warning.kind, warning.column) for warning in found.warnings
    }
    assert found.out_of_vocabulary["user"] == {"train": 0.0, "validation": 0.0, "test": 1.0}
    assert "| 0.00% | 100.00% |" in (out / "data_card.md").read_text()


def test_rows_that_stand_in_two_splits(warned, honest):
    twice = {name: np.concatenate([values, values]) for name, values in honest.items()}
    assert warned(twice) == {("equal rows", None)}
    few = {"label": honest["label"], "user": honest["user"], "price": [1, 2, 3] * (ROWS // 3)}
    assert warned(few, name="few") == set()  # as many as chance makes of so few values


def test_label_rates_that_drift(warned, honest):
    order = np.argsort(honest["label"] + np.random.default_rng(2).random(ROWS), kind="stable")
    drifting = {name: values[order] for name, values in honest.items()} | {"day": np.arange(ROWS)}
    layout = generic("label", ("price",), time_column="day")
    assert ("drift", "label") in warned(drifting, layout=layout)
    mixed = np.random.default_rng(3).permutation(ROWS)
    shuffled = {name: values[mixed] for name, values in drifting.items()}
    assert ("drift", "label") in warned(shuffled, layout=layout, name="shuffled")
    unordered = {name: values for name, values in shuffled.items() if name != "day"}
    assert warned(unordered, name="unordered") == set()
    assert ("drift", "label") in warned(drifting, layout=layout, split="chronological", name="cut")


def test_a_split_of_one_label(warned, honest):
    few = honest | {"label": (np.arange(ROWS) < 2).astype(int)}
    kinds = warned(few, fractions=(0.98, 0.01, 0.01))
    assert ("labels", "label") in kinds


def test_what_a_validation_split_of_one_label_means_is_told(make_dataset, honest):
    few = honest | {"label": (np.arange(ROWS) < 2).astype(int)}
    found = Findings.load(make_dataset(log(**few), generic("label", ("price",))))
    told = {each.text.split(" split ")[0].split()[-1]: each.text for each in found.warnings}
    assert "says that label of every row" in told["validation"]
    assert "says that label" not in told["test"]


def test_a_toy_is_not_told_that_its_validation_split_is_small(make_dataset):
    toy = log(label=[row % 2 for row in range(380)], user=[row % 7 for row in range(380)])
    dataset = make_dataset(toy)
    assert Schema.load(dataset).splits["validation"].rows < 40
    assert "labels" not in {each.kind for each in Findings.load(dataset).warnings}


@pytest.mark.parametrize("rare", [0, 1])
@pytest.mark.parametrize(("rows", "told"), [(1, "has"), (19, "have"), (20, None)])
def test_a_validation_split_of_few_rows_of_a_label_is_told(
    make_dataset, tmp_path, rare, rows, told
):
    labels = {"train": 300, "validation": rows, "test": 5}
    inputs = {}
    for split, count in labels.items():
        path = tmp_path / f"{split}.csv"
        label = [rare] * count + [1 - rare] * (600 - count)
        path.write_text(log(label=label, user=[row % 7 for row in range(600)]))
        inputs[split] = (str(path),)
    found = Findings.load(make_dataset("", generic("label"), split="given", split_inputs=inputs))
    texts = [each.text for each in found.warnings if each.kind == "labels"]
    assert (
        texts
        == [
            f"only {rows} of the 600 rows of the validation split {told} label {rare}, so what is "
            "best by it is largely so by chance; give it more rows"
        ][: bool(told)]
    )


@pytest.mark.parametrize(
    ("clicks", "lacking"),
    [(("buy", "click"), set()), (("buy", " click", "Yes"), {" click", "Yes"})],
)
def test_an_answer_that_no_row_gives_is_no_click(make_dataset, honest, clicks, lacking):
    labels = [("none", "buy", "click")[row % 3] for row in range(ROWS)]
    layout = generic("label", ("price",), label_positive=clicks)
    found = Findings.load(make_dataset(log(**honest | {"label": labels}), layout))
    told = [each.text for each in found.warnings if each.kind == "no such label"]
    assert {text.split("'")[1] for text in told} == lacking
    assert all(text.endswith("column 'label' has 'buy', 'click', 'none'") for text in told)


def test_warnings_are_told_on_the_screen_and_in_the_card(tmp_path, honest, capsys):
    (tmp_path / "log.csv").write_text(log(**(honest | {"price": -1 - honest["price"]})))
    command = ["--dataset", "csv", "--label", "label", "--dense", "price", "--quiet"]
    command += ["--input", str(tmp_path / "log.csv"), "--output", str(tmp_path / "out")]
    assert main(command) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: dense column 'price': its transform log1p makes all")
    told = markdown_cell(line.removeprefix("warning: "))
    assert told in (tmp_path / "out" / "data_card.md").read_text()


def test_many_warnings_of_one_kind_bury_no_other(tmp_path, honest, capsys):
    same = {f"same{number:02d}": [number] * ROWS for number in range(40)}
    # Of the same kind, but worth another transform.
    text = log(**same, **(honest | {"price": 5 - honest["price"]}), id=range(ROWS))
    (tmp_path / "log.csv").write_text(text.replace("same00", '"same, 00"', 1))
    command = ["--dataset", "csv", "--label", "label", "--dense", "price", "--quiet"]
    command += ["--input", str(tmp_path / "log.csv"), "--output", str(tmp_path / "out")]
    assert main(command) == 0
    lines = capsys.readouterr().err.splitlines()
    told = [line.split("'")[1] for line in lines if "'" in line]
    assert told == ["price", "same, 00", "same01", "same02", "id"]
    (in_all,) = (line for line in lines if "columns in all" in line)
    named = '"same, 00",' + ",".join(list(same)[1:])  # as --ignore takes them
    assert in_all == f"warning: constant, 40 columns in all: {named}"
    card = (tmp_path / "out" / "data_card.md").read_text()
    assert all(f"sparse column '{name}' has one value" in card for name in list(same)[1:])


def sample_of(rows, random):
    keys = random.permutation(rows * 7)[:rows].astype(np.uint64)
    return RowSample(
        keys,
        random.integers(0, 2, rows).astype(np.uint8),
        random.normal(size=(rows, 2)),
        random.integers(0, 5, (rows, 3)).astype(np.uint64),
    )


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60), st.lists(st.integers(0, 60), max_size=4))
def test_a_sample_is_the_same_in_whatever_parts_it_comes(seed, rows, cuts):
    whole = sample_of(rows, np.random.default_rng(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_sample, "MOST_ROWS", 7)
        at_once, in_parts = RowSample.empty(2, 3), RowSample.empty(2, 3)
        at_once.add(whole)
        bounds = sorted({0, rows, *(min(cut, rows) for cut in cuts)})
        parts = list(zip(bounds[:-1], bounds[1:], strict=True))
        np.random.default_rng(seed).shuffle(parts)
        for first, last in parts:
            part = RowSample.empty(2, 3)
            part.add(whole.of_rows(np.arange(first, last)))
            in_parts.add(part)
    for mine, theirs in zip(at_once._parts(), in_parts._parts(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for label in (0, 1):
        keys = np.sort(whole.keys[whole.label == label])[:7]
        np.testing.assert_array_equal(at_once.keys[at_once.label == label], keys)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), max_size=80), st.randoms())
def test_equal_rows_are_counted_whatever_the_parts(rows, random):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(equal_rows, "MOST_CONTENTS", 9)
        found, parts = EqualRows(), list(rows)
        random.shuffle(parts)
        for first in range(0, len(parts), 13):
            part = EqualRows()
            part.add_rows(
                np.array([content for content, _ in parts[first : first + 13]], np.uint64),
                np.array([split for _, split in parts[first : first + 13]], np.int64),
            )
            found.add(part)
    kept = sorted({content for content, _ in rows})[:9]
    assert found.hashes.tolist() == kept
    assert found.counts.tolist() == [[rows.count((c, split)) for split in range(3)] for c in kept]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(-(2**62), 2**62), st.integers(0, 1)), max_size=60),
    st.randoms(),
)
def test_rates_over_time_are_the_same_in_whatever_order(rows, random):
    def gathered(parts):
        rates = RatesOverTime()
        for first in range(0, len(parts), 7):
            part = RatesOverTime()
            part.add_rows(*np.array(parts[first : first + 7], np.int64).T)
            rates.add(part)
        return rates

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_rates, "MOST_SPANS", 8)
        first = gathered(rows)
        shuffled = list(rows)
        random.shuffle(shuffled)
        second = gathered(shuffled)
    assert (first.bits, first.spans) == (second.bits, second.spans)
    assert len(first.spans) <= 8
    series = first.series()
    assert sum(count for count, _ in series) == len(rows)
    assert sum(clicks for _, clicks in series) == sum(label for _, label in rows)
    parts = rates_of_parts(series)
    assert [sum(part[at] for part in parts) for at in (0, 1)] == [
        sum(part[at] for part in series) for at in (0, 1)
    ]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1e300, 1e300) | st.sampled_from([0.0, 1.0]), st.integers(0, 1)),
        max_size=40,
    )
)
def test_areas_under_curves_are_those_of_scikit_learn(rows):
    scores = np.array([score for score, _ in rows])
    label = np.array([label for _, label in rows], int)
    found = auc_alone(scores, label)
    if len(set(label.tolist())) < 2:
        assert found is None
        return
    expected = roc_auc_score(label, scores)
    assert found == pytest.approx(expected, abs=1e-12)
    assert dense_auc(scores, label) == pytest.approx(max(expected, 1 - expected), abs=1e-12)


def test_a_category_is_judged_by_its_other_rows():
    label = np.tile([0, 1], 500)
    unique = np.arange(1, 1001).astype(np.uint64)
    assert sparse_auc(unique, label) == 0.5
    assert sparse_auc(label.astype(np.uint64) + 1, label) == 1.0
    chance = np.random.default_rng(0).integers(1, 100, 1000).astype(np.uint64)
    assert sparse_auc(chance, label) < 0.6


@pytest.mark.parametrize("distinct", [2, 7, 80, 400])
def test_a_category_that_tells_nothing_has_an_auc_of_a_half(distinct):
    random = np.random.default_rng(distinct)
    label = np.repeat([0, 1], [6000, 2000])
    chance = random.integers(1, distinct + 1, len(label)).astype(np.uint64)
    assert 0.5 <= sparse_auc(chance, label) < 0.52


@given(st.integers(0, 2**32), st.integers(4, 40), st.integers(1, 6))
def test_a_category_is_judged_by_all_rows_but_the_two_that_are_compared(seed, rows, distinct):
    random = np.random.default_rng(seed)
    values = random.integers(1, distinct + 1, rows)
    label = random.permutation(np.arange(rows) % 2)
    counts = np.bincount(values, minlength=distinct + 1)
    group = np.where(counts[values] > 1, values, 0)

    def score(row, left_out):
        others = [k for k in range(rows) if k not in left_out and group[k] == group[row]]
        return (label[others].sum() + 0.5) / (len(others) + 1)

    wins = []
    for click, other in itertools.product(np.flatnonzero(label == 1), np.flatnonzero(label == 0)):
        if group[click] == group[other]:
            wins.append(0.5)
            continue
        pair = (click, other)
        gain = score(click, pair) - score(other, pair)
        wins.append(0.5 if abs(gain) < 1e-12 else float(gain > 0))
    found = sparse_auc(values.astype(np.uint64), label)
    assert found == pytest.approx(max(0.5, np.mean(wins)), abs=1e-9)


def test_rates_differ_by_more_than_chance_and_by_enough():
    assert not differ([(10, 0), (10, 5)], 1.5)
    assert not differ([(10**6, 10**5), (10**6, 11 * 10**4)], 1.5)
    assert differ([(10**6, 10**5), (10**6, 2 * 10**5)], 1.5)
    assert not differ([(100, 100), (100, 100)], 1.5)
    assert not differ([(100, 0)], 1.5)
