"""Reads in one go what most lines of a listing are: files, folders and symbolic links, new or unchanged. See items.py."""

import stat
from binascii import unhexlify
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from time import gmtime
from typing import TypeVar

from plumbus.backup.changes import Plan
from plumbus.backup.entries import is_odd, mode_bits
from plumbus.backup.manifest import Entry
from plumbus.backup.plan import Fields, Planner
from plumbus.backup.tally import Tally
from plumbus.transfer.items import UNKNOWN_GROUP, seconds

UNCHANGED = {b'.%c         ' % letter: chr(letter) for letter in b'fdL'}
NEW = {b'>f+++++++++': 'f', b'cd+++++++++': 'd', b'cL+++++++++': 'L'}
CREATED = (b'<f+++++++++', b'>f+++++++++', b'cd+++++++++')
NO_CHECKSUM = b'|' + b' ' * 32 + b'|'
COLUMNS = 8
AnyKind = TypeVar('AnyKind', bound=str)


@dataclass(slots=True)
class UnchangedLines:
    """Lets the planner keep what it knows. `seal` is that of our rsync.

    A line that is not plain is left to `parse_item`, which also judges what is none.
    """

    planner: Planner
    seal: str
    _kinds: dict[bytes, str] = field(init=False)
    _file: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._kinds = _sealed(UNCHANGED, self.seal)
        self._file = next(line for line, kind in self._kinds.items() if kind == 'f') + b'|'

    def skim(self, lines: list[bytes], start: int) -> int:
        """Given lines, return the place of the first from `start` on that tells more than that all is as it was."""
        place = start
        while (place := self.planner.keep_expected(lines, place, self._expected)) < len(lines):
            if not self._keep(lines[place]):
                break
            place += 1
        return place

    def _expected(self, known: Entry) -> bytes:
        """How rsync tells of a plain file that is as it is known; empty where that takes a closer look."""
        path, kind, size, mtime, mode, uid, gid, _, _, _, linked, target, _ = known
        if kind != 'f' or linked or target is not None or b'\\#' in path:
            return b''
        return b'%b%d|%b%b%b//' % (self._file, size, _time_text(mtime), _attribute_text(mode, uid, gid), path)

    def _keep(self, line: bytes) -> bool:
        told = self._read(line)
        return told is not None and self.planner.keep_known(*told)

    def _read(self, line: bytes) -> tuple[Fields, bytes | None] | None:
        """The first fields of an entry and the aim of a link."""
        change, _, rest = line.partition(b'|')
        kind = self._kinds.get(change)
        attributes, _, name = rest.partition(NO_CHECKSUM)
        if kind is None or not name or b'\\#' in name:
            return None
        size, time, more = attributes.split(b'|', 2)
        path, _, extra = name.partition(b'//')
        try:
            fields = path, kind, 0 if kind == 'd' else int(size), seconds(time), *_attributes(more)
        except ValueError:
            return None
        return fields, extra[4:] if kind == 'L' else None


@dataclass(slots=True)
class NewLines:
    """Counts what is new, for a tally, without a look at more than that takes."""

    tally: Tally
    seal: str
    _kinds: dict[bytes, str] = field(init=False)

    def __post_init__(self) -> None:
        self._kinds = _sealed(NEW, self.seal)

    def skim(self, lines: list[bytes], start: int) -> int:
        """Given lines, return the place of the first from `start` on that is not plain."""
        return _first_left(lines, start, self._count)

    def _count(self, line: bytes) -> bool:
        told = _plain_new(line, self._kinds)
        if told is None:
            return False
        kind, told_size, _, path = told
        if kind == 'd':
            self.tally.folders += 1
        else:
            self.tally.files += 1
            self.tally.new += 1
            size = told_size if kind == 'f' else 0
            self.tally.bytes += size
            self.tally.weigh(path, size)
        return True


TakeNew = Callable[[str, int, bytes, bytes], bool]


@dataclass(slots=True)
class NewNames:
    """Hands over the files and folders that are new where a restore goes. `seal` is that of our rsync.

    `take` gets how rsync tells it (`<f+++++++++`), bytes, time and name, and returns whether it took that.
    """

    take: TakeNew
    seal: str
    _kinds: dict[bytes, str] = field(init=False)

    def __post_init__(self) -> None:
        self._kinds = _sealed({change: change.decode() for change in CREATED}, self.seal)

    def skim(self, lines: list[bytes], start: int) -> int:
        """Given lines, return the place of the first from `start` on that was not taken."""
        return _first_left(lines, start, self._keep)

    def _keep(self, line: bytes) -> bool:
        told = _plain_new(line, self._kinds)
        return told is not None and self.take(*told)


