"""Typed records in a table: created, read, edited, removed, paged. What is handed out is the caller's own copy."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
            document = self._database.table(self._name).get(doc_id=item_id)
            raw = None if document is None else orjson.dumps(document)
        return None if raw is None else self._hydrated(raw)

    def exists(self, item_id: int) -> bool:
        """Given an id, return whether there is such an item."""
        with self._database.lock:
            return self._database.table(self._name).contains(doc_id=item_id)

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
            known = {_document_id(document) for document in self._matching(None)}
            if there := known.intersection(item_ids):
                self._database.table(self._name).remove(doc_ids=there)

    def transaction(self) -> AbstractContextManager[None]:
        """Return a context in which nobody else changes anything; what is changed in it is stored as a whole or not at all."""
        return self._database.transaction()

    def all(self) -> list[Model]:
        """Return every item in the order of ids."""
        with self._database.lock:
            raws = [orjson.dumps(document) for document in sorted(self._matching(None), key=_document_id)]
        return [self._hydrated(raw) for raw in raws]

    def select(
        self, where: Where | None = None, *, newest_first: bool = True, limit: int = 100, offset: int = 0
    ) -> Page[Model]:
        """Given a condition on raw documents, return a slice of the items that meet it, and how many do."""
        with self._database.lock:
            documents = sorted(self._matching(where), key=_document_id, reverse=newest_first)
            start = max(offset, 0)
            raws = [orjson.dumps(document) for document in documents[start : start + max(limit, 0)]]
        return Page([self._hydrated(raw) for raw in raws], len(documents))

    def count(self, where: Where | None = None) -> int:
        """Given a condition on raw documents, return how many meet it."""
        with self._database.lock:
            if where is None:
                return len(self._database.table(self._name))
            return sum(1 for _ in self._matching(where))

    def visit(self, look: Callable[[Mapping[str, Any]], None]) -> None:
        """Given a function, show it every raw document; for sums over very many. It must be quick, and change nothing."""
        with self._database.lock:
            for document in self._matching(None):
                look(document)

    def _matching(self, where: Where | None) -> Iterator[Document]:
        for document in self._database.table(self._name):
            if where is None or where(document):
                yield document

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


def _document_id(document: Document) -> int:
    return int(document.doc_id)
