"""Optimizers by name, for recipes of training."""

from collections.abc import Callable
from typing import Any

from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.optimizers.adam import Adam
from nasrec_tf.optimizers.row_sparse import RowSparseOptimizer

CLIP_NORM = 5.0
"""Largest global norm of the gradients in the paper's training."""

OPTIMIZERS: dict[str, Callable[..., RowSparseOptimizer]] = {}
"""What makes an optimizer of a learning rate and of the keyword arguments of ``make_optimizer``."""


def register_optimizer(name: str, make: Callable[..., RowSparseOptimizer]) -> None:
    """Makes an optimizer known by name.

    Args:
        name: as recipes and command lines give it.
        make: the class, or a function that takes what ``make_optimizer`` passes on.

    Raises:
        ValueError: if the name is taken.
    """
    if name in OPTIMIZERS:
        raise ValueError(f"an optimizer {name!r} is registered already")
    OPTIMIZERS[name] = make


def make_optimizer(
    name: str,
    schedule: Any,
    *,
    clip_norm: float | None = CLIP_NORM,
    row_decay: float = 0.0,
    weight_decay: float = 0.0,
    table_rate_scale: float = 1.0,
    table_l2: float = 0.0,
) -> RowSparseOptimizer:
    """The optimizer of a name; that of the paper is ``adagrad`` with the defaults.

    Args:
        name: ``"adagrad"``, ``"adam"``, ``"adamw"``, or another one that was registered.
        schedule: the learning rate, a number or a schedule (``schedules.py``).
        clip_norm: largest global norm of the gradients; ``None`` for no clipping.
        row_decay: decay of every row of every embedding table at every step.
        weight_decay: decay of the kernels, decoupled; none for ``adam``, of which that is the name
            with decay ``adamw``.
        table_rate_scale: the tables' learning rate is this many times the kernels'.
        table_l2: of an L2 term over whole tables, for which each step passes over them; it is
            passed on where it is not 0.

    Raises:
        ValueError: if the name is not known, or an argument is out of range.

    Example:
        >>> optimizer = make_optimizer("adamw", 0.001, weight_decay=0.01, table_rate_scale=2.0)
        >>> type(optimizer).__name__, optimizer.weight_decay, optimizer.table_rate_scale
        ('Adam', 0.01, 2.0)
        >>> make_optimizer("sgd", 0.1)
        Traceback (most recent call last):
        ValueError: no optimizer 'sgd'; there are adagrad, adam, adamw
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"no optimizer {name!r}; there are {', '.join(sorted(OPTIMIZERS))}")
    return OPTIMIZERS[name](
        schedule,
        clip_norm=clip_norm,
        row_decay=row_decay,
        weight_decay=weight_decay,
        table_rate_scale=table_rate_scale,
        **({"table_l2": table_l2} if table_l2 else {}),
    )


def _adam_without_decay(learning_rate: Any, *, weight_decay: float, **options: Any) -> Adam:
    if weight_decay:
        raise ValueError(
            f"adam takes no weight decay; with it the optimizer is adamw. Received: {weight_decay}"
        )
    return Adam(learning_rate, **options)


register_optimizer("adagrad", Adagrad)
register_optimizer("adam", _adam_without_decay)
register_optimizer("adamw", Adam)
