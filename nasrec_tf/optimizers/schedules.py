"""Learning rates over the steps of a training: warm-up, then a cosine, a constant or a plateau."""

import math
from typing import Any

import keras
import tensorflow as tf

STARTING_RATE = 1e-8
"""Learning rate of the first step, and of a cosine's last one (the authors' code)."""

WARMUP = 0.1
"""Share of the steps that the warm-up takes in the paper."""


@keras.saving.register_keras_serializable("nasrec_tf")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then half a cosine down to nearly nothing at the last step (paper 5.1).

    Args:
        peak: the highest learning rate.
        steps: number of training steps.
        warmup_steps: steps of the warm-up; a tenth of all unless given.

    Raises:
        ValueError: if the peak is negative or not finite, or the steps are out of range.

    Example:
        >>> rate = WarmupCosine(peak=0.12, steps=1000)
        >>> [round(float(rate(step)), 4) for step in (0, 50, 100, 550, 999)]
        [0.0, 0.06, 0.12, 0.0599, 0.0]
    """

    def __init__(self, peak: float, steps: int, warmup_steps: int | None = None):
        if steps < 1:
            raise ValueError(f"`steps` must be at least 1. Received: {steps}")
        self.peak = _checked_peak(peak)
        self.steps = int(steps)
        self.warmup_steps = self.steps // 10 if warmup_steps is None else int(warmup_steps)
        if not 0 <= self.warmup_steps <= self.steps:
            raise ValueError(
                f"`warmup_steps` must lie in 0 to {self.steps}. Received: {self.warmup_steps}"
            )

    def __call__(self, step: Any) -> Any:
        step = tf.cast(step, tf.float32)
        done = (step - self.warmup_steps) / max(self.steps - 1 - self.warmup_steps, 1)
        falling = 0.5 * (1.0 + tf.cos(3.14159265 * tf.clip_by_value(done, 0.0, 1.0)))
        return _warmed_up(self.peak, step, self.warmup_steps, falling)

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "steps": self.steps, "warmup_steps": self.warmup_steps}


@keras.saving.register_keras_serializable("nasrec_tf")
class WarmupConstant(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then the same rate for good.

    Args:
        peak: the learning rate after the warm-up.
        warmup_steps: steps of the warm-up; 0 for none.

    Raises:
        ValueError: if the peak is negative or not finite, or the steps are negative.

    Example:
        >>> rate = WarmupConstant(peak=0.5, warmup_steps=10)
        >>> [round(float(rate(step)), 4) for step in (0, 5, 10, 9999)]
        [0.0, 0.25, 0.5, 0.5]
    """

    def __init__(self, peak: float, warmup_steps: int = 0):
        self.peak = _checked_peak(peak)
        self.warmup_steps = int(warmup_steps)
        if self.warmup_steps < 0:
            raise ValueError(f"`warmup_steps` must be at least 0. Received: {warmup_steps}")

    def __call__(self, step: Any) -> Any:
        step = tf.cast(step, tf.float32)
        return _warmed_up(self.peak, step, self.warmup_steps, tf.ones_like(step))

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


