"""The memory of a network: told before it is built, and refused where there is not enough."""

import math

import pytest
from core_cases import EMBEDDED, FEATURES, FULL, NO_DENSE, SMALL, SMALL_OPTIONS, architectures
from hypothesis import given, settings

from nasrec_tf.architecture import memory
from nasrec_tf.architecture.memory import memory_bytes
from nasrec_tf.architecture.presets import preset
from nasrec_tf.architecture.space import ALWAYS
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.machine_memory import cgroup_limits, machine_memory_bytes
from nasrec_tf.data.features import Features
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.networks.supernet.stored_weights import supernet_memory_bytes

GIB = 1 << 30

SPACES = {
    "tiny-full": FULL,
    "tiny-small": SMALL.replace(mergers=False),
    "embedded": SMALL.replace(dense_embeddings=ALWAYS),
}


def bytes_of(variables):
    return sum(4 * math.prod(variable.shape) for variable in variables)


@given(architectures(EMBEDDED))
@settings(max_examples=15, deadline=None)
def test_a_subnet_takes_what_was_told(architecture):
    subnet = Subnet(architecture, FEATURES, SMALL_OPTIONS, seed=None)
    told = memory_bytes(architecture, FEATURES, SMALL_OPTIONS)
    assert bytes_of(subnet.trainable_variables) == told


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("features", [FEATURES, NO_DENSE], ids=["dense", "no-dense"])
def test_a_supernet_takes_what_was_told(space, features):
    supernet = Supernet(space, features, SMALL_OPTIONS)
    told = supernet_memory_bytes(space, features, SMALL_OPTIONS)
    assert bytes_of(supernet.trainable_variables) == told


def test_training_keeps_accumulators_and_gradients_beside_the_weights():
    architecture = SMALL.widest
    tables = 4 * sum(FEATURES.table_rows) * SMALL_OPTIONS.embedding_dim
    others = memory_bytes(architecture, FEATURES, SMALL_OPTIONS) - tables
    training = memory_bytes(architecture, FEATURES, SMALL_OPTIONS, training=True)
    assert training == 2 * tables + 3 * others


@pytest.fixture
def small_machine(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory_bytes", lambda: GIB // 2)


def test_tables_that_do_not_fit_are_refused_with_the_option_that_mends_it(small_machine):
    criteo = preset("nasrec-criteo-small")
    with pytest.raises(UserError, match="2.0 GiB of it embedding tables.*512 MiB: .*--min-count"):
        Subnet(criteo.architecture, criteo.features)
    with pytest.raises(UserError, match="--max-table-rows"):
        Supernet(SMALL, criteo.features)


def test_widths_that_do_not_fit_are_refused_with_what_mends_it(small_machine):
    wide = SMALL.replace(dense_widths=(1 << 20,))
    with pytest.raises(UserError, match="take an architecture of smaller widths"):
        Subnet(wide.widest, FEATURES)
    with pytest.raises(UserError, match="--blocks, or a search space of smaller widths"):
        Supernet(wide, FEATURES)


def test_what_is_refused_is_refused_before_anything_of_its_size_is_made():
    rows = (2**31 - 1,) * 1000
    with pytest.raises(UserError, match="this machine has"):
        Subnet(SMALL.widest, Features(3, rows))


# The machine.


def test_a_container_has_the_memory_that_its_groups_leave_it(tmp_path):
    own = tmp_path / "cgroup"
    own.write_text("0::/jobs/ours\n")
    for group, limit in (("", None), ("jobs", str(3 * GIB)), ("jobs/ours", "max")):
        (tmp_path / "fs" / group).mkdir(parents=True, exist_ok=True)
        if limit is not None:
            (tmp_path / "fs" / group / "memory.max").write_text(limit + "\n")
    assert list(cgroup_limits(own, tmp_path / "fs")) == [3 * GIB]


def test_the_first_version_of_control_groups_is_read_too(tmp_path):
    own = tmp_path / "cgroup"
    own.write_text("12:cpu,cpuacct:/\n5:memory:/docker/not-seen-from-inside\n")
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{2 * GIB}\n")
    assert list(cgroup_limits(own, tmp_path)) == [2 * GIB]


def test_a_machine_without_control_groups_has_its_own_memory(tmp_path):
    assert list(cgroup_limits(tmp_path / "absent", tmp_path)) == []
    assert machine_memory_bytes() > GIB // 8
