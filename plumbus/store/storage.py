"""The TinyDB storage of one file: its tables in memory, changed at once, and written down by its keeper."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson
from tinydb.storages import Storage

from plumbus.errors import StoreError
from plumbus.store import layout
from plumbus.store.disk import make_private_folder, plain_errors, sync_folder, write_beside
from plumbus.store.journal import Journal
from plumbus.store.layout import Raws, Tables
from plumbus.store.reading import SCHEMA_TABLE, Reader, Signature, State, signature_of
from plumbus.store.rows import Column, Rows, Watcher

# What is longer is not for people, and takes several times its size when it is read in one piece.
SPREAD_UP_TO = 1024 * 1024
Migration = Callable[[Tables], None]
Columns = Mapping[str, Mapping[str, Column]]


class Keeper(Protocol):
    """Who writes down what storages of one folder change: at once, or at the end of a transaction."""

    def settle(self, storage: 'JournalledStorage') -> None: ...
    def changed(self) -> None: ...


class JournalledStorage(Storage):
    """One file, read once; what another process changes is read from the journal. Not thread-safe by itself.

    `migrations` lead from schema 1 to `1 + len(migrations)`. `columns`: those of tables that are searched by them.
    """

    def __init__(
        self,
        path: Path,
        journal: Journal,
        keeper: Keeper,
        migrations: Sequence[Migration] = (),
        columns: Columns | None = None,
        *,
        spread: bool = True,
    ) -> None:
        self.writes = 0
        self.state = State(tables={})
        self.reader = Reader(path=path, journal=journal, schema=1 + len(migrations))
        self._keeper = keeper
        self._migrations = migrations
        self._columns = columns or {}
        self._spread = spread
        self._watchers: dict[str, list[Watcher]] = {}
        self.loaded = False  # whether the file could be read
        self._rows: dict[str, Rows] = {}
        self._before: dict[tuple[str, int], bytes | None] = {}
        self._old: Raws = {}

    @property
    def name(self) -> str:
        """What the journal calls this file."""
        return self.reader.path.stem

    @property
    def pending(self) -> bool:
        """Whether something was changed that is not on disk yet."""
        return bool(self._before)

    @property
    def needs_file(self) -> bool:
        """Whether there is no file, or one of an older PLUMBUS, which would not look into the journal."""
        return self.state.schema < self.reader.schema

    def read(self) -> dict[str, Any] | None:
        """Return the tables, None if there are none yet. Raise StoreError if they cannot be read."""
        return {name: rows for name, rows in self.current().items() if rows} or None

    def write(self, data: Tables) -> None:
        """Given all tables, take over what is other in them. Raise StoreError, with nothing changed, if it cannot be kept."""
        known = self.current()
        changes: dict[str, dict[int, Mapping[str, Any] | None]] = {}
        for name in {**known, **data}:
            given: Mapping[str, Any] = data.get(name, {})
            if given is not known.get(name):
                changes[name] = {int(key): None for key in self.rows(name) if key not in given}
                changes[name] |= {int(key): document for key, document in given.items()}
        self._change(changes)

    def change(self, table: str, changes: Mapping[int, Mapping[str, Any] | None]) -> None:
        """Given documents by id (None: it goes), take them in. Raise StoreError, with nothing changed, if that cannot be."""
        self._change({table: changes})

    def rows(self, table: str) -> Rows:
        """Given a table, return what is in it. Raise StoreError if it cannot be read."""
        self.current()
        return self._rows_in(table)

    def watch(self, table: str, watcher: Watcher) -> None:
        """Given a table and who wants to know of its documents, tell of all that are there and, from now on, of each change."""
        self._watchers.setdefault(table, []).append(watcher)
        if table in self._rows:
            self._rows[table].watch(watcher)

    def changes(self) -> dict[str, dict[int, Any]]:
        """Return what is pending, for a line of the journal."""
        told: dict[str, dict[int, Any]] = {}
        for table, item_id in self._before:
            raw = self._rows_in(table).raw(item_id)
            told.setdefault(table, {})[item_id] = None if raw is None else orjson.Fragment(raw)
        return told

    def keep(self) -> None:
        """What was pending is on disk."""
        self.state.told |= self.pending
        self._before.clear()

    def forget(self) -> None:
        """Take back everything that is not on disk."""
        for (table, item_id), raw in self._before.items():
            self._rows_in(table).set(item_id, raw)
        self._before.clear()

    def copy(self) -> dict[str, dict[int, bytes]]:
        """Return all tables as they are at this moment."""
        return {name: rows.copy() for name, rows in self.current().items() if rows}

    def prepare(self, tables: Mapping[str, Mapping[int, bytes]], newest: int) -> tuple[Path, Signature]:
        """Given tables with all changes up to `newest`, write them beside the file, synced. Return that and its signature.

        Needs no lock. Raise StoreError if it cannot be written.
        """
        header = {1: layout.encoded({'version': self.reader.schema, 'change': newest})}
        small = sum(len(raw) for rows in tables.values() for raw in rows.values()) < SPREAD_UP_TO
        pieces = layout.written({SCHEMA_TABLE: header, **tables}, spread=self._spread and small)
        with plain_errors(self.reader.name):
            make_private_folder(self.reader.path.parent)
            beside, status = write_beside(self.reader.path, pieces)
        return beside, signature_of(status)

    def publish(self, beside: Path, signature: Signature, newest: int) -> None:
        """Put what was prepared in place of the file. Raise StoreError if it cannot be."""
        with plain_errors(self.reader.name):
            if self.state.schema and self.needs_file:
                self._keep_old()
            os.replace(beside, self.reader.path)
            sync_folder(self.reader.path.parent)
        self.state.signature, self.state.applied, self.state.schema = signature, newest, self.reader.schema
        self.state.told = self.state.newest > newest

    def _change(self, changes: Mapping[str, Mapping[int, Mapping[str, Any] | None]]) -> None:
        raws = [
            (table, item_id, self._encoded(document))
            for table, documents in changes.items()
            for item_id, document in documents.items()
        ]
        other = [
            (table, item_id, raw) for table, item_id, raw in raws if raw != self.rows(table).raw(item_id)
        ]
        if not other:
            return
        if not self.state.continued:
            self._keeper.settle(self)
        for table, item_id, raw in other:
            rows = self._rows_in(table)
            self._before.setdefault((table, item_id), rows.raw(item_id))
            rows.set(item_id, raw)
        self.writes += 1
        self._keeper.changed()

    def current(self) -> dict[str, Rows]:
        """Return the tables as they are on disk, with what is pending. Raise StoreError if they cannot be read."""
        if not self.loaded or (not self._before and self._replaced()):
            self._load()
        elif not self._before and self.reader.journal.signature() != self.state.journal:
            for news in self.reader.news(self.state):
                self._take_in(news.items())
        return self._rows

    def _replaced(self) -> bool:
        place, size = self.reader.journal.signature()
        same = place == self.state.journal[0] and size >= self.state.end
        return not same or self.reader.signature() != self.state.signature

    def _load(self) -> None:
        try:
            self._take(self.reader.read())
        except (
            orjson.JSONDecodeError
        ):  # a line with more than one document, as somebody may have edited it, or with none
            self._take(self.reader.read(by_line=False))

    def _take(self, state: State) -> None:
        # What was known must not survive a file that turns out to be damaged.
        self.loaded, self._rows, self._before, self._old = False, {}, {}, {}
        tables = state.tables
        if state.schema and state.schema < self.reader.schema:
            self._old = tables if state.told else {}
            tables = self._migrated(tables, state.schema)
        state.tables, self.state = {}, state
        state.continued &= not self.needs_file
        for name, raws in tables.items():
            self._rows_in(name).fill(raws)
        for table in self._watchers:
            self._rows_in(table)
        self.loaded = True

    def _take_in(self, tables: Iterable[tuple[str, Mapping[int, bytes | None]]]) -> None:
        for name, raws in tables:
            rows = self._rows_in(name)
            for item_id, raw in raws.items():
                rows.set(item_id, raw)

    def _rows_in(self, table: str) -> Rows:
        if table not in self._rows:
            self._rows[table] = Rows(self._columns.get(table), self._watchers.get(table, ()))
        return self._rows[table]

    def _migrated(self, raws: Raws, found: int) -> Raws:
        tables = layout.in_objects(raws)
        for migrate in self._migrations[found - 1 :]:
            migrate(tables)
        return layout.in_text(tables)

    def _keep_old(self) -> None:
        # The file is about to be written in a newer schema: this copy is the way back to the older PLUMBUS.
        copy = self.reader.path.with_name(f'{self.reader.path.stem}.schema-{self.state.schema}.json')
        copy.unlink(missing_ok=True)
        if self._old:
            header = {1: layout.encoded({'version': self.state.schema, 'change': self.state.newest})}
            pieces = layout.written({SCHEMA_TABLE: header, **self._old}, spread=self._spread)
            os.replace(write_beside(copy, pieces)[0], copy)
        else:
            os.link(self.reader.path, copy)
        self._old = {}

    def _encoded(self, document: Mapping[str, Any] | None) -> bytes | None:
        try:
            return None if document is None else layout.encoded(document)
        except (TypeError, RecursionError) as error:
            raise StoreError(
                f'A value cannot be stored in {self.reader.name}: {error}.',
                'Nothing was changed; please report this.',
            ) from None
