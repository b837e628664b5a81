"""What a fetch brought. What did not come is left out of tree and manifest alike, so that the manifest tells what lies there."""

import stat
from contextlib import suppress
from dataclasses import dataclass, field

from plumbus.backup.entries import entry_of
from plumbus.backup.manifest import Entry
from plumbus.backup.plan import Plan
from plumbus.backup.tree import Tree
from plumbus.errors import NotFound
from plumbus.transfer.items import Item

KINDS = {stat.S_IFDIR: 'd', stat.S_IFREG: 'f', stat.S_IFLNK: 'L', stat.S_IFBLK: 'D', stat.S_IFCHR: 'D'}


@dataclass(slots=True)
class Arrivals:
    """The client may have changed since the scan: files vanish, folders become links, and what lay in them went with them.

    `dropped` are the files that the scan saw and that are not in the new snapshot.
    """

    plan: Plan
    dropped: list[Entry] = field(default_factory=list)
    _came: dict[bytes, Entry] = field(default_factory=dict)
    _expected: set[bytes] = field(default_factory=set)
    _around: set[bytes] = field(default_factory=set)
    _lost: set[bytes] = field(default_factory=set)
    _turned: set[bytes] = field(default_factory=set)
    _without_data: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._around = self.plan.around()
        self._expected = {*self.plan.wanted(), *self._around}

    def take(self, item: Item, algorithm: str | None) -> None:
        """Given an item of the fetch and the name of its checksum, note it if it was asked for or is a folder above that."""
        if item.path in self._expected and not item.is_deleted:
            planned = self.plan.fetch.get(item.path)
            self._came[item.path] = entry_of(item, planned, algorithm)._replace(stored=True)
            if planned is not None and planned.kind == 'f' and not item.has_data:
                self._without_data.add(item.path)

    def not_along(self) -> list[bytes]:
        """Return the wanted folders that should have come along with something, and did not, for that is gone by now."""
        return sorted(self._around.intersection(self.plan.wanted()) - self._came.keys())

    def settle(self, tree: Tree, *, doubtful: bool) -> None:
        """After the fetch: no stale copy stays in the tree. `doubtful`: rsync told of troubles, so all that came is looked at."""
        for path in self.plan.wanted():
            came = self._came.get(path)
            if came is None or (doubtful and not lies_there(tree, came)):
                self._lost.add(path)
                self._came.pop(path, None)
            elif came.kind != 'd' and (path not in self.plan.fetch or self.plan.fetch[path].kind == 'd'):
                self._turned.add(path)
        for path in sorted(self._lost, reverse=True):
            tree.remove_quietly(path)

    def keep_inherited(self, tree: Tree, last: Tree) -> None:
        """Given the new tree, made as a subvolume like the last one: where attributes alone differ it is still the file of
        that, with the same number, and takes no room of its own."""
        for path in self._without_data & self._came.keys():
            with suppress(NotFound):
                if tree.lstat(path).st_ino == last.lstat(path).st_ino:
                    self._came[path] = self._came[path]._replace(stored=False)

    @property
    def all_came(self) -> bool:
        """Whether everything that was asked for is there, each as what it was asked for."""
        return not (self._lost or self._turned)

    def outcome(self, scanned: Entry) -> Entry | None:
        """Given an entry as the scan saw it, return it as it lies in the tree now, None if it does not."""
        if self._is_lost(scanned.path):
            if scanned.kind != 'd':
                self.dropped.append(scanned)
            return None
        return self._came.get(scanned.path) or self.plan.hard_links.led(scanned)

    def _is_lost(self, path: bytes) -> bool:
        if path in self._lost:
            return True
        while (self._lost or self._turned) and path:
            path = path.rpartition(b'/')[0]
            if path in self._lost or path in self._turned:
                return True
        return False


def lies_there(tree: Tree, entry: Entry) -> bool:
    """Given an entry that rsync told of, return whether it lies in the tree: what was transferred badly is told of as well."""
    try:
        status = tree.lstat(entry.path)
    except NotFound:
        return False
    if KINDS.get(stat.S_IFMT(status.st_mode), 'S') != entry.kind:
        return False
    when = (0, status.st_mtime_ns // 10**9)  # rsync cannot print every time
    return entry.kind != 'f' or (status.st_size == entry.size and entry.mtime in when)
