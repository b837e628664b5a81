"""The entries of a folder in some order. Of 100,000 names only those of the page that is asked for are looked at closely."""

import stat
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from plumbus.backup.snapshots import Snapshot
from plumbus.backup.tree import Tree

By = Literal['name', 'size', 'modified']
MOST_FOLDERS = 8
MOST_NAMES = 500_000  # some 50 MB
Key = tuple[object, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """How to sort a folder: folders come first in either direction. Without `hidden` names with a dot in front are left out."""

    by: By = 'name'
    descending: bool = False
    hidden: bool = True


BY_NAME = Order()


class Folders:
    """Sorts folders, and remembers the order of the last few: a snapshot never changes. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, list[bytes]] = OrderedDict()

    def names(self, snapshot: Snapshot, tree: Tree, folder: bytes, order: Order = BY_NAME) -> list[bytes]:
        """Given a folder of an open tree, return its names in that order. Raise NotFound if it is no folder."""
        status = tree.lstat(folder)
        key = (snapshot.path, folder, order, status.st_ino, status.st_mtime_ns)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        names = ordered(tree, folder, order)
        with self._lock:
            self._kept[key] = names
            self._forget()
        return names

    def _forget(self) -> None:
        while len(self._kept) > 1 and (
            len(self._kept) > MOST_FOLDERS or sum(map(len, self._kept.values())) > MOST_NAMES
        ):
            self._kept.popitem(last=False)


def ordered(tree: Tree, folder: bytes, order: Order = BY_NAME) -> list[bytes]:
    """Given a folder of an open tree, return its names in that order. Raise NotFound if it is no folder."""
    if order.by == 'name':
        return _by_name(tree, folder, order)
    kept = [
        (key, name)
        for key, name in _keyed(tree, folder, order.by)
        if order.hidden or not name.startswith(b'.')
    ]
    kept.sort(key=lambda one: (one[0][1], one[1]), reverse=order.descending)
    kept.sort(key=lambda one: one[0][0])
    return [name for _, name in kept]


def _by_name(tree: Tree, folder: bytes, order: Order) -> list[bytes]:
    """In either case, and what differs in case alone by that: two sorts in C are three times as fast as one by a key of ours."""
    groups = tree.folders_and_others(folder)
    for names in groups:
        names.sort(reverse=order.descending)
        names.sort(key=str.lower, reverse=order.descending)
    return [
        name.encode('utf-8', 'surrogateescape')
        for names in groups
        for name in names
        if order.hidden or not name.startswith('.')
    ]


def _keyed(tree: Tree, folder: bytes, by: By) -> Iterator[tuple[tuple[bool, Any], bytes]]:
    for name, status in tree.entries(folder):
        is_dir = stat.S_ISDIR(status.st_mode)
        yield (not is_dir, status.st_mtime_ns if by == 'modified' else 0 if is_dir else status.st_size), name
