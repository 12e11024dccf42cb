"""The generated click log: Criteo's raw layout, reproducible, with a bound that holds."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import OneHotEncoder

from nasrec_tf import demo as program
from nasrec_tf.common.errors import UserError
from nasrec_tf.data import generated_log as demo


def read(path):
    return [line.split("\t") for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("demo") / "demo.tsv"
    return path, demo.write_demo(path, rows=30_000, seed=1)


def test_rows_have_criteo_raw_layout(log):
    layout = re.compile(r"[01](\t(-?\d+)?){13}(\t([0-9a-f]{8})?){26}")
    lines = log[0].read_text("utf-8").splitlines()
    assert len(lines) == 30_000
    assert [line for line in lines if not layout.fullmatch(line)] == []


def test_both_kinds_of_features_have_missing_values(log):
    missing = np.mean([[value == "" for value in row] for row in read(log[0])], axis=0)
    assert missing[1:14] == pytest.approx(demo.DENSE_MISSING, abs=0.02)
    shares = [demo.SPARSE_MISSING.get(field, 0.0) for field in range(demo.SPARSE_FEATURES)]
    assert missing[14:] == pytest.approx(shares, abs=0.02)


def test_categories_are_heavy_tailed_and_stay_within_their_cardinality(log):
    columns = list(zip(*read(log[0])))[14:]
    for column, cardinality in zip(columns, demo.CATEGORIES):
        names, counts = np.unique([v for v in column if v], return_counts=True)
        assert len(names) <= cardinality
        assert len(names) < 10 or counts.max() > 2.5 * counts.mean()


def test_facts_are_those_of_the_file(log):
    path, facts = log
    labels = np.array([row[0] for row in read(path)], dtype=int)
    assert (facts.rows, facts.clicks) == (len(labels), labels.sum())
    assert facts.click_rate == pytest.approx(demo.CLICK_RATE, abs=0.02)
    constant = log_loss(labels, np.full(len(labels), labels.mean()))
    assert facts.constant_log_loss == pytest.approx(constant, abs=1e-9)


def test_true_probabilities_reach_the_bound(log):
    path, facts = log
    labels = np.array([row[0] for row in read(path)], dtype=int)
    reached = log_loss(labels, demo.click_probabilities(facts.rows, seed=1))
    # The log loss of n rows scatters by about 0.4 / sqrt(n) around its expectation.
    assert reached == pytest.approx(facts.best_log_loss, abs=4 * 0.4 / np.sqrt(facts.rows))


def test_true_probabilities_are_calibrated():
    probabilities = demo.click_probabilities(60_000, seed=3)
    labels = np.concatenate([chunk.labels for chunk in demo.DemoWorld(3).chunks(60_000)])
    for low in np.arange(0, 1, 0.1):
        inside = (low <= probabilities) & (probabilities < low + 0.1)
        deviation = labels[inside].mean() - probabilities[inside].mean()
        assert abs(deviation) < 4 * 0.5 / np.sqrt(inside.sum())


def test_only_a_model_with_interactions_comes_near_the_bound():
    chunks = list(demo.DemoWorld(1).chunks(30_000))
    labels, truth, dense, sparse = (
        np.concatenate([getattr(chunk, name) for chunk in chunks])
        for name in ("labels", "probabilities", "dense", "sparse")
    )
    train = 24_000
    levels = np.nan_to_num(np.log1p(np.maximum(dense, 0)))
    levels = (levels - levels.mean(0)) / levels.std(0)
    planted = np.stack(
        [sparse[:, i] * 1000 + sparse[:, j]
         for i in demo.VIEWER_FIELDS for j in demo.ADVERT_FIELDS], axis=1
    )  # fmt: skip

    def test_log_loss(categories):
        hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
        hot.fit(categories[:train])
        inputs = np.hstack([levels, hot.transform(categories)])
        model = LogisticRegression(C=0.05, max_iter=200).fit(inputs[:train], labels[:train])
        return log_loss(labels[train:], model.predict_proba(inputs[train:])[:, 1])

    fields = list(demo.VIEWER_FIELDS + demo.ADVERT_FIELDS)
    bound = log_loss(labels[train:], truth[train:])
    additive = test_log_loss(sparse[:, fields])
    interacting = test_log_loss(np.hstack([sparse[:, fields], planted]))
    constant = log_loss(labels[train:], np.full(len(labels) - train, labels[:train].mean()))
    assert additive < constant - 0.05
    assert interacting < additive - 0.05
    assert bound < interacting < bound + 0.05


@settings(max_examples=5, deadline=None)
@given(rows=st.integers(1, 40_000), seed=st.integers(0, 2**40))
def test_a_shorter_log_is_the_beginning_of_a_longer_one(rows, seed):
    longer = demo.click_probabilities(rows + 3, seed)
    assert np.array_equal(demo.click_probabilities(rows, seed), longer[:rows])


def test_the_seed_decides_the_file(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        demo.write_demo(tmp_path / name, rows=200, seed=seed)
    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_command_writes_the_file_and_tells_the_bounds(tmp_path, capsys):
    path = tmp_path / "demo.tsv"
    assert program.main(["--rows", "500", "--seed", "4", "-o", str(path)]) == 0
    assert len(read(path)) == 500
    facts = demo.write_demo(path, 500, 4)
    assert f"best possible log loss {facts.best_log_loss:.4f}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "0", "-o", "x"], "--rows must be at least 1"),
        (["--seed", "-1", "-o", "x"], "--seed must not be negative"),
        (["--rows", "5", "-o", "missing/x"], "missing/x: cannot be written"),
        (["--rows", "5", "-o", "."], "is a directory"),
    ],
)
def test_bad_arguments_get_one_line_and_leave_nothing(
    tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    assert program.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "demo.tsv"
    path.write_text("old")

    def interrupted(*_):
        yield "1\n"
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "_lines", interrupted)
    with pytest.raises(KeyboardInterrupt):
        demo.write_demo(path, 10, 1)
    assert [p.name for p in tmp_path.iterdir()] == ["demo.tsv"]
    assert path.read_text() == "old"


def test_library_call_raises_user_errors(tmp_path):
    with pytest.raises(UserError, match="--rows"):
        demo.write_demo(tmp_path / "x", 0, 1)
