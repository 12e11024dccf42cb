"""What a training leaves in its directory, whatever is trained; loads no TensorFlow."""

LOSS_CURVE = "loss.csv"
"""Written and read by ``curves``."""

CHECKPOINT = "checkpoint"
"""A directory, which ``checkpoint`` keeps by itself."""
