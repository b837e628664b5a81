"""Compares a snapshot with its manifest by reading all of it again. Reads only: follows no link, opens no FIFO."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import xxhash

from plumbus.backup import subvolumes
from plumbus.backup.checksums import file_checksum, knows
from plumbus.backup.manifest import Entry, read_manifest
from plumbus.backup.tree import Tree
from plumbus.errors import NotFound

KINDS = {
    stat.S_IFREG: 'f', stat.S_IFDIR: 'd', stat.S_IFLNK: 'L', stat.S_IFBLK: 'D', stat.S_IFCHR: 'D', stat.S_IFIFO: 'S',
    stat.S_IFSOCK: 'S',
}  # fmt: skip
CALLED = {'f': 'a file', 'd': 'a folder', 'L': 'a link', 'D': 'a device', 'S': 'a FIFO or socket'}
TIMES = range(1, 2**31)  # older file systems cut off times beyond; 0 stands for one that rsync could not tell
DEAD_DISK = 50
REFUSED = {errno.EACCES, errno.EPERM}


class Inode(NamedTuple):
    """Which file it is, whatever its names: `names` tells how many it has, 0 if snapshots may share its content without that."""

    device: int
    number: int
    names: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What is wrong at `path`, as the rest of a sentence. `inode` where other names may share it.

    Without `damaged` it could not be looked at, for want of permission.
    """

    path: bytes
    what: str
    inode: Inode | None = None
    damaged: bool = True


