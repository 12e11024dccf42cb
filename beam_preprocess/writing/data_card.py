"""The data card: what a reader wants to know of a data set, in Markdown with small plots."""

from __future__ import annotations

from beam_preprocess.common.markdown_cell import markdown_cell, markdown_code
from beam_preprocess.dataset.feature_schema import JSON_LISTS, DenseFeature, SparseFeature
from beam_preprocess.dataset.file_names import CARD_FILE, file_stem
from beam_preprocess.dataset.findings import Findings
from beam_preprocess.dataset.schema import SPLIT_NAMES, Schema
from beam_preprocess.encoding.statistics import BIN_EDGES, Summary
from beam_preprocess.reading.description import Description
from beam_preprocess.writing.bar_chart import bar_chart

ALONE = (
    "*AUC alone* is how well the feature by itself tells clicks from other rows, of a sample of "
    "the training split: 0.5 is not at all, 1 gives the label away."
)
"""What the card says of the figure."""


def data_card(
    description: Description, schema: Schema, summary: Summary, findings: Findings
) -> dict[str, str]:
    """The data card and its plots.

    Args:
      description: Of the raw log.
      schema: Of the data set.
      summary: What the first pass found.
      findings: Warnings, and figures of features.

    Returns:
      From file name, relative to the data set, to the text of the file.
    """
    files = {"plots/label_rate.svg": _label_plot(schema)}
    if schema.sparse:
        files["plots/table_rows.svg"] = _table_plot(schema)
    for feature in schema.dense:
        if feature.transform != "missing_indicator" and summary.dense[feature.key].count:
            files[_plot_name(feature)] = _dense_plot(feature, summary)
    parts = [
        _head(schema, _clicks(description)),
        _warnings(findings),
        _splits(schema),
        _label_rates(schema, findings),
        _dense(schema, findings, files),
        _sparse(schema, findings),
        _rejects(schema),
    ]
    files[CARD_FILE] = "\n".join(part for part in parts if part)
    return files


def _clicks(description: Description) -> str:
    """Which values of the label column are clicks, where they are not 1."""
    if description.label_above is not None:
        return f" (above {description.label_above:g})"
    if description.label_positive:
        return f" ({', '.join(markdown_code(value) for value in description.label_positive)})"
    return " (above 0)" if description.label_rule == "positive" else ""


def _head(schema: Schema, clicks: str) -> str:
    rows = sum(split.rows for split in schema.splits.values())
    return (
        f"# Data set {markdown_cell(schema.name)}\n\n"
        f"{rows:,} rows, label {markdown_code(schema.label)}{clicks}, "
        f"{len(schema.dense)} dense and {len(schema.sparse)} sparse features. "
        f"Split: {schema.split_method} (seed {schema.seed}). "
        f"Statistics and vocabularies come from the training split alone.{_counting(schema)}\n"
    )


def _counting(schema: Schema) -> str:
    """What columns that are no features are for."""
    text = ""
    if schema.weight is not None:
        text += f" Rows count by column {markdown_code(schema.weight)}, in label rates as well."
    if schema.group is not None:
        text += f" Groups of the AUC are the values of column {markdown_code(schema.group)}."
    return text


def _warnings(findings: Findings) -> str:
    lines = [f"- **{found.kind}**: {markdown_cell(found.text)}" for found in findings.warnings]
    return "## Warnings\n\n" + "\n".join(lines or ["None."]) + "\n"


def _label_rates(schema: Schema, findings: Findings) -> str:
    if len(findings.label_rates) < 2:
        return ""
    rates = " ".join(f"{rate:.4f}" for rate in findings.label_rates)
    alike = "" if schema.weight is None else "; every row counts once"
    return (
        f"Label rates of successive parts of the log (by time, where it is known{alike}): {rates}\n"
    )


def _splits(schema: Schema) -> str:
    lines = ["| split | rows | positives | label rate | shards |", "|---|---:|---:|---:|---:|"]
    for name, split in schema.splits.items():
        lines.append(
            f"| {name} | {split.rows:,} | {split.positives:,} | {split.label_rate:.4f} "
            f"| {len(split.files)} |"
        )
    return "## Splits\n\n" + "\n".join(lines) + "\n\n![label rate](plots/label_rate.svg)\n"


