"""The end of a run: nothing lost, then schema, data card and manifest."""

from __future__ import annotations

import json

from beam_preprocess.dataset.schema import MANIFEST_FILE, SCHEMA_FILE, SPLIT_NAMES, Schema, Split
from beam_preprocess.encoding.feature_statistics import build_features
from beam_preprocess.encoding.statistics import Summary
from beam_preprocess.encoding.vocabulary import VocabularyCounts
from beam_preprocess.errors import DataError
from beam_preprocess.running.job import Job
from beam_preprocess.writing.data_card import data_card
from beam_preprocess.writing.manifest import manifest_body
from beam_preprocess.writing.output_files import write_file
from beam_preprocess.writing.shard_writer import Written


def publish(
    job: Job, summary: Summary, vocabularies: list[VocabularyCounts], written: list[Written]
) -> None:
    """Writes what describes the data set, the manifest last."""
    _check_complete(summary, written)
    schema = _schema(job, summary, vocabularies, written)
    files: dict[str, tuple[int, str]] = {}
    for part in written:
        files.update(part.files)
    for vocabulary in vocabularies:
        files[vocabulary.path] = (vocabulary.size, vocabulary.digest)
    texts = {SCHEMA_FILE: schema.dumps(), **data_card(schema, summary)}
    for name, text in texts.items():
        files[name] = write_file(job, name, text.encode("utf-8"))
    manifest = json.dumps(manifest_body(files), indent=1) + "\n"
    write_file(job, MANIFEST_FILE, manifest.encode("utf-8"))


def _check_complete(summary: Summary, written: list[Written]) -> None:
    rows = [sum(part.rows[split] for part in written) for split in range(len(SPLIT_NAMES))]
    rejected = sum(part.rejected for part in written)
    if rows != summary.rows or rejected != sum(summary.rejected.values()):
        raise DataError(
            f"the input changed while it was read: {summary.rows} rows per split in the first "
            f"pass, {rows} in the second; run the preprocessing again"
        )


def _schema(
    job: Job, summary: Summary, vocabularies: list[VocabularyCounts], written: list[Written]
) -> Schema:
    config = job.config
    dense, sparse = build_features(config, summary, vocabularies)
    splits = {}
    for index, name in enumerate(SPLIT_NAMES):
        files = sorted(file for part in written for file in part.shard_files.get(name, ()))
        splits[name] = Split(summary.rows[index], summary.positives[index], tuple(files))
    return Schema(
        name=config.description.name,
        label=config.description.label,
        dense=dense,
        sparse=sparse,
        splits=splits,
        seed=config.seed,
        missing_tokens=config.description.missing_tokens,
        split_method=config.split,
        rejected=dict(sorted(summary.rejected.items())),
    )
