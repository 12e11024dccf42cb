"""Files of weights: whole, of this very network, or told in one line."""

import json
import resource
import shutil
import zipfile

import numpy as np
import pytest
from core_cases import FEATURES, FULL, SMALL, SMALL_OPTIONS, raw_inputs, shake

from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.networks import weights
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.weights import NETWORK, load_network, load_weights, save_weights

SPACE = SMALL.replace(
    num_blocks=1, dense_operators=("fc",), dense_widths=(4,), sparse_widths=(3,), bits=(4, 8)
)


@pytest.fixture(scope="module")
def subnet():
    model = Subnet(SPACE.widest, FEATURES, SMALL_OPTIONS, seed=2)
    shake(model)
    model(raw_inputs(FEATURES, 8), training=True)
    return model


@pytest.fixture(scope="module")
def written(subnet, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "net.npz"
    save_weights(subnet, path)
    return path


@pytest.fixture
def path(written, tmp_path):
    """A copy of the file, to be damaged."""
    return shutil.copy(written, tmp_path / "net.npz")


@pytest.fixture(scope="module")
def other():
    """Another network of the same shape, to read into."""
    return Subnet(SPACE.widest, FEATURES, SMALL_OPTIONS, seed=None)


def values(model):
    return {name: variable.numpy() for name, variable in model.named_weights().items()}


def refused(model, path):
    """The one line that tells why the file cannot be read."""
    with pytest.raises(RunError) as error:
        load_weights(model, path)
    line = str(error.value)
    assert line.startswith(f"{path}: ") and "\n" not in line and weights.MEND in line
    return line


def test_a_file_holds_the_network_too(written, subnet):
    again = load_network(written)
    assert again.get_config() == subnet.get_config() | {"seed": 0}
    np.testing.assert_equal(values(again), values(subnet))
    np.testing.assert_array_equal(again(raw_inputs(FEATURES, 5)), subnet(raw_inputs(FEATURES, 5)))


def test_a_file_of_the_first_version_holds_weights_alone_and_is_read(path, subnet, other):
    members = members_of(path)
    del members[NETWORK]
    write(path, members)
    load_weights(other, path)
    np.testing.assert_equal(values(other), values(subnet))
    with pytest.raises(RunError, match="version 0.1.0 wrote weights alone"):
        load_network(path)


@pytest.mark.parametrize("numbers_at_a_time", [20, weights.PIECE])
def test_no_flipped_bit_is_believed(path, subnet, other, monkeypatch, numbers_at_a_time):
    monkeypatch.setattr(weights, "PIECE", numbers_at_a_time)
    whole, expected = path.read_bytes(), values(subnet)
    told = 0
    for place in range(0, len(whole), 101):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            load_weights(other, path)
        except RunError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            told += 1
        else:
            # A bit that says nothing of the weights, such as one of a time of change.
            np.testing.assert_equal(values(other), expected)
    assert told > len(whole) / 101 / 2


def test_a_cut_file_is_refused_wherever_it_is_cut(path, other):
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:length])
        refused(other, path)


@pytest.mark.parametrize("extra", [b"\0", b"PK\5\6", b"x" * 100, b"\0" * 100_000])
def test_bytes_after_or_before_the_archive_are_refused(path, other, extra):
    whole = path.read_bytes()
    path.write_bytes(whole + extra)
    refused(other, path)
    path.write_bytes(extra + whole)
    assert "before its start" in refused(other, path)


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\0" * 4096, b"PK\3\4"])
def test_what_is_no_archive_is_refused(path, other, content):
    path.write_bytes(content)
    refused(other, path)


def test_members_too_few_or_too_many_are_named(path, other):
    whole = members_of(path)
    for name in whole:
        if name != NETWORK:
            write(path, {key: value for key, value in whole.items() if key != name})
            assert f"{name} is missing" in refused(other, path)
    write(path, whole | {"block_9_fc/dense_kernel.npy": b""})
    assert "'block_9_fc/dense_kernel.npy' is no weight of it" in refused(other, path)
    with pytest.warns(UserWarning, match="Duplicate name"):
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("head/head_bias.npy", b"")
    refused(other, path)


@pytest.mark.parametrize(
    "change",
    [
        lambda bias: bias.astype(np.float64),
        lambda bias: bias.reshape(1, 1),
        lambda bias: np.concatenate([bias, bias]),
        lambda bias: bias[:0],
        lambda bias: bias.astype(">f4"),
        lambda bias: np.array(["weights"]),
        lambda bias: np.array([{"an": "object"}], dtype=object),
    ],
)
def test_a_weight_of_another_shape_or_type_is_named(path, other, change, tmp_path):
    whole = members_of(path)
    with np.load(path) as file:
        np.save(tmp_path / "bias.npy", change(file["head/head_bias"]))
    write(path, whole | {"head/head_bias.npy": (tmp_path / "bias.npy").read_bytes()})
    assert "head/head_bias" in refused(other, path)


def test_more_numbers_than_the_header_says_are_refused(path, other):
    whole = members_of(path)
    write(path, whole | {"head/head_bias.npy": whole["head/head_bias.npy"] + b"\0\0\0\0"})
    assert "has more than 1 numbers" in refused(other, path)


def test_weights_of_another_network_are_refused(path):
    refused(Subnet(FULL.widest, FEATURES, SMALL_OPTIONS, seed=None), path)


@pytest.mark.parametrize(
    "network", [b"", b"{}", b"[]", b"\xff", b'{"architecture": {"format": "other"}}']
)
def test_a_description_of_the_network_that_cannot_be_used_is_refused(path, network):
    write(path, members_of(path) | {NETWORK: network})
    with pytest.raises(RunError, match="cannot be read as this network's weights") as error:
        load_network(path)
    assert "\n" not in str(error.value)


def test_a_description_with_other_weights_is_refused(path):
    whole = members_of(path)
    config = json.loads(whole[NETWORK])
    config["features"]["table_rows"][0] += 1
    write(path, whole | {NETWORK: json.dumps(config)})
    with pytest.raises(RunError, match="embedding/table is"):
        load_network(path)


@pytest.mark.parametrize("name", ["absent.npz", "."])
def test_no_file_is_one_line(tmp_path, other, name):
    refused(other, tmp_path / name)


def test_a_disk_that_takes_no_more_is_one_line_and_the_earlier_file_stays(path, subnet):
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(UserError, match="cannot be written") as error:
            save_weights(subnet, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == [path.name]
    with pytest.raises(UserError, match="cannot be written"):
        save_weights(subnet, path.parent / "absent" / "net.npz")
