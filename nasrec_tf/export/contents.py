"""What an export holds, read from its assets without TensorFlow."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.errors import ArchitectureError, UserError
from nasrec_tf.common.saved_state import SAVED, first_fault
from nasrec_tf.export.errors import ExportError
from nasrec_tf.export.raw_inputs import RawInput
from nasrec_tf.export.versions import versions
from nasrec_tf.networks.baselines import Baseline, baseline_from_json

FORMAT = "nasrec_tf.export"
FORMAT_VERSION = 1
BASELINE_VERSION = 3
"""Of exports of hand-made models, which have no architecture."""
ENSEMBLE_VERSION = 2
"""Of exports of several networks, which a program of version 1 would take for one of them."""
READ_VERSIONS = (FORMAT_VERSION, ENSEMBLE_VERSION, BASELINE_VERSION)

ASSETS = "assets"
EXTRA_ASSETS = "assets.extra"
ARCHITECTURE_FILE = "architecture.json"
MODEL_FILE = "model.json"
REQUEST_FILE = "request.json"


@dataclasses.dataclass(frozen=True)
class ExportedMember:
    """One network of an ensemble.

    Args:
        architecture: its file among the assets.
        count: how often it counts in the mean of the logits.
        options: what holds for the whole network, see ``NetworkOptions``.
    """

    __pydantic_config__ = SAVED

    architecture: Annotated[str, pydantic.Field(pattern=r"^architecture-[0-9]+\.json$")]
    count: Annotated[int, pydantic.Field(ge=1)]
    options: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class ExportedBaseline:
    """A hand-made model.

    Args:
        model: which one, and its options, as ``Baseline.to_json`` tells them.
        scale: what its logits are multiplied by.
        offset: what is added then.
    """

    __pydantic_config__ = SAVED

    model: Mapping[str, Any]
    scale: Annotated[float, pydantic.Field(allow_inf_nan=False)] = 1.0
    offset: Annotated[float, pydantic.Field(allow_inf_nan=False)] = 0.0


@dataclasses.dataclass(frozen=True)
class ExportDescription:
    """The content of ``assets/model.json``.

    Args:
        name: of the model.
        version: of the export.
        data_set: name of the data set that the network was trained on.
        inputs: raw columns of a request.
        signatures: what can be called.
        table_rows: rows of each embedding table of the network.
        options: what holds for the whole network, see ``NetworkOptions``; of an ensemble's first
            member.
        metrics: what the caller measured, such as ``log_loss``.
        software: versions of the packages that made the export.
        origin: a token of whatever made it, by which that knows it again; ``None`` if not given.
        members: the networks of an ensemble; none otherwise.
        baseline: the hand-made model, in place of an architecture and its options.
    """

    __pydantic_config__ = SAVED

    name: str
    version: int
    data_set: str
    inputs: tuple[RawInput, ...]
    signatures: tuple[str, ...]
    table_rows: tuple[int, ...]
    options: Mapping[str, Any]
    metrics: Mapping[str, Any]
    software: Mapping[str, str]
    origin: str | None = None
    members: tuple[ExportedMember, ...] = ()
    baseline: ExportedBaseline | None = None

    @property
    def format_version(self) -> int:
        """The first version whose programs can read it."""
        if self.baseline is not None:
            return BASELINE_VERSION
        return ENSEMBLE_VERSION if self.members else FORMAT_VERSION

    @property
    def architecture_files(self) -> tuple[str, ...]:
        """The files of the networks' architectures among the assets."""
        if self.baseline is not None:
            return ()
        return tuple(member.architecture for member in self.members) or (ARCHITECTURE_FILE,)

    def dumps(self) -> str:
        fields = dataclasses.asdict(self)
        for part in ("members", "baseline"):
            if not fields[part]:
                del fields[part]
        body = {"format": FORMAT, "format_version": self.format_version, **fields}
        return json.dumps(body, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, body: Any, where: str) -> "ExportDescription":
        """Reads the JSON form.

        Args:
            body: the JSON value.
            where: the file, for messages.

        Raises:
            ExportError: if it is of another format or version, or not valid.
        """
        if not isinstance(body, Mapping) or body.get("format") != FORMAT:
            raise ExportError(f"{where}: not the description of an export")
        if body.get("format_version") not in READ_VERSIONS:
            raise ExportError(
                f"{where}: format version {body.get('format_version')!r}, this program reads "
                f"{FORMAT_VERSION} to {READ_VERSIONS[-1]}"
            )
        fields = {k: v for k, v in body.items() if k not in ("format", "format_version")}
        try:
            return _ADAPTER.validate_json(json.dumps(fields), strict=True)
        except pydantic.ValidationError as error:
            raise ExportError(
                f"{where}: damaged: {first_fault(error)}; export the model again"
            ) from None


