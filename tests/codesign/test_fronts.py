"""The search's Pareto front and the estimator's are the same front, of finite points alone."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from nasrec_tf.strategies.pareto import fronts_of
from pim import pareto_front


@settings(max_examples=100, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(1, 4)),
              elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, np.inf, np.nan])))  # fmt: skip
def test_both_packages_find_the_same_front(values):
    of_pim = {tuple(point) for point in values[pareto_front(values)]}
    finite = np.isfinite(values).all(axis=1)
    of_the_search = {tuple(point) for point in values[finite & (fronts_of(values) == 0)]}
    assert of_pim == of_the_search
    assert len(of_pim) == len(pareto_front(values))  # of equal points one
