"""``--device``: a GPU where there is one, what a GPU runs, and one line where there is none."""

import csv
import os

import pytest
import tensorflow as tf
from forked import Forked
from search_calls import call, options
from tensorflow.python.eager.context import PhysicalDevice

from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.training import devices


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_that_is_not_there_is_told_before_anything_is_done(tmp_path):
    said = call(*options(tmp_path), "--device", "gpu")
    assert "--device gpu: TensorFlow finds no GPU" in said.error
    assert "tensorflow[and-cuda]" in said.error and "--device cpu" in said.error
    assert not (tmp_path / "run").exists()


def test_another_device_is_none(tmp_path):
    with pytest.raises(SystemExit):
        call(*options(tmp_path), "--device", "tpu")


def test_a_gpu_is_called_what_its_maker_calls_it(monkeypatch):
    gpus = [PhysicalDevice("/physical_device:GPU:0", "GPU")]
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: gpus)
    details = {"device_name": "NVIDIA H200", "compute_capability": (9, 0)}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    assert devices.gpu_names() == ["NVIDIA H200"]
    details.clear()
    assert devices.gpu_names() == ["/physical_device:GPU:0"]


COMPILED_AFTER_IMPORT = """
import tensorflow as tf
from nasrec_tf.search.tensorflow_setup import configure_tensorflow
for _ in range(2):
    configure_tensorflow("auto")
tf.function(lambda x: 2 * x, jit_compile=True)(tf.ones([3]))
"""


def test_xla_compiles_with_our_options_though_tensorflow_was_there_before(tmp_path):
    """As it is where ``--import`` loads an operator of the user's own."""
    environment = os.environ | {"XLA_FLAGS": f"--xla_dump_to={tmp_path}"}
    program = Forked(COMPILED_AFTER_IMPORT, [], environment)
    assert program.wait(120) == 0, program.err
    (told,) = tmp_path.glob("*.debug_options")
    told = told.read_text()
    assert told.count("xla_gpu_autotune_level: 0\n") == 1
    assert "xla_gpu_enable_triton_gemm: false" in told


def test_processes_share_the_memory_of_a_gpu(monkeypatch):
    gpus = [PhysicalDevice(f"/physical_device:GPU:{number}", "GPU") for number in (0, 1)]
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: gpus)
    growing = []

    def set_memory_growth(gpu, enable):
        growing.append((gpu.name, enable))

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", set_memory_growth)
    devices.choose_device("auto")
    assert growing == [(gpu.name, True) for gpu in gpus]


def test_a_gpu_that_a_module_uses_cannot_be_left_out(monkeypatch):
    gpus = [PhysicalDevice("/physical_device:GPU:0", "GPU")]
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: gpus)
    # What TensorFlow says of any device whose setting is to change after it has begun.
    refused = "Visible devices cannot be modified after being initialized"

    def set_visible_devices(devices, kind):
        raise RuntimeError(refused)

    monkeypatch.setattr(tf.config, "set_visible_devices", set_visible_devices)
    with pytest.raises(UserError, match="--device cpu.*CUDA_VISIBLE_DEVICES="):
        devices.choose_device("cpu")


@pytest.mark.slow
def test_with_a_gpu_the_supernet_trains_and_scores_by_masks(tmp_path, monkeypatch):
    """The whole job as it runs beside a GPU, whose programs XLA compiles for the CPU here."""
    monkeypatch.setattr(devices, "has_gpu", lambda: True)
    precisions = []
    run_by_masks = Supernet.run_by_masks

    def noted(self, precision):
        precisions.append(precision)
        run_by_masks(self, precision)

    monkeypatch.setattr(Supernet, "run_by_masks", noted)
    # Each network that XLA compiles takes seconds.
    said = call(*options(tmp_path), "--blocks", "1", "--top-k", "1", "--retrain-epochs", "1")
    assert said.code == 0, said
    # The trained supernet, and the one that candidates are scored with.
    assert precisions == ["float32", "float32"]
    with open(tmp_path / "run" / "leaderboard.csv", newline="") as file:
        scores = [float(row["validation_log_loss"]) for row in csv.DictReader(file)]
    assert scores and all(0.1 < score < 3.0 for score in scores)
