"""What lies in a tree, to the nanosecond, the xattr and the hard link: two trees are the same if their facts are."""

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

KINDS = {stat.S_IFDIR: 'd', stat.S_IFREG: 'f', stat.S_IFLNK: 'L', stat.S_IFIFO: 'S', stat.S_IFSOCK: 'S'}


class Fact(NamedTuple):
    """One name. `group` is the first name (in sorted order) of the same inode; `inode` is for trees that must not change."""

    kind: str
    mode: int
    owner: tuple[int, int]
    size: int
    mtime_ns: int
    content: bytes
    attributes: tuple[tuple[str, bytes], ...]
    group: bytes
    inode: int


Facts = dict[bytes, Fact]


def facts(root: Path, excludes: Sequence[str] = ()) -> Facts:
    """Given a folder, return a fact for everything below it, and for itself under b''.

    `excludes` are patterns for single names; what lies below an excluded folder is left out too.
    """
    found: Facts = {}
    groups: dict[int, bytes] = {}
    for path in sorted(_below(os.fsencode(root), b'', excludes)):
        found[path] = _fact(os.path.join(os.fsencode(root), path).rstrip(b'/'), path, groups)
    return found


def same(source: Facts, copy: Facts) -> list[str]:
    """Given the facts of a source and of its copy, return a line for each difference."""
    lines = [f'missing in the copy: {path!r}' for path in sorted(source.keys() - copy.keys())]
    lines += [f'only in the copy: {path!r}' for path in sorted(copy.keys() - source.keys())]
    for path in sorted(source.keys() & copy.keys()):
        wanted, got = source[path]._replace(inode=0), copy[path]._replace(inode=0)
        if wanted != got:
            names = [name for name in Fact._fields if getattr(wanted, name) != getattr(got, name)]
            lines.append(
                f'{path!r}: '
                + ', '.join(f'{name} {getattr(wanted, name)!r} -> {getattr(got, name)!r}' for name in names)
            )
    return lines


def unchanged(before: Facts, after: Facts) -> list[str]:
    """Given the facts of one tree at two moments, return a line for each difference, the inode's number included."""
    moved = [
        f'{path!r}: inode {before[path].inode} -> {after[path].inode}'
        for path in before.keys() & after.keys()
        if before[path].inode != after[path].inode
    ]
    return same(before, after) + moved


def _below(root: bytes, path: bytes, excludes: Sequence[str]) -> Iterable[bytes]:
    yield path
    full = os.path.join(root, path)
    if not stat.S_ISDIR(os.lstat(full).st_mode):
        return
    for name in os.listdir(full):
        if not any(fnmatch.fnmatchcase(os.fsdecode(name), pattern) for pattern in excludes):
            yield from _below(root, os.path.join(path, name), excludes)


def _fact(full: bytes, path: bytes, groups: dict[int, bytes]) -> Fact:
    status = os.lstat(full)
    kind = KINDS.get(stat.S_IFMT(status.st_mode), 'D')
    return Fact(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        owner=(status.st_uid, status.st_gid),
        size=status.st_size if kind in 'fL' else 0,
        mtime_ns=status.st_mtime_ns,
        content=_content(full, kind),
        attributes=_attributes(full),
        group=path if kind == 'd' else groups.setdefault(status.st_ino, path),
        inode=status.st_ino,
    )


def _content(full: bytes, kind: str) -> bytes:
    if kind == 'L':
        return os.readlink(full)
    if kind != 'f':
        return b''
    with open(full, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').digest()


def _attributes(full: bytes) -> tuple[tuple[str, bytes], ...]:
    names = sorted(os.listxattr(full, follow_symlinks=False))
    return tuple((name, os.getxattr(full, name, follow_symlinks=False)) for name in names)
