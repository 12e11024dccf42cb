"""Which device networks are computed on."""

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
            "'tensorflow[and-cuda]' beside NVIDIA's driver (docs/scaling.md), or use --device cpu."
        )


def choose_device(device: str) -> None:
    """Sets the device of this process, before TensorFlow computes anything.

    Args:
        device: one of ``DEVICES``.

    Raises:
        UserError: if there is no GPU and one is asked for.
    """
    if device == GPU:
        require_gpu()
    if device == CPU and tf.config.get_visible_devices("GPU"):
        tf.config.set_visible_devices([], "GPU")


def has_gpu() -> bool:
    """Whether this process computes on a GPU."""
    return bool(tf.config.get_visible_devices("GPU"))


def gpu_names() -> list[str]:
    """What the GPUs are called that this process computes on, such as ``"NVIDIA H200"``."""
    details = tf.config.experimental.get_device_details
    found = tf.config.get_visible_devices("GPU")
    return [details(gpu).get("device_name", gpu.name) for gpu in found]
