"""``python -m beam_preprocess inspect DIR``: shows and verifies a data set."""

from __future__ import annotations

import itertools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from beam_preprocess.common.one_line_options import OneLineParser
from beam_preprocess.dataset.manifest import verify
from beam_preprocess.dataset.schema import Schema

_SHOWN_ROWS = 3


def inspect(directory: str | pathlib.Path, rows: int = _SHOWN_ROWS) -> dict[str, Any]:
    """Verifies the checksums of a data set and sums it up.

    Args:
      directory: The data set.
      rows: Training rows to decode.

    Returns:
      Keys ``directory``, ``verified_files``, ``splits`` (with ``label_rate``), ``rows`` (label,
      dense and sparse values by feature name), and the schema's own.

    Raises:
      DataError: It is no complete data set, or a file differs from the manifest.
    """
    directory = pathlib.Path(directory)
    schema = Schema.load(directory)
    verified = verify(directory)
    body = schema.to_json()
    for name, split in schema.splits.items():
        body["splits"][name]["label_rate"] = split.label_rate
    return {
        "directory": str(directory),
        "verified_files": verified,
        **body,
        "rows": _first_rows(directory, schema, rows),
    }


def _first_rows(directory: pathlib.Path, schema: Schema, count: int) -> list[dict[str, Any]]:
    from beam_preprocess.dataset.record_reader import decode_example, read_records

    shards = (read_records(directory / name) for name in schema.splits["train"].files)
    rows = []
    for record in itertools.islice(itertools.chain.from_iterable(shards), count):
        example = decode_example(record)
        dense = example.get("dense", ())
        rows.append(
            {
                "label": float(example["label"][0]),
                "dense": dict(zip(schema.dense_names, map(float, dense), strict=True)),
                "sparse": _ids_by_name(schema, example),
            }
        )
    return rows


def _ids_by_name(schema: Schema, example: dict[str, Any]) -> dict[str, Any]:
    singles = map(int, example.get("sparse", ()))
    return {
        feature.name: example[f"list_{field}"].tolist() if feature.is_list else next(singles)
        for field, feature in enumerate(schema.sparse)
    }


def main(arguments: Sequence[str]) -> int:
    """The command ``python -m beam_preprocess inspect``.

    Args:
      arguments: Those behind ``inspect``.

    Returns:
      Exit code 0.

    Raises:
      DataError: The directory is no complete data set, or a file of it is damaged.
    """
    parser = OneLineParser(
        prog="python -m beam_preprocess inspect",
        description="Shows schema, counts and a few rows of a data set and verifies its checksums.",
    )
    parser.add_argument("directory", metavar="DIR")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rows", type=int, default=_SHOWN_ROWS, help="training rows to show")
    options = parser.parse_args(arguments)
    found = inspect(options.directory, options.rows)
    print(json.dumps(found, indent=1, ensure_ascii=False) if options.json else _text(found))
    return 0


def _text(found: dict[str, Any]) -> str:
    lines = [
        f"{found['directory']}: data set {found['name']}, label {found['label']}, "
        f"split {found['split_method']}, {found['verified_files']} files verified",
        *(f"{use} {found[use]}" for use in ("weight", "group") if found.get(use) is not None),
        "",
    ]
    for name, split in found["splits"].items():
        lines.append(
            f"{name:>12}: {split['rows']:>12,} rows, label rate {split['label_rate']:.4f}, "
            f"{len(split['files'])} shard(s)"
        )
    lines += ["", "dense features:"] if found["dense"] else []
    for entry in found["dense"]:
        lines.append(
            f"  {entry['name']}: {entry['transform']} of {_derived(entry)}{entry['source']}, "
            f"mean {entry['mean']:.6g}, std {entry['std']:.6g}, {entry['missing_count']:,} missing"
        )
    lines += ["", "sparse features:"] if found["sparse"] else []
    for entry in found["sparse"]:
        lines.append(
            f"  {entry['name']}: {entry['encoding']} of {_derived(entry)}{entry['source']}, "
            f"{entry['rows']:,} rows, {entry['missing_count']:,} missing"
            + (f", lists of up to {entry['longest']:,}" if "longest" in entry else "")
        )
    rejected = sum(found["rejected"].values())
    lines += ["", f"rejected rows: {rejected:,}"]
    lines += [f"  {count:,} {reason}" for reason, count in found["rejected"].items()]
    lines += ["", "first training rows:"]
    lines += [f"  {json.dumps(row, ensure_ascii=False)}" for row in found["rows"]]
    return "\n".join(lines)


def _derived(entry: Mapping[str, Any]) -> str:
    return f"{entry['derive']} of " if entry["derive"] else ""
