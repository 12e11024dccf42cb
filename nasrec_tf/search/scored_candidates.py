"""Candidates scored by a scorer, one after the other or by several processes."""

from nasrec_tf.search.run import SEARCH_PROJECT, Run


def score_candidates(run: Run, stage: str, oracle, scorer) -> None:
    """Scores what an oracle hands out, as chief, as worker or alone.

    Args:
        run: the run.
        stage: whose directory keeps the scores.
        oracle: an ``ArchitectureOracle``.
        scorer: gives the metrics of an architecture.

    Raises:
        NoScores: if no candidate got a finite log loss.
        RunError: as ``SubnetTuner``.
    """
    from nasrec_tf.search.scoring_settings import scoring_environment
    from nasrec_tf.strategies import SubnetTuner

    tuner = SubnetTuner(
        oracle,
        scorer,
        directory=run.directory.stage(stage),
        project_name=SEARCH_PROJECT,
        progress=not run.quiet,
        environment=scoring_environment(run.config.imports),
        note=run.time.told,
        has_ended=lambda: run.directory.result(stage) is not None,
    )
    tuner.search()
