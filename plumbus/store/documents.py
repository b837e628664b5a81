"""Typed records in a table: created, read, edited, removed, paged. What is handed out is the caller's own copy."""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import orjson
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError
from tinydb.table import Document

from plumbus.errors import Conflict, NotFound, StoreError
from plumbus.model import Page, Record, checked
from plumbus.store.database import Database
from plumbus.store.rows import Match, Rows, Watcher, decoded

Model = TypeVar('Model', bound=Record)
Where = Callable[[Mapping[str, Any]], bool]
MEMORY_ONLY = {'progress'}
KEPT_BY_THE_STORE = {'id', 'revision', 'created_at', 'updated_at'}


def utc_now() -> datetime:
    """Return the present time, aware, in UTC."""
    return datetime.now(UTC)


class Documents(Generic[Model]):
    """One table of one kind of record. Times lie in it as ISO 8601 text; a given `where` sees this raw form."""

    def __init__(
        self, database: Database, table: str, model: type[Model], clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._name = table
        self._noun = table.removesuffix('s')
        self._model = model
        self._clock = clock

    def add(self, item: Model) -> Model:
        """Given a new item, store it under the next id and return it as stored."""
        with self._database.transaction():
            item_id = self._database.next_id(self._name)
            return self._put(item, id=item_id, created_at=item.created_at or self._clock())

    def add_all(self, items: Sequence[Model]) -> list[Model]:
        """Given new items, store them under the next ids in one write, all or none, and return them as stored."""
        with self._database.transaction():
            now, last = self._clock(), self._database.next_ids(self._name, len(items))
            stamped = [
                item.model_copy(
                    update={'id': item_id, 'created_at': item.created_at or now, 'updated_at': now}
                )
                for item_id, item in enumerate(items, last - len(items) + 1)
            ]
            return self._insert(stamped)

    def restore(self, item: Model) -> Model:
        """Given an item that already has its id, store it as it is, over what may stand there, and return it."""
        if item.id < 1:
            raise ValueError('an item to restore needs its id')
        with self._database.transaction():
            self._database.reserve_id(self._name, item.id)
            now = self._clock()
            return self._put(item, created_at=item.created_at or now, updated_at=item.updated_at or now)

    def restore_all(self, items: Sequence[Model]) -> None:
        """Given items with ids that nothing here has, store them as they are, all or none: `restore` for very many."""
        if any(item.id < 1 for item in items):
            raise ValueError('an item to restore needs its id')
        with self._database.transaction():
            self._database.reserve_id(self._name, max((item.id for item in items), default=0))
            now = self._clock()
            stamped = [
                item.model_copy(
                    update={'created_at': item.created_at or now, 'updated_at': item.updated_at or now}
                )
                for item in items
            ]
            self._insert(stamped)

    def get(self, item_id: int) -> Model:
        """Given an id, return the item. Raise NotFound if there is none."""
        item = self.find(item_id)
        if item is None:
            raise NotFound(f'There is no {self._noun} {item_id}.')
        return item

    def find(self, item_id: int) -> Model | None:
        """Given an id, return the item, or None."""
        with self._database.lock:
            raw = self._rows().raw(item_id)
        return None if raw is None else self._hydrated(raw)

    def exists(self, item_id: int) -> bool:
        """Given an id, return whether there is such an item."""
        with self._database.lock:
            return self._rows().raw(item_id) is not None

    def edit(self, item_id: int, changes: Mapping[str, Any], revision: int | None = None) -> Model:
        """Given a user's changes and the revision they started from, return the item with the next revision.

        Raise NotFound, InvalidInput, or Conflict if someone else was quicker.
        """
        with self._database.transaction():
            item = self.get(item_id)
            if revision is not None and revision < item.revision:
                raise Conflict(
                    f'Someone changed this {self._noun} in the meantime.', 'Reload and edit it again.'
                )
            return self._put(self._changed(item, changes), revision=item.revision + 1)

    def set(self, item_id: int, **changes: Any) -> Model:
        """Given changes that the engine makes, return the item; its revision stays. Raise NotFound or InvalidInput."""
        unknown = changes.keys() - (self._model.model_fields.keys() - KEPT_BY_THE_STORE)
        if unknown:
            raise TypeError(f'{self._model.__name__} has no settable {", ".join(sorted(unknown))}')
        with self._database.transaction():
            return self._put(self._changed(self.get(item_id), changes))

    def remove(self, item_id: int) -> None:
        """Given an id, remove the item; the id is never used again. Raise NotFound if there is none."""
        with self._database.transaction():
            if not self.exists(item_id):
                raise NotFound(f'There is no {self._noun} {item_id}.')
            self._database.table(self._name).remove(doc_ids=[item_id])

    def remove_all(self, item_ids: Collection[int]) -> None:
        """Given ids, remove those items that are there, in one write."""
        with self._database.transaction():
            rows = self._rows()
            if there := [item_id for item_id in item_ids if rows.raw(item_id) is not None]:
                self._database.table(self._name).remove(doc_ids=there)

    def transaction(self) -> AbstractContextManager[None]:
        """Return a context in which nobody else changes anything; what is changed in it is stored as a whole or not at all."""
        return self._database.transaction()

    def all(self, match: Match | None = None) -> list[Model]:
        """Return every item, or those whose columns have what `match` says, in the order of ids."""
        return [self._hydrated(raw) for raw in self._raws(match)]

    def each(self, match: Match | None = None) -> Iterator[Model]:
        """As `all`, one after the other: of very many only one at a time is in memory."""
        return (self._hydrated(raw) for raw in self._raws(match))

    def raw(self, match: Match | None = None) -> Iterator[Mapping[str, Any]]:
        """As `each`, as they lie in the database: for a look at very many."""
        return (decoded(raw) for raw in self._raws(match))

    def ids(self, match: Match | None = None) -> list[int]:
        """Return the ids of all items, or of those whose columns have what `match` says, ascending."""
        with self._database.lock:
            return self._rows().ids(match)

    def newest_of_each(
        self, column: str, fields: Collection[str], values: Iterable[Hashable] | None = None
    ) -> dict[Any, Mapping[str, Any]]:
        """Given a column, return for each of its values (or for those given) some fields of the newest document, as they lie in
        the database; null for those that it has not."""
        newest = self.newest_ids(column, values)
        texts = self.texts(newest.values())
        found: dict[Any, Mapping[str, Any]] = {}
        for value, item_id in newest.items():
            if item_id in texts:
                document = decoded(texts[item_id])
                found[value] = {name: document.get(name) for name in fields}
        return found

    def newest_ids(self, column: str, values: Iterable[Hashable] | None = None) -> dict[Any, int]:
        """Given a column, return for each of its values (or for those given) the highest id that has it."""
        with self._database.lock:
            return dict(self._rows().newest_of_each(column, values))

    def texts(self, ids: Iterable[int] | None = None) -> dict[int, bytes]:
        """Return the JSON text of every item, or of those with the given ids that are there."""
        with self._database.lock:
            rows = self._rows()
            texts = {item_id: rows.raw(item_id) for item_id in (rows.ids() if ids is None else ids)}
        return {item_id: text for item_id, text in texts.items() if text is not None}

    def newest(self, match: Match | None = None) -> Model | None:
        """Return the item with the highest id of those whose columns have what `match` says; None if there is none."""
        found = self.ids(match)
        return self.find(found[-1]) if found else None

    def select(
        self,
        where: Where | None = None,
        *,
        match: Match | None = None,
        newest_first: bool = True,
        limit: int = 100,
        offset: int = 0,
    ) -> Page[Model]:
        """Return a slice of the items whose columns have what `match` says, and how many there are.

        A condition on raw documents (`where`) narrows them further; for that each has to be looked at.
        """
        start, most = max(offset, 0), max(limit, 0)
        if where is None:
            raws, total = self._slice(match, start, most, newest_first=newest_first)
            return Page([self._hydrated(raw) for raw in raws], total)
        fitting = [raw for raw in self._raws(match) if where(decoded(raw))]
        page = (fitting[::-1] if newest_first else fitting)[start : start + most]
        return Page([self._hydrated(raw) for raw in page], len(fitting))

    def raw_page(
        self, match: Match | None = None, *, limit: int = 100, offset: int = 0
    ) -> Page[Mapping[str, Any]]:
        """As `select`, newest first, as they lie in the database: for lists of many."""
        raws, total = self._slice(match, max(offset, 0), max(limit, 0), newest_first=True)
        return Page([decoded(raw) for raw in raws], total)

    def count(self, where: Where | None = None, match: Match | None = None) -> int:
        """Return how many items have what `match` says in their columns, and meet a condition on raw documents."""
        if where is None:
            with self._database.lock:
                return self._rows().count(match)
        return sum(1 for raw in self._raws(match) if where(decoded(raw)))

    def state(self) -> object:
        """Return what is another object as soon as any item was changed."""
        with self._database.lock:
            return self._rows().state

    def watch(self, watcher: Watcher) -> None:
        """Given who wants to know of all items, tell of those that are there and, from now on, of each change."""
        self._database.watch(self._name, watcher)

    def _rows(self) -> Rows:
        return self._database.table(self._name).rows

    def _slice(
        self, match: Match | None, start: int, most: int, *, newest_first: bool
    ) -> tuple[list[bytes], int]:
        with self._database.lock:
            rows = self._rows()
            wanted, total = rows.slice(match, start, most, newest_first=newest_first)
            return [rows.raw(item_id) or b'' for item_id in wanted], total

    def _raws(self, match: Match | None) -> list[bytes]:
        # The texts are shared and never change, so that only finding them has to be done under the lock.
        with self._database.lock:
            rows = self._rows()
            return [raw for item_id in rows.ids(match) if (raw := rows.raw(item_id)) is not None]

    def _changed(self, item: Model, changes: Mapping[str, Any]) -> Model:
        allowed = {name: value for name, value in changes.items() if name not in KEPT_BY_THE_STORE}
        return checked(self._model, {**item.model_dump(), **allowed})

    def _put(self, item: Model, **own: Any) -> Model:
        item = item.model_copy(update={'updated_at': self._clock(), **own})
        raw = self._serialised(item)
        stored = self._hydrated(raw)  # what could not be read back is not stored
        self._database.table(self._name).upsert(Document(orjson.loads(raw), doc_id=item.id))
        return stored

    def _insert(self, items: Sequence[Model]) -> list[Model]:
        raws = [self._serialised(item) for item in items]
        stored = [self._hydrated(raw) for raw in raws]
        documents = [
            Document(orjson.loads(raw), doc_id=item.id) for raw, item in zip(raws, items, strict=True)
        ]
        self._database.table(self._name).insert_multiple(documents)
        return stored

    def _serialised(self, item: Model) -> bytes:
        try:
            return orjson.dumps(item.model_dump(mode='json', exclude=MEMORY_ONLY))
        except (TypeError, ValueError, PydanticSerializationError) as error:
            raise StoreError(
                f'This {self._noun} cannot be stored: {error}.', 'Nothing was changed; please report this.'
            ) from None

    def _hydrated(self, raw: bytes) -> Model:
        try:
            return self._model.model_validate_json(raw)
        except ValidationError as error:
            wrong = ', '.join(sorted({str(detail['loc'][0]) for detail in error.errors() if detail['loc']}))
            raise StoreError(
                f'A {self._noun} in db/ does not have the expected form ({wrong}).',
                'Correct the file by hand while PLUMBUS is stopped, or put back a copy of it.',
            ) from None
