"""Tables as files: the journal that a build adds to, and the Parquet file that is shipped."""

import dataclasses
import functools
import json
import pathlib
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import pydantic

from nasrec_tf.benchmark.asked_values import check_asked
from nasrec_tf.benchmark.measured_rows import CurvePoint, DataSetCard, MeasuredRow
from nasrec_tf.benchmark.measured_table import MeasuredTable, joined
from nasrec_tf.common.atomic_file import atomic_path
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.json_digest import json_digest
from nasrec_tf.common.saved_state import SAVED, first_fault
from nasrec_tf.common.strict_json import names_a_file, shown
from nasrec_tf.strategies.oracle.journal import Journal, read_journal

TABLES = pathlib.Path(__file__).parent / "tables"
"""Where the tables lie that come with the package."""

ROWS_FILE = "rows.jsonl"
"""A build's journal in its directory."""

SUFFIX = ".parquet"
FORMAT, FORMAT_VERSION = "nasrec_tf.benchmark", 1
CARD, ENVIRONMENT, ROW = "card", "environment", "row"
METADATA = b"nasrec_tf.benchmark"
DIGEST = "digest"

T = TypeVar("T")


def read_table(name_or_path: str | pathlib.Path) -> MeasuredTable:
    """A table that comes with the package, a Parquet file, or what a build has made so far.

    Args:
        name_or_path: such as ``"ctr-nas-1"``, a file, or a directory of ``build``; of a directory
            of several builds, all of them.

    Raises:
        UserError: if there is none, or it is damaged.
    """
    check_asked("name_or_path", name_or_path, str, pathlib.Path)
    path = pathlib.Path(name_or_path)
    if names_a_file(str(name_or_path)) and path.is_dir():
        journals = sorted(path.rglob(ROWS_FILE))
        if not journals:
            raise UserError(f"{path}: holds no {ROWS_FILE}, so no table was built in it.")
        return joined(map(read_rows, journals))
    if path.suffix == SUFFIX:
        return read_parquet(path)
    shipped = TABLES / f"{name_or_path}{SUFFIX}"
    if not names_a_file(str(shipped)):
        known = ", ".join(sorted(each.stem for each in TABLES.glob(f"*{SUFFIX}"))) or "none"
        raise UserError(
            f"No table {shown(str(name_or_path))}: name one that comes with the package ({known}), "
            f"a {SUFFIX} file, or a directory that a table is built in."
        )
    return read_parquet(shipped)


class RowsFile:
    """The journal of one data set's table, which rows are added to.

    Args:
        directory: where it lies; made if need be.
        card: of the data set; of the protocol which the journal was begun with.
        licence: what the card says of it from now on; as it did before unless given.

    Raises:
        RunError: if the journal is damaged or of another protocol.
    """

    def __init__(self, directory: pathlib.Path, card: DataSetCard, licence: str | None = None):
        directory.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(directory / ROWS_FILE)
        if self._journal.exists():
            table = _table(self._journal.path, *self._journal.read())
            begun = next(iter(table.cards.values()))
            if begun.protocol != card.protocol:
                raise RunError(
                    f"{self._journal.path}: was begun with other records, another recipe, another "
                    "space or an earlier protocol"
                    f"{_unweighted(begun, card)}; use another --name or --dir."
                )
        else:
            self._journal.create(_header(card))
            table = MeasuredTable({card.protocol: card}, {}, {})
        self.cards = dict(table.cards)
        self._environments = dict(table.environments)
        self._rows = dict(table.rows)
        begun = self.cards[card.protocol]
        if licence is not None and begun.licence != licence:
            self.cards[card.protocol] = dataclasses.replace(begun, licence=licence)
            self._journal.append({"event": CARD, CARD: self.cards[card.protocol].to_json()})

    @property
    def table(self) -> MeasuredTable:
        """What it holds."""
        return MeasuredTable(self.cards, self._environments, self._rows)

    def add(self, row: MeasuredRow, environment: Mapping[str, str]) -> None:
        """Adds a row, which outlives this process from now on.

        Args:
            row: with a key that is new.
            environment: what it was computed with.

        Raises:
            ValueError: if there is such a row.
            RunError: if the file cannot be written, or another process writes it too.
        """
        if row.key in self._rows:
            raise ValueError(f"a row of {row.key} is there already")
        if row.made_with not in self._environments:
            said = {"event": ENVIRONMENT, "digest": row.made_with, "versions": dict(environment)}
            self._journal.append(said)
            self._environments[row.made_with] = dict(environment)
        self._journal.append({"event": ROW, **row.to_json()})
        self._rows[row.key] = row

    def add_all(self, table: MeasuredTable) -> int:
        """Adds the rows of its protocol that it lacks; how many they are.

        Args:
            table: another table.
        """
        count = 0
        for protocol in self.cards:
            for row in table.rows_of(protocol):
                if row.key not in self._rows:
                    self.add(row, table.environments[row.made_with])
                    count += 1
        return count

    def close(self) -> None:
        """Syncs the journal to disk."""
        self._journal.sync()


def _unweighted(before: DataSetCard, now: DataSetCard) -> str:
    """Whether it is but the weights of rows in which an earlier version's figures differ."""
    if dataclasses.replace(now, weighted=before.weighted).protocol != before.protocol:
        return ""
    return " (its figures count all rows alike, where these records have weights)"


def _header(card: DataSetCard) -> dict[str, Any]:
    return {"table": FORMAT, "version": FORMAT_VERSION, CARD: card.to_json()}


def read_rows(path: pathlib.Path) -> MeasuredTable:
    """What a build has made so far; changes nothing.

    Args:
        path: of its journal.

    Raises:
        RunError: if it is damaged, or no table's.
    """
    return _table(path, *read_journal(path))


