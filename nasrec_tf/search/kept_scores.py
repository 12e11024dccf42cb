"""Scores that a run has made before it was extended, taken again where they are the same."""

import json
import pathlib
from collections.abc import Mapping

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.search.run import SEARCH_PROJECT
from nasrec_tf.search.scorers import Scores
from nasrec_tf.search.superseded import of_run
from nasrec_tf.strategies.history import COMPLETED
from nasrec_tf.strategies.oracle.ledger import JOURNAL, read_history
from nasrec_tf.strategies.oracle.settings_difference import SCORING


class KeptScores:
    """A scorer that looks up what ``superseded/`` holds first.

    Scores are the same where all is that they depend on, which their journals tell.

    Args:
        run_dir: of the run.
        stage: whose journals are looked through.
        scores: what scores whatever is not there.

    Raises:
        RunError: if a journal is damaged.
    """

    def __init__(self, run_dir: pathlib.Path, stage: str, scores: Scores):
        self._scorer = scores.scorer
        self._known: dict[str, Mapping[str, float]] = {}
        depends_on = json.loads(json.dumps(scores.settings))
        for aside in of_run(run_dir):
            project = aside / stage / SEARCH_PROJECT
            if not (project / JOURNAL).exists():
                continue
            settings, history = read_history(project)
            if settings.get(SCORING) != depends_on:
                continue
            for candidate in history.candidates:
                outcome = history.outcomes.get(candidate.number)
                if outcome is not None and outcome.status == COMPLETED:
                    known = _written(candidate.architecture)
                    self._known.setdefault(known, outcome.metrics)

    def __call__(self, architecture: Architecture) -> Mapping[str, float]:
        known = self._known.get(_written(architecture))
        return self._scorer(architecture) if known is None else known


def _written(architecture: Architecture) -> str:
    return json.dumps(architecture.to_json(), sort_keys=True)