@dataclass(slots=True)
class NewEntries:
    """Hands over the entries of files and folders that a first run brings: `take` gets how rsync tells it (`>f+++++++++`) and the
    entry. `moment` is the snapshot's, in seconds; `seal` is that of our rsync."""

    take: Callable[[str, Entry], None]
    moment: int
    seal: str
    _kinds: dict[bytes, str] = field(init=False)

    def __post_init__(self) -> None:
        self._kinds = _sealed({change: change.decode() for change in CREATED}, self.seal)

    def skim(self, lines: list[bytes], start: int, algorithm: str | None) -> int:
        """Given lines and what checksums are by, return the place of the first from `start` on that is not plain."""
        return _first_left(lines, start, lambda line: self._keep(line, algorithm))

    def _keep(self, line: bytes, algorithm: str | None) -> bool:
        parts = line.split(b'|', COLUMNS - 1)
        change = self._kinds.get(parts[0])
        if change is None or len(parts) != COLUMNS or not parts[1].isdigit():
            return False
        _, told_size, time, mode, uid, gid, told_checksum, rest = parts
        name, _, extra = rest.partition(b'//')
        checksum = told_checksum.rstrip()
        is_file = change[1] == 'f'
        if b'\\#' in name or extra.strip(b'/') or is_odd(name) or bool(checksum.strip(b'0')) != is_file:
            return False
        try:
            attributes = _attributes(b'%b|%b|%b' % (mode, uid, gid))
            content = (unhexlify(checksum), algorithm) if is_file else (None, None)
        except ValueError:
            return False
        size, born = (int(told_size), self.moment) if is_file else (0, 0)
        fields = (name, change[1], size, seconds(time), *attributes, *content, False, False, None, born)
        self.take(change, tuple.__new__(Entry, fields))
        return True


def new_in_plan(plan: Plan, seal: str) -> NewNames:
    """Given a plan and the seal of our rsync, return what lets it keep what is new."""

    def take(change: str, size: int, time: bytes, name: bytes) -> bool:
        plan.take_new(name, 'file' if change[1] == 'f' else 'folder', size, seconds(time))
        return True

    return NewNames(take, seal)


def _sealed(kinds: Mapping[bytes, AnyKind], seal: str) -> dict[bytes, AnyKind]:
    return {seal.encode() + change: kind for change, kind in kinds.items()}


def _plain_new(line: bytes, kinds: Mapping[bytes, AnyKind]) -> tuple[AnyKind, int, bytes, bytes] | None:
    """Kind, bytes, time and name of what is new; None if the line tells of something else, or of an odd name."""
    parts = line.split(b'|', COLUMNS - 1)
    kind = kinds.get(parts[0])
    if kind is None or len(parts) != COLUMNS or not parts[1].isdigit():
        return None
    name = parts[-1].partition(b'//')[0]
    if b'\\#' in name or is_odd(name):
        return None
    return kind, int(parts[1]), parts[2], name


def _first_left(lines: list[bytes], start: int, take: Callable[[bytes], bool]) -> int:
    """The place of the first line from `start` on that was not taken."""
    for place in range(start, len(lines)):
        if not take(lines[place]):
            return place
    return len(lines)


@lru_cache(maxsize=4096)
def _attributes(text: bytes) -> tuple[int, int, int]:
    mode, uid, gid = text.split(b'|')
    return mode_bits(mode.decode('ascii')), int(uid), UNKNOWN_GROUP if gid == b'DEFAULT' else int(gid)


@lru_cache(maxsize=4096)
def _time_text(moment: int) -> bytes:
    """As %M prints a time of four-digit years; something else, if anything, for others."""
    try:
        return b'%04d/%02d/%02d-%02d:%02d:%02d' % gmtime(moment)[:6]
    except (ValueError, OverflowError, OSError):
        return b''


@lru_cache(maxsize=4096)
def _attribute_text(mode: int, uid: int, gid: int) -> bytes:
    """What stands between time and name of a file that was not transferred."""
    permissions = stat.filemode(mode)[1:].encode()
    group = b'DEFAULT' if gid == UNKNOWN_GROUP else b'%d' % gid
    return b'|%b|%d|%b%b' % (permissions, uid, group, NO_CHECKSUM)
