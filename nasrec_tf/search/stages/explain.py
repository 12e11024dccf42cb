"""What the found model is worth beside simple ones, and why it is as good as it is."""

from nasrec_tf.report import ExplanationSummary
from nasrec_tf.search.explained_model import ExplainedModel
from nasrec_tf.search.results import ExplainResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.why import explained
from nasrec_tf.search.yardsticks import row_share, yardsticks
from nasrec_tf.training.area_interval import few_of_a_label, rows_by_label


def run_stage(run: Run) -> ExplainResult:
    """Compares the found model with simple ones trained alike, and looks at what it relies on.

    Args:
        run: the run.

    Raises:
        RunError: if what a stage before left is missing or damaged.
    """
    directory = run.directory.stage("explain")
    found = ExplainedModel.of(run)
    test = found.predicted_test()
    beside = yardsticks(run, found, test, directory)
    return ExplainResult(
        explanation=ExplanationSummary(
            compared=found.told,
            found=test.quality(seed=run.config.seed),
            mflops=found.mflops,
            yardsticks=beside,
            row_share=row_share(run, beside),
            why=explained(run, found, test, directory),
            few_of_a_label=few_of_a_label(rows_by_label(run.records, "test")),
        )
    )
