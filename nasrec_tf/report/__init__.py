"""The report of a run as one self-contained page: ``write_report(summary, path)``."""

from nasrec_tf.report.page import render_report, write_report
from nasrec_tf.report.summary import (
    BaselineSummary,
    CalibratedQuality,
    CalibrationSummary,
    CandidateSummary,
    Curve,
    DataSummary,
    ExportSummary,
    HardwareSummary,
    QualitySummary,
    ReliabilityBin,
    RunSummary,
    SplitSummary,
    StageSummary,
    TableSummary,
    TrialSummary,
    WinnerSummary,
)

__all__ = [
    "BaselineSummary",
    "CalibratedQuality",
    "CalibrationSummary",
    "CandidateSummary",
    "Curve",
    "DataSummary",
    "ExportSummary",
    "HardwareSummary",
    "QualitySummary",
    "ReliabilityBin",
    "RunSummary",
    "SplitSummary",
    "StageSummary",
    "TableSummary",
    "TrialSummary",
    "WinnerSummary",
    "render_report",
    "write_report",
]
