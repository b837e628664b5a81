"""The names in all snapshots, to be found at once. Derived from the manifests: whatever is wrong with it, it is made anew.

Each path stands here once for each stretch of a job's backups that have it: from the backup that `first` had it to the
`last` one, which is null while the newest backup has it. Names are kept once for all jobs, with the threes of letters in
each (FTS5, trigram), so that a rare name among millions is found at once.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from plumbus.errors import StoreError
from plumbus.store.disk import make_private_folder, plain_errors

VERSION = 2
BUSY_S = 30
MOST_MATCHES = 10_000
WILDCARDS = frozenset('*?[')
SCOPES = {
    'job_id': 'folders.job_id = :job_id',
    'client_id': 'folders.job_id IN (SELECT job_id FROM backups WHERE client_id = :client_id)',
    'backup_id': 'folders.job_id = (SELECT job_id FROM backups WHERE id = :backup_id)',
}
TABLES = """
CREATE TABLE backups (id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL, client_id INTEGER NOT NULL);
CREATE INDEX backups_of_job ON backups (job_id, id);
CREATE TABLE names (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, folded TEXT NOT NULL);
CREATE INDEX names_folded ON names (folded);
CREATE VIRTUAL TABLE threes USING fts5 (folded, content = '', detail = none, columnsize = 0, tokenize = 'trigram case_sensitive 1');
CREATE TABLE folders (
    id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL, path BLOB NOT NULL, folded TEXT NOT NULL, UNIQUE (job_id, path)
);
CREATE TABLE files (
    name_id INTEGER NOT NULL, folder_id INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER, kind TEXT NOT NULL,
    size INTEGER NOT NULL, modified INTEGER NOT NULL, PRIMARY KEY (name_id, folder_id, first)
) WITHOUT ROWID;
CREATE INDEX files_in_folder ON files (folder_id, last);
"""
ENTERING = """
CREATE TEMP TABLE entering (folder BLOB, name BLOB, kind TEXT, size INTEGER, modified INTEGER);
CREATE TEMP TABLE present (
    name_id INTEGER, folder_id INTEGER, kind TEXT, size INTEGER, modified INTEGER, PRIMARY KEY (name_id, folder_id)
) WITHOUT ROWID;
"""
# :id is the new backup, :before the one of the job that was the newest until now; folded folders have a slash at both ends.
MERGE = (
    'INSERT INTO names (name, folded) SELECT DISTINCT name, folded(name) FROM entering WHERE name NOT IN (SELECT name FROM names)',
    'INSERT INTO threes (rowid, folded) SELECT id, folded FROM names WHERE id > :names',
    """INSERT OR IGNORE INTO folders (job_id, path, folded) SELECT :job_id, folder, rtrim('/' || folded(folder), '/') || '/'
       FROM (SELECT DISTINCT folder FROM entering)""",
    """INSERT OR IGNORE INTO present SELECT names.id, folders.id, kind, size, modified FROM entering
       JOIN names ON names.name = entering.name JOIN folders ON folders.job_id = :job_id AND folders.path = entering.folder""",
    """UPDATE files SET last = :before
       WHERE folder_id IN (SELECT id FROM folders WHERE job_id = :job_id) AND last IS NULL AND NOT EXISTS (
           SELECT 1 FROM present WHERE present.name_id = files.name_id AND present.folder_id = files.folder_id)""",
    """UPDATE files SET kind = present.kind, size = present.size, modified = present.modified FROM present
       WHERE files.name_id = present.name_id AND files.folder_id = present.folder_id AND files.last IS NULL
       AND (files.size, files.modified, files.kind) <> (present.size, present.modified, present.kind)""",
    """INSERT INTO files SELECT name_id, folder_id, :id, NULL, kind, size, modified FROM present WHERE NOT EXISTS (
       SELECT 1 FROM files WHERE files.name_id = present.name_id AND files.folder_id = present.folder_id AND last IS NULL)""",
    'INSERT INTO backups VALUES (:id, :job_id, :client_id)',
)
KNOWN = 'SELECT id, job_id, client_id FROM backups'
NEAR = ' WHERE job_id IN (SELECT job_id FROM backups WHERE id IN (SELECT value FROM json_each(?)))'
UNHELD = """
DELETE FROM files WHERE folder_id IN (SELECT id FROM folders WHERE job_id = :job_id) AND NOT EXISTS (
    SELECT 1 FROM backups WHERE job_id = :job_id AND backups.id BETWEEN first AND ifnull(last, 9e18))
