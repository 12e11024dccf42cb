"""A KerasTuner oracle whose trials are architectures, whatever strategy draws them.

KerasTuner 1.4.8 rewrites its whole state at every step, keeps the trial of a lost worker for
ever, does not release its lock after an exception and makes a random seed of 0. This oracle keeps
its public interface and replaces what stands behind it: a journal that only grows by a line
(``ledger.py``), trials that can be handed out again (``assignments.py``), and candidates that
depend on the seed, their number and earlier scores alone (``draws.py``).
"""

import json
import logging
import math
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from nasrec_tf.architecture.space import SearchSpace
from nasrec_tf.common.errors import RunError
from nasrec_tf.strategies.budget import Budget
from nasrec_tf.strategies.draws import Draws, NothingToDraw
from nasrec_tf.strategies.hardware_space import HardwareSpace
from nasrec_tf.strategies.history import LOG_LOSS, Candidate, History
from nasrec_tf.strategies.oracle import architecture_genes, trials
from nasrec_tf.strategies.oracle.assignments import DEFAULT_PATIENCE, Assignments, Patience
from nasrec_tf.strategies.oracle.candidate_fault import candidate_fault
from nasrec_tf.strategies.oracle.ledger import Ledger
from nasrec_tf.strategies.oracle.settings_difference import SCORING, first_difference
from nasrec_tf.strategies.search_settings import check_positive
from nasrec_tf.strategies.strategy import Strategy

logger = logging.getLogger(__name__)


