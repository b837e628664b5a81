"""A tree whose names came from a client: every step goes through a folder's descriptor and follows no symbolic link."""

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self, TypeVar

from plumbus.backup.copying import copy_file
from plumbus.backup.fakesuper import attribute_of, decoded, may_be_encoded
from plumbus.backup.removing import FOLDER, remove_folder
from plumbus.errors import NotFound

Found = TypeVar('Found')
LONGEST_TARGET = 4096  # path_resolution(7)
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def relative_parts(path: bytes) -> list[bytes]:
    """Given a path below a tree ('/a/b', b'a/b/'), return its parts. Raise NotFound if it holds '..' or a NUL."""
    parts = [part for part in path.split(b'/') if part not in {b'', b'.'}]
    if b'..' in parts or b'\0' in path:
        raise NotFound('There is no such file in the snapshot.')
    return parts


class Tree:
    """Open it with `with`. Paths are bytes below the root; what is a link is handled as a link.

    With `fake_super` what rsync keeps in attributes is told as it was on the client: kinds, modes, owners, targets.
    """

    def __init__(self, root: Path, *, fake_super: bool = False) -> None:
        self.root = root
        self.fake_super = fake_super
        self._descriptor = -1
        self._parent: tuple[list[bytes], int] | None = None

    def __enter__(self) -> Self:
        self._descriptor = os.open(self.root, FOLDER)
        return self

    def __exit__(self, *_: object) -> None:
        self._forget_parent()
        os.close(self._descriptor)

    def lstat(self, path: bytes) -> os.stat_result:
        """Return what lies at `path`. Raise NotFound if there is nothing, or a link on the way."""
        folder, name = self._locate(path)
        status = _found(lambda: os.stat(name, dir_fd=folder, follow_symlinks=False))
        return self._decoded(status, name, folder)

    def kind(self, path: bytes) -> str:
        """Return 'd' for a folder, 'f' for a regular file, 'other' for anything else, '' for nothing."""
        try:
            mode = self.lstat(path).st_mode
        except NotFound:
            return ''
        return 'd' if stat.S_ISDIR(mode) else 'f' if stat.S_ISREG(mode) else 'other'

    def entries(self, path: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
        """Yield (name, what lies there) of a folder, in no order. Raise NotFound if it is no folder."""
        descriptor = self._open_folder(relative_parts(path))
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    name = os.fsencode(entry.name)
                    yield name, self._decoded(entry.stat(follow_symlinks=False), name, descriptor)
        finally:
            os.close(descriptor)

    def names(self, path: bytes) -> Iterator[bytes]:
        """Yield the names in a folder, in no order. Raise NotFound if it is no folder."""
        descriptor = self._open_folder(relative_parts(path))
        try:
            with os.scandir(descriptor) as entries:
                yield from (os.fsencode(entry.name) for entry in entries)
        finally:
            os.close(descriptor)

    def folders_and_others(self, path: bytes) -> tuple[list[str], list[str]]:
        """Return the names of the folders in a folder and of all else, in no order: no look at the entries is needed for that.

        Bytes that are no UTF-8 are in them as os.fsdecode tells them.
        """
        descriptor = self._open_folder(relative_parts(path))
        found: tuple[list[str], list[str]] = ([], [])
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    found[not entry.is_dir(follow_symlinks=False)].append(entry.name)
        finally:
            os.close(descriptor)
        return found

    def read_link(self, path: bytes) -> bytes:
        """Return the target of the symbolic link at `path`. Raise NotFound if it is none."""
        folder, name = self._locate(path)
        if not stat.S_ISLNK(self.lstat(path).st_mode):
            raise NotFound('This is not a symbolic link.')
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return _found(lambda: os.readlink(name, dir_fd=folder))
        descriptor = _found(lambda: os.open(name, FILE, dir_fd=folder))
        try:
            return os.read(descriptor, LONGEST_TARGET)
        finally:
            os.close(descriptor)

    def open_file(self, path: bytes) -> int:
        """Return a descriptor for reading a regular file. Raise NotFound if it is none: a FIFO is never opened."""
        folder, name = self._locate(path)
        if not stat.S_ISREG(self.lstat(path).st_mode):
            raise NotFound('This is not a regular file.')
        return _found(lambda: os.open(name, FILE, dir_fd=folder))

    def remove(self, path: bytes) -> None:
        """Remove what lies at `path`, a folder with all below it. Nothing there is fine."""
        try:
            mode = self.lstat(path).st_mode
        except NotFound:
            return
        folder, name = self._locate(path)
        _make_writable(folder)
        if stat.S_ISDIR(mode):
            remove_folder(name, folder)
            self._forget_parent()
        else:
            os.unlink(name, dir_fd=folder)

    def remove_quietly(self, path: bytes) -> None:
        """Remove what lies at `path`; the folder around it keeps its mode and times."""
        try:
            folder, _ = self._locate(path)
        except NotFound:
            return
        known = os.fstat(folder)
        self.remove(path)
        folder, _ = self._locate(path)
        if os.fstat(folder).st_mode != known.st_mode:
            os.fchmod(folder, stat.S_IMODE(known.st_mode))
        os.utime(folder, ns=(known.st_atime_ns, known.st_mtime_ns))

    def make_folder_quietly(self, path: bytes) -> None:
        """Make a folder if it is not there; the one around it keeps its mode and times."""
        if self.kind(path) != 'd':
            folder, _ = self._locate(path)
            known = os.fstat(folder)
            self._make_folders(relative_parts(path))
            os.fchmod(folder, stat.S_IMODE(known.st_mode))
            os.utime(folder, ns=(known.st_atime_ns, known.st_mtime_ns))

    def link(self, leader: bytes, path: bytes) -> None:
        """Make `path` a further name of `leader`, in place of what was there, in a new folder if need be."""
        self._make_folders(relative_parts(path)[:-1])
        self.remove(path)
        with_leader = os.dup(self._locate(leader)[0])
        try:
            folder, name = self._locate(path)
            _make_writable(folder)
            os.link(
                relative_parts(leader)[-1],
                name,
                src_dir_fd=with_leader,
                dst_dir_fd=folder,
                follow_symlinks=False,
            )
        finally:
            os.close(with_leader)

    def move_in(self, other: 'Tree', path: bytes, keep_going: Callable[[], None]) -> None:
        """Move the file at `path` of another tree of the same disk to the same path here, in place of what was there.

        To another subvolume it is copied (see `make_private`). Raise PermissionError if PLUMBUS itself may not read it then.
        """
        parts = relative_parts(path)
        self._make_folders(parts[:-1])
        if self.kind(path) == 'd':
            self.remove(path)
        source, name = other._locate(path)
        folder, _ = self._locate(path)
        _make_writable(folder)
        try:
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=folder)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_over(source, name, folder, keep_going)
            os.unlink(name, dir_fd=source)

    def _make_folders(self, parts: list[bytes]) -> None:
        for count in range(1, len(parts) + 1):
            path = b'/'.join(parts[:count])
            if self.kind(path) != 'd':
                self.remove(path)
                folder, name = self._locate(path)
                _make_writable(folder)
                os.mkdir(name, 0o700, dir_fd=folder)

    def make_private(self, path: bytes, keep_going: Callable[[], None]) -> None:
        """Replace the regular file at `path` by its own copy, so that no older snapshot shares its inode.

        `keep_going` is called between chunks and may raise to stop. Content, attributes, mode, owner and times are copied.
        Raise PermissionError if PLUMBUS itself may not read it.
        """
        folder, name = self._locate(path)
        _make_writable(folder)
        _copy_over(folder, name, folder, keep_going)

    def _decoded(self, status: os.stat_result, name: bytes, folder: int) -> os.stat_result:
        if not (self.fake_super and may_be_encoded(status.st_mode)):
            return status
        return decoded(status, attribute_of(name, folder))

    def _locate(self, path: bytes) -> tuple[int, bytes]:
        parts = relative_parts(path)
        if not parts:
            return self._descriptor, b'.'
        if self._parent is None or self._parent[0] != parts[:-1]:
            descriptor = self._open_folder(parts[:-1])
            self._forget_parent()
            self._parent = (parts[:-1], descriptor)
        return self._parent[1], parts[-1]

    def _open_folder(self, parts: list[bytes]) -> int:
        descriptor = os.dup(self._descriptor)
        for part in parts:
            parent = descriptor
            try:
                descriptor = _found(lambda part=part, parent=parent: os.open(part, FOLDER, dir_fd=parent))  # type: ignore[misc]
            finally:
                os.close(parent)
        return descriptor

    def _forget_parent(self) -> None:
        if self._parent is not None:
            os.close(self._parent[1])
            self._parent = None


