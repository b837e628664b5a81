"""Tells whether a file of one snapshot is the file of another: the same inode, or the same blocks where each has its subvolume."""

import fcntl
import os
import stat
import struct

from plumbus.backup import subvolumes
from plumbus.backup.tree import Tree
from plumbus.errors import NotFound

FIEMAP = 0xC020660B  # linux/fiemap.h
MOST_EXTENTS = 64
HEADER, EXTENT = '=QQIIII', '=QQQ16xI12x'
WHOLE_FILE = 2**64 - 1
UNKNOWN, DELAYED, INLINE = 0x2, 0x4, 0x200
Identity = tuple[object, ...]


def identity(tree: Tree, path: bytes) -> Identity | None:
    """Given a tree and a path in it, return what is the same for the same file in another tree, None if nothing is there.

    Raise OSError where it cannot be read.
    """
    try:
        status = tree.lstat(path)
        if stat.S_ISREG(status.st_mode) and subvolumes.is_subvolume(tree.root):
            return _content(tree.open_file(path))
    except NotFound:
        return None
    return status.st_dev, status.st_ino


def _content(descriptor: int) -> Identity | None:
    """Where it lies on the disk; what is so small that it lies with its name, as it is."""
    try:
        size = os.fstat(descriptor).st_size
        extents = _extents(descriptor)
        if len(extents) == 1 and extents[0][3] & INLINE:
            return size, os.pread(descriptor, size, 0)
        if not extents or any(flags & (UNKNOWN | DELAYED) for *_, flags in extents):
            return None
        return size, *(extent[:3] for extent in extents)
    finally:
        os.close(descriptor)


def _extents(descriptor: int) -> list[tuple[int, ...]]:
    """The first extents of a file: where in the file, where on the disk, how long, flags."""
    header, each = struct.calcsize(HEADER), struct.calcsize(EXTENT)
    told = bytearray(header + MOST_EXTENTS * each)
    struct.pack_into(HEADER, told, 0, 0, WHOLE_FILE, 0, 0, MOST_EXTENTS, 0)
    fcntl.ioctl(descriptor, FIEMAP, told)
    count = struct.unpack_from(HEADER, told)[3]
    return [struct.unpack_from(EXTENT, told, header + number * each) for number in range(count)]
