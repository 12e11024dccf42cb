"""How good a trained model is on a log, as a table on the screen and in a file."""

import argparse
import csv
import json
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.csv_cells import plain_cell
from nasrec_tf.common.errors import UserError
from nasrec_tf.trained.asked_model import UnreadRows, asked, counting
from nasrec_tf.trained.log_rows import AskedLog, described, judged_rows
from nasrec_tf.trained.rival_column import beside, rival_logits
from nasrec_tf.trained.row_codes import MISSING, CodedColumn, RowCodes, numbers_in_ranges
from nasrec_tf.trained.slice_quality import JudgedRows, SliceQuality, judge
from nasrec_tf.trained.trained_model import TrainedModel
from nasrec_tf.training.area_interval import FEW
from nasrec_tf.training.grouped_auc import LEAST_GROUPS

COLUMNS = ("column", "value", "rows", "clicks", "click rate", "log loss",
           "log loss of the click rate", "AUC", "grouped AUC", "groups", "calibration error",
           "predicted / observed")  # fmt: skip

NO_GROUP = -1
"""Of a row whose group is missing."""


def evaluate(options: argparse.Namespace) -> int:
    """Tells how good a model is on a log; returns the exit code.

    Args:
        options: of ``python -m nasrec_tf.evaluate``.

    Raises:
        UserError: if model or log cannot be used.
    """
    model, log = asked(options)
    rows, unread = _judged(model, log, options)
    found = list(judge(rows, options.seed, options.most_slices))
    unread.tell("do not count")
    if len(set(rows.labels.tolist())) == 1:
        print(
            f"warning: all {len(rows.labels):,} rows have label {rows.labels[0]}, so there is no "
            "AUC; --label names another column, --label-positive the values that are clicks",
            file=sys.stderr,
        )
    print(screen_table(found))
    if rows.rival is not None:
        other = (options.beside, rows.labels, rows.logits, rows.rival, rows.weights)
        print(beside(*other, options.seed).told())
    for line in _notes(model, log, options, rows, found):
        print(line)
    if options.output:
        _write(pathlib.Path(options.output), found)
    return 0


def _notes(
    model: TrainedModel,
    log: AskedLog,
    options: argparse.Namespace,
    rows: JudgedRows,
    found: Sequence[SliceQuality],
) -> Iterator[str]:
    """What is not seen from the figures."""
    if rows.weights is not None:
        yield (
            f"Rows count by column {model.schema.weight!r}, as in training (--unweighted: alike)."
        )
    group = model.schema.group
    few = any(each.grouped and 0 < each.grouped.groups < LEAST_GROUPS for each in found)
    if rows.groups is not None:
        yield (
            f"AUC is grouped by column {options.group or group!r}: the mean over the groups that "
            "have both labels, each by its rows."
            + (f" Of fewer than {LEAST_GROUPS} it has no interval." if few else "")
        )
    elif group is not None and log.records is None:
        yield f"--group {group} tells the AUC within groups as well, as the run's report does."
    if any(0 < min(each.clicked, each.quality.samples - each.clicked) < FEW for each in found):
        yield (
            f"With fewer than {FEW} clicks (or rows without one) the AUC's interval goes by how "
            "many there are; the other intervals know only of clicks that there were."
        )
    if any(each.calibration.error > each.calibration.interval[1] for each in found):
        yield (
            "Of few rows the calibration error is too high by chance; its interval is put right "
            "for that, and may lie below it."
        )