def remove_tree(path: Path) -> None:
    """Remove a folder with all below it, read-only folders included. Nothing there is fine."""
    if path.is_symlink() or path.exists():
        with Tree(path.parent) as tree:
            tree.remove(os.fsencode(path.name))


def _copy_over(source: int, name: bytes, folder: int, keep_going: Callable[[], None]) -> None:
    """Given the descriptors of two folders, put a copy of the first one's file in place of what the second has under its name."""
    copy_name = b'.plumbus-' + secrets.token_hex(8).encode()
    known = os.open(name, FILE, dir_fd=source)
    try:
        copy = os.open(copy_name, NEW_FILE, 0o600, dir_fd=folder)
        try:
            copy_file(known, copy, keep_going)
        except BaseException:
            os.unlink(copy_name, dir_fd=folder)
            raise
        finally:
            os.close(copy)
    finally:
        os.close(known)
    os.rename(copy_name, name, src_dir_fd=folder, dst_dir_fd=folder)


def _found(look: Callable[[], Found]) -> Found:
    try:
        return look()
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL}:
            raise NotFound('There is no such file in the snapshot.') from None
        raise


def _make_writable(folder: int) -> None:
    mode = os.fstat(folder).st_mode
    if os.geteuid() and not mode & stat.S_IWUSR:
        os.fchmod(folder, stat.S_IMODE(mode) | stat.S_IRWXU)