@keras.saving.register_keras_serializable("nasrec_tf")
class WarmupPlateau(WarmupConstant):
    """Linear warm-up, then a rate that falls whenever validation has stopped improving.

    Who trains calls ``observe`` after each evaluation. What has been seen so far is kept in
    ``variables``, which an optimizer of ours counts among its own, so that it stands in
    checkpoints and ``.keras`` files.

    Args:
        peak: the learning rate after the warm-up.
        warmup_steps: steps of the warm-up; 0 for none.
        factor: what the rate is multiplied by at each plateau, above 0 and below 1.
        patience: evaluations in a row without a new best one that are a plateau.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> rate = WarmupPlateau(peak=0.5, factor=0.5, patience=2)
        >>> [rate.observe(step, loss) for step, loss in ((10, 0.7), (20, 0.8), (30, 0.7))]
        [False, False, True]
        >>> float(rate(31))
        0.25
    """

    def __init__(self, peak: float, warmup_steps: int = 0, factor: float = 0.1, patience: int = 1):
        super().__init__(peak, warmup_steps)
        if not 0 < factor < 1:
            raise ValueError(f"`factor` must lie above 0 and below 1. Received: {factor}")
        if patience < 1:
            raise ValueError(f"`patience` must be at least 1. Received: {patience}")
        self.factor = float(factor)
        self.patience = int(patience)
        self._share = _state(1.0, "float32", "plateau_share")
        self._best = _state(math.inf, "float64", "plateau_best")
        self._waited = _state(0, "int64", "plateau_waited")
        self._seen = _state(-1, "int64", "plateau_seen")

    @property
    def variables(self) -> list[keras.Variable]:
        """What is kept between evaluations."""
        return [self._share, self._best, self._waited, self._seen]

    def __call__(self, step: Any) -> Any:
        return self._share.value * super().__call__(step)

    def observe(self, step: int, loss: float) -> bool:
        """Takes the result of an evaluation; says whether the rate has been lowered.

        One of a step that was seen already, or of an earlier one, is not taken again, so that a
        training that goes on from a checkpoint may repeat its last evaluation.

        Args:
            step: steps made so far.
            loss: what is to fall, such as the log loss of the validation split, or 1 - AUC; one
                that is not a number is no improvement.
        """
        if step <= int(self._seen.numpy()):
            return False
        self._seen.assign(step)
        if loss < float(self._best.numpy()):
            self._best.assign(loss)
            self._waited.assign(0)
            return False
        self._waited.assign(int(self._waited.numpy()) + 1)
        if int(self._waited.numpy()) < self.patience:
            return False
        self._waited.assign(0)
        self._share.assign(float(self._share.numpy()) * self.factor)
        return True

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"factor": self.factor, "patience": self.patience}


SCHEDULES = ("cosine", "constant", "plateau")
"""Names that ``make_schedule`` knows."""


def make_schedule(
    name: str, peak: float, steps: int, warmup: float = WARMUP
) -> keras.optimizers.schedules.LearningRateSchedule:
    """The schedule of a name.

    Args:
        name: ``"cosine"``, ``"constant"`` or ``"plateau"``.
        peak: the highest learning rate.
        steps: of the whole training.
        warmup: share of the steps over which the rate rises to its peak, 0 to 1.

    Raises:
        ValueError: if the name is not known, or an argument is out of range.

    Example:
        >>> make_schedule("cosine", 0.12, 1005).get_config()
        {'peak': 0.12, 'steps': 1005, 'warmup_steps': 100}
        >>> make_schedule("linear", 0.12, 1005)
        Traceback (most recent call last):
        ValueError: no schedule 'linear'; there are cosine, constant, plateau
    """
    if name not in SCHEDULES:
        raise ValueError(f"no schedule {name!r}; there are {', '.join(SCHEDULES)}")
    if not 0 <= warmup <= 1:
        raise ValueError(f"`warmup` must lie in 0 to 1. Received: {warmup}")
    # 0.29 * 100 is 28.999999999999996.
    warmup_steps = int(warmup * steps + 1e-9)
    if name == "cosine":
        return WarmupCosine(peak, steps, warmup_steps)
    return {"constant": WarmupConstant, "plateau": WarmupPlateau}[name](peak, warmup_steps)


def _warmed_up(peak, step, warmup_steps, share):
    """From the starting rate to the peak, and from then on that share of it."""
    share = tf.where(step < warmup_steps, step / max(warmup_steps, 1), share)
    return STARTING_RATE + (peak - STARTING_RATE) * share


def _checked_peak(peak):
    if not 0 <= peak < math.inf:
        raise ValueError(f"`peak` must be a finite number from 0. Received: {peak}")
    return float(peak)


def _state(value, dtype, name):
    return keras.Variable(value, dtype=dtype, trainable=False, name=name)
