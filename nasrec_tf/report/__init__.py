"""The report of a run as one self-contained page: ``write_report(summary, path)``."""

from nasrec_tf.report.page import render_report, write_report
from nasrec_tf.report.summary import (
    BaselineSummary,
    CandidateSummary,
    Curve,
    DataSummary,
    ExportSummary,
    HardwareSummary,
    QualitySummary,
    RunSummary,
    SplitSummary,
    StageSummary,
    TableSummary,
    TrialSummary,
    WinnerSummary,
)

__all__ = [
    "BaselineSummary",
    "CandidateSummary",
    "Curve",
    "DataSummary",
    "ExportSummary",
    "HardwareSummary",
    "QualitySummary",
    "RunSummary",
    "SplitSummary",
    "StageSummary",
    "TableSummary",
    "TrialSummary",
    "WinnerSummary",
    "render_report",
    "write_report",
]
