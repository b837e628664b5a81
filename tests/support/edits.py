"""Everything that can happen to files between two backups, each from a few numbers, so that hypothesis can choose and shrink.

No edit leaves the world: symbolic links are made, but never walked through.
"""

import os
import shutil
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.zoo import ACL_HEADER, BASE_TIME, YEAR_2100

NAMES = [
    b'a', b'b', b'c', b'd', b'one.tmp', b'two.tmp', b'keep', b'new\nline', b'tab\there', b'inv\xff\xfealid', b'a -> b', b'a => b',
    b'fake\\#012escape', b'back\\slash', b'-rf', b'--delete', b' lead', b'trail ', b'*', b'[a]?', b'$(id)', b'...', b'+ plus',
    'ümläut ☃'.encode(), b'x' * 255, b'.hidden', b'.a.AbCd12', b'.~tmp~', b'cr\rhere', b'\x01\x7f', b'%n%L', b'|a|',
]  # fmt: skip
FILE_MODES = [0o644, 0o600, 0o755, 0o4755, 0o2755, 0o000, 0o444, 0o1644]
FOLDER_MODES = [0o755, 0o700, 0o555, 0o1777, 0o2775, 0o000]
OWNERS = [(0, 0), (1000, 1000), (12345, 54321), (65534, 65534)]
TARGETS = [b'..', b'a', b'b', b'c/d', b'nowhere', b'x' * 250, b'inv\xff -> => //', b'../..']
TIMES = [0, -86_400 * 4000, BASE_TIME, BASE_TIME + 1, YEAR_2100, 2**31 - 1, 2**31, 1]
FRACTIONS = [0, 1, 500_000_000, 999_999_999, 123_456_789]
ATTRIBUTES = ['user.a', 'user.b', 'trusted.c']
VALUES = [b'', b'one', b'two\n\0', b'x' * 200]
SIZES = [0, 1, 700, 701, 5000, 70_000]
LONGEST_PATH = 3000
SOURCES = (b's0', b's1', b's2')
EXCLUDES = (['*.tmp'], [], ['a'], ['*.tmp', 'keep'], ['d'])


@dataclass(slots=True)
class World:
    """A client's files: source folders in `root`, and which of them the job takes, without what.

    Some links lead to `canary`, a folder that nobody may look into.
    """

    root: Path
    canary: Path
    sources: list[bytes] = field(default_factory=lambda: [b's0', b's1'])
    excludes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in SOURCES:
            os.makedirs(self.path(name))

    def path(self, below: bytes) -> bytes:
        """The whole path of something in the world."""
        return os.path.join(os.fsencode(self.root), below)

    def apply(self, name: str, a: int, b: int, c: int) -> None:
        """Given the name of an edit and three numbers, do it; where nothing fits, nothing happens."""
        assert all(
            kind_of(self.path(source)) != 'd' or self._is_inside(self.path(source)) for source in SOURCES
        )
        EDITS[name](self, a, b, c)

    def _is_inside(self, path: bytes) -> bool:
        return os.path.realpath(path).startswith(os.path.realpath(os.fsencode(self.root)) + b'/')

    def everything(self) -> list[bytes]:
        """All paths below the source folders, in order."""
        found: list[bytes] = []
        for source in SOURCES:
            if kind_of(self.path(source)) != 'd':
                continue  # os.walk follows a link that it is given
            for folder, folders, files in os.walk(self.path(source)):
                found += [os.path.join(folder, name) for name in (*folders, *files)]
        return sorted(found)

    def targets(self) -> list[bytes]:
        """What symbolic links point to."""
        inside = os.fsencode(self.canary)
        return [*TARGETS, inside, os.path.join(inside, b'a'), os.path.join(inside, b'd')]

    def pick(self, number: int, *kinds: str) -> bytes | None:
        """One of the paths of these kinds, of all kinds if none is named."""
        found = [path for path in self.everything() if not kinds or kind_of(path) in kinds]
        return found[number % len(found)] if found else None

    def place(self, number: int, name: int) -> bytes:
        """A path in one of the folders, taken or not."""
        folders = [self.path(source) for source in SOURCES if kind_of(self.path(source)) == 'd']
        folders += [path for path in self.everything() if kind_of(path) == 'd']
        if not folders:
            return self.path(b'beside')
        return os.path.join(folders[number % len(folders)], NAMES[name % len(NAMES)])

    def make(self, path: bytes, kind: int, seed: int) -> None:
        """Put something of a kind there, in place of what was there."""
        if len(path) > LONGEST_PATH:
            return
        remove(path)
        if kind % 6 == 2:
            os.symlink(self.targets()[seed % len(self.targets())], path)
        else:
            [make_file, _make_folder, make_file, _make_fifo, make_file, _make_special][kind % 6](path, seed)


