"""The database: TinyDB files below `db/`, one lock for all threads, all changes of a transaction or none."""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

from tinydb.table import Document

from plumbus.errors import StoreError
from plumbus.store.columns import COLUMNS
from plumbus.store.disk import ProcessLock, make_private_folder, plain_errors
from plumbus.store.files import Compaction, Files
from plumbus.store.reading import Signature
from plumbus.store.rows import Watcher
from plumbus.store.storage import JournalledStorage, Migration
from plumbus.store.tables import JournalledTinyDB, RowTable
from plumbus.store.write_times import WriteTimes

# History grows without end; in a file of its own it cannot endanger the configuration.
HISTORY_TABLES = frozenset({'backups', 'restores', 'verifications', 'deliveries'})


def journalled(_tables: object) -> None:
    """From schema 1 to 2: what changes lies in the journal, so that a PLUMBUS that knows of none must not read the file."""


# Append only: the third entry leads from schema 3 to 4. Each changes the raw tables in place, and has a test.
MIGRATIONS: Mapping[str, Sequence[Migration]] = {'config': (journalled,), 'history': (journalled,)}
SEQUENCE_TABLE = '_sequence'
MEGABYTE = 1024 * 1024
# The files are written anew when the journal is larger than this and than half of them; a small database always at the end.
LARGE_JOURNAL = 4 * MEGABYTE
SMALL_DATABASE = 8 * MEGABYTE
log = logging.getLogger(__name__)


class Database:
    """Every change happens inside `transaction()`. Hold `lock` while reading raw documents."""

    def __init__(self, folder: Path, migrations: Mapping[str, Sequence[Migration]] = MIGRATIONS) -> None:
        self.path = folder
        self.lock = threading.RLock()
        self._writing = (
            threading.RLock()
        )  # taken before the other, which is free while the disk is written to
        self._process_lock = ProcessLock(folder / '.lock')
        self._files = Files(folder, {name: migrations.get(name, ()) for name in MIGRATIONS}, COLUMNS)
        self._opened = {name: _opened(storage) for name, storage in self._files.storages.items()}
        self._depth = 0
        self._broken = False
        self._tidying = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep other writers out; at the end write all changes at once, or undo everything if the block raised.

        Transactions nest: only the outermost writes. Nobody reads during the block, but while the disk is written to: what is
        whole may be seen then. Never begin one while holding `lock`. Raise StoreError if the changes cannot be kept.
        """
        with self._writing:
            self._enter()
            try:
                with self.lock, self._undone_if_raised():
                    yield
                if self._depth == 1:
                    self._commit()
            finally:
                self._leave()

    @contextmanager
    def _undone_if_raised(self) -> Iterator[None]:
        writes = self._files.writes
        try:
            yield
        except BaseException:
            if self._files.writes != writes:
                self._broken = True
                self._files.undo()
            raise

    @property
    def write_times(self) -> WriteTimes:
        """How long writes have taken since the start."""
        return self._files.write_times

    def table(self, name: str) -> RowTable:
        """Given the name of a table, return it; it comes to be with its first document."""
        return cast(RowTable, self._opened[_file_of(name)].table(name, cache_size=0))

    def watch(self, table: str, watcher: Watcher) -> None:
        """Given a table and who wants to know of its documents, tell of all that are there and, from now on, of each change."""
        with self.lock:
            self._files.storages[_file_of(table)].watch(table, watcher)

    def next_id(self, table: str) -> int:
        """Given a table, return an id that none of its documents ever had. Use it inside a transaction."""
        return self.next_ids(table, 1)

    def next_ids(self, table: str, count: int) -> int:
        """Given a table and how many ids are needed, reserve that many in a row and return the last of them."""
        return self.reserve_id(table, self._last_id(table) + count)

    def reserve_id(self, table: str, used: int) -> int:
        """Given an id that comes from elsewhere, make sure that it is not given out again, and return it."""
        with self.transaction():
            if used > self._last_id(table):
                self._sequence(table).upsert(Document({table: used}, doc_id=1))
        return used

    def check_readable(self) -> None:
        """Read every file. Raise StoreError if one is damaged or comes from a newer PLUMBUS."""
        with self.lock:
            for storage in self._files.storages.values():
                storage.read()

    def check_writable(self) -> None:
        """Write and remove a small file. Raise StoreError with the remedy if that is not possible."""
        probe = self.path / f'.probe-{threading.get_ident()}'
        with plain_errors(self._name()):
            make_private_folder(self.path)
            try:
                probe.write_bytes(b'\0' * 4096)
            finally:
                with suppress(OSError):
                    probe.unlink()

    def tidy(self) -> None:
        """Write the files anew if the journal has grown large. Raise StoreError if that cannot be; nothing is lost then."""
        with self.lock:
            grown = self._files.journal.signature()[1]
        if grown > max(LARGE_JOURNAL, self._files.size() // 2):
            self.compact()

    def close(self) -> None:
        """At the end: leave the files of a small database whole, for people and other programs to read."""
        journal = self._files.journal.signature()[1]
        if journal and self._files.size() + journal <= SMALL_DATABASE:
            try:
                self.compact()
            except StoreError as error:
                log.warning(
                    'The files in %s/ stay as they are, with the journal beside them. %s',
                    self.path.name,
                    error,
                )

    def compact(self) -> None:
        """Write the files anew with all that the journal tells, while others go on reading and changing.

        Raise StoreError if that cannot be; nothing is lost then.
        """
        busy = ProcessLock(self.path / '.compacting', timeout_s=0)
        with self._tidying:
            with self.transaction():
                work = self._files.snapshot()
            if work:
                busy.acquire()
                try:
                    self._compact(work)
                finally:
                    busy.release()

    def _compact(self, work: Compaction) -> None:
        prepared: list[tuple[Path, Signature]] = []
        try:
            prepared.extend(each.storage.prepare(each.tables, work.newest) for each in work.snapshots)
            with self.transaction():
                self._files.publish(work, prepared)
        finally:
            for beside, _ in prepared:
                beside.unlink(missing_ok=True)

    def _name(self) -> str:
        return f'{self.path.name}/'

    def _sequence(self, table: str) -> RowTable:
        return cast(RowTable, self._opened[_file_of(table)].table(SEQUENCE_TABLE, cache_size=0))

    def _last_id(self, table: str) -> int:
        sequence = self._sequence(table).get(doc_id=1)
        return int(sequence.get(table, 0)) if isinstance(sequence, Mapping) else 0

    def _enter(self) -> None:
        if self._depth == 0:
            with plain_errors(self._name()):
                make_private_folder(self.path)
                self._process_lock.acquire()
            self._broken = False
            self._files.deferred = True
        self._depth += 1

    def _leave(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._files.deferred = False
            self._process_lock.release()

    def _commit(self) -> None:
        try:
            if self._broken:
                raise StoreError(
                    'A part of this change failed, so nothing of it was kept.', 'Please try again.'
                )
            self._files.commit(self.lock)
        except BaseException:
            with self.lock:
                self._files.undo()
            raise


def _file_of(table: str) -> str:
    return 'history' if table in HISTORY_TABLES else 'config'


def _opened(storage: JournalledStorage) -> JournalledTinyDB:
    return JournalledTinyDB(storage=lambda: storage)
