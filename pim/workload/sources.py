"""Where networks come from: workload files of this package, and whatever other packages offer.

A package that knows networks offers them by an entry point of the group ``pim.workloads``. The
entry point's name is the format of the files that it reads, and it stands for a ``WorkloadSource``.
In a checkout that is run without having been installed (again), the entry points that its
``pyproject.toml`` declares count too.
"""

import dataclasses
import importlib.metadata
import pathlib
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from pim.checks import shown
from pim.errors import PimError
from pim.json_form import names_a_file, read_json
from pim.workload.operators import Workload
from pim.workload.precision import BitChanges
from pim.workload.workload_json import FORMAT, workload_from_json

GROUP = "pim.workloads"

NO_CHANGES = BitChanges()

_CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Request:
    """What a network is wanted with; None leaves the choice to where it comes from.

    Args:
        batch: samples that are processed together.
        dense_features: dense columns.
        sparse_features: embedding tables.
        rows_per_table: rows of every table.
        embedding_bits: bits of an element of an embedding.
    """

    batch: int | None = None
    dense_features: int | None = None
    sparse_features: int | None = None
    rows_per_table: int | None = None
    embedding_bits: int | None = None


class WorkloadSource(Protocol):
    """What an entry point of the group stands for. Its errors are of ``PimError``, in one line."""

    def names(self) -> Sequence[str]:
        """The networks that can be asked for by name."""

    def named(self, name: str, request: Request) -> Workload:
        """The network of one of these names.

        Args:
            name: of ``names()``.
            request: what it is wanted with.
        """

    def from_json(self, value: Any, name: str, request: Request) -> Workload:
        """The network that a JSON value of its format describes, to be called ``name``.

        Args:
            value: the JSON value.
            name: what reports call it.
            request: what it is wanted with.
        """


def find_workload(name_or_path: str, request: Request, bits: BitChanges = NO_CHANGES) -> Workload:
    """The network of a name, or in a file.

    Args:
        name_or_path: a name that some source knows, or a JSON file of a workload or of a format
            that some source reads.
        request: what it is wanted with.
        bits: widths in place of those that it says, or that are taken where it says none.

    Raises:
        PimError: if there is no such network, or it is not valid; the message names it.
    """
    workload = _found(name_or_path, request)
    return workload if bits == NO_CHANGES else _told(name_or_path, bits.applied_to, workload)


def _found(name_or_path: str, request: Request) -> Workload:
    sources, failures = _sources()
    for source in sources.values():
        if name_or_path in source.names():
            return _told(name_or_path, source.named, name_or_path, request)
    path = pathlib.Path(name_or_path)
    if not names_a_file(name_or_path):
        names = [name for source in sources.values() for name in source.names()]
        known = f"give a file, or one of {', '.join(names)}" if names else "give a file"
        raise PimError(
            "; ".join([f"no architecture or workload {shown(name_or_path)}: {known}", *failures])
        )
    value = read_json(path)
    form = value.get("format") if isinstance(value, dict) else None
    if form == FORMAT:
        return _told(name_or_path, _own, value, request)
    if not isinstance(form, str) or form not in sources:
        readable = ", ".join([FORMAT, *sources])
        found = f'"format" is {shown(form)}' if form is not None else 'no "format" in it'
        raise PimError("; ".join([f"{path}: {found}; this reads {readable}", *failures]))
    return _told(name_or_path, sources[form].from_json, value, path.stem, request)


def _told(name: str, function, *arguments) -> Workload:
    """The function's result; its error names the network."""
    try:
        return function(*arguments)
    except PimError as error:
        raise PimError(f"{name}: {error}") from error


def _own(value: Any, request: Request) -> Workload:
    """A workload file, which says its own inputs."""
    for field in ("dense_features", "sparse_features", "rows_per_table", "embedding_bits"):
        if getattr(request, field) is not None:
            flag = "--" + field.replace("_", "-")
            raise PimError(f"{flag} goes with an architecture; a workload file says its inputs")
    workload = workload_from_json(value)
    if request.batch is not None:
        workload = dataclasses.replace(workload, batch=request.batch)
    return workload


def _sources() -> tuple[dict[str, WorkloadSource], list[str]]:
    """Sources by format, and a line for each that is declared but cannot be loaded."""
    sources, failures = {}, []
    points = [*importlib.metadata.entry_points(group=GROUP), *_declared_in_checkout(_CHECKOUT)]
    declared = {point.name: point for point in points}
    for name, point in declared.items():
        try:
            sources[name] = point.load()
        except (ImportError, AttributeError) as error:
            failures.append(
                f"{name} files cannot be read, since {point.value} cannot be loaded ({error}): "
                "install the package that offers it again"
            )
    if not declared:
        failures.append(
            f"no installed package offers architectures (entry points of {GROUP}): install this "
            "one again, as with `pip install -e .`"
        )
    return sources, failures


def _declared_in_checkout(directory: pathlib.Path) -> list[importlib.metadata.EntryPoint]:
    """The entry points that a checkout of this package declares; none where it is installed."""
    path = directory / "pyproject.toml"
    if not path.is_file():
        return []
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
    except ValueError as error:
        raise PimError(f"{path}: not TOML: {error}") from error
    found = project.get("entry-points", {}).get(GROUP, {})
    return [importlib.metadata.EntryPoint(name, value, GROUP) for name, value in found.items()]