def _table(
    path: pathlib.Path, settings: dict[str, Any], events: list[dict[str, Any]]
) -> MeasuredTable:
    if settings.get("table") != FORMAT or settings.get("version") != FORMAT_VERSION:
        raise RunError(f"{path}: is no table of version {FORMAT_VERSION}.")
    card = _checked(path, DataSetCard, settings.get(CARD))
    environments, rows = {}, {}
    for number, event in enumerate(events, start=2):
        kind = event.pop("event", None)
        if kind == ENVIRONMENT:
            made_with = _checked(f"{path}, line {number}", _Environment, event)
            environments[made_with.digest] = made_with.versions
        elif kind == CARD:
            card = _checked(f"{path}, line {number}", DataSetCard, event.get(CARD))
        elif kind == ROW:
            row = _checked(f"{path}, line {number}", MeasuredRow, event)
            rows[row.key] = row
        else:
            raise RunError(f"{path}, line {number}: no event of a table: {shown(kind)}.")
    return MeasuredTable({card.protocol: card}, environments, rows)


@dataclasses.dataclass(frozen=True)
class _Environment:
    """An event of a journal: what the rows behind it were computed with."""

    __pydantic_config__ = SAVED

    digest: str
    versions: dict[str, str]


def _checked(place: Any, kind: type[T], value: Any) -> T:
    form: Any = kind  # hashable, which mypy does not see of ``type[T]``
    try:
        return _adapter(form).validate_json(json.dumps(value), strict=True)
    except pydantic.ValidationError as error:
        raise RunError(f"{place}: damaged: {first_fault(error)}; restore it.") from error


@functools.cache
def _adapter(kind: Any) -> pydantic.TypeAdapter:
    return pydantic.TypeAdapter(kind)


def write_parquet(table: MeasuredTable, path: pathlib.Path) -> None:
    """Writes a table as one compressed file; equal tables give equal bytes.

    Args:
        table: what is written.
        path: the file, whole or not at all.

    Raises:
        UserError: if it cannot be written.
    """
    import pyarrow
    import pyarrow.parquet

    about = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "cards": [card.to_json() for card in table.cards.values()],
        "environments": {digest: dict(said) for digest, said in table.environments.items()},
    }
    rows = [row.to_json() for protocol in table.cards for row in table.rows_of(protocol)]
    written = pyarrow.Table.from_pylist(rows, _arrow_schema())
    about[DIGEST] = _digest(about, written.to_pylist())
    written = written.replace_schema_metadata({METADATA: json.dumps(about, sort_keys=True)})
    with atomic_path(path) as draft:
        pyarrow.parquet.write_table(written, draft, compression="zstd", compression_level=19)


def _digest(about: Mapping[str, Any], rows: list[dict[str, Any]]) -> str:
    """Of all that a file holds: Parquet itself takes one figure for another without a word."""
    told = {name: value for name, value in about.items() if name != DIGEST}
    return json_digest([told, rows], 32)


def read_parquet(path: pathlib.Path) -> MeasuredTable:
    """The table that ``write_parquet`` wrote.

    Args:
        path: the file.

    Raises:
        RunError: if it cannot be read, is damaged, or of another version.
    """
    import pyarrow
    import pyarrow.parquet

    schema = _arrow_schema()
    try:
        found = pyarrow.parquet.read_table(path)
        for name in schema.names:
            if name not in found.column_names:
                raise RunError(f"{path}: is no table of the benchmark: it has no column {name!r}.")
        listed = found.select(schema.names).cast(schema).to_pylist()
        said = json.loads((found.schema.metadata or {}).get(METADATA, b"null"))
    except FileNotFoundError as error:
        raise RunError(f"{path}: no such file.") from error
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise RunError(f"{path}: cannot be read as a table: {error}.") from error
    if not isinstance(said, dict) or said.get("version") != FORMAT_VERSION:
        raise RunError(f"{path}: is no table of version {FORMAT_VERSION}.")
    # Files of earlier versions have none.
    if DIGEST in said and said[DIGEST] != _digest(said, listed):
        raise RunError(f"{path}: damaged: its figures are not those that were written; restore it.")
    cards = _checked(path, list[DataSetCard], said.get("cards"))
    rows = _checked(path, list[MeasuredRow], listed)
    table = MeasuredTable(
        {card.protocol: card for card in cards},
        _checked(path, dict[str, dict[str, str]], said.get("environments")),
        {row.key: row for row in rows},
    )
    _check_whole(path, table, rows)
    return table


def _check_whole(path: pathlib.Path, table: MeasuredTable, rows: list[MeasuredRow]) -> None:
    """Refuses rows of which a table cannot tell what they are of, as of a file put together."""
    for row in rows:
        what = f"architecture {row.identity}, seed {row.seed}"
        if row.protocol not in table.cards or row.made_with not in table.environments:
            raise RunError(f"{path}: damaged: {what} has no data set or environment; restore it.")
        if table.rows[row.key] is not row:
            raise RunError(f"{path}: damaged: {what} is there twice; restore it.")


def _arrow_schema() -> Any:
    import pyarrow

    kinds = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}

    def fields(kind):
        types = typing.get_type_hints(kind)
        return [(field.name, kinds[_plain(types[field.name])])
                for field in dataclasses.fields(kind) if field.name != "curve"]  # fmt: skip

    names = [field.name for field in dataclasses.fields(MeasuredRow)]
    found = dict(fields(MeasuredRow))
    found["curve"] = pyarrow.list_(pyarrow.struct(fields(CurvePoint)))
    return pyarrow.schema([(name, found[name]) for name in names])


def _plain(kind: Any) -> type:
    """``int``, ``float`` or ``str`` of a type that may be missing."""
    return next(arg for arg in (*typing.get_args(kind), kind) if arg in (int, float, str))
