"""What is other in one snapshot than in another one, from their manifests: no file is read."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from pydantic import BaseModel

from plumbus.backup.explore import SnapshotFile, shown_entry, tree_path
from plumbus.backup.manifest import Entry, read_manifest
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.tree import relative_parts
from plumbus.errors import NotFound
from plumbus.transfer.names import path_text


class Change(BaseModel):
    """Something that both snapshots have. `what` names what is other: kind, content, size, modified, mode, owner, target."""

    path: str
    what: list[str]
    before: SnapshotFile
    after: SnapshotFile


class Summary(BaseModel):
    """How much is other in all. Bytes are those of the files; a further name of a file has none."""

    added: int
    removed: int
    changed: int
    unchanged: int
    added_bytes: int
    removed_bytes: int
    changed_bytes: int


class Difference(BaseModel):
    """A page of each list, in the order of the paths, and what there is in all."""

    path: str
    added: list[SnapshotFile]
    removed: list[SnapshotFile]
    changed: list[Change]
    summary: Summary


class _Pair(NamedTuple):
    before: Entry
    after: Entry


def compare(before: Snapshot, after: Snapshot, path: str = '/', *, limit: int, offset: int = 0) -> Difference:
    """Given two snapshots, return what is other in `after`, at or below a path. Memory grows with the differences alone.

    Raise NotFound if neither has such a folder or file, or a link is on the way; StoreError if a manifest is damaged.
    """
    where = _existing(before, after, path)
    join = _Join()
    for old, new in zip_longest(_below(before, where), _below(after, where)):
        join.add(old, new)
    page = slice(offset, offset + limit)
    added, removed = _in_order(join.only_after), _in_order(join.only_before)
    changed = sorted(join.changed, key=lambda pair: pair.after.path)
    return Difference(
        path=path_text(b'/' + where),
        added=[shown_entry(entry) for entry in added[page]],
        removed=[shown_entry(entry) for entry in removed[page]],
        changed=[_shown(pair) for pair in changed[page]],
        summary=Summary(
            added=len(added),
            removed=len(removed),
            changed=len(changed),
            unchanged=join.unchanged,
            added_bytes=sum(map(_bytes, added)),
            removed_bytes=sum(map(_bytes, removed)),
            changed_bytes=sum(_bytes(pair.after) for pair in changed),
        ),
    )


class _Join:
    """Brings two lists together by path. They are mostly in the same order, so few entries wait for their counterpart."""

    def __init__(self) -> None:
        self.only_before: dict[bytes, Entry] = {}
        self.only_after: dict[bytes, Entry] = {}
        self.changed: list[_Pair] = []
        self.unchanged = 0

    def add(self, old: Entry | None, new: Entry | None) -> None:
        """Given the next entry of each list, None after its end, find their counterparts among those that wait."""
        if old and new and old.path == new.path:
            self._paired(old, new)
            return
        if old:
            found = self.only_after.pop(old.path, None)
            if found:
                self._paired(old, found)
            else:
                self.only_before[old.path] = old
        if new:
            found = self.only_before.pop(new.path, None)
            if found:
                self._paired(found, new)
            else:
                self.only_after[new.path] = new

    def _paired(self, old: Entry, new: Entry) -> None:
        if next(changes(old, new), None):
            self.changed.append(_Pair(old, new))
        else:
            self.unchanged += 1


def changes(old: Entry, new: Entry) -> Iterator[str]:
    """Given two entries of one path, yield what is other. A folder's time follows from what is in it and does not count."""
    if old.kind != new.kind:
        yield 'kind'
        return
    if old.kind == 'f':
        same_way = old.checksum and new.checksum and old.algorithm == new.algorithm
        if old.size != new.size or (same_way and old.checksum != new.checksum):
            yield 'content'
        if old.size != new.size:
            yield 'size'
    if old.kind != 'd' and old.mtime != new.mtime:
        yield 'modified'
    if old.mode != new.mode:
        yield 'mode'
    if (old.uid, old.gid) != (new.uid, new.gid):
        yield 'owner'
    if old.kind == 'L' and old.target != new.target:
        yield 'target'


def _existing(before: Snapshot, after: Snapshot, path: str) -> bytes:
    where = b'/'.join(relative_parts(tree_path(path)))
    for snapshot in (after, before):
        with snapshot.open_tree() as tree:
            if tree.kind(where) in {'d', 'f'}:
                return where
    raise NotFound('There is no such folder or file in either of the backups.')


def _below(snapshot: Snapshot, where: bytes) -> Iterator[Entry]:
    prefix = where + b'/' if where else b''
    for entry in read_manifest(snapshot.manifest):
        if entry.path == where or (entry.path.startswith(prefix) and entry.path != b'.'):
            yield entry


def _in_order(entries: dict[bytes, Entry]) -> list[Entry]:
    return [entries[path] for path in sorted(entries)]


def _bytes(entry: Entry) -> int:
    return entry.size if entry.kind == 'f' and not entry.linked else 0


def _shown(pair: _Pair) -> Change:
    return Change(
        path=path_text(b'/' + pair.after.path),
        what=list(changes(*pair)),
        before=shown_entry(pair.before),
        after=shown_entry(pair.after),
    )
