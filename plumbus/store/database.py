"""The database: TinyDB files below `db/`, one lock for all threads, all changes of a transaction or none."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tinydb import TinyDB
from tinydb.table import Document, Table

from plumbus.errors import StoreError
from plumbus.store.disk import ProcessLock, make_private_folder, plain_errors
from plumbus.store.storage import AtomicStorage, Migration

# History grows without end; in a file of its own it cannot endanger the configuration.
HISTORY_TABLES = frozenset({'backups', 'restores', 'verifications', 'deliveries'})
# Append only: the third entry leads from schema 3 to 4. Each changes the raw tables in place, and has a test.
MIGRATIONS: Mapping[str, Sequence[Migration]] = {'config': (), 'history': ()}
SEQUENCE_TABLE = '_sequence'


class Database:
    """Every change happens inside `transaction()`. Hold `lock` while reading raw documents, and never change them."""

    def __init__(self, folder: Path, migrations: Mapping[str, Sequence[Migration]] = MIGRATIONS) -> None:
        self.path = folder
        self.lock = threading.RLock()
        self._process_lock = ProcessLock(folder / '.lock')
        self._storages = {
            name: AtomicStorage(folder / f'{name}.json', migrations.get(name, ())) for name in MIGRATIONS
        }
        self._files = {name: _opened(storage) for name, storage in self._storages.items()}
        self._depth = 0
        self._broken = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep others out; at the end write each changed file once, or undo everything if the block raised.

        Transactions nest: only the outermost writes. Raise StoreError if the changes cannot be kept.
        """
        with self.lock:
            self._enter()
            writes = self._writes()
            try:
                yield
                if self._depth == 1:
                    self._commit()
            except BaseException:
                if self._writes() != writes:
                    self._undo()
                raise
            finally:
                self._leave()

    def table(self, name: str) -> Table:
        """Given the name of a table, return it; it comes to be with its first document."""
        return self._file_of(name).table(name, cache_size=0)

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
                sequence = self._file_of(table).table(SEQUENCE_TABLE, cache_size=0)
                sequence.upsert(Document({table: used}, doc_id=1))
        return used

    def check_readable(self) -> None:
        """Read every file. Raise StoreError if one is damaged or comes from a newer PLUMBUS."""
        with self.lock:
            for storage in self._storages.values():
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

    def _name(self) -> str:
        return f'{self.path.name}/'

    def _file_of(self, table: str) -> TinyDB:
        return self._files['history' if table in HISTORY_TABLES else 'config']

    def _last_id(self, table: str) -> int:
        sequence = self._file_of(table).table(SEQUENCE_TABLE, cache_size=0).get(doc_id=1)
        return int(sequence.get(table, 0)) if isinstance(sequence, Mapping) else 0

    def _writes(self) -> int:
        return sum(storage.writes for storage in self._storages.values())

    def _enter(self) -> None:
        if self._depth == 0:
            with plain_errors(self._name()):
                make_private_folder(self.path)
                self._process_lock.acquire()
            self._broken = False
            self._defer(True)
        self._depth += 1

    def _leave(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._defer(False)
            self._process_lock.release()

    def _defer(self, deferred: bool) -> None:
        for storage in self._storages.values():
            storage.deferred = deferred

    def _commit(self) -> None:
        if self._broken:
            raise StoreError('A part of this change failed, so nothing of it was kept.', 'Please try again.')
        changed = [storage for storage in self._storages.values() if storage.pending]
        for storage in changed:
            storage.prepare()
        for storage in changed:
            storage.publish()

    def _undo(self) -> None:
        self._broken = True
        for storage in self._storages.values():
            storage.forget()


def _opened(storage: AtomicStorage) -> TinyDB:
    return TinyDB(storage=lambda: storage)
