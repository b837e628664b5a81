"""What rsync keeps in an attribute of a file where it may not set the real thing: kind, mode, owner, device (rsync(1), --fake-super).

Symbolic links, devices, FIFOs and sockets lie as regular files then; the target of a link is what its file holds.
"""

import errno
import os
import re
import stat

ATTRIBUTE = 'user.rsync.%stat'
FORM = re.compile(rb'([0-7]{1,6}) (\d{1,10}),(\d{1,10}) (\d{1,10}):(\d{1,10})')
REGULAR = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
NONE_THERE = {errno.ENODATA, errno.ENOTSUP, errno.ENOENT, errno.ELOOP, errno.EACCES, errno.EPERM}


def decoded(status: os.stat_result, attribute: bytes | None) -> os.stat_result:
    """Given what lies on the disk and its ATTRIBUTE, return what it stands for: another kind, mode, owner and device.

    None is for a file that has none: rsync writes it only where it tells something else than the disk does.
    """
    match = FORM.fullmatch(attribute) if attribute and may_be_encoded(status.st_mode) else None
    if match is None:
        return status
    mode = int(match[1], 8)
    major, minor, uid, gid = (int(digits) for digits in match.groups()[1:])
    if stat.S_ISDIR(mode) != stat.S_ISDIR(status.st_mode):
        return status
    fields = list(status)
    fields[stat.ST_MODE], fields[stat.ST_UID], fields[stat.ST_GID] = mode, uid, gid
    return os.stat_result(
        fields,
        {
            'st_atime': status.st_atime, 'st_mtime': status.st_mtime, 'st_ctime': status.st_ctime,
            'st_atime_ns': status.st_atime_ns, 'st_mtime_ns': status.st_mtime_ns, 'st_ctime_ns': status.st_ctime_ns,
            'st_blksize': status.st_blksize, 'st_blocks': status.st_blocks, 'st_rdev': _device(major, minor),
        },
    )  # fmt: skip


def may_be_encoded(mode: int) -> bool:
    """Given the mode of what lies on the disk, return whether its ATTRIBUTE counts: nothing else can have one."""
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def attribute_of(name: bytes, folder: int) -> bytes | None:
    """Given a regular file's or folder's name and a descriptor of the folder it is in, return its ATTRIBUTE if it has one."""
    try:
        descriptor = os.open(name, REGULAR, dir_fd=folder)
        try:
            return os.getxattr(descriptor, ATTRIBUTE)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in NONE_THERE:
            return None
        raise


def _device(major: int, minor: int) -> int:
    return os.makedev(major & 0xFFFFFFFF, minor & 0xFFFFFFFF)