"""
COLUMNS = """
SELECT names.id, folders.id, folders.job_id, folders.path, names.name, first, ifnull(last, 9223372036854775807), kind, size, modified
"""
# CROSS JOIN keeps the order: from names, of which few match, or from the folders of a job, or from folders that match.
BY_NAME = 'FROM names CROSS JOIN files ON files.name_id = names.id CROSS JOIN folders ON folders.id = files.folder_id'
BY_FOLDER = 'FROM folders CROSS JOIN files ON files.folder_id = folders.id CROSS JOIN names ON names.id = files.name_id'
AMONG = 'names.id IN (SELECT rowid FROM threes WHERE threes MATCH :threes)'
FEW = 20_000


class Row(NamedTuple):
    """One entry of a snapshot: the path of its folder, its name, rsync's letter of its kind, bytes, seconds UTC."""

    folder: bytes
    name: bytes
    kind: str
    size: int
    modified: int


class Known(NamedTuple):
    """A backup whose names are in the index."""

    id: int
    job_id: int
    client_id: int


@dataclass(kw_only=True, slots=True)
class Hit:
    """A path of a job that was found, as it was last; `first` and `last` are the outermost backups that have it.

    `gone`: the job's newest backup does not have it.
    """

    job_id: int
    folder: bytes
    name: bytes
    kind: str
    size: int
    modified: int
    first: int
    last: int
    gone: bool


class SearchIndex:
    """Thread-safe: each call has a connection of its own. One thread at a time may write."""

    def __init__(self, path: Path, fold: Callable[[bytes], str]) -> None:
        self.path = path
        self._fold = fold

    def prepare(self) -> None:
        """Make the index if it is missing; make it anew, empty, if it is damaged or of another version."""
        with plain_errors('index/'):
            make_private_folder(self.path.parent)
        with suppress(StoreError), self._connected() as index:
            if (
                index.execute('PRAGMA user_version').fetchone()[0] == VERSION
                and index.execute('PRAGMA quick_check(1)').fetchone()[0] == 'ok'
            ):
                return
        self.discard()
        with self._connected() as index:
            index.executescript(f'PRAGMA journal_mode = WAL; {TABLES} PRAGMA user_version = {VERSION};')

    def discard(self) -> None:
        """Remove the index."""
        with plain_errors('index/'):
            for suffix in ('', '-wal', '-shm', '-journal'):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def known(self, near: Collection[int] | None = None) -> list[Known]:
        """Return what is in the index; with `near` the backups of those jobs of which it has these. Raise StoreError."""
        told = () if near is None else (json.dumps(list(near)),)
        with self._connected() as index:
            return [Known(*row) for row in index.execute(KNOWN + NEAR * len(told), told)]

    def add(self, backup: Known, rows: Iterable[Row]) -> None:
        """Given a backup newer than those of its job in the index, and its entries, take them up, all or none."""
        with self._connected() as index:
            index.executescript(ENTERING)
            index.execute('BEGIN IMMEDIATE')
            index.executemany('INSERT INTO entering VALUES (?, ?, ?, ?, ?)', rows)
            newest = 'SELECT ifnull(max(id), 0) FROM backups WHERE job_id = ?'
            before = index.execute(newest, (backup.job_id,)).fetchone()[0]
            names = index.execute('SELECT ifnull(max(id), 0) FROM names').fetchone()[0]
            for step in MERGE:
                index.execute(step, {**backup._asdict(), 'before': before, 'names': names})
            index.execute('COMMIT')

    def remove(self, backups: Sequence[Known]) -> None:
        """Given backups that are gone, forget what only they had."""
        with self._connected() as index:
            index.execute('BEGIN IMMEDIATE')
            index.executemany('DELETE FROM backups WHERE id = ?', [(backup.id,) for backup in backups])
            for job_id in {backup.job_id for backup in backups}:
                index.execute(UNHELD, {'job_id': job_id})
                index.execute(
                    'DELETE FROM folders WHERE job_id = ? AND id NOT IN (SELECT folder_id FROM files)',
                    (job_id,),
                )
            index.execute('COMMIT')

    def find(
        self,
        text: str,
        *,
        job_id: int | None = None,
        client_id: int | None = None,
        backup_id: int | None = None,
    ) -> tuple[list[Hit], bool]:
        """Given part of a name or path, or a pattern with wildcards, return what matches and whether there is more.

        Letters match in either case. Raise StoreError if the index is damaged.
        """
        wanted = text.casefold()
        scope = {'job_id': job_id, 'client_id': client_id, 'backup_id': backup_id}
        rows: dict[tuple[int, int, int], tuple[Any, ...]] = {}
        with self._connected() as index:
            for way, match, given in _ways(index, wanted, scoped=any(scope.values())):
                query = f'{COLUMNS} {way} WHERE {match} AND {_scope(scope)} LIMIT {MOST_MATCHES + 1}'
                for row in index.execute(query, {**given, **scope}):
                    rows.setdefault((row[0], row[1], row[5]), row)
            held = _held(index)
        found = list(rows.values())
        return _merged(found[:MOST_MATCHES], held), len(found) > MOST_MATCHES

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)) as index:
                index.create_function('folded', 1, self._fold, deterministic=True)
                index.execute('PRAGMA synchronous = NORMAL')
                yield index
        except sqlite3.Error as error:
            raise StoreError(
                f'The search index cannot be used: {error}.', 'It is made anew by itself.'
            ) from error