def _dense(schema: Schema, findings: Findings, files: dict[str, str]) -> str:
    if not schema.dense:
        return ""
    total = schema.splits["train"].rows
    lines = [
        "| feature | source | transform | missing | mean | std | minimum | maximum | AUC alone "
        "| histogram |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for feature in schema.dense:
        plot = _plot_name(feature)
        lines.append(
            f"| {markdown_cell(feature.name)} | {markdown_cell(_source(feature))} "
            f"| {feature.transform} "
            f"| {feature.missing_count / total:.2%} "
            f"| {feature.mean:.6g} | {feature.std:.6g} | {feature.minimum:.6g} "
            f"| {feature.maximum:.6g} | {_auc(findings, feature.name)} "
            f"| {f'![]({plot})' if plot in files else ''} |"
        )
    return (
        "## Dense features\n\nMoments are of the raw values; histograms are of "
        f"sign(x) ln(1 + |x|). {ALONE}\n\n" + "\n".join(lines) + "\n"
    )


def _sparse(schema: Schema, findings: Findings) -> str:
    if not schema.sparse:
        return ""
    lines = [
        "| feature | source | encoding | table rows | distinct | missing | out of vocabulary "
        "| in validation | in test | AUC alone |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    total = schema.splits["train"].rows
    lines += [_sparse_line(feature, total, findings) for feature in schema.sparse]
    return (
        f"## Sparse features\n\n{sum(schema.sparse_rows):,} table rows in all. {ALONE}\n\n"
        + "\n".join(lines)
        + "\n\n![table rows](plots/table_rows.svg)\n"
    )


def _sparse_line(feature: SparseFeature, total: int, findings: Findings) -> str:
    source = _source(feature)
    if feature.is_list:
        source += f" ({_of_list(feature)})"
    encoding = feature.encoding
    if feature.min_count is not None:
        encoding += f" (min count {feature.min_count})"
    counted = feature.distinct is not None
    distinct = f"{feature.distinct:,}" if counted else ""
    values = max(1, feature.item_count) if feature.is_list else total
    outside = f"{feature.out_of_vocabulary_count / values:.2%}" if counted else ""
    return (
        f"| {markdown_cell(feature.name)} | {markdown_cell(source)} | {encoding} "
        f"| {feature.rows:,} | {distinct} "
        f"| {feature.missing_count / total:.2%} | {outside} "
        + "".join(f"| {_unknown(findings, feature.name, name)} " for name in SPLIT_NAMES[1:])
        + f"| {_auc(findings, feature.name)} |"
    )


def _source(feature: DenseFeature | SparseFeature) -> str:
    """What a feature is made of, in words."""
    if feature.derive is None:
        return feature.source
    until = f" until {feature.until}" if isinstance(feature, DenseFeature) else ""
    return f"{feature.derive} of {feature.source}{until}"


def _of_list(feature: SparseFeature) -> str:
    if feature.separator in (None, JSON_LISTS):
        between = "a list" if feature.separator is None else "a list of JSON"
    else:
        between = f"items between {feature.separator!r}"
    cut = (
        f", the others of {feature.cut_count:,} training rows cut off" if feature.cut_count else ""
    )
    return (
        f"{between}, {feature.item_count:,} in training, at most {feature.longest} of a row{cut}; "
        f"pooled by {feature.pooling}"
    )


def _unknown(findings: Findings, feature: str, split: str) -> str:
    """Share of a split's values without an id of their own."""
    shares = findings.out_of_vocabulary.get(feature)
    return "" if shares is None else f"{shares[split]:.2%}"


def _auc(findings: Findings, feature: str) -> str:
    auc = findings.auc_alone.get(feature)
    return "" if auc is None else f"{auc:.3f}"


def _rejects(schema: Schema) -> str:
    if not schema.rejected:
        return "## Rejected rows\n\nNone.\n"
    lines = ["| reason | rows |", "|---|---:|"]
    lines += [
        f"| {markdown_cell(reason)} | {count:,} |" for reason, count in schema.rejected.items()
    ]
    return "## Rejected rows\n\nThe rows are in `rejects/`.\n\n" + "\n".join(lines) + "\n"


def _label_plot(schema: Schema) -> str:
    bars = [(name, split.label_rate) for name, split in schema.splits.items()]
    return bar_chart(bars, "label rate", "{:.4f}")


def _table_plot(schema: Schema) -> str:
    bars = [(feature.name, feature.rows) for feature in schema.sparse]
    return bar_chart(bars, "embedding table rows (log scale)", "{:,}", logarithmic=True)


def _plot_name(feature: DenseFeature) -> str:
    return f"plots/dense-{file_stem(feature.name)}.svg"


def _dense_plot(feature: DenseFeature, summary: Summary) -> str:
    histogram = summary.dense[feature.key].histogram
    bins = range(min(histogram), max(histogram) + 1)
    bars = [(f"{BIN_EDGES[index]:g}", histogram.get(index, 0)) for index in bins]
    return bar_chart(bars, f"{feature.name}: training rows by sign(x) ln(1 + |x|)", "{:,}")
