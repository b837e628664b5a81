"""What follows from single documents: worked out once, and again only for those that changed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from plumbus.store.documents import Documents
from plumbus.store.rows import decoded

Value = TypeVar('Value')


class Derived(Generic[Value]):
    """Given a function of a document as it lies in the database, keeps what it returns. Nobody may change that."""

    def __init__(self, documents: Documents[Any], make: Callable[[Mapping[str, Any]], Value]) -> None:
        self._documents = documents
        self._make = make
        self._known: dict[int, tuple[bytes, Value]] = {}

    def of(self, ids: Iterable[int] | None = None) -> dict[int, Value]:
        """Return the value of every document, or of those with the given ids that are there. Others are forgotten."""
        known, fresh = self._known, {}
        for item_id, text in self._documents.texts(ids).items():
            value = known.get(item_id)
            # A text is never changed, only replaced.
            fresh[item_id] = value if value and value[0] is text else (text, self._make(decoded(text)))
        self._known = fresh  # in one step: threads share this
        return {item_id: value for item_id, (_, value) in fresh.items()}
