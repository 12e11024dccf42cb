"""Scores that are kept, since a co-design search meets an architecture again on other hardware."""

from collections.abc import Callable, Mapping

from nasrec_tf.architecture.architecture import Architecture


class RememberedScores:
    """Asks for the metrics of every architecture once.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> asked = []
        >>> scores = RememberedScores(lambda one: asked.append(one) or {"log_loss": 0.5})
        >>> [scores(NASREC_SMALL.widest) for _ in range(2)], len(asked)
        ([{'log_loss': 0.5}, {'log_loss': 0.5}], 1)

    Args:
        scorer: gives the metrics of an architecture, always the same ones.
    """

    def __init__(self, scorer: Callable[[Architecture], Mapping[str, float]]):
        self._scorer = scorer
        self._known: dict[str, Mapping[str, float]] = {}

    def __call__(self, architecture: Architecture) -> Mapping[str, float]:
        if architecture.identity not in self._known:
            self._known[architecture.identity] = self._scorer(architecture)
        return self._known[architecture.identity]
