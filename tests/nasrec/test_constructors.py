"""What constructors of the public surface are given by mistake is one clear line."""

import math

import numpy as np
import pytest

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.presets import load_architecture
from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.data.features import Features
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.optimizers.adagrad import Adagrad

NO_NUMBERS = [None, "x", "0.1", b"x", True, [], {}, [0.1], len]
FEATURES = Features(13, (10,) * 26)


def refused(make, named, kind=ValueError):
    with pytest.raises(kind, match=f"`{named}` must") as caught:
        make()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "rows", [*NO_NUMBERS[:5], 3, 1.5, math.nan, "12", {3: 4, "a": 1}], ids=repr
)
def test_table_rows_are_a_list_of_whole_numbers(rows):
    refused(lambda: Features(3, rows), "table_rows")


@pytest.mark.parametrize("count", [-1, 0, 1.5, True, "3", None, 2**63, 10**400, math.nan, [3]])
def test_a_table_has_a_whole_number_of_rows(count):
    refused(lambda: Features(3, (4, count)), "table_rows")


@pytest.mark.parametrize("dense", [*NO_NUMBERS, -1, 1.5, math.nan, 2**63], ids=repr)
def test_dense_columns_are_counted_in_whole_numbers(dense):
    refused(lambda: Features(dense, (3, 4)), "dense")


def test_whole_numbers_of_numpy_are_taken_as_python_s():
    features = Features(np.int64(3), np.array([4, 5]))
    assert features == Features(3, (4, 5))
    assert {type(features.dense), *map(type, features.table_rows)} == {int}


@pytest.mark.parametrize("cap", ["x", 2, True, math.nan, math.inf, []], ids=repr)
def test_a_cap_is_a_whole_number(cap):
    refused(lambda: FEATURES.capped(cap), "max_rows")


@pytest.mark.parametrize("wrong", [None, "nasrec-criteo-small", 3, [], FEATURES], ids=repr)
def test_a_network_is_of_an_architecture_and_features(wrong):
    refused(lambda: Subnet(wrong, FEATURES), "architecture")
    architecture = load_architecture("nasrec-criteo-small")
    refused(lambda: Subnet(architecture, (13, 26)), "features")
    refused(lambda: Subnet(architecture, FEATURES, options={}), "options")
    refused(lambda: Architecture(wrong), "blocks", ArchitectureError) if wrong != [] else None


@pytest.mark.parametrize("wrong", NO_NUMBERS, ids=repr)
def test_an_optimizer_is_told_its_numbers(wrong):
    refused(lambda: Adagrad(epsilon=wrong), "epsilon")
    if wrong is not None:
        refused(lambda: Adagrad(clip_norm=wrong), "clip_norm")


@pytest.mark.parametrize("rate", [math.nan, math.inf, -0.1])
def test_a_learning_rate_is_finite(rate):
    refused(lambda: Adagrad(rate), "learning_rate")


@pytest.mark.parametrize("path", [True, 0, None])
def test_a_number_is_no_file(path):
    """As a file's name it would be an open file of the process, and close it."""
    with pytest.raises(TypeError):
        Architecture.load(path)
