"""Reads what PLUMBUS 5.x kept in SQLite. Its file is copied and the copy is opened: nothing in the old folder changes."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from plumbus.errors import NotFound, StoreError

PLACES = ('db/plumbus.db', 'plumbus.db')
BESIDE = (
    '',
    '-journal',
    '-wal',
)  # what of a change is not in the file itself yet (sqlite.org, "Temporary Files Used By SQLite")
TABLES = ('clients', 'jobs', 'backups')
NEEDED = {
    'clients': {'id', 'name', 'host', 'username'},
    'jobs': {'id', 'client_id', 'name', 'source_path'},
    'backups': {'id', 'job_id', 'status', 'start_time', 'backup_path'},
}
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Version5:
    """Its rows by column, as they are: each table in the order of ids."""

    clients: list[Row]
    jobs: list[Row]
    backups: list[Row]


def read_version5(folder: Path) -> Version5:
    """Given the data folder of PLUMBUS 5.x, return what its database holds.

    Raise NotFound if there is none, StoreError if it cannot be read or is that of another program.
    """
    path = next((folder / place for place in PLACES if (folder / place).is_file()), None)
    if path is None:
        raise NotFound(
            f'There is no database of PLUMBUS 5 in {folder}: db/plumbus.db is missing.',
            'Name the folder that PLUMBUS 5 had as DATA_DIR, the one with db/ and backups/.',
        )
    try:
        with _copy(path) as connection:
            return Version5(**{table: _rows(connection, table) for table in TABLES})
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f'The database {path} cannot be read: {error}.',
            'Stop PLUMBUS 5 and look whether the file is whole.',
        ) from None


@contextmanager
def _copy(path: Path) -> Iterator[sqlite3.Connection]:
    with TemporaryDirectory(prefix='plumbus-import-') as temporary:
        for suffix in BESIDE:
            if (beside := path.with_name(path.name + suffix)).is_file():
                shutil.copyfile(beside, Path(temporary) / ('plumbus.db' + suffix))
        with closing(sqlite3.connect(Path(temporary) / 'plumbus.db')) as connection:
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda raw: raw.decode('utf-8', 'replace')
            yield connection


def _rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    known = {row['name'] for row in connection.execute('SELECT name FROM pragma_table_info(?)', (table,))}
    if missing := NEEDED[table] - known:
        raise StoreError(
            f'This is no database of PLUMBUS 5: its table {table} has no {", ".join(sorted(missing))}.',
            'Name the folder that PLUMBUS 5 had as DATA_DIR.',
        )
    return [dict(row) for row in connection.execute(f'SELECT * FROM {table} ORDER BY id')]  # noqa: S608 # nosec B608 -- of TABLES
