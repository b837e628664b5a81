"""One file copied to another of the same disk, all of it but its name: by sharing blocks where the disk can do that."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

FICLONE = 0x40049409  # ioctl_ficlone(2): share the blocks where the file system can
CHUNK = 16 * 2**20


def clone(source: int, copy: int) -> None:
    """Given two open files, let the second share the first one's blocks. Raise OSError where the disk cannot do that."""
    fcntl.ioctl(copy, FICLONE, source)


def copy_file(source: int, copy: int, keep_going: Callable[[], None]) -> None:
    """Given two open files, make the second, which is empty, like the first: content, attributes, owner, mode, times.

    `keep_going` is called between chunks and may raise to stop.
    """
    try:
        clone(source, copy)
    except OSError:
        _copy_data(source, copy, keep_going)
    known = os.fstat(source)
    with suppress(PermissionError):
        os.fchown(copy, known.st_uid, known.st_gid)
    os.fchmod(copy, stat.S_IMODE(known.st_mode))
    _copy_attributes(source, copy)
    os.utime(copy, ns=(known.st_atime_ns, known.st_mtime_ns))


def move_file(source: Path, target: Path) -> None:
    """Given a file of ours, move it; from one subvolume of a disk to another that is a copy, which shares its blocks."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with source.open('rb') as known, target.open('wb') as new:
            copy_file(known.fileno(), new.fileno(), lambda: None)
        source.unlink()


def _copy_attributes(source: int, copy: int) -> None:
    with suppress(
        OSError
    ):  # a disk without them; and rsync sets what is missing, as the copy is made for that
        for name in os.listxattr(source):
            with suppress(OSError):
                os.setxattr(copy, name, os.getxattr(source, name))


def _copy_data(source: int, copy: int, keep_going: Callable[[], None]) -> None:
    """Copy the parts that hold data; holes stay holes (lseek(2), SEEK_DATA)."""
    size = os.fstat(source).st_size
    os.ftruncate(copy, size)
    offset = _next_data(source, 0)
    while offset < size:
        end = os.lseek(source, offset, os.SEEK_HOLE)
        while offset < end:
            keep_going()
            count = os.copy_file_range(source, copy, min(CHUNK, end - offset), offset, offset)
            if not count:
                return
            offset += count
        offset = _next_data(source, offset)


def _next_data(descriptor: int, offset: int) -> int:
    try:
        return os.lseek(descriptor, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:  # only a hole is left
            return os.fstat(descriptor).st_size
        raise