Way = tuple[str, str, dict[str, str]]


def _ways(index: sqlite3.Connection, wanted: str, *, scoped: bool) -> Iterator[Way]:
    """Given what is wanted, in one case, yield the queries that find it: where from, by which test, with which values."""
    if '/' in wanted:
        yield from _by_path(wanted)
        return
    yield BY_NAME, 'names.folded = :name', {'name': wanted}  # exact names are found among however many
    pattern = bool(WILDCARDS & set(wanted))
    test = 'names.folded GLOB :name' if pattern else 'instr(names.folded, :name) > 0'
    threes = ' AND '.join(_threes(wanted))
    count = 'SELECT count(*) FROM (SELECT rowid FROM threes WHERE threes MATCH ? LIMIT ?)'
    few = threes and index.execute(count, (threes, FEW)).fetchone()[0] < FEW
    if scoped and not few:
        yield BY_FOLDER, test, {'name': wanted}
    elif threes:
        yield BY_NAME, f'{AMONG} AND {test}', {'name': wanted, 'threes': threes}
    else:
        yield BY_NAME, test, {'name': wanted}


def _by_path(wanted: str) -> Iterator[Way]:
    """Either all of it is in the path of a folder, or its end is the beginning of a name: names have no slash."""
    head, _, name = wanted.rpartition('/')
    if WILDCARDS & set(wanted):
        match, given = '(folders.folded || names.folded) GLOB :pattern', {'pattern': f'*{wanted}'}
        threes = ' AND '.join(_threes(re.split('[*?]', name)[-1])) if '[' not in wanted else ''
        yield (
            (BY_NAME, f'{AMONG} AND {match}', {**given, 'threes': threes})
            if threes
            else (BY_FOLDER, match, given)
        )
        return
    yield BY_FOLDER, 'instr(folders.folded, :wanted) > 0', {'wanted': wanted}
    if name:
        begins = 'names.folded >= :name AND names.folded < :name || char(1114111)'
        ends = 'substr(folders.folded, -length(:head)) = :head'
        yield BY_FOLDER if head else BY_NAME, f'{ends} AND {begins}', {'head': f'{head}/', 'name': name}


def _threes(wanted: str) -> list[str]:
    """Given text or a pattern, return threes of letters that any match holds, as FTS5 wants them; side by side is enough."""
    found = []
    for run in re.split('[*?]', wanted.partition('[')[0]):
        starts = [*range(0, len(run) - 2, 3), len(run) - 3] if len(run) >= 3 else []
        found += ['"' + run[start : start + 3].replace('"', '""') + '"' for start in starts]
    return list(dict.fromkeys(found))


def _scope(scope: dict[str, int | None]) -> str:
    # Only fixed texts of this module go into the query; what a user gives is bound.
    held = 'backups.job_id = folders.job_id AND backups.id BETWEEN first AND ifnull(last, 9e18)'
    one = ' AND backups.id = :backup_id' if scope['backup_id'] is not None else ''
    client = ' AND backups.client_id = :client_id' if scope['client_id'] is not None else ''
    wanted = [text for name, text in SCOPES.items() if scope[name] is not None]
    return ' AND '.join([*wanted, f'EXISTS (SELECT 1 FROM backups WHERE {held}{one}{client})'])  # noqa: S608 # nosec B608 -- fixed texts


def _held(index: sqlite3.Connection) -> dict[int, list[int]]:
    held: dict[int, list[int]] = {}
    for job_id, backup_id in index.execute('SELECT job_id, id FROM backups ORDER BY id'):
        held.setdefault(job_id, []).append(backup_id)
    return held


def _merged(rows: Iterable[tuple[Any, ...]], held: dict[int, list[int]]) -> list[Hit]:
    hits: dict[tuple[int, int], Hit] = {}
    for name_id, folder_id, job_id, folder, name, first, last, kind, size, modified in rows:
        having = [one for one in held.get(job_id, ()) if first <= one <= last]
        if not having:
            continue
        hit = Hit(
            job_id=job_id, folder=folder, name=name, kind=kind, size=size, modified=modified, first=having[0], last=having[-1],
            gone=having[-1] != held[job_id][-1],
        )  # fmt: skip
        known = hits.setdefault((name_id, folder_id), hit)
        if hit.last > known.last:
            hits[name_id, folder_id] = hit
        hits[name_id, folder_id].first = min(hit.first, known.first)
    return list(hits.values())