def kind_of(path: bytes) -> str:
    """'d', 'f', 'L', 'S' (fifo, socket, device), '' for nothing."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return ''
    return 'd' if stat.S_ISDIR(mode) else 'f' if stat.S_ISREG(mode) else 'L' if stat.S_ISLNK(mode) else 'S'


def remove(path: bytes) -> None:
    """Remove whatever lies there."""
    if kind_of(path) == 'd':
        shutil.rmtree(path)
    elif kind_of(path):
        os.unlink(path)


def content(seed: int) -> bytes:
    """Bytes for a seed; equal sizes come often, so do holes."""
    size = SIZES[seed % len(SIZES)]
    text = (b'%d ' % seed * (size // 2 + 1))[:size]
    return text if seed % 5 else text[: size // 8].ljust(size, b'\0')


def make_file(path: bytes, seed: int) -> None:
    """Write a new file."""
    with open(path, 'wb') as file:
        file.write(content(seed))


def _make_folder(path: bytes, seed: int) -> None:
    os.mkdir(path)
    for number in range(seed % 3):
        make_file(os.path.join(path, NAMES[(seed + number) % len(NAMES)]), seed + number)


def _make_fifo(path: bytes, seed: int) -> None:
    os.mkfifo(path, 0o600 + seed % 2 * 0o44)


def _make_special(path: bytes, seed: int) -> None:
    kinds = [(stat.S_IFSOCK, 0), (stat.S_IFCHR, os.makedev(1, 3)), (stat.S_IFBLK, os.makedev(7, 99))]
    kind, device = kinds[seed % 3]
    os.mknod(path, kind | 0o640, device)


def _create(world: World, a: int, b: int, c: int) -> None:
    world.make(world.place(a, b), c % 7, c // 7)


def _write(world: World, a: int, b: int, _c: int) -> None:
    """Write in place, through all hard links."""
    if path := world.pick(a, 'f'):
        with open(path, 'r+b') as file:
            file.truncate()
            file.write(content(b))


def _edit_in_place(world: World, a: int, b: int, c: int) -> None:
    """Same size, and a time in the same second, other by nanoseconds: all that rsync has to notice it by."""
    path = world.pick(a, 'f')
    if path is None or not os.lstat(path).st_size:
        return
    before = os.lstat(path)
    with open(path, 'r+b') as file:
        file.seek(b % before.st_size)
        byte = file.read(1)
        file.seek(b % before.st_size)
        file.write(bytes([byte[0] ^ 0x55]))
    second, nanoseconds = divmod(before.st_mtime_ns, 10**9)
    moved = (nanoseconds + 1 + c % 999_999_998) % 10**9
    os.utime(path, ns=(before.st_atime_ns, second * 10**9 + moved))


def _append(world: World, a: int, b: int, _c: int) -> None:
    if path := world.pick(a, 'f'):
        with open(path, 'ab') as file:
            file.write(b'more %d' % b)


def _replace(world: World, a: int, b: int, c: int) -> None:
    """As editors do: a new file takes the name, hard links are left behind; sometimes equal but for the inode."""
    path = world.pick(a, 'f')
    if path is None or len(path) > LONGEST_PATH:
        return
    beside = os.path.join(os.path.dirname(path), b'.beside')
    remove(beside)
    shutil.copy2(path, beside)
    shutil.copystat(path, beside)
    status = os.lstat(path)
    os.chown(beside, status.st_uid, status.st_gid)
    os.chmod(beside, stat.S_IMODE(status.st_mode))
    if b % 2:
        make_file(beside, c)
    else:
        os.utime(beside, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.rename(beside, path)


def _chmod(world: World, a: int, b: int, _c: int) -> None:
    path = world.pick(a, 'f', 'd', 'S')
    if path:
        modes = FOLDER_MODES if kind_of(path) == 'd' else FILE_MODES
        os.chmod(path, modes[b % len(modes)])


def _chown(world: World, a: int, b: int, _c: int) -> None:
    if path := world.pick(a):
        os.lchown(path, *OWNERS[b % len(OWNERS)])


def _utime(world: World, a: int, b: int, c: int) -> None:
    if path := world.pick(a):
        moment = TIMES[b % len(TIMES)] * 10**9 + FRACTIONS[c % len(FRACTIONS)]
        os.utime(path, ns=(moment, moment), follow_symlinks=False)


def _attribute(world: World, a: int, b: int, c: int) -> None:
    path = world.pick(a, 'f', 'd')
    if path is None:
        return
    name = ATTRIBUTES[b % len(ATTRIBUTES)]
    if c % 3:
        os.setxattr(path, name, VALUES[c % len(VALUES)])
    elif name in os.listxattr(path):
        os.removexattr(path, name)


def _acl(world: World, a: int, b: int, c: int) -> None:
    path = world.pick(a, 'f', 'd')
    if path is None:
        return
    name = 'system.posix_acl_default' if kind_of(path) == 'd' and b % 2 else 'system.posix_acl_access'
    if c % 3:
        entries = [(1, 6, -1), (2, c % 8, 65534), (4, 4, -1), (16, 6, -1), (32, c // 8 % 8, -1)]
        os.setxattr(path, name, ACL_HEADER + b''.join(struct.pack('<HHi', *entry) for entry in entries))
    elif name in os.listxattr(path):
        os.removexattr(path, name)


def _rename(world: World, a: int, b: int, c: int) -> None:
    source, target = world.pick(a), world.place(b, c)
    if not source or len(target) > LONGEST_PATH or (target + b'/').startswith(source + b'/'):
        return
    if (source + b'/').startswith(target + b'/'):
        return
    longest = max((len(path) for path in world.everything() if path.startswith(source)), default=0)
    if len(target) + longest - len(source) < LONGEST_PATH:
        remove(target)
        os.rename(source, target)


def _link(world: World, a: int, b: int, c: int) -> None:
    source, target = world.pick(a, 'f'), world.place(b, c)
    if source and source != target and len(target) < LONGEST_PATH:
        if (source + b'/').startswith(target + b'/'):
            return
        remove(target)
        os.link(source, target, follow_symlinks=False)


def _retarget(world: World, a: int, b: int, c: int) -> None:
    if path := world.pick(a, 'L'):
        before = os.lstat(path)
        os.unlink(path)
        os.symlink(world.targets()[b % len(world.targets())], path)
        if c % 2:
            os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns), follow_symlinks=False)


def _become(world: World, a: int, b: int, c: int) -> None:
    """Another kind under the same name."""
    if path := world.pick(a):
        world.make(path, b, c)


def _source_becomes(world: World, a: int, b: int, c: int) -> None:
    world.make(world.path(SOURCES[a % len(SOURCES)]), b % 3, c)


def _delete(world: World, a: int, _b: int, _c: int) -> None:
    if path := world.pick(a):
        remove(path)


def _deepen(world: World, a: int, b: int, c: int) -> None:
    folder = world.place(a, b)
    remove(folder)
    for number in range(c % 20 + 2):
        if len(folder) > LONGEST_PATH - 250:
            break
        os.makedirs(folder)
        folder = os.path.join(folder, b'level %d ' % number + b'y' * (c % 150))
    make_file(folder, c)


def _keep_times(world: World, a: int, b: int, _c: int) -> None:
    """Delete something out of a folder, whose time is put back afterwards."""
    path = world.pick(a)
    if path:
        folder = os.path.dirname(path)
        before = os.lstat(folder)
        remove(path)
        if b % 2:
            make_file(path, b)
        os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


def _exclude(world: World, a: int, _b: int, _c: int) -> None:
    world.excludes = EXCLUDES[a % len(EXCLUDES)]


def _choose_sources(world: World, a: int, _b: int, _c: int) -> None:
    chosen = [name for number, name in enumerate(SOURCES) if (a % 7 + 1) >> number & 1]
    world.sources = chosen[::-1] if a // 7 % 2 else chosen


EDITS: dict[str, Callable[[World, int, int, int], None]] = {
    'create': _create, 'write': _write, 'edit in place': _edit_in_place, 'append': _append, 'replace': _replace, 'chmod': _chmod,
    'chown': _chown, 'utime': _utime, 'attribute': _attribute, 'acl': _acl, 'rename': _rename, 'link': _link,
    'retarget': _retarget, 'become': _become, 'source becomes': _source_becomes, 'delete': _delete, 'deepen': _deepen,
    'keep times': _keep_times, 'exclude': _exclude, 'choose sources': _choose_sources,
}  # fmt: skip
