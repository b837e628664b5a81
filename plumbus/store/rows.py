"""The documents of one table in memory: as JSON text, which takes a third of the room of objects, and found by columns."""

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import orjson

Column = Callable[[Mapping[str, Any]], Hashable]
# What columns must have: a value, one of a frozenset, or a text Containing another.
Match = Mapping[str, Hashable]


@dataclass(frozen=True, slots=True)
class Containing:
    """A part of the text in a column."""

    text: str


class Watcher(Protocol):
    """Told of every document that comes and goes, so that it can keep figures. A changed one goes, then comes."""

    def reset(self) -> None: ...
    def added(self, item_id: int, document: Mapping[str, Any]) -> None: ...
    def removed(self, item_id: int, document: Mapping[str, Any]) -> None: ...


class Rows(Mapping[str, dict[str, Any]]):
    """What TinyDB reads as a table: ids as text, each document a fresh copy. Not thread-safe by itself.

    For each of `columns` (a name, and what a document has there) the ids of every value but None are at hand.
    """

    def __init__(self, columns: Mapping[str, Column] | None = None, watchers: Iterable[Watcher] = ()) -> None:
        self.state = object()  # another one after each change
        self._raws: dict[int, bytes] = {}
        self._ids: list[int] = []
        self._columns = columns or {}
        self._places: dict[str, dict[Hashable, list[int]]] = {name: {} for name in self._columns}
        self._watchers = list(watchers)
        for watcher in self._watchers:
            watcher.reset()

    def __getitem__(self, key: str) -> dict[str, Any]:
        return decoded(self._raws[int(key)])

    def __iter__(self) -> Iterator[str]:
        return map(str, self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.isdecimal() and int(key) in self._raws

    def watch(self, watcher: Watcher) -> None:
        """Given a watcher, tell it of all that is there and of all changes from now on."""
        watcher.reset()
        self._watchers.append(watcher)
        for item_id in self._ids:
            watcher.added(item_id, decoded(self._raws[item_id]))

    def raw(self, item_id: int) -> bytes | None:
        """Given an id, return the JSON text of its document; None if there is none."""
        return self._raws.get(item_id)

    def set(self, item_id: int, raw: bytes | None) -> None:
        """Given an id and the JSON text of a document, put it in place of what stood there; None takes it away."""
        self.state = object()
        if raw is None:
            self._drop(item_id)
        else:
            self._put(item_id, raw)

    def fill(self, raws: Mapping[int, bytes]) -> None:
        """Given the JSON texts of all documents by id, take them into an empty table: as `set` does, for very many at once.

        Raise ValueError, with a part of them taken in, if one is not JSON.
        """
        self.state = object()
        places = [(column, self._places[name]) for name, column in self._columns.items()]
        for item_id in sorted(raws):
            raw = raws[item_id]
            document = decoded(raw)
            self._raws[item_id] = raw
            self._ids.append(item_id)
            for column, found in places:
                value = column(document)
                if value in found:
                    found[value].append(item_id)
                elif value is not None:
                    found[value] = [item_id]
            for watcher in self._watchers:
                watcher.added(item_id, document)

    def ids(self, match: Match | None = None) -> list[int]:
        """Given what columns must have, return the ids of the documents where they do, ascending."""
        return list(self._found(match))

    def slice(
        self, match: Match | None, start: int, most: int, *, newest_first: bool
    ) -> tuple[list[int], int]:
        """As `ids`, at most `most` of them after the first `start`, and how many there are in all: without a copy of all."""
        found = self._found(match)
        if not newest_first:
            return found[start : start + most], len(found)
        end = max(len(found) - start, 0)
        return found[max(end - most, 0) : end][::-1], len(found)

    def count(self, match: Match | None = None) -> int:
        """Given what columns must have, return how many documents do."""
        if not match:
            return len(self._ids)
        if len(match) == 1:
            return sum(len(places) for places in self._lists(*next(iter(match.items()))))
        lists = [self._of(name, wanted) for name, wanted in match.items()]
        return len(set(lists[0]).intersection(*lists[1:]))

    def newest_of_each(
        self, column: str, values: Iterable[Hashable] | None = None
    ) -> Iterator[tuple[Hashable, int]]:
        """Given a column, yield each of its values (or of those given) with the highest id that has it."""
        places = self._places[column]
        for value in places if values is None else values:
            if value in places:
                yield value, places[value][-1]

    def copy(self) -> dict[int, bytes]:
        """Return what is there at this moment, in the order of ids; the texts are shared."""
        return {item_id: self._raws[item_id] for item_id in self._ids}

    def _put(self, item_id: int, raw: bytes) -> None:
        old, self._raws[item_id] = self._raws.get(item_id), raw
        if old is None:
            _insert(self._ids, item_id)
        document = decoded(raw)
        if old is None:
            for name, column in self._columns.items():
                self._enter(name, column(document), item_id)
        else:
            self._change(item_id, decoded(old), document)
        for watcher in self._watchers:
            watcher.added(item_id, document)

    def _drop(self, item_id: int) -> None:
        old = self._raws.pop(item_id, None)
        if old is not None:
            _remove(self._ids, item_id)
            self._change(item_id, decoded(old), None)

    def _found(self, match: Match | None) -> list[int]:
        """As `ids`, but it may be a list of our own, which nobody else may keep or change."""
        lists = [self._of(name, wanted) for name, wanted in (match or {}).items()]
        if not lists:
            return self._ids
        first, *others = sorted(lists, key=len)
        return sorted(set(first).intersection(*others)) if others else first

    def _of(self, name: str, wanted: Hashable) -> list[int]:
        lists = self._lists(name, wanted)
        return lists[0] if len(lists) == 1 else sorted(chain.from_iterable(lists))

    def _lists(self, name: str, wanted: Hashable) -> list[list[int]]:
        """Return the ids of each value that the column may have."""
        places = self._places[name]
        values: Iterable[Hashable] = (wanted,)
        if isinstance(wanted, Containing):
            values = [value for value in places if isinstance(value, str) and wanted.text in value]
        elif isinstance(wanted, frozenset):
            values = wanted
        return [places[value] for value in values if value in places]

    def _change(self, item_id: int, old: Mapping[str, Any], new: Mapping[str, Any] | None) -> None:
        for watcher in self._watchers:
            watcher.removed(item_id, old)
        for name, column in self._columns.items():
            before, after = column(old), column(new) if new is not None else None
            if before != after:
                self._leave(name, before, item_id)
                self._enter(name, after, item_id)

    def _enter(self, name: str, value: Hashable, item_id: int) -> None:
        if value is not None:
            places = self._places[name]
            ids = places.get(value)
            if ids is None:
                places[value] = [item_id]
            else:
                _insert(ids, item_id)

    def _leave(self, name: str, value: Hashable, item_id: int) -> None:
        if value is not None:
            places = self._places[name]
            _remove(places[value], item_id)
            if not places[value]:
                del places[value]


def decoded(raw: bytes) -> dict[str, Any]:
    """Given the JSON text of a document, return it as a fresh object."""
    document: dict[str, Any] = orjson.loads(raw)
    return document


def _insert(ids: list[int], item_id: int) -> None:
    if not ids or item_id > ids[-1]:
        ids.append(item_id)
    else:
        insort(ids, item_id)


def _remove(ids: list[int], item_id: int) -> None:
    del ids[bisect_left(ids, item_id)]
