"""The numbers of a search are checked together, before anything is spent."""

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies import RandomSearch, RegularizedEvolution, check_settings
from nasrec_tf.strategies.pareto import ParetoEvolution

GOOD = {"population": 16, "tournament": 8, "children": 4, "generations": 10}
STRANGE = st.sampled_from([0, -1, 2.0, math.nan, math.inf, True, None, "8", 10**30])


def flag(name):
    return "--" + name.replace("_", "-")


@given(name=st.sampled_from(sorted(GOOD)), value=STRANGE)
def test_every_strategy_refuses_what_the_check_refuses(name, value):
    """Whatever is set to what cannot be used: one line that names it, and nothing begun."""
    settings = GOOD | {name: value}
    for refuse in (check_settings, RegularizedEvolution, ParetoEvolution):
        with pytest.raises(UserError, match=f"`{name}`") as error:
            refuse(**settings)
        assert "\n" not in str(error.value)


@given(population=st.integers(1, 300), tournament=st.integers(1, 300))
def test_a_tournament_is_drawn_from_the_population(population, tournament):
    settings = GOOD | {"population": population, "tournament": tournament}
    if tournament <= population:
        check_settings(**settings)
    else:
        with pytest.raises(UserError, match="--tournament must not exceed --population"):
            check_settings(**settings, named=flag)


@pytest.mark.parametrize("limit", [math.inf, -math.inf, math.nan, 0.0, -1.0, "8", True])
def test_a_limit_is_positive_and_finite_or_left_out(limit):
    with pytest.raises(UserError, match="^--max-latency-us must be a positive, finite number"):
        check_settings(**GOOD, limits={"max_latency_us": limit}, named=flag)
    check_settings(**GOOD, limits={"max_latency_us": None, "max_mflops": 2})


def test_a_search_beyond_all_memory_is_refused():
    with pytest.raises(UserError, match="at most 10,000,000 candidates. Received: 40,000,016"):
        check_settings(**GOOD | {"generations": 10_000_000})
    with pytest.raises(UserError, match="`trials` must be at most 10,000,000"):
        RandomSearch(10**9)


def test_the_check_comes_without_tensorflow():
    program = (
        "import sys; from nasrec_tf.strategies import check_settings\n"
        "check_settings(population=2, tournament=1, children=1, generations=1)\n"
        "assert not {'tensorflow', 'keras_tuner', 'keras'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
