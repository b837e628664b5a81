"""The names in all snapshots, to be found at once. Derived from the manifests: whatever is wrong with it, it is made anew.

Each path stands here once for each stretch of a job's backups that have it: from the backup that `first` had it to the
`last` one, which is null while the newest backup has it. Names are kept once for all jobs, with the threes of letters in
each (FTS5, trigram), so that a rare name among millions is found at once.
"""

import json
import re
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from plumbus.errors import StoreError
from plumbus.store.disk import make_private_folder, plain_errors
from plumbus.store.search_tables import (
    ENTER,
    ENTERING,
    LEAVE_ALL,
    LEAVE_TOLD,
    NAME,
    REOPEN,
    STAY,
    TABLES,
    UNHELD,
)

VERSION = 3
BUSY_S = 30
MOST_MATCHES = 10_000
WILDCARDS = frozenset('*?[')
SCOPES = {
    'job_id': 'folders.job_id = :job_id',
    'client_id': 'folders.job_id IN (SELECT job_id FROM backups WHERE client_id = :client_id)',
    'backup_id': 'folders.job_id = (SELECT job_id FROM backups WHERE id = :backup_id)',
}
NEWEST = 'SELECT ifnull(max(id), 0) FROM backups WHERE job_id = ?'
KNOWN = 'SELECT id, job_id, client_id FROM backups'
NEAR = ' WHERE job_id IN (SELECT job_id FROM backups WHERE id IN (SELECT value FROM json_each(?)))'
COLUMNS = f"""
SELECT names.id, folders.id, folders.job_id, folders.path, {NAME}, first, ifnull(last, 9223372036854775807), kind, size, modified
"""  # nosec B608 -- fixed texts
# CROSS JOIN keeps the order: from names, of which few match, or from the folders of a job, or from folders that match.
BY_NAME = 'FROM names CROSS JOIN files ON files.name_id = names.id CROSS JOIN folders ON folders.id = files.folder_id'
BY_FOLDER = 'FROM folders CROSS JOIN files ON files.folder_id = folders.id CROSS JOIN names ON names.id = files.name_id'
AMONG = 'names.id IN (SELECT rowid FROM threes WHERE threes MATCH :threes)'
FEW = 20_000
GONE = ''


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

    def newest(self, job_id: int) -> int:
        """Return the newest backup of a job that is in the index, 0 if none is. Raise StoreError."""
        with self._connected() as index:
            return int(index.execute(NEWEST, (job_id,)).fetchone()[0])

    def add(self, backup: Known, rows: Iterable[Row], *, changes_only: bool = False) -> None:
        """Given a backup newer than those of its job in the index, and its entries, take them up, all or none.

        `changes_only`: these are just what is new, other or gone (its kind is `GONE`) since the newest of those.
        """
        with self._connected() as index:
            index.executescript(ENTERING)
            index.execute('BEGIN IMMEDIATE')
            index.executemany('INSERT INTO entering VALUES (?, ?, ?, ?, ?)', rows)
            before = index.execute(NEWEST, (backup.job_id,)).fetchone()[0]
            names = index.execute('SELECT ifnull(max(id), 0) FROM names').fetchone()[0]
            for step in (*ENTER, LEAVE_TOLD if changes_only else LEAVE_ALL, *STAY):
                index.execute(step, {**backup._asdict(), 'before': before, 'names': names})
            index.execute('COMMIT')

    def remove(self, backups: Sequence[Known]) -> None:
        """Given backups that are gone, forget what only they had."""
        with self._connected() as index:
            index.execute('BEGIN IMMEDIATE')
            index.executemany('DELETE FROM backups WHERE id = ?', [(backup.id,) for backup in backups])
            for job_id in {backup.job_id for backup in backups}:
                index.execute(UNHELD, {'job_id': job_id})
                index.execute(REOPEN, {'job_id': job_id})
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
                index.create_function('key', 1, _key, deterministic=True)
                index.execute('PRAGMA trusted_schema = ON')  # an index calls `key`
                index.execute('PRAGMA synchronous = NORMAL')
                yield index
        except sqlite3.Error as error:
            raise StoreError(
                f'The search index cannot be used: {error}.', 'It is made anew by itself.'
            ) from error


def _key(text: str) -> int:
    return zlib.crc32(text.encode('utf-8', 'replace'))


Way = tuple[str, str, dict[str, str]]


def _ways(index: sqlite3.Connection, wanted: str, *, scoped: bool) -> Iterator[Way]:
    """Given what is wanted, in one case, yield the queries that find it: where from, by which test, with which values."""
    if '/' in wanted:
        yield from _by_path(wanted)
        return
    yield (
        BY_NAME,
        'key(names.folded) = key(:name) AND names.folded = :name',
        {'name': wanted},
    )  # exact names are found among however many
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
        threes = ' AND '.join(_threes(name)) if not head else ''
        match = f'{AMONG} AND {ends} AND {begins}' if threes else f'{ends} AND {begins}'
        given = {'head': f'{head}/', 'name': name, 'threes': threes}
        yield BY_FOLDER if head else BY_NAME, match, given


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
