"""Look into a snapshot: list folders and find names. What lies there is data; nothing in it is followed."""

import fnmatch
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel

from plumbus.backup.folders import BY_NAME, Folders, Order
from plumbus.backup.manifest import Entry, read_manifest
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.tree import Tree, relative_parts
from plumbus.errors import InvalidInput, NotFound
from plumbus.transfer.names import name_text, path_bytes, path_text

FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 1 and 9999
KIND_BITS = {'d': stat.S_IFDIR, 'L': stat.S_IFLNK, 'D': stat.S_IFBLK, 'S': stat.S_IFIFO}


class SnapshotFile(BaseModel):
    """One entry of a snapshot. `path` starts with a slash; `mode` as ls shows it."""

    name: str
    path: str
    size: int
    modified: datetime
    is_dir: bool
    is_link: bool
    target: str | None = None
    mode: str
    owner: str
    group: str


@dataclass(frozen=True, slots=True)
class FileList:
    """A page of entries below `path`, and how many there are in all."""

    path: str
    files: list[SnapshotFile]
    total: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an entry, wherever it was looked up."""

    path: bytes
    size: int
    mtime: float
    mode: int
    uid: int
    gid: int
    target: bytes | None = None


def list_files(
    snapshot: Snapshot,
    path: str = '/',
    *,
    limit: int = 1000,
    offset: int = 0,
    recursive: bool = False,
    search: str = '',
    order: Order = BY_NAME,
    folders: Folders | None = None,
) -> FileList:
    """Given a folder of a snapshot, return a page of it: folders first, then by name or as `order` says.

    `recursive` lists all below it in the manifest's order, `search` what below it matches a pattern like '*.conf' (or
    holds the text, if it has no wildcard). `folders` may remember orders from one page to the next.
    Raise NotFound if there is no such folder, or a link on the way to it.
    """
    folder = b'/'.join(relative_parts(tree_path(path)))
    with snapshot.open_tree() as tree:
        if tree.kind(folder) != 'd':
            raise NotFound(f'There is no folder {path} in this backup.')
        if recursive or search:
            found = list(_below(snapshot, folder, search))
            page, total = found[offset : offset + limit], len(found)
        else:
            names = (folders or Folders()).names(snapshot, tree, folder, order)
            page, total = [_child(tree, folder, name) for name in names[offset : offset + limit]], len(names)
    return FileList(path_text(b'/' + folder), [_shown(one) for one in page], total)


def tree_path(path: str) -> bytes:
    """Given a path as a user sent it, return its bytes. Raise NotFound for what cannot be a path in a snapshot."""
    try:
        return path_bytes('/' + path.lstrip('/'))
    except InvalidInput:
        raise NotFound('There is no such file in the snapshot.') from None


def shown_entry(entry: Entry) -> SnapshotFile:
    """Given an entry of a manifest, return it as it is shown."""
    return _shown(_facts(entry))


def moment(seconds: float) -> datetime:
    """Given seconds UTC, return that time, or the nearest one that has a date: a client may say anything."""
    return datetime.fromtimestamp(min(max(seconds, FIRST_SECOND), LAST_SECOND), UTC)


def _child(tree: Tree, folder: bytes, name: bytes) -> Facts:
    path = b'/'.join([folder, name]) if folder else name
    status = tree.lstat(path)
    target = tree.read_link(path) if stat.S_ISLNK(status.st_mode) else None
    return Facts(path, status.st_size, status.st_mtime, status.st_mode, status.st_uid, status.st_gid, target)


def _below(snapshot: Snapshot, folder: bytes, search: str) -> Iterator[Facts]:
    matches = _matcher(search)
    prefix = folder + b'/' if folder else b''
    for entry in read_manifest(snapshot.manifest):
        if entry.path.startswith(prefix) and entry.path != b'.' and matches(name_text(_name(entry.path))):
            yield _facts(entry)


def _matcher(search: str) -> Callable[[str], bool]:
    if not search:
        return lambda _: True
    wanted = search.lower()
    if any(char in wanted for char in '*?['):
        return lambda name: fnmatch.fnmatchcase(name.lower(), wanted)
    return lambda name: wanted in name.lower()


def _facts(entry: Entry) -> Facts:
    mode = entry.mode | KIND_BITS.get(entry.kind, stat.S_IFREG)
    target = entry.target if entry.kind == 'L' else None
    return Facts(entry.path, entry.size, entry.mtime, mode, entry.uid, entry.gid, target)


def _shown(facts: Facts) -> SnapshotFile:
    is_dir = stat.S_ISDIR(facts.mode)
    return SnapshotFile(
        name=name_text(_name(facts.path)),
        path=path_text(b'/' + facts.path),
        size=0 if is_dir else facts.size,
        modified=moment(facts.mtime),
        is_dir=is_dir,
        is_link=stat.S_ISLNK(facts.mode),
        target=None if facts.target is None else name_text(facts.target),
        mode=stat.filemode(facts.mode),
        owner=str(facts.uid),
        group=str(facts.gid) if facts.gid >= 0 else '?',  # rsync could not tell it
    )


def _name(path: bytes) -> bytes:
    return path.rpartition(b'/')[2]