def _judged(
    model: TrainedModel, log: AskedLog, options: argparse.Namespace
) -> tuple[JudgedRows, UnreadRows]:
    """Labels, predictions and codes of the whole log: some 20 bytes a row."""
    groups = _groups_of_records(log, options.group)
    by_value = options.group if groups is None else None
    columns = tuple(dict.fromkeys([*options.by, *([by_value] if by_value else [])]))
    rivals = (options.beside,) if options.beside else ()
    decimal = "." if log.records is not None else described(model, log).decimal
    missing = model.schema.missing_tokens
    numbers = {feature.source for feature in model.schema.dense}
    codes = {
        name: RowCodes(missing, decimal if name in numbers else None)
        for name in dict.fromkeys(options.by)
    }
    of_groups = RowCodes(missing)
    labels, logits, weights, rival, unread = [], [], [], [], UnreadRows()
    # Before a bar opens: what is amiss at the start is told alone.
    blocks = judged_rows(model, log, (*columns, *rivals), weighted=not options.unweighted)
    with counting(options.quiet) as bar:
        for rows in blocks:
            unread.add(rows)
            bar.update(len(rows.readable))
            labels.append(rows.labels)
            logits.append(rows.logits)
            if rows.weights is not None:
                weights.append(rows.weights)
            for name in codes:
                codes[name].add(rows.items.get(name, rows.further[name]))
            if by_value:
                of_groups.add(rows.further[by_value])
            for name in rivals:
                rival.append(rival_logits(rows.further[name], name, missing, decimal))
    # Rows that are left out are seldom like the others: with labels 1 and 2 they are one label.
    unread.check(log.data[0], options.max_reject_share)
    if by_value:
        groups = _coded_groups(of_groups)
    slices = {name: found.column for name, found in codes.items()}
    for name in numbers.intersection(slices):
        column = slices[name]
        ranges = numbers_in_ranges(column.codes, column.names, decimal)
        slices[name] = CodedColumn(*ranges, rising=True)
    judged = JudgedRows(
        np.concatenate(labels),
        np.concatenate(logits),
        groups,
        slices,
        np.concatenate(weights) if weights else None,
        np.concatenate(rival) if rival else None,
    ).counted()
    if not len(judged.labels):
        raise UserError(f"{log.data[0]}: all rows have weight 0; evaluate them --unweighted.")
    return judged, unread


def _groups_of_records(log: AskedLog, group: str | None) -> np.ndarray | None:
    """The groups that records hold, in their order, -1 where missing.

    Args:
        log: what the model is asked about.
        group: the column that is asked for; ``None`` for that of the data set.

    Returns:
        ``None`` of a raw log, and of records that hold no groups of this column.
    """
    if log.records is None:
        return None
    from nasrec_tf.data.records import Records

    records = Records(log.records)
    if group not in (None, records.schema.group):
        return None
    hashes = records.groups(log.split or "test")
    if hashes is None:
        return None
    places = np.unique(hashes, return_inverse=True)[1].astype(np.int32)
    places[hashes == 0] = NO_GROUP
    return places


def _coded_groups(codes: RowCodes) -> np.ndarray:
    """The groups that values are, -1 where missing."""
    known = np.array([name != MISSING for name in codes.names])
    array = codes.array
    return np.where(known[array], array, np.int32(NO_GROUP))


def screen_table(found: Sequence[SliceQuality]) -> str:
    """The figures as a table of text.

    Args:
        found: of each slice.
    """
    shown = [_cells(each) for each in found]
    used = [k for k, _ in enumerate(COLUMNS) if any(row[k] for row in shown)]
    lines = [[COLUMNS[k] for k in used], *([row[k] for k in used] for row in shown)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    texts = 2 if len(found) > 1 else 1
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k < texts else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    )


def _cells(each: SliceQuality) -> list[str]:
    quality, calibration, grouped = each.quality, each.calibration, each.grouped
    return [
        each.column,
        each.value,
        f"{quality.samples:,}",
        f"{each.clicked:,}",
        f"{each.clicks:.4f}",
        _shown(quality.log_loss, quality.log_loss_interval),
        f"{each.constant_log_loss:.4f}",
        _shown(quality.auc, quality.auc_interval),
        "" if grouped is None else _shown(grouped.auc, grouped.interval),
        "" if grouped is None else f"{grouped.groups:,}",
        _shown(calibration.error, calibration.interval),
        _shown(calibration.ratio, calibration.ratio_interval),
    ]


def _shown(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    if interval is None:
        return f"{value:.4f}"
    return f"{value:.4f} ({interval[0]:.4f} to {interval[1]:.4f})"


def _write(path: pathlib.Path, found: Sequence[SliceQuality]) -> None:
    with atomic_file(path) as file:
        if path.suffix == ".json":
            json.dump([each.to_json() for each in found], file, indent=1, ensure_ascii=False)
            file.write("\n")
            return
        writer = csv.writer(file, lineterminator="\n")
        flat = [_flat(each.to_json()) for each in found]
        writer.writerow(flat[0])
        writer.writerows(map(plain_cell, row.values()) for row in flat)


def _flat(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested fields in one row, an interval as two."""
    row: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            row |= _flat(value, f"{prefix}{name}_")
        elif name.endswith("interval"):
            low, high = value or (None, None)
            row |= {f"{prefix}{name}_low": low, f"{prefix}{name}_high": high}
        else:
            row[f"{prefix}{name}"] = value
    return row
