"""A plan of a raw log measures samples of it, and says what all of it comes to."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_preprocess.dataset.feature_schema import SparseFeature
from nasrec_tf.data.generated_log import write_demo
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.planning import samples
from nasrec_tf.search.planning.samples import sampled
from nasrec_tf.search.planning.vocabulary_growth import entries_ratio, grown_tables


@pytest.mark.slow
def test_rows_of_a_longer_log_are_those_of_its_sample_times_its_length(tmp_path, monkeypatch):
    log = tmp_path / "log.txt"
    write_demo(log, 4000, 1)
    monkeypatch.setattr(samples, "SAMPLE_ROWS", 1000)
    monkeypatch.setattr(samples, "LARGE_SAMPLE_ROWS", 1000)
    config = SearchConfig(data=(str(log),), dataset="criteo", run_dir=str(tmp_path / "run"))
    found = sampled(config, tmp_path)
    assert sum(found.pilot.rows.values()) == pytest.approx(4000, rel=0.02)
    assert sum(found.pilot.schema.splits[name].rows for name in found.pilot.rows) == 1000
    assert min(found.pilot.table_rows) >= 3
    few = dataclasses.replace(config, max_rows=2000)
    (tmp_path / "again").mkdir()
    again = sampled(few, tmp_path / "again")
    assert sum(again.pilot.rows.values()) == pytest.approx(2000, rel=0.02)


@pytest.mark.slow
def test_rows_are_planned_by_what_further_ones_take(tmp_path, monkeypatch):
    """What making any data set takes was counted for every 20,000 rows of the log again: 2 h for
    45.8 million rows that took 8 minutes."""
    log = tmp_path / "log.txt"
    write_demo(log, 9000, 1)
    monkeypatch.setattr(samples, "SAMPLE_ROWS", 1000)
    monkeypatch.setattr(samples, "LARGE_SAMPLE_ROWS", 3000)
    config = SearchConfig(data=(str(log),), dataset="criteo", run_dir=str(tmp_path / "run"))
    # 5 s of imports, 6 s of any data set, 1 ms of a row.
    took = (11.25, 7.0, 9.0)
    clock = iter([second for seconds in took for second in (0.0, seconds)])
    found = sampled(config, tmp_path, lambda: next(clock))
    assert found.records.reading == pytest.approx(9.0, rel=0.02)
    assert found.records.start == pytest.approx(11.0)
    assert found.pilot.schema.splits["train"].rows == pytest.approx(2400, rel=0.05)
    # Wide rows are measured by fewer.
    (tmp_path / "again").mkdir()
    clock = iter((0.0, 30.0, 0.0, 100.0))
    found = sampled(config, tmp_path / "again", lambda: next(clock))
    assert found.records.reading == pytest.approx(900.0, rel=0.02)


def counted(values, rows, least):
    """Values that come at least so many times in the first rows."""
    counts = np.bincount(values[:rows])
    return int((counts >= least).sum())


@pytest.mark.parametrize("power", [0.5, 0.7, 0.9])
@pytest.mark.parametrize(("seen", "needed"), [(1, 1), (2, 2), (2, 10)])
def test_tables_are_those_that_values_of_a_long_tail_come_to(power, seen, needed):
    """Values of ranks whose chances fall as a power, drawn a million times."""
    rng = np.random.default_rng(0)
    chances = np.arange(1, 3_000_001) ** (-1 / power)
    ranks = np.searchsorted(np.cumsum(chances) / chances.sum(), rng.random(1_250_000))
    few, many = (
        [SparseFeature("a", "a", "vocabulary", 2 + counted(ranks, rows, seen), "v", min_count=seen)]
        for rows in (20_000, 100_000)
    )
    given_count = None if (seen, needed) == (2, 10) else needed
    (found,) = grown_tables(few, many, 5.0, 12.5, 1_250_000, given_count)
    assert found == pytest.approx(counted(ranks, 1_250_000, needed), rel=0.25)


@given(
    st.integers(2, 20), st.integers(0, 30), st.floats(0.0, 1.0), st.floats(0.0, 1.0)
)  # fmt: skip
def test_the_more_often_values_must_come_the_fewer_there_are(seen, more, power, other):
    found = entries_ratio(seen, seen + more, power)
    assert 0.0 < found <= 1.0 + 1e-12
    assert entries_ratio(seen, seen + more + 1, power) <= found + 1e-12
    # And the fewer the longer their tail is.
    assert (found <= entries_ratio(seen, seen + more, other) + 1e-12) == (power >= other) or (
        found == pytest.approx(entries_ratio(seen, seen + more, other))
    )


def test_vocabularies_of_a_size_that_is_given_grow_no_further():
    few, many = (
        [SparseFeature("a", "a", "vocabulary", rows, "v", min_count=2)] for rows in (900, 1800)
    )
    assert grown_tables(few, many, 2.0, 10.0, 10_000, most=5000) == (5000,)
    assert grown_tables(few, many, 2.0, 10.0, 10_000) == (18_000,)
    hashed = [SparseFeature("a", "a", "hash", 900)]
    assert grown_tables(hashed, hashed, 2.0, 10.0, 10**8) == (900,)
