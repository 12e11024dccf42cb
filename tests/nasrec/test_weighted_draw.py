"""Rows drawn each with a chance of its own, which together stand for all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasrec_tf.data.weighted_draw import EVEN_SHARE, chances, systematic_draw

WORTHS = st.lists(st.floats(0, 1e308), min_size=1, max_size=60)


@given(WORTHS, st.data())
def test_chances_go_with_worth_and_sum_to_the_rows_wanted(worths, data):
    worth = np.array(worths)
    count = data.draw(st.integers(1, len(worth)))
    found = chances(worth, count)
    assert ((found > 0) & (found <= 1)).all()
    assert found.sum() == pytest.approx(count)
    assert (np.diff(found[np.argsort(worth)]) >= -1e-12).all()
    assert (found >= EVEN_SHARE * count / len(worth) * (1 - 1e-9)).all()


@given(WORTHS, st.data(), st.integers(0, 2**32))
def test_as_many_rows_are_drawn_and_none_twice(worths, data, seed):
    count = data.draw(st.integers(1, len(worths)))
    drawn = systematic_draw(chances(np.array(worths), count), seed)
    assert count - 1 <= len(drawn) <= count
    assert (np.diff(drawn) > 0).all() and 0 <= drawn[0] and drawn[-1] < len(worths)


def test_each_row_is_drawn_as_often_as_its_chance_says():
    expected = chances(np.random.default_rng(0).exponential(size=40), 15)
    assert expected.max() == 1
    drawn = [systematic_draw(expected, seed) for seed in range(4000)]
    often = np.bincount(np.concatenate(drawn), minlength=40) / len(drawn)
    np.testing.assert_allclose(often, expected, atol=0.03)
    assert often[expected == 1].min() == 1
