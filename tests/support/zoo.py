"""Trees of files that are hard to copy: the zoo with one of every kind, and many small ones. Same names every time."""

import errno
import os
import stat
import struct
from pathlib import Path

NAMES = [
    b'new\nline', b'carriage\rreturn', b'tab\there', b'\x01control\x7f', b'inv\xff\xfealid', b'\xe9t\xe9 latin',
    b'it\'s "quoted"', b'$(id)', b'`id`', b'$HOME', b'~', b'*', b'[a]?', b'{a,b}', b';true', b'&', b'|', b'#x', b'%n%L',
    b'-rf', b'--delete', b' leading', b'trailing ', b'a -> b', b'a => b', b'back\\slash', b'fake\\#012escape', b':colon:',
    b'.hidden', b'..dots', b'...', b'+ plus', b'- minus', b'! clear', 'ümläut ☃ 🐟'.encode(), b'e\xcc\x81', b'UPPER', b'upper',
    b'x' * 255,
]  # fmt: skip
YEAR_2100 = 4_102_444_800
BASE_TIME = 1_700_000_000
ACL_HEADER = struct.pack(
    '<I', 2
)  # POSIX_ACL_XATTR_VERSION; entries are tag, permissions, id (linux/posix_acl_xattr.h)
ACL_ENTRIES = [(1, 6, -1), (2, 4, 65534), (4, 4, -1), (16, 6, -1), (32, 0, -1)]


