"""Which device networks are computed on."""

import contextlib

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.lazy import tf

AUTO, CPU, GPU = DEVICES = ("auto", "cpu", "gpu")
"""A GPU where TensorFlow finds one, or one of the two."""


def require_gpu() -> None:
    """Checks that TensorFlow finds a GPU.

    Raises:
        UserError: if it does not.
    """
    if not tf.config.list_physical_devices("GPU"):
        raise UserError(
            "--device gpu: TensorFlow finds no GPU; install it with pip install "
            "'tensorflow[and-cuda]' beside NVIDIA's driver (docs/gpu.md), or use --device cpu."
        )


def choose_device(device: str) -> None:
    """Sets the device of this process, before TensorFlow computes anything.

    Of a GPU's memory as much is taken as is needed, when it is: workers of a search, and whatever
    else computes beside them, share it. ``TF_FORCE_GPU_ALLOW_GROWTH=false`` takes all at once.

    Args:
        device: one of ``DEVICES``.

    Raises:
        UserError: if there is no GPU and one is asked for, or one is in use that is not.
    """
    if device == GPU:
        require_gpu()
    found = tf.config.get_visible_devices("GPU")
    if device == CPU and found:
        _hide_gpus()
    elif device != CPU:
        # What has computed something before us, such as a module of the user's, has what it has.
        with contextlib.suppress(RuntimeError):
            for gpu in found:
                tf.config.experimental.set_memory_growth(gpu, True)


def _hide_gpus() -> None:
    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError as error:
        raise UserError(
            "--device cpu: this process has computed something on a GPU already, as an imported "
            "module may; set CUDA_VISIBLE_DEVICES= to an empty text."
        ) from error


def has_gpu() -> bool:
    """Whether this process computes on a GPU."""
    return bool(tf.config.get_visible_devices("GPU"))


def gpu_names() -> list[str]:
    """What the GPUs are called that this process computes on, such as ``"NVIDIA H200"``."""
    details = tf.config.experimental.get_device_details
    found = tf.config.get_visible_devices("GPU")
    return [details(gpu).get("device_name", gpu.name) for gpu in found]