class ArchitectureOracle(keras_tuner.Oracle):
    """Hands out architectures; lower ``log_loss`` is better.

    The same seed and the same scores give the same candidates, whether the search is interrupted
    or not and however many workers score. A candidate that diverged (its log loss is not finite)
    or failed has no score: it is recorded, is never a parent or a result, and does not stop the
    search. ``max_consecutive_failed_trials`` failures in a row do; they are tried again when the
    search is taken up again. The search ends early once the strategy has nothing to go on from
    (``NothingScored``) or nothing new to draw (``SpaceExhausted``).

    Args:
        strategy: what draws the candidates.
        space: where architectures are drawn from.
        budgets: costs to record, and limits to keep.
        hardware: where hardware is drawn from; ``None`` for a search of architectures alone.
        seed: a non-negative integer; ``None`` takes that of the project directory, or draws one.
        max_redraws: draws after which no new candidate within the budgets is expected; the
            search then ends early.
        max_consecutive_failed_trials: failures in a row that stop the search.
        patience: when the worker of a trial counts as lost.
        scoring: what scores depend on besides the architecture, as JSON values by the name that
            messages use, such as ``{"--fine-tune-steps": 500}``. A search goes on, and workers
            join it, with the same alone: other scores could not be compared.
        is_over: asked before each candidate is drawn, ends the search with those there are, if one
            of them has a score.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        strategy: Strategy,
        space: SearchSpace,
        *,
        budgets: Sequence[Budget] = (),
        seed: int | None = None,
        hardware: HardwareSpace | None = None,
        max_redraws: int = 1000,
        max_consecutive_failed_trials: int = 3,
        patience: Patience = DEFAULT_PATIENCE,
        scoring: Mapping[str, Any] | None = None,
        is_over: Callable[[], bool] = lambda: False,
    ):
        check_positive(max_consecutive_failed_trials=max_consecutive_failed_trials)
        if seed is not None and (type(seed) is not int or seed < 0):
            raise ValueError(f"`seed` must be an integer from 0. Received: {seed!r}")
        super().__init__(
            objective=keras_tuner.Objective(LOG_LOSS, "min"),
            max_trials=strategy.trials,
            hyperparameters=architecture_genes.search_hyperparameters(space, hardware),
            allow_new_entries=False,
            tune_new_entries=False,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
        )
        self.strategy = strategy
        self.space = space
        self.draws = Draws(space, tuple(budgets), max_redraws, hardware)
        self.seed = seed
        self.patience = patience
        self.is_over = is_over
        self.scoring = None if scoring is None else json.loads(json.dumps(dict(scoring)))
        self._lock = threading.RLock()
        self._ledger: Ledger | None = None
        self._exhausted: str | None = None
        self._assignments = Assignments(patience)

    # What KerasTuner's tuners and its chief call.

    def create_trial(self, tuner_id: str) -> Trial:
        """The next trial for a worker, or an empty one that says to ask again or to stop.

        A worker that holds a trial gets the same one again.

        Args:
            tuner_id: name of the worker.
        """
        with self._lock:
            self._open()
            self.tuner_ids.add(tuner_id)
            self._assignments.meet(tuner_id)
            number = self._assignments.held_by(tuner_id)
            if number is None and not self.failure:
                number = self._next_number()
            if number is not None:
                self._assignments.hand_out(number, tuner_id)
                self.ongoing_trials[tuner_id] = self.trials[self._trial_id(number)]
                return self.ongoing_trials[tuner_id]
            if not self.finished:
                return trials.empty_trial(TrialStatus.IDLE)
            self.tuner_ids.discard(tuner_id)
            self._assignments.dismiss(tuner_id)
            return trials.empty_trial(TrialStatus.STOPPED)

    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Trial:
        """Takes a trial's metrics; a later report replaces an earlier one until the trial ends.

        Args:
            trial_id: of the trial.
            metrics: by name, ``log_loss`` among them, in nats.
            step: that KerasTuner keeps with them.

        Raises:
            ValueError: if there is no log loss among them.
        """
        with self._lock:
            self._open()
            trial = self.trials[trial_id]
            if int(trial_id) in self.history.open:
                self._check_objective_found(metrics)
                trials.set_metrics(trial, metrics, step)
            return trial

    def end_trial(self, trial: Trial) -> None:
        """Ends a trial; the first end counts, whoever reports it.

        Args:
            trial: as the worker leaves it.
        """
        with self._lock:
            self._open()
            number = int(trial.trial_id)
            if number not in self.history.open:
                logger.info("Candidate %s ended a second time: ignored.", trial.trial_id)
                return
            own = self.trials[trial.trial_id]
            if trial.status == TrialStatus.COMPLETED and not trials.has_score(own):
                # The chief was killed between the two reports: the score is lost.
                logger.warning("Candidate %s ended without a score: again.", trial.trial_id)
                return
            seconds = self._assignments.seconds(number)
            outcome = trials.outcome_of(own, trial.status, trial.message, seconds)
            self._ledger.end(number, outcome)
            self._show_end(number)
            for worker in self._assignments.end(number):
                self.ongoing_trials.pop(worker, None)

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """The trials of lowest log loss, the older of equal ones first; those with a score only.

        Args:
            num_trials: how many at most.
        """
        with self._lock:
            scored = filter(self.history.scored, self.history.outcomes)
            ranked = sorted(scored, key=lambda number: (self.history.score(number), number))
            return [self.trials[self._trial_id(number)] for number in ranked[:num_trials]]

    def get_state(self) -> dict[str, Any]:
        """Settings and history, as JSON values."""
        with self._lock:
            self._open()
            return {"settings": self.settings(), "events": list(self._ledger.events())}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Takes up a state of ``get_state``, in place of what the project directory holds.

        Args:
            state: what ``get_state`` gave.

        Raises:
            RunError: if it was made with other settings.
        """
        with self._lock:
            self._check_settings(state["settings"])
            self._ledger = self._ledger or Ledger(self._project_dir)
            self._ledger.replace(self.settings(), state["events"])
            self._show_history()

    def save(self) -> None:
        """Syncs the journal to disk; every event is in it as soon as it happens.

        Raises:
            RunError: if the disk refuses.
        """
        with self._lock:
            self._open()
            self._ledger.sync()

    def reload(self) -> None:
        """Takes up the search that the project directory holds, or begins one.

        Raises:
            RunError: if the journal is damaged, or was made with other settings.
        """
        with self._lock:
            ledger = Ledger(self._project_dir)
            if ledger.exists():
                begun = ledger.resume()
                self._check_settings(begun)
                if self.scoring is not None and SCORING not in begun:
                    ledger.add_settings({SCORING: self.scoring})
                if self._failed_too_often(ledger.history):
                    ledger.reopen_last_failures()
            else:
                self.seed = secrets.randbits(32) if self.seed is None else self.seed
                ledger.begin(self.settings())
            self._check_candidates(ledger)
            self._ledger = ledger
            self._show_history()

    # What our tuner and chief ask besides.

    @property
    def history(self) -> History:
        """What has been tried so far."""
        with self._lock:
            self._open()
            return self._ledger.history

    @property
    def finished(self) -> bool:
        """Whether no trial is left to hand out or to wait for."""
        with self._lock:
            if self.failure:
                return True
            all_drawn = self._exhausted is not None or len(self.history) >= self.max_trials
            return all_drawn and not self.history.open

    @property
    def failure(self) -> str | None:
        """Why the search stopped before its end, if so many trials in a row failed."""
        with self._lock:
            if not self._failed_too_often(self.history):
                return None
            last = self.history.outcomes[self.history.last_failures[-1]]
            return last.message or "the worker's log tells why"

    def live_workers(self) -> set[str]:
        """Workers that have neither been told to stop nor been silent for too long."""
        with self._lock:
            return self._assignments.live_workers(self.history.longest)

    def settings(self) -> dict[str, Any]:
        """What a resumed search must have in common with the one begun, as JSON values."""
        limits = {budget.metric: budget.limit for budget in self.draws.budgets}
        optional = {
            "hardware": self.draws.hardware and self.draws.hardware.to_json(),
            SCORING: self.scoring,
        }
        return {
            "oracle": self.strategy.journal_name or type(self).__name__,
            "strategy": repr(self.strategy),
            "space": self.space.to_json(),
            "seed": self.seed,
            "max_redraws": self.draws.max_redraws,
            "budgets": {m: v if math.isfinite(v) else None for m, v in limits.items()},
        } | {name: value for name, value in optional.items() if value is not None}

    # Inside.

    def _open(self) -> None:
        if self._ledger is None:
            self.reload()

    def _check_settings(self, begun: Mapping[str, Any]) -> None:
        self.seed = begun.get("seed") if self.seed is None else self.seed
        mine = self.settings()
        if SCORING not in begun:  # Of a version that did not record it.
            mine.pop(SCORING, None)
        difference = first_difference(begun, mine)
        if difference is not None:
            name, theirs, ours = difference
            raise RunError(
                f"{self._project_dir}: the search there was begun with {name} = {theirs!r}, not "
                f"{ours!r}: give what it was begun with, or another directory."
            )

    def _check_candidates(self, ledger: Ledger) -> None:
        for candidate in ledger.history.candidates:
            fault = candidate_fault(candidate, self.strategy, self.draws)
            if fault is not None:
                raise RunError(
                    f"{ledger.path}: damaged: candidate {candidate.number}: {fault}; restore the "
                    f"file, or delete it to begin the search anew."
                )

    def _failed_too_often(self, history: History) -> bool:
        return len(history.last_failures) >= self.max_consecutive_failed_trials

    def _next_number(self) -> int | None:
        """A candidate that nobody has, else a new one, else one whose worker seems lost."""
        unheld = self._assignments.unheld(self.history.open)
        if unheld:
            return min(unheld)
        number = len(self.history)
        if number < self.max_trials and self.strategy.ready(number, self.history):
            if self._exhausted is None and self._create(number):
                return number
        return min(self._assignments.lost(self.history.longest), default=None)

    def check_first(self) -> None:
        """Finds out before any work whether there is a first candidate.

        Raises:
            RunError: if the budgets leave none.
        """
        try:
            self.strategy.propose(0, History(), self.draws, self.seed or 0)
        except NothingToDraw as reason:
            raise self._no_candidate(reason) from reason

    def _no_candidate(self, reason: NothingToDraw) -> RunError:
        return RunError(
            f"Search space {self.space.name!r} gives no candidate: {reason}: raise the limit."
        )

    def _create(self, number: int) -> bool:
        """Draws a candidate, if there is one, and time for it."""
        if self.history.best is not None and self.is_over():
            self._exhausted = "its time is over"
            return False
        try:
            candidate = self.strategy.propose(number, self.history, self.draws, self.seed)
        except NothingToDraw as reason:
            if number == 0:
                raise self._no_candidate(reason) from reason
            logger.warning("The search ends after %d candidates: %s.", number, reason)
            self._exhausted = str(reason)
            return False
        self._ledger.add(candidate)
        self._show_candidate(candidate)
        return True

    # KerasTuner's view of the history: its tools read trials.

    def _show_history(self) -> None:
        self.trials: dict[str, Any] = {}
        self.ongoing_trials: dict[str, Any] = {}
        self.start_order: list[str] = []
        self.end_order: list[str] = []
        self._assignments, self._exhausted = Assignments(self.patience), None
        for candidate in self.history.candidates:
            self._show_candidate(candidate)
        for number in self.history.end_order:
            self._show_end(number)

    def _show_candidate(self, candidate: Candidate) -> None:
        trial_id = self._trial_id(candidate.number)
        self.trials[trial_id] = trials.running_trial(
            candidate, trial_id, self.hyperparameters, self.space
        )
        self.start_order.append(trial_id)

    def _show_end(self, number: int) -> None:
        trial = self.trials[self._trial_id(number)]
        costs = self.history.candidates[number].costs
        trials.show_outcome(trial, self.history.outcomes[number], costs)
        self.end_order.append(trial.trial_id)

    def _trial_id(self, number: int) -> str:
        return f"{number:0{len(str(self.max_trials))}d}"
