"""The state of a file: what it holds, and what the journal tells of changes since it was written."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from plumbus.errors import StoreError
from plumbus.store import layout
from plumbus.store.disk import plain_errors
from plumbus.store.journal import Journal, Line
from plumbus.store.layout import Raws

SCHEMA_TABLE = '_schema'
RETRIES = 5
Signature = tuple[int, ...]


class GapError(StoreError):
    """The journal tells of changes since a later state than the file has."""


@dataclass(kw_only=True, slots=True)
class State:
    """`schema` is 0 if there is no file. `applied`: the last change that the file holds; `newest`: the last one known, of any
    file; `end`: where the last whole line of the journal ends; `told`: whether the journal changed something in `tables`;
    `continued`: whether it may go on with changes of this file."""

    tables: Raws
    signature: Signature = ()
    journal: tuple[int, int] = (0, 0)
    schema: int = 0
    applied: int = 0
    newest: int = 0
    end: int = 0
    told: bool = False
    continued: bool = False


@dataclass(kw_only=True, slots=True)
class Reader:
    """Reads one file and its part of the journal. `schema` is the newest that this program knows."""

    path: Path
    journal: Journal
    schema: int
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f'{self.path.parent.name}/{self.path.name}'

    def read(self, *, by_line: bool = True) -> State:
        """Return the state. Raise StoreError if it cannot be read.

        `by_line` is quicker, but a document may turn out to be no JSON (that of the schema raises JSONDecodeError at once): then
        read it without.
        """
        for _ in range(RETRIES):
            seen = self._seen()
            try:
                with plain_errors(self.name):
                    return self._read(by_line=by_line)
            except GapError:  # another process wrote one after the other was read?
                if self._seen() == seen:
                    raise
        raise StoreError(f'{self.name} changes all the time.', 'Stop the other PLUMBUS processes.')

    def news(self, state: State) -> list[layout.Changes]:
        """Given the state, return what the journal tells since, and note in the state that it is known."""
        state.journal = self.journal.signature()
        with plain_errors(self.name):
            return [self._told(state, line) for line in self.journal.lines(state.end)]

    def signature(self) -> Signature:
        """Return what tells the file from another one that replaced it; empty if there is none."""
        try:
            return signature_of(self.path.stat())
        except OSError:
            return ()

    def _seen(self) -> tuple[Signature, int]:
        return self.signature(), self.journal.signature()[0]

    def _read(self, *, by_line: bool) -> State:
        state = State(tables={}, signature=self.signature(), journal=self.journal.signature())
        try:
            state.tables = layout.read(self.path, by_line=by_line)
            self._check(state, state.tables.pop(SCHEMA_TABLE, {}).get(1, b'{}'))
        except FileNotFoundError:
            state.signature = ()
        except orjson.JSONDecodeError:
            raise
        except ValueError as error:
            raise self._unreadable(str(error)) from None
        self._merge(state)
        return state

    def _check(self, state: State, raw: bytes) -> None:
        header = orjson.loads(raw)
        state.schema, state.applied = header.get('version', 1), header.get('change', 0)
        if not isinstance(state.schema, int) or state.schema < 1 or not isinstance(state.applied, int):
            raise ValueError('names no schema')
        if state.schema > self.schema:
            raise StoreError(
                f'{self.name} was written by a newer PLUMBUS (schema {state.schema}; this one knows {self.schema}).',
                'Start the newer PLUMBUS again, or put back the copy of the file made before its first start.',
            )
        state.newest = state.applied

    def _merge(self, state: State) -> None:
        for line in self.journal.lines():
            if 'after' in line.content:
                state.continued = (
                    line.content['after'].get(self.path.stem, state.applied + 1) <= state.applied
                )
            told = self._told(state, line)
            if told and not state.continued:
                raise GapError(
                    f'{self.name} is older than {self.journal.path.parent.name}/{self.journal.path.name}, which goes on from a '
                    'later one.',
                    'Put back a copy of the whole folder db/, or move the journal away to go on with the older file.',
                )
            for table, changes in told.items():
                rows = state.tables.setdefault(table, {})
                for item_id, raw in changes.items():
                    if raw is None:
                        rows.pop(item_id, None)
                    else:
                        rows[item_id] = raw

    def _told(self, state: State, line: Line) -> layout.Changes:
        """Given a line of the journal, return what it changes here that the file does not hold."""
        state.end = line.end
        number = int(line.content.get('seq', 0))
        state.newest = max(state.newest, number, *line.content.get('after', {}).values())
        told = line.content.get(self.path.stem, {}) if number > state.applied else {}
        state.told |= bool(told)
        return {
            table: {int(key): None if each is None else layout.encoded(each) for key, each in changes.items()}
            for table, changes in told.items()
        }

    def _unreadable(self, why: str) -> StoreError:
        return StoreError(
            f'{self.name} in the data folder {why}.',
            'Put back a copy of it, or move it away and run "python main.py rescan".',
        )


def signature_of(status: os.stat_result) -> Signature:
    """Given the status of a file, return what tells it from another one."""
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
