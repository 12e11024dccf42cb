"""Stand-alone networks compute and train as the authors' own code does."""

import json
import pathlib

import numpy as np
import pytest
from shared_reference import reference_file

from nasrec_tf.architecture.presets import load_architecture

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = {
    "criteo_full": "nasrec-criteo-full",
    "criteo_small": "nasrec-criteo-small",
    "kdd_full": "nasrec-kdd-full",
}


DATA = ROOT / "tests" / "data"


def golden_file(name):
    return reference_file("golden", f"{name}.npz")


@pytest.mark.parametrize("name", FILES)
def test_forward_pass_and_training_step_are_the_authors(name, arithmetic):
    path = golden_file(name)
    import golden

    architecture = load_architecture(FILES[name])
    with np.load(path) as file:
        arrays = dict(file)
    subnet = golden.build(arrays, architecture)
    forward = golden.compare_forward(arrays, subnet)
    assert forward["max_abs_logit_difference"] < 1e-5
    assert forward["max_relative_block_difference"] < 1e-5
    step = golden.compare_step(arrays, subnet, architecture)
    assert step["max_abs_weight_difference"] < 1e-6
    assert step["abs_loss_difference"] < 1e-6
    assert step["relative_norm_difference"] < 1e-5


BLOCKS = {"criteo_full": (1, 2, 7), "kdd_full": (4,)}
"""What the repository holds of these files: some blocks, for four rows."""


def kept_blocks(name):
    with np.load(DATA / f"{name}_blocks.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_compute_what_the_authors_do(name, arithmetic):
    import golden

    arrays = kept_blocks(name)
    subnet = golden.build(arrays, load_architecture(FILES[name]))
    differences = golden.compare_blocks(arrays, subnet)
    assert tuple(differences) == BLOCKS[name]
    assert max(differences.values()) < 1e-5


def test_the_blocks_in_the_repository_have_every_operator_and_both_mergers():
    import golden

    parts = set()
    for name, numbers in BLOCKS.items():
        subnet = golden.build(kept_blocks(name), load_architecture(FILES[name]))
        for weight in subnet.named_weights():
            _, _, part = weight.split("/")[0].partition("block_")
            number, _, operator = part.partition("_")
            if number.isdecimal() and int(number) in numbers:
                parts.add(operator)
    assert parts == {*golden.FULL_NODES, "dense_to_sparse", "sparse_to_dense"}


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("criteo_full", "block_1_attention/output_bias"),
        ("criteo_full", "block_1_sigmoid_gating/gate_bias"),
        ("criteo_full", "block_2_dot_product/tokens_bias"),
        ("criteo_full", "block_7_sparse_to_dense/interaction_bias"),
        ("kdd_full", "block_4_sum/output_bias"),
    ],
)
def test_a_wrong_weight_of_a_block_is_noticed(name, weight):
    import golden

    arrays = kept_blocks(name)
    subnet = golden.build(arrays, load_architecture(FILES[name]))
    variable = subnet.named_weights()[weight]
    variable.assign_add(np.linspace(0.0, 0.1, variable.shape[0], dtype=np.float32))
    assert max(golden.compare_blocks(arrays, subnet).values()) > 1e-4


def test_the_comparison_would_notice_a_difference():
    path = golden_file("kdd_full")
    import golden

    architecture = load_architecture(FILES["kdd_full"])
    with np.load(path) as file:
        arrays = dict(file)
    subnet = golden.build(arrays, architecture)
    [bias] = [v for n, v in subnet.named_weights().items() if n == "head/head_bias"]
    bias.assign_add([1e-3])
    assert golden.compare_forward(arrays, subnet)["max_abs_logit_difference"] > 9e-4


def test_the_command_prints_one_json_line(capsys):
    import golden

    path = golden_file("kdd_full")
    assert golden.main([str(path), "--architecture", FILES["kdd_full"]]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["max_abs_logit_difference"] < 1e-5


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.npz", "--architecture", "nasrec-kdd-full"], "nowhere.npz"),
        (["nowhere.npz", "--architecture", "nasrec-kdd-tiny"], "nasrec-kdd-tiny"),
    ],
)
def test_a_mistake_is_told_in_one_line(capsys, arguments, told):
    import golden

    assert golden.main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert told in line
