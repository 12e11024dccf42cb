"""Scores the architectures that an oracle hands out."""

import contextlib
import pathlib
import time
from collections.abc import Callable, Mapping

import grpc
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial
from keras_tuner.errors import FatalError

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.strategies.oracle import (
    architecture_genes,
    chief_and_workers,
    search_part,
    trial_results,
)
from nasrec_tf.strategies.oracle.architecture_oracle import ArchitectureOracle
from nasrec_tf.strategies.oracle.search_progress import SearchProgress

LEADERBOARD = "leaderboard.csv"
"""The leaderboard's name in the project directory."""

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0

Scorer = Callable[[Architecture], Mapping[str, float]]
"""Gives the metrics of an architecture, ``log_loss`` among them."""


class NoScores(RunError):
    """A search in which no candidate got a finite log loss.

    Args:
        candidates: how many were tried.
    """

    def __init__(self, candidates: int):
        super().__init__(
            f"None of the search's {candidates} candidates got a finite log loss: train the "
            f"supernet longer or with a lower learning rate, or fine-tune with a lower one."
        )


class SubnetTuner(BaseTuner):
    """A KerasTuner tuner whose trials score one architecture each.

    A search that was stopped at any moment is taken up again by making the tuner in the same way
    and calling ``search`` again. With KerasTuner's environment variables set, the process is the
    chief or a worker of a search by several processes (see ``chief_and_workers.py``).

    Args:
        oracle: what hands out architectures.
        scorer: what scores them. A ``UserError`` that it raises ends the search at once; any
            other exception fails the candidate.
        directory: where searches are kept.
        project_name: the directory of this one therein.
        overwrite: whether to begin anew where there is a search; a worker leaves that to the
            chief.
        progress: whether to show a progress bar.
        environment: what scores are computed with, such as versions by package; workers whose
            environment is not the chief's are refused.
        note: what the progress bar says beside its own.
        has_ended: whether the search has ended; asked by a worker that no chief answers, which
            then ends as well.

    Raises:
        RunError: if the directory holds a search with other settings, or a damaged one.

    Example:
        >>> import tempfile
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> from nasrec_tf.strategies import RandomSearchOracle
        >>> oracle = RandomSearchOracle(NASREC_SMALL.replace(num_blocks=2), max_trials=3, seed=0)
        >>> def narrow_is_good(architecture):
        ...     return {"log_loss": sum(block.dense_width for block in architecture.blocks) / 1e3}
        >>> directory = tempfile.mkdtemp()
        >>> SubnetTuner(oracle, narrow_is_good, directory=directory, progress=False).search()
        >>> found = trial_results.read_results(f"{directory}/evolution")
        >>> [result.status for result in found]
        ['completed', 'completed', 'completed']
    """

    def __init__(
        self,
        oracle: ArchitectureOracle,
        scorer: Scorer,
        *,
        directory: str | pathlib.Path,
        project_name: str = "evolution",
        overwrite: bool = False,
        progress: bool = True,
        environment: Mapping[str, str] | None = None,
        note: Callable[[], str] = str,
        has_ended: Callable[[], bool] = lambda: False,
    ):
        # First: the base class reloads where KerasTuner's own file of a tuner lies around.
        self._architectures = oracle
        worker = search_part.is_search_worker()
        super().__init__(
            oracle,
            directory=str(directory),
            project_name=project_name,
            overwrite=overwrite and not worker,
        )
        self.scorer = scorer
        self.progress = progress
        self._environment = dict(environment or {})
        self._note = note
        self._pause = 0.0
        self._bar: SearchProgress | None = None
        if worker:
            self.oracle = chief_and_workers.ChiefClient(oracle, self._environment, has_ended)
        else:
            oracle.reload()

    def search(self) -> None:
        """Scores candidates until the search is over, and writes the leaderboard.

        Raises:
            NoScores: if no candidate got a finite log loss.
            RunError: if too many candidates in a row failed, the journal cannot be written, the
                chief is gone, or this is a worker whose scores are not those of the chief's
                search.
            UserError: what the scorer raised.
        """
        if self._is_worker():
            self._work()
            return
        self._bar = SearchProgress(self._architectures, self.progress, self._note)
        try:
            if search_part.is_search_chief():
                chief_and_workers.serve(self._architectures, self._bar.update, self._environment)
            else:
                self._score()
        except BaseException:
            # Such as a full disk, on which the leaderboard cannot be written either.
            with contextlib.suppress(UserError):
                self._leave()
            raise
        finally:
            self._bar.close()
        self._leave()
        if self._architectures.failure:
            raise RunError(
                f"The search stopped because {self._architectures.max_consecutive_failed_trials} "
                f"candidates in a row failed ({self._architectures.failure}): mend the cause and "
                f"repeat the call; they are scored again."
            )
        if self._architectures.history.best is None:
            raise NoScores(len(self._architectures.history))

    def run_trial(self, trial: Trial) -> dict[str, float]:
        """Scores a trial's architecture; KerasTuner prints the traceback of one that fails."""
        architecture = architecture_genes.from_values(
            trial.hyperparameters.values, self._architectures.space
        )
        try:
            return {name: float(value) for name, value in self.scorer(architecture).items()}
        except UserError as error:
            raise _Abort from error

    def write_leaderboard(self) -> pathlib.Path:
        """Writes the leaderboard beside the journal and returns its path."""
        path = pathlib.Path(self.project_dir) / LEADERBOARD
        trial_results.write_leaderboard(
            path, trial_results.from_history(self._architectures.history)
        )
        return path

    # BaseTuner's hooks.

    def pre_create_trial(self) -> None:
        """Pauses where the last answer was to ask again; KerasTuner would ask without a rest."""
        time.sleep(self._pause)
        self._pause = min(max(2 * self._pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)

    def on_trial_begin(self, trial: Trial) -> None:
        self._pause = 0.0

    def on_trial_end(self, trial: Trial) -> None:
        self._pause = 0.0
        super().on_trial_end(trial)
        if self._bar is not None:
            self._bar.update()

    def save(self) -> None:
        """Nothing to write: the oracle's journal holds everything."""

    def reload(self) -> None:
        """Takes up the search from the journal, which is the chief's in a distributed one."""
        if not self._is_worker():
            self._architectures.reload()

    # Inside.

    def _leave(self) -> None:
        self._architectures.save()
        self.write_leaderboard()

    def _score(self) -> None:
        try:
            super().search()
        except _Abort as abort:
            raise abort.__cause__ from None

    def _work(self) -> None:
        try:
            self.oracle.join()
            self._score()
        except chief_and_workers.SearchEnded:
            return
        except grpc.RpcError as error:
            raise chief_and_workers.chief_error(error) from error


class _Abort(FatalError):
    """Carries a scorer's ``UserError`` past KerasTuner, which ends a trial at any other one."""