_ADAPTER = pydantic.TypeAdapter(ExportDescription)


def find_export(path: str | pathlib.Path) -> pathlib.Path:
    """The version directory that a path names: itself, or the newest version of a model.

    Args:
        path: ``saved_models/NAME`` or one of its versions.

    Raises:
        ExportError: if it is neither.
    """
    path = pathlib.Path(path)
    if (path / ASSETS / MODEL_FILE).is_file():
        return path
    found = versions(path)
    if found and (path / str(found[-1]) / ASSETS / MODEL_FILE).is_file():
        return path / str(found[-1])
    raise ExportError(
        f"{path}: not an export of this package; name saved_models/<name> or one of its versions"
    )


def load_description(path: str | pathlib.Path) -> ExportDescription:
    """Reads ``model.json`` of an export, or of the newest version of a model.

    Args:
        path: as ``find_export`` takes it.

    Raises:
        ExportError: if there is none, or it is damaged.
    """
    file = find_export(path) / ASSETS / MODEL_FILE
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ExportError(f"{file}: cannot be read: {error}") from error
    return ExportDescription.from_json(body, str(file))


def describe_export(path: str | pathlib.Path) -> str:
    """A few lines on what an export is, what goes in and what comes out.

    Args:
        path: a version directory, or a model's directory (its newest version is meant).

    Raises:
        ExportError: if it is no export of this package.
    """
    directory = find_export(path)
    description = load_description(directory)
    network = _network(directory, description)
    size = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
    numbers = [column.name for column in description.inputs if column.kind == "number"]
    texts = [column.name for column in description.inputs if column.kind == "text"]
    lists = [column.name for column in description.inputs if column.kind == "list"]
    rows = sum(description.table_rows)
    lines = [
        f"{description.name}, version {description.version} ({size / 1e6:.1f} MB): {directory}",
        f"  trained on   {description.data_set}",
        f"  network      {network}, {rows:,} embedding rows",
        f"  numbers      {_listed(numbers)}",
        f"  texts        {_listed(texts)}",
        *([f"  lists        {_listed(lists)}"] if lists else []),
        f"  signatures   {', '.join(description.signatures)}",
    ]
    lines += [f"  {name:<12} {_shown(value)}" for name, value in description.metrics.items()]
    return "\n".join(lines)


def _network(directory: pathlib.Path, description: ExportDescription) -> str:
    if description.baseline is not None:
        return load_exported_baseline(description, directory).label
    blocks = [
        len(load_architecture(directory / ASSETS / file)) for file in description.architecture_files
    ]
    if description.members:
        return f"the mean of {len(blocks)} networks of {min(blocks)} to {max(blocks)} blocks"
    return f"{blocks[0]} blocks"


def load_exported_baseline(description: ExportDescription, directory: pathlib.Path) -> Baseline:
    """The hand-made model of an export that is of one.

    Args:
        description: of the export.
        directory: of the version, for messages.

    Raises:
        ExportError: if it is not known here.
    """
    try:
        return baseline_from_json(description.baseline.model)
    except UserError as error:
        raise ExportError(f"{directory / ASSETS / MODEL_FILE}: {error}") from error


def load_architecture(path: pathlib.Path) -> Architecture:
    """The architecture file of an export.

    Args:
        path: the file.

    Raises:
        ExportError: if it is damaged.
    """
    try:
        return Architecture.load(path)
    except ArchitectureError as error:
        raise ExportError(str(error)) from error


def _listed(names: list[str], limit: int = 8) -> str:
    shown = ", ".join(names[:limit]) or "none"
    return shown if len(names) <= limit else f"{shown}, ... ({len(names)} in all)"


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