class Comparison:
    """One pass over a snapshot; memory grows with its folders, not with its files.

    `owners` tells that it keeps them. `moved` is called again and again.
    Public while it goes on: `path` that is looked at, `bytes` read, `files` seen.
    """

    def __init__(self, tree: Tree, manifest: Path, *, owners: bool, moved: Callable[[], None]) -> None:
        self.path = b''
        self.bytes = 0
        self.files = 0
        self._tree = tree
        self._manifest = manifest
        self._owners = owners
        self._is_subvolume = subvolumes.is_subvolume(tree.root)
        self._moved = moved
        self._listed: dict[bytes, int] = {b'': 0}  # folder → sum of the hashes of the names that belong there
        self._gone: set[bytes] = set()  # folders that are no folders any more
        self._leaders: set[bytes] = set()
        self._shared: dict[
            tuple[int, int], str
        ] = {}  # files of several names: what is wrong with their content
        self._unreadable = 0

    def findings(self) -> Iterator[Finding]:
        """Yield what is not as it was stored. Raise StoreError if the manifest is damaged, OSError if the whole disk fails."""
        # Read to its end it proves itself whole (zstd has a checksum there): only then may it accuse files.
        self._leaders = {
            entry.target for entry in read_manifest(self._manifest) if entry.linked and entry.target
        }
        for entry in read_manifest(self._manifest):
            self.path = entry.path
            self._moved()
            found = self._look_at(entry)
            if found is not None:
                yield found
        yield from self._additional()

    def _look_at(self, entry: Entry) -> Finding | None:
        path = b'' if entry.path == b'.' else entry.path
        if self._below_gone(path, entry.kind):
            return None
        if entry.kind != 'd':
            self.files += 1
        try:
            status = self._tree.lstat(path)
        except NotFound:
            return self._missing(path, entry.kind)
        except OSError as error:
            self._expect(path, entry.kind)
            return self._refused(path, error)
        self._expect(path, entry.kind)
        return self._compared(path, entry, status)

    def _compared(self, path: bytes, entry: Entry, status: os.stat_result) -> Finding | None:
        kind = KINDS.get(stat.S_IFMT(status.st_mode), '')
        if kind != entry.kind:
            self._gone.add(path)
            return Finding(path=path, what=f'is {CALLED[kind]} instead of {CALLED[entry.kind]}')
        try:
            content = list(self._wrong_content(path, entry, status))
            wrong = [*content, *self._wrong_attributes(entry, status)]
        except OSError as error:
            return self._refused(path, error, self._inode(status, content=True))
        if not wrong:
            return None
        inode = None if kind == 'd' else self._inode(status, content=bool(content) and kind == 'f')
        return Finding(path=path, what=' and '.join(wrong), inode=inode)

    def _inode(self, status: os.stat_result, *, content: bool) -> Inode:
        """In a subvolume each has attributes of its own."""
        names = (0 if content else 1) if self._is_subvolume else status.st_nlink
        return Inode(status.st_dev, status.st_ino, names)

    def _below_gone(self, path: bytes, kind: str) -> bool:
        gone = bool(path) and _parent(path) in self._gone
        if gone and kind == 'd':
            self._gone.add(path)
        return gone

    def _missing(self, path: bytes, kind: str) -> Finding:
        if kind == 'd':
            self._gone.add(path)
        return Finding(path=path, what='is missing' + (', with all that was in it' if kind == 'd' else ''))

    def _refused(self, path: bytes, error: OSError, inode: Inode | None = None) -> Finding:
        if error.errno in REFUSED:
            return Finding(path=path, what='may not be read by PLUMBUS', damaged=False)
        self._unreadable += 1
        if self._unreadable >= DEAD_DISK:
            raise error
        return Finding(path=path, what=f'cannot be read from the disk ({error.strerror})', inode=inode)

    def _expect(self, path: bytes, kind: str) -> None:
        if kind == 'd':
            self._listed.setdefault(path, 0)
        if path:
            folder, _, name = path.rpartition(b'/')
            self._listed[folder] = self._listed.get(folder, 0) + _hash(name)

    # --- one entry ---

    def _wrong_attributes(self, entry: Entry, status: os.stat_result) -> Iterator[str]:
        mode = stat.S_IMODE(status.st_mode)
        if entry.kind != 'L' and mode != entry.mode:  # a link has no mode of its own
            yield f'has the mode {mode:04o} instead of {entry.mode:04o}'
        group = status.st_gid if entry.gid < 0 else entry.gid  # rsync could not tell it
        if self._owners and (status.st_uid, status.st_gid) != (entry.uid, group):
            yield f'belongs to {status.st_uid}:{status.st_gid} instead of {entry.uid}:{group}'
        seconds = status.st_mtime_ns // 10**9
        if entry.kind == 'f' and seconds != entry.mtime and entry.mtime in TIMES:
            yield f'has the time {_time(seconds)} instead of {_time(entry.mtime)}'

    def _wrong_content(self, path: bytes, entry: Entry, status: os.stat_result) -> Iterator[str]:
        if entry.kind == 'L' and entry.target is not None:
            target = self._tree.read_link(path)
            if target != entry.target:
                yield f'leads to {_text(target)} instead of {_text(entry.target)}'
        elif entry.kind == 'f':
            identity = (status.st_dev, status.st_ino)
            wrong = self._shared.get(identity)
            if wrong is None:
                wrong = self._wrong_data(path, entry)
            if entry.linked or path in self._leaders:
                self._shared[identity] = wrong
            if wrong:
                yield wrong

    def _wrong_data(self, path: bytes, entry: Entry) -> str:
        descriptor = self._tree.open_file(path)
        try:
            same, size = self._read(descriptor, entry)
        finally:
            os.close(descriptor)
        if same:
            return ''
        if size < entry.size:
            return f'is cut off: {size:,} of {entry.size:,} bytes are left'
        return f'has {size:,} bytes instead of {entry.size:,}' if size > entry.size else 'has other content'

    def _read(self, descriptor: int, entry: Entry) -> tuple[bool, int]:
        """Return whether the file is what was stored, and its bytes. Its checksum decides: a log may have grown
        between the moments at which the client told its size and sent it."""
        size = os.fstat(descriptor).st_size
        if entry.checksum is None or entry.algorithm is None or not knows(entry.algorithm):
            return size == entry.size, size
        _read_from_the_disk(descriptor)
        before = self.bytes

        def keep_going() -> None:
            offset = os.lseek(descriptor, 0, os.SEEK_CUR)
            os.posix_fadvise(descriptor, 0, offset, os.POSIX_FADV_DONTNEED)
            self.bytes = before + offset
            self._moved()

        checksum = file_checksum(descriptor, entry.algorithm, keep_going)
        self._unreadable = 0
        return checksum == entry.checksum, size

    # --- what nobody stored ---

    def _additional(self) -> Iterator[Finding]:
        strange = {folder for folder, expected in self._listed.items() if self._hashes(folder) != expected}
        if not strange:
            return
        known: dict[bytes, set[bytes]] = {folder: set() for folder in strange}
        for entry in read_manifest(self._manifest):
            folder, _, name = entry.path.rpartition(b'/')
            if folder in known:
                known[folder].add(name)
        for folder in sorted(strange):
            for name in sorted(set(self._tree.names(folder)) - known[folder]):
                path = folder + b'/' + name if folder else name
                if path not in self._listed:  # else a folder above the sources
                    yield Finding(path=path, what='was not in the backup')

    def _hashes(self, folder: bytes) -> int:
        self.path = folder
        self._moved()
        try:
            return sum(map(_hash, self._tree.names(folder)))
        except (NotFound, OSError):  # told already when its entry was looked at
            return self._listed[folder]


def _read_from_the_disk(descriptor: int) -> None:
    """Forget what memory holds of the file, for that may be whole where the disk is not, and leave its time of access."""
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    with suppress(PermissionError):  # only the owner may ask for this
        fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_NOATIME)


def _parent(path: bytes) -> bytes:
    return path.rpartition(b'/')[0]


def _hash(name: bytes) -> int:
    return xxhash.xxh3_64_intdigest(name)


def _time(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime('%Y-%m-%d %H:%M:%S UTC')
    except (ValueError, OverflowError, OSError):
        return f'{seconds} s'


def _text(target: bytes) -> str:
    return target.decode('utf-8', 'backslashreplace')