def make_zoo(folder: Path, *, root: bool, unreadable: bool = True) -> None:
    """Given a folder, fill it with a file of every kind.

    With `root` there are device nodes and foreign owners too. Without `unreadable` nothing is in it that its
    owner cannot read, so that a backup by that login ends without a warning.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _names(folder / 'names')
    _links(folder / 'links')
    _hard_links(folder / 'hard')
    _contents(folder / 'contents')
    _special(folder / 'special', root)
    _attributes(folder / 'attributes')
    if root:
        _foreign(folder / 'foreign')
    _times(folder / 'times')
    _modes(folder / 'modes', unreadable)  # last: some folders cannot be written afterwards


def make_many(folder: Path, count: int) -> None:
    """Given a folder, put `count` small files into it, a hundred to a folder, the same ones every time."""
    for number in range(count):
        below = folder / f'{number // 10_000:03}' / f'{number // 100 % 100:02}'
        if number % 100 == 0:
            below.mkdir(parents=True, exist_ok=True)
        file = below / f'file-{number}.txt'
        file.write_bytes(f'{number}\n'.encode() * (number * 7919 % 200))
        os.utime(file, (BASE_TIME + number, BASE_TIME + number))


def give(folder: Path, uid: int, gid: int) -> None:
    """Given a tree and an owner, make all of it theirs; modes stay (chown takes away setuid). Needs root."""
    for parent, folders, files in os.walk(os.fsencode(folder), topdown=False):
        for name in [*folders, *files, b'.']:
            path = os.path.join(parent, name)
            before = os.lstat(path)
            os.lchown(path, uid, gid)
            if not stat.S_ISLNK(before.st_mode):
                os.chmod(path, stat.S_IMODE(before.st_mode))


def _names(folder: Path) -> None:
    folder.mkdir()
    for name in NAMES:
        (folder / os.fsdecode(name)).write_bytes(b'named ' + name)
    for name in NAMES[:5]:
        below = folder / os.fsdecode(b'folder ' + name)
        below.mkdir()
        (below / os.fsdecode(name)).write_bytes(name)


def _links(folder: Path) -> None:
    folder.mkdir()
    targets = {
        'absolute': '/etc/hostname', 'dangling': '/nowhere/at/all', 'relative': '../contents/text', 'folder': '../contents',
        'loop-a': 'loop-b', 'loop-b': 'loop-a', 'self': 'self', 'up': '..', 'arrow -> name': 'arrow => target',
        'newline\nname': 'new\nline -> target', 'long': 'x' * 255, 'dash': '-rf',
    }  # fmt: skip
    for name, target in targets.items():
        (folder / name).symlink_to(target)
    os.symlink(b'inv\xff', os.fsencode(folder / 'invalid'))


def _hard_links(folder: Path) -> None:
    (folder / 'other').mkdir(parents=True)
    first = folder / 'leader'
    first.write_text('shared by four names')
    for name in ('follower', 'other/follower', 'b => c'):
        os.link(first, folder / name)
    (folder / 'pipe').symlink_to('leader')
    os.link(folder / 'pipe', folder / 'same pipe', follow_symlinks=False)


def _contents(folder: Path) -> None:
    folder.mkdir()
    (folder / 'empty').touch()
    (folder / 'empty folder').mkdir()
    (folder / 'text').write_text('some text\n' * 100)
    (folder / 'binary').write_bytes(bytes(range(256)) * 1000)
    with (folder / 'sparse').open('wb') as file:
        file.seek(4 * 1024 * 1024)
        file.write(b'after the hole')
        file.truncate(8 * 1024 * 1024)
    deep = folder.joinpath(*(f'level {number}' for number in range(30)))
    deep.mkdir(parents=True)
    (deep / 'bottom').write_text('deep')


def _special(folder: Path, root: bool) -> None:
    folder.mkdir()
    os.mkfifo(folder / 'fifo', 0o644)
    os.mknod(folder / 'socket', 0o644 | stat.S_IFSOCK)
    if root:
        os.mknod(folder / 'character device', 0o660 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(folder / 'block device', 0o660 | stat.S_IFBLK, os.makedev(7, 99))


def _attributes(folder: Path) -> None:
    folder.mkdir()
    for path in (folder / 'file', folder / 'acl file'):
        path.write_text(path.name)
    (folder / 'acl folder').mkdir()
    _set_attribute(folder / 'file', 'user.comment', 'with ünicode\n'.encode())
    _set_attribute(folder / 'file', 'user.empty', b'')
    _set_attribute(folder, 'user.folder', b'\0\1\2')
    acl = ACL_HEADER + b''.join(struct.pack('<HHi', *entry) for entry in ACL_ENTRIES)
    _set_attribute(folder / 'acl file', 'system.posix_acl_access', acl)
    _set_attribute(folder / 'acl folder', 'system.posix_acl_default', acl)


def _set_attribute(path: Path, name: str, value: bytes) -> None:
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        if error.errno != errno.ENOTSUP:  # an older tmpfs keeps none
            raise


def _foreign(folder: Path) -> None:
    folder.mkdir()
    (folder / 'unknown ids').write_text('nobody here has these ids')
    os.chown(folder / 'unknown ids', 12345, 54321)
    (folder / 'link').symlink_to('unknown ids')
    os.lchown(folder / 'link', 54321, 12345)


def _times(folder: Path) -> None:
    folder.mkdir()
    for name, seconds in (('1970', 0), ('2100', YEAR_2100), ('nanoseconds', BASE_TIME)):
        (folder / name).write_text(name)
        nanoseconds = seconds * 10**9 + (123_456_789 if name == 'nanoseconds' else 0)
        os.utime(folder / name, ns=(nanoseconds, nanoseconds))
    (folder / 'old link').symlink_to('1970')
    os.utime(folder / 'old link', (86_400, 86_400), follow_symlinks=False)
    os.utime(folder, (BASE_TIME, BASE_TIME))


def _modes(folder: Path, unreadable: bool) -> None:
    folder.mkdir()
    modes = {'plain': 0o644, 'setuid': 0o4755, 'setgid': 0o2755, 'only mine': 0o600, 'read-only': 0o444}
    if unreadable:
        modes['nothing allowed'] = 0o000
    for name, mode in modes.items():
        (folder / name).write_text(name)
        (folder / name).chmod(mode)
    for name, mode in {'sticky': 0o1777, 'group': 0o2775, 'read-only folder': 0o555}.items():
        (folder / name).mkdir()
        (folder / name / 'inside').write_text(name)
        (folder / name).chmod(mode)
