"""The end of a run: nothing lost, then schema, data card and manifest."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence

import numpy as np

from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.file_format import MANIFEST_FILE, SCHEMA_FILE
from beam_preprocess.dataset.findings import FINDINGS_FILE
from beam_preprocess.dataset.manifest import manifest_body
from beam_preprocess.dataset.origin import ORIGIN_FILE, Origin
from beam_preprocess.dataset.schema import SPLIT_NAMES, Schema, Split
from beam_preprocess.encoding.evidence import Evidence
from beam_preprocess.encoding.feature_statistics import build_features
from beam_preprocess.encoding.row_order import Layout, make_layout, record_bytes
from beam_preprocess.encoding.statistics import Summary
from beam_preprocess.encoding.vocabulary import VocabularyCounts
from beam_preprocess.errors import DataError
from beam_preprocess.job import Job
from beam_preprocess.writing.data_card import data_card
from beam_preprocess.writing.data_warnings import Judge
from beam_preprocess.writing.output_files import write_file
from beam_preprocess.writing.segments import Shard
from beam_preprocess.writing.unit_writer import Written


def shard_layouts(config: PreprocessConfig, summary: Summary) -> tuple[Layout, ...]:
    """The layout of each split, by its rows.

    Args:
      config: The run.
      summary: What the first pass found.
    """
    description = config.description
    lists = [column.name for column in description.sparse if column.is_list]
    items = sum(summary.items[name] for name in lists) / max(1, summary.rows[0])
    ids = len(description.sparse) - len(lists) + math.ceil(items)
    row_bytes = record_bytes(len(description.dense), ids)
    return tuple(
        make_layout(rows, config.shards, row_bytes, hashed=config.row_order == "hashed")
        for rows in summary.rows
    )


def shard_name(split: str, shard: int, layout: Layout) -> str:
    """The file of a shard, relative to the data set.

    Args:
      split: Name of the split.
      shard: Number of the shard, from 0.
      layout: Of the split.

    >>> shard_name("train", 3, Layout(shards=8, blocks=1))
    'train-00003-of-00008.tfrecord.gz'
    """
    return f"{split}-{shard:05d}-of-{layout.shards:05d}.tfrecord.gz"


@dataclasses.dataclass(frozen=True)
class Scanned:
    """What the first pass found.

    Attributes:
      summary: Statistics.
      evidence: What warnings go by.
      vocabularies: The vocabulary files.
    """

    summary: Summary
    evidence: Evidence
    vocabularies: tuple[VocabularyCounts, ...]


def publish(
    job: Job,
    scanned: Scanned,
    written: list[Written],
    shards: list[Shard],
    origin: Origin,
) -> None:
    """Writes what describes the data set, the manifest last.

    Args:
      job: The run.
      scanned: What the first pass found.
      written: What the units of the second pass wrote.
      shards: The finished shards, in any order.
      origin: What the data set was made of.

    Raises:
      DataError: The second pass found other rows than the first.
    """
    summary, vocabularies = scanned.summary, scanned.vocabularies
    _check_complete(summary, written, shards)
    schema = _schema(job, summary, vocabularies, shards)
    findings = Judge(
        job.config.description,
        schema,
        summary,
        scanned.evidence,
        {counts.feature: counts for counts in vocabularies},
        np.sum([part.outside for part in written], axis=0),
        np.sum([part.present for part in written], axis=0),
        job.files,
    ).findings()
    files = {shard.name: (shard.size, shard.digest) for shard in shards}
    for part in written:
        files.update(part.files)
    for vocabulary in vocabularies:
        files[vocabulary.path] = (vocabulary.size, vocabulary.digest)
    texts = {SCHEMA_FILE: schema.dumps(), ORIGIN_FILE: origin.dumps()}
    card = data_card(job.config.description, schema, summary, findings)
    texts |= {FINDINGS_FILE: findings.dumps(), **card}
    for name, text in texts.items():
        files[name] = write_file(job, name, text.encode("utf-8"))
    if not job.local:
        _remove_traces(job, written)
    manifest = json.dumps(manifest_body(files), indent=1) + "\n"
    write_file(job, MANIFEST_FILE, manifest.encode("utf-8"))


def _remove_traces(job: Job, written: list[Written]) -> None:
    """Removes units and counts from a store that knows no directories to remove at the end."""
    from apache_beam.io.filesystems import FileSystems

    paths = [job.unit_path(unit) for unit in range(len(written))]
    paths = [path for path in paths if FileSystems.exists(path)]
    # What a bundle left that was tried again, nobody knows the names of.
    [counts] = FileSystems.match([job.counts_path("*")])
    FileSystems.delete([*paths, *(file.path for file in counts.metadata_list)])


def _check_complete(summary: Summary, written: list[Written], shards: list[Shard]) -> None:
    rows = [sum(part.rows[split] for part in written) for split in range(len(SPLIT_NAMES))]
    joined = [sum(shard.rows for shard in shards if shard.split == name) for name in SPLIT_NAMES]
    rejected = sum(part.rejected for part in written)
    if not rows == joined == summary.rows or rejected != sum(summary.rejected.values()):
        raise DataError(
            f"the input changed while it was read: {summary.rows} rows per split in the first "
            f"pass, {rows} in the second; run the preprocessing again"
        )


def _schema(
    job: Job, summary: Summary, vocabularies: Sequence[VocabularyCounts], shards: list[Shard]
) -> Schema:
    config = job.config
    dense, sparse = build_features(config, summary, vocabularies)
    splits = {}
    layouts = shard_layouts(config, summary)
    for index, name in enumerate(SPLIT_NAMES):
        members = sorted((shard.name, shard.rows) for shard in shards if shard.split == name)
        splits[name] = Split(
            summary.rows[index],
            summary.positives[index],
            files=tuple(file for file, _ in members),
            shard_rows=tuple(rows for _, rows in members),
            blocks=layouts[index].blocks,
            weight=float(summary.weight[index]) if config.description.weight else None,
            positive_weight=(
                float(summary.positive_weight[index]) if config.description.weight else None
            ),
        )
    return Schema(
        name=config.description.name,
        label=config.description.label,
        dense=dense,
        sparse=sparse,
        splits=splits,
        seed=config.seed,
        missing_tokens=config.description.missing_tokens,
        split_method=config.split,
        row_order=config.row_order,
        rejected=dict(sorted(summary.rejected.items())),
        weight=config.description.weight,
        group=config.description.group,
    )
