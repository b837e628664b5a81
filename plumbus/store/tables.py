"""A TinyDB table that tells its storage what it changed: TinyDB's own would make a copy of all documents for each change."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, cast

from tinydb import TinyDB
from tinydb.table import Table

from plumbus.store.rows import Rows
from plumbus.store.storage import JournalledStorage


class RowTable(Table):
    """As TinyDB's, over a JournalledStorage."""

    @property
    def rows(self) -> Rows:
        """What is in the table, as text. Raise StoreError if it cannot be read."""
        return cast(JournalledStorage, self._storage).rows(self.name)

    def _read_table(self) -> dict[str, Mapping[str, Any]]:
        return cast(dict[str, Mapping[str, Any]], self.rows)

    def _update_table(self, updater: Callable[[dict[int, Mapping[str, Any]]], None]) -> None:
        changing = Changing(self.rows)
        updater(cast(dict[int, Mapping[str, Any]], changing))
        cast(JournalledStorage, self._storage).change(self.name, changing.changes)
        self.clear_cache()


class JournalledTinyDB(TinyDB):
    """TinyDB with such tables."""

    table_class = RowTable


class Changing(MutableMapping[int, dict[str, Any]]):
    """The documents of a table as TinyDB changes them: what is touched is noted, the table stays as it is."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.changes: dict[int, dict[str, Any] | None] = {}

    def __getitem__(self, item_id: int) -> dict[str, Any]:
        if item_id not in self.changes:
            self.changes[item_id] = self._rows[str(item_id)]  # a copy, which TinyDB may change
        document = self.changes[item_id]
        if document is None:
            raise KeyError(item_id)
        return document

    def __setitem__(self, item_id: int, document: dict[str, Any]) -> None:
        self.changes[item_id] = document

    def __delitem__(self, item_id: int) -> None:
        self.changes[item_id] = None

    def __contains__(self, item_id: object) -> bool:
        if item_id in self.changes:
            return self.changes[item_id] is not None
        return str(item_id) in self._rows

    def __iter__(self) -> Iterator[int]:
        known = [int(key) for key in self._rows if int(key) not in self.changes]
        return iter(
            [*known, *(item_id for item_id, document in self.changes.items() if document is not None)]
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Take all documents away."""
        self.changes = {int(key): None for key in self._rows}
