"""Evaluations of a training told to a learning rate that falls where they are no better."""

from typing import Any

from nasrec_tf.optimizers.schedules import WarmupPlateau
from nasrec_tf.training.recipe import LOG_LOSS


def tell_schedule(network: Any, monitor: str, log_loss: float, auc: float | None) -> None:
    """Tells the schedule of a compiled network what an evaluation at its step came to.

    What it was told before is not taken again; schedules that do not ask are left alone.

    Args:
        network: the network.
        monitor: what the recipe goes by, of ``recipe.MONITORS``.
        log_loss: of the validation split.
        auc: likewise; ``None`` where it is not defined, so that the log loss decides.
    """
    schedule = network.optimizer.schedule
    if isinstance(schedule, WarmupPlateau):
        falls = log_loss if monitor == LOG_LOSS or auc is None else 1.0 - auc
        schedule.observe(int(network.optimizer.iterations.numpy()), falls)
