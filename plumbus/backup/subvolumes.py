"""Subvolumes of btrfs, by the kernel's own calls: made, copied in an instant, closed for writing, removed (linux/btrfs.h).

The numbers are those of x86, ARM and RISC-V; elsewhere the kernel knows no such call, and hard links are used.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from plumbus.backup.removing import FOLDER

CREATE = 0x5000940E
DESTROY = 0x5000940F
SNAPSHOT = 0x50009417
GET_FLAGS = 0x80089419
SET_FLAGS = 0x4008941A
READ_ONLY = 2
NAMED = '=q4088s'  # struct btrfs_ioctl_vol_args
SNAPSHOT_NAMED = '=qQQ32x4040s'  # struct btrfs_ioctl_vol_args_v2
FLAGS = '=Q'


def create(path: Path) -> None:
    """Make an empty subvolume. Raise OSError where that cannot be."""
    with _opened(path.parent) as parent:
        fcntl.ioctl(parent, CREATE, bytearray(struct.pack(NAMED, 0, os.fsencode(path.name))))


def snapshot(source: Path, path: Path) -> None:
    """Given a subvolume, make one that is like it and can be written. Raise OSError where that cannot be."""
    with _opened(source) as folder, _opened(path.parent) as parent:
        order = struct.pack(SNAPSHOT_NAMED, folder, 0, 0, os.fsencode(path.name))
        fcntl.ioctl(parent, SNAPSHOT, bytearray(order))


def is_subvolume(path: Path) -> bool:
    """Whether a folder is the root of a subvolume."""
    return _flags(path) is not None


def close(path: Path) -> None:
    """From now on nobody can write to it, root neither. What is no subvolume stays as it is. Raise OSError."""
    _set_read_only(path, wanted=True)


def reopen(path: Path) -> None:
    """Take back a `close`. Raise OSError."""
    _set_read_only(path, wanted=False)


def remove(path: Path) -> bool:
    """Remove a subvolume and return whether it is gone: else it is a folder whose content can be removed, as any other.

    Without CAP_SYS_ADMIN that is so, unless the disk is mounted with user_subvol_rm_allowed (btrfs(5)). No link is followed.
    """
    if not is_subvolume(path):
        return False
    with _opened(path.parent) as parent:
        order = bytearray(struct.pack(NAMED, 0, os.fsencode(path.name)))
        for _ in range(2):
            try:
                fcntl.ioctl(parent, DESTROY, order)
            except OSError:  # its owner may have to make it writable first
                with suppress(OSError):
                    reopen(path)
            else:
                return True
    return False


def works_in(folder: Path) -> bool:
    """Given an empty folder, try in it all that snapshots need, their removal too."""
    first, second = folder / 'first', folder / 'second'
    try:
        create(first)
        (first / 'file').write_bytes(b'x')
        close(first)
        snapshot(first, second)
        (second / 'file').write_bytes(b'y')
        worked = (first / 'file').read_bytes() == b'x' and _is_closed(first)
    except OSError:
        worked = False
    return all([_gone(first), _gone(second)]) and worked


def _gone(made: Path) -> bool:
    if not remove(made) and made.exists():
        with suppress(OSError):  # as before Linux 4.18
            (made / 'file').unlink(missing_ok=True)
            made.rmdir()
    return not made.exists()


def _is_closed(folder: Path) -> bool:
    try:
        (folder / 'file').write_bytes(b'z')
    except OSError as error:
        return error.errno == errno.EROFS
    return False


def _flags(path: Path) -> int | None:
    with suppress(OSError), _opened(path) as folder:
        told = fcntl.ioctl(folder, GET_FLAGS, bytes(struct.calcsize(FLAGS)))
        return int(struct.unpack(FLAGS, told)[0])
    return None


def _set_read_only(path: Path, *, wanted: bool) -> None:
    flags = _flags(path)
    if flags is None or bool(flags & READ_ONLY) == wanted:
        return
    with _opened(path) as folder:
        fcntl.ioctl(folder, SET_FLAGS, struct.pack(FLAGS, flags ^ READ_ONLY))


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
