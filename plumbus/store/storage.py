"""A TinyDB storage in one JSON file that is replaced whole: old or new state, never half of one."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import orjson
from tinydb.storages import Storage

from plumbus.errors import StoreError
from plumbus.store.disk import make_private_folder, plain_errors, sync_folder, write_beside

Tables = dict[str, dict[str, Any]]
Migration = Callable[[Tables], None]
SCHEMA_TABLE = '_schema'
# Without the pass-through orjson would write a datetime as text, and the cache would differ from the file.
JSON_OPTIONS = (
    orjson.OPT_INDENT_2
    | orjson.OPT_APPEND_NEWLINE
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
)


class AtomicStorage(Storage):
    """One file, read once and kept in memory until another process replaces it. Not thread-safe by itself.

    `migrations` lead from schema 1 to `1 + len(migrations)`. While `deferred` is set, written tables are kept
    in memory until `prepare` and `publish`; else each write goes to disk at once.
    """

    def __init__(self, path: Path, migrations: Sequence[Migration] = ()) -> None:
        self.deferred = False
        self.writes = 0
        self._path = path
        self._name = f'{path.parent.name}/{path.name}'
        self._migrations = migrations
        self._tables: Tables | None = None
        self._seen: tuple[int, ...] = ()
        self._pending = False
        self._prepared: Path | None = None
        self._old_schema = 0

    @property
    def schema(self) -> int:
        """The number of the newest schema this program knows."""
        return 1 + len(self._migrations)

    @property
    def pending(self) -> bool:
        """Whether something was written that is not on disk yet."""
        return self._pending

    def read(self) -> Tables | None:
        """Return the live tables, None if there is no file yet. Raise StoreError if it cannot be read."""
        if not self._pending and (self._tables is None or self._signature() != self._seen):
            with plain_errors(self._name):
                self._load()
        return self._tables

    def write(self, data: Tables) -> None:
        """Given all tables, take them over. Raise StoreError, with nothing changed, if they cannot be kept."""
        self.writes += 1
        self._tables = data
        self._pending = True
        if not self.deferred:
            try:
                self.prepare()
                self.publish()
            except BaseException:
                self.forget()
                raise

    def prepare(self) -> None:
        """Write what is pending beside the file, synced. Raise StoreError if it cannot be."""
        data = self._serialised()
        with plain_errors(self._name):
            make_private_folder(self._path.parent)
            self._prepared, status = write_beside(self._path, data)
        self._seen = _signature_of(status)

    def publish(self) -> None:
        """Put what was prepared in place of the file. Raise StoreError if it cannot be."""
        if self._prepared is None:
            return
        with plain_errors(self._name):
            if self._old_schema:
                self._keep_old()
            os.replace(self._prepared, self._path)
            self._prepared = None
            sync_folder(self._path.parent)
        self._pending = False

    def forget(self) -> None:
        """Drop everything that is not on disk; the next read takes the file again."""
        if self._prepared is not None:
            with suppress(OSError):
                self._prepared.unlink()
        self._prepared = None
        self._pending = False
        self._tables = None

    def _signature(self) -> tuple[int, ...]:
        try:
            return _signature_of(self._path.stat())
        except OSError:
            return ()

    def _load(self) -> None:
        # Forget first: tables from before must not survive a file that turns out to be damaged.
        self._tables, self._seen, self._old_schema = None, (), 0
        try:
            with self._path.open('rb') as file:
                data = file.read()
                seen = _signature_of(os.fstat(file.fileno()))
        except FileNotFoundError:
            return
        self._tables = self._migrated(self._parsed(data))
        self._seen = seen

    def _parsed(self, data: bytes) -> Tables:
        try:
            tables = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise self._unreadable(f'is damaged ({error})') from None
        if not _holds_tables(tables):
            raise self._unreadable('holds no tables')
        return cast(Tables, tables)

    def _migrated(self, tables: Tables) -> Tables:
        found = tables.pop(SCHEMA_TABLE, {}).get('1', {}).get('version', 1)
        if not isinstance(found, int) or found < 1:
            raise self._unreadable('names no schema')
        if found > self.schema:
            raise StoreError(
                f'{self._name} was written by a newer PLUMBUS (schema {found}; this one knows {self.schema}).',
                'Start the newer PLUMBUS again, or put back the copy of the file made before its first start.',
            )
        self._old_schema = found if found < self.schema else 0
        for migrate in self._migrations[found - 1 :]:
            migrate(tables)
        return tables

    def _unreadable(self, why: str) -> StoreError:
        return StoreError(
            f'{self._name} in the data folder {why}.',
            'Put back a copy of it, or move it away and run "python main.py rescan".',
        )

    def _keep_old(self) -> None:
        # The file is about to be written in a newer schema: this copy is the way back to the older PLUMBUS.
        copy = self._path.with_name(f'{self._path.stem}.schema-{self._old_schema}.json')
        copy.unlink(missing_ok=True)
        os.link(self._path, copy)
        self._old_schema = 0

    def _serialised(self) -> bytes:
        schema = {SCHEMA_TABLE: {'1': {'version': self.schema}}}
        try:
            return orjson.dumps(schema | (self._tables or {}), option=JSON_OPTIONS)
        except (TypeError, RecursionError) as error:
            raise StoreError(
                f'A value cannot be stored in {self._name}: {error}.',
                'Nothing was changed; please report this.',
            ) from None


def _signature_of(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _holds_tables(tables: Any) -> bool:
    return isinstance(tables, dict) and all(
        isinstance(table, dict) and all(isinstance(document, dict) for document in table.values())
        for table in tables.values()
    )
