"""How far a search is, on the standard error stream."""

from collections.abc import Callable

from beam_preprocess.common.progress_lines import progress
from nasrec_tf.strategies.history import LOG_LOSS
from nasrec_tf.strategies.oracle.architecture_oracle import ArchitectureOracle


class SearchProgress:
    """A bar that counts scored candidates: generation, best so far, rate and time left.

    Candidates of an earlier session count as done and not towards the rate.

    Args:
        oracle: the search.
        enabled: whether to show anything.
        note: what is said beside.
    """

    def __init__(self, oracle: ArchitectureOracle, enabled: bool, note: Callable[[], str] = str):
        self._oracle = oracle
        self._note = note
        self._shown = len(oracle.history.outcomes)
        self._bar = progress(
            *("search", oracle.max_trials, "candidate"),
            quiet=not enabled,
            initial=self._shown,
            dynamic_ncols=True,
        )
        self._describe()

    def update(self) -> None:
        """Shows what has been scored since the last call."""
        ended = len(self._oracle.history.outcomes)
        if ended > self._shown:
            self._describe()
            self._bar.update(ended - self._shown)
            self._shown = ended

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()

    def _describe(self) -> None:
        history = self._oracle.history
        part = self._oracle.strategy.part_of(max(len(history) - 1, 0))
        note = self._note()
        beside = f" ({note})" if note else ""
        self._bar.set_description(f"{part}{beside}", refresh=False)
        if history.best is not None:
            best = f"{history.score(history.best):.5f}"
            self._bar.set_postfix({f"best {LOG_LOSS}": best}, refresh=False)
