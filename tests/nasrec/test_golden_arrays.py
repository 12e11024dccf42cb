"""Stand-alone networks compute and train as the authors' own code does."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from nasrec_tf.architecture.presets import load_architecture

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = {
    "criteo_full": "nasrec-criteo-full",
    "criteo_small": "nasrec-criteo-small",
    "kdd_full": "nasrec-kdd-full",
}


def golden_file(name):
    data = os.environ.get("NASREC_TEST_DATA")
    shared = pathlib.Path(data).parent if data else ROOT.parent / "shared"
    path = shared / "reference" / "golden" / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"golden arrays {name}.npz not found beside the test data")
    return path


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


def test_the_command_prints_one_json_line():
    path = golden_file("kdd_full")
    script = str(ROOT / "tests" / "golden.py")
    done = subprocess.run(
        [sys.executable, script, str(path), "--architecture", FILES["kdd_full"]],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
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
