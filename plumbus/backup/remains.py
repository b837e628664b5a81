"""What an interrupted run left behind: whatever it fetched is not fetched again, and older snapshots stay untouched."""

import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from plumbus.backup.copying import move_file
from plumbus.backup.manifest import Entry, read_manifest
from plumbus.backup.tree import Tree
from plumbus.errors import NotFound, StoreError

# With --temp-dir a file that is being received is called NAME.XXXXXX there, without one more dot in front (tried with 3.5.0).
HALF_RECEIVED = re.compile(r'(.+)\.[A-Za-z0-9]{6}', re.DOTALL)


def rescue_half_received(temporary: Path, partial: Path) -> None:
    """Given the folders of a run that was killed, hand what it had received of single files on as partial files."""
    for name in os.listdir(temporary) if temporary.is_dir() else []:
        match = HALF_RECEIVED.fullmatch(name)
        if match and len(os.fsencode(match[1])) <= 255:
            _keep_larger(temporary / name, partial / match[1])


def hand_on_partial(source: Path, partial: Path) -> None:
    """Given the folder of partial files of an earlier run, move them into that of the next one."""
    for name in os.listdir(source) if source.is_dir() else []:
        _keep_larger(source / name, partial / name)


def adopt(remains: Tree, tree: Tree, path: bytes, keep_going: Callable[[], None]) -> bool:
    """Move a file that an interrupted run fetched to its place in the new tree. Return whether there was one.

    Only a file without any other name: such an inode belongs to no older snapshot. Nor one that both trees have from a snapshot,
    as subvolumes do, where it keeps its number.
    """
    try:
        status = remains.lstat(path)
    except NotFound:
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_ino == _number(tree, path):
        return False
    try:
        tree.move_in(remains, path, keep_going)
    except PermissionError:  # without root its own mode may keep us out
        return False
    return True


def _number(tree: Tree, path: bytes) -> int:
    try:
        return tree.lstat(path).st_ino
    except NotFound:
        return 0


def entries_below(
    tree: Tree, noted: Path, keep_going: Callable[[], None], apart: bytes = b''
) -> Iterator[Entry]:
    """Given a tree in progress and the manifest that its run was writing, yield an entry for all that lies there.

    A checksum is known of what the manifest had noted before it was cut off. `apart` is a folder that does not belong to it.
    """
    checksums = _noted(noted)
    leaders: dict[int, bytes] = {}
    folders = [b'']
    while folders:
        folder = folders.pop()
        for name, status in tree.entries(folder):
            keep_going()
            path = folder + b'/' + name if folder else name
            if path == apart:
                continue
            if stat.S_ISDIR(status.st_mode):
                folders.append(path)
            checksum, algorithm = checksums.get(path, (None, None))
            shared = status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode)
            leader = leaders.setdefault(status.st_ino, path) if shared else path
            aim = tree.read_link(path) if stat.S_ISLNK(status.st_mode) else None
            yield Entry(
                path, _kind(status.st_mode), status.st_size, int(status.st_mtime), stat.S_IMODE(status.st_mode),
                status.st_uid, status.st_gid, checksum, algorithm, stored=True, linked=leader != path,
                target=aim if aim is not None or leader == path else leader,
            )  # fmt: skip


def _noted(manifest: Path) -> dict[bytes, tuple[bytes | None, str | None]]:
    noted: dict[bytes, tuple[bytes | None, str | None]] = {}
    try:
        for entry in read_manifest(manifest):
            noted[entry.path] = (entry.checksum, entry.algorithm)
    except StoreError:
        pass  # cut off, as is to be expected; what came before counts
    return noted


def _keep_larger(source: Path, target: Path) -> None:
    if not target.exists() or target.lstat().st_size < source.lstat().st_size:
        move_file(source, target)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: 'd', stat.S_IFREG: 'f', stat.S_IFLNK: 'L', stat.S_IFBLK: 'D', stat.S_IFCHR: 'D'}
    return kinds.get(stat.S_IFMT(mode), 'S')
