"""The report of a run as one self-contained page: ``write_report(summary, path)``."""

from nasrec_tf.report.data_summary import DataSummary, SplitSummary, TableSummary
from nasrec_tf.report.explanation_summary import (
    AblationSummary,
    ExplanationSummary,
    ImportanceSummary,
    SliceSummary,
    WhySummary,
    YardstickSummary,
)
from nasrec_tf.report.hardware_summary import BaselineSummary, HardwareSummary
from nasrec_tf.report.page import render_report, write_report
from nasrec_tf.report.pruning_summary import PruningStepSummary, PruningSummary
from nasrec_tf.report.quality_summary import (
    CalibratedQuality,
    CalibrationSummary,
    DifferenceSummary,
    QualitySummary,
    ReliabilityBin,
)
from nasrec_tf.report.summary import (
    CandidateSummary,
    Curve,
    ExportSummary,
    RecipeSummary,
    RecipeTableSummary,
    RecipeValueSummary,
    RunSummary,
    StageSummary,
    TrialSummary,
)
from nasrec_tf.report.winner_summary import (
    EnsembleSummary,
    PartSummary,
    SpreadSummary,
    WinnerSummary,
)

__all__ = [
    "AblationSummary",
    "BaselineSummary",
    "CalibratedQuality",
    "CalibrationSummary",
    "CandidateSummary",
    "Curve",
    "DataSummary",
    "DifferenceSummary",
    "EnsembleSummary",
    "ExplanationSummary",
    "ExportSummary",
    "HardwareSummary",
    "ImportanceSummary",
    "PartSummary",
    "PruningStepSummary",
    "PruningSummary",
    "QualitySummary",
    "RecipeSummary",
    "RecipeTableSummary",
    "RecipeValueSummary",
    "ReliabilityBin",
    "RunSummary",
    "SliceSummary",
    "SplitSummary",
    "SpreadSummary",
    "StageSummary",
    "TableSummary",
    "TrialSummary",
    "WhySummary",
    "WinnerSummary",
    "YardstickSummary",
    "render_report",
    "write_report",
]
