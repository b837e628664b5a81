"""Reads what rsync prints: items, progress, statistics, the checksum's name. Pure; must never raise on a client's text."""

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

Kind = Literal['file', 'folder', 'link', 'device', 'special']

# A path never holds '//', so that separates it from the rest even where names hold ' -> ' or ' => '.
OUT_FORMAT = '%i|%l|%M|%B|%U|%G|%C|%n//%L'
ITEM = re.compile(
    rb'([<>ch.][fdLDS].{9}|\*deleting  )\|(\d{1,19})\|([^|]{1,24})\|([rwxsStT-]{9})\|(\d{1,10})\|(\d{1,10}|DEFAULT)\|'
    rb'([0-9a-f]{0,128}) *\|(.+)',
    re.DOTALL,
)
# %i is always eleven characters wide, '*deleting' included.
ITEM_SHAPE = re.compile(rb'[<>ch.*].{10}\|', re.DOTALL)
PROGRESS = re.compile(
    rb'\s*(\d{1,19})\s+(\d{1,3})%\s+(\d{1,12}\.\d\d)([kMGT]?)B/s\s+\S{1,16}'
    rb'(?:\s+\(xfr#(\d{1,18}), (to|ir)-chk=(\d{1,18})/(\d{1,18})\))?\s*'
)
UNITS = {b'': 1, b'k': 1 << 10, b'M': 1 << 20, b'G': 1 << 30, b'T': 1 << 40}
STAT = re.compile(rb'([A-Z][a-z ]{4,40}): (\d{1,19})(?: bytes| \(.*\))?')
STAT_NAMES = {
    b'Number of files': 'files',
    b'Number of created files': 'created_files',
    b'Number of deleted files': 'deleted_files',
    b'Number of regular files transferred': 'transferred_files',
    b'Total file size': 'total_bytes',
    b'Total transferred file size': 'transferred_bytes',
    b'Literal data': 'literal_bytes',
    b'Matched data': 'matched_bytes',
    b'Total bytes sent': 'sent_bytes',
    b'Total bytes received': 'received_bytes',
}
CHECKSUM = re.compile(rb'Client(?: negotiated)? checksum: (xxh128|xxh3|xxh64|sha1|md5|md4)')
ESCAPED = {b'%03o' % number: bytes([number]) for number in range(256)}
KINDS: dict[int, Kind] = {
    ord('f'): 'file',
    ord('d'): 'folder',
    ord('L'): 'link',
    ord('D'): 'device',
    ord('S'): 'special',
}
UNKNOWN_GROUP = -1
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(slots=True)
class Item:
    """One entry as rsync lists it (rsync(1), --itemize-changes). `mtime` in seconds UTC, `path` without a slash at its end.

    `extra` is the leader (the name listed with the data) of a further name of a hard link, else the target of a symbolic
    link, else empty. `checksum` is hexadecimal and None where no data came. `mtime` is 0 for times outside the years 1 to
    9999, which rsync prints cut off. `gid` is UNKNOWN_GROUP where we are not root, do not fake it, and are not in the group:
    rsync does not tell it then. A deleted item has nothing but its path.
    """

    change: bytes
    size: int
    mtime: int
    mode: str
    uid: int
    gid: int
    checksum: bytes | None
    path: bytes
    extra: bytes

    @property
    def kind(self) -> Kind:
        """What lies there; 'special' is a FIFO or a socket. Of a deleted item only folders are told from the rest."""
        if self.is_deleted:
            return 'folder' if self.extra else 'file'
        return KINDS[self.change[1]]

    @property
    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return self.kind == 'folder'

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return self.kind == 'link'

    @property
    def is_hardlink(self) -> bool:
        """Whether it is a further name of a file listed elsewhere; `extra` names that one unless nothing changed."""
        return self.change[:1] == b'h'

    @property
    def is_deleted(self) -> bool:
        """Whether the receiver removes (or, in a dry run, would remove) it."""
        return self.change[:1] == b'*'

    @property
    def is_new(self) -> bool:
        """Whether the receiver has nothing of this kind under that name."""
        return self.change[2:3] == b'+'

    @property
    def is_unchanged(self) -> bool:
        """Whether the receiver has exactly this already."""
        return self.change[2:].isspace()

    @property
    def has_data(self) -> bool:
        """Whether file content is (or, in a dry run, would be) transferred."""
        return self.change[:1] in b'<>'

    @property
    def attributes_only(self) -> bool:
        """Whether the same thing lies there and only its mode, owner, times, ACL or xattrs differ."""
        return self.change[:1] == b'.' and not self.is_unchanged

    @property
    def only_times(self) -> bool:
        """Whether the same thing lies there and only its time differs."""
        return self.change[:1] == b'.' and self.change[2:].replace(b'.', b'') == b't'


@dataclass(slots=True)
class TransferProgress:
    """A line of --info=progress2. While `scanning`, `files_known` still grows and `percent` may fall."""

    bytes: int
    percent: int
    rate_bps: float
    files_done: int | None
    files_left: int | None
    files_known: int | None
    scanning: bool


def parse_item(line: bytes) -> Item | None:
    """Given a line of stdout written with OUT_FORMAT, return the item, or None if it is something else."""
    match = ITEM.fullmatch(line)
    if match is None:
        return None
    change, size, time, mode, uid, gid, checksum, rest = match.groups()
    path, _, extra = rest.partition(b'//')
    if not path:
        return None
    return Item(
        change,
        int(size),
        seconds(time),
        _text(mode),
        int(uid),
        UNKNOWN_GROUP if gid == b'DEFAULT' else int(gid),
        checksum if checksum.strip(b'0') else None,
        unescape(path) if b'\\#' in path else path,
        _extra(change, extra) if extra else b'',
    )


def is_item(line: bytes) -> bool:
    """Given a line of stdout, return whether it was written with OUT_FORMAT, be it one that `parse_item` can read or not."""
    return ITEM_SHAPE.match(line) is not None


def sealed(line: bytes, seal: bytes) -> bytes | None:
    """Given a line of stdout and the seal that our rsync begins its items with, return what follows it, None if there is none.

    The rsync over there can have any line printed on our stdout (MSG_INFO), but it does not know the seal. It may also leave
    out the end of a line of its own, so that one of ours stands behind it.
    """
    if not seal:
        return line
    _, found, rest = line.rpartition(seal)
    return rest if found else None


def parse_progress(line: bytes) -> TransferProgress | None:
    """Given a line of stdout, return the progress it tells, or None if it is something else."""
    match = PROGRESS.fullmatch(line)
    if match is None:
        return None
    done, percent, rate, unit, files_done, check, left, known = match.groups()
    return TransferProgress(
        bytes=int(done),
        percent=int(percent),
        rate_bps=float(rate) * UNITS[unit],
        files_done=_number(files_done),
        files_left=_number(left),
        files_known=_number(known),
        scanning=check == b'ir',
    )


def parse_stat(line: bytes) -> tuple[str, int] | None:
    """Given a line of stdout, return (name, number) of a --info=stats2 line, or None if it is something else.

    Names: files, created_files, deleted_files, transferred_files, total_bytes, transferred_bytes, literal_bytes,
    matched_bytes, sent_bytes, received_bytes.
    """
    match = STAT.fullmatch(line)
    name = STAT_NAMES.get(match[1]) if match else None
    return (name, int(match[2])) if match and name else None


def parse_checksum_name(line: bytes) -> str | None:
    """Given a line of stdout, return the checksum that both ends agreed on ('xxh128', 'md5' …), or None."""
    match = CHECKSUM.fullmatch(line)
    return match[1].decode() if match else None


def unescape(name: bytes) -> bytes:
    r"""Given a name as rsync prints it, return its bytes: \#ooo (octal) stands for a byte that cannot be printed.

    >>> unescape(rb'a\#012b')
    b'a\nb'
    """
    if b'\\#' not in name:
        return name
    first, *rest = name.split(b'\\#')
    return first + b''.join(
        ESCAPED[part[:3]] + part[3:] if part[:3] in ESCAPED else b'\\#' + part for part in rest
    )


@lru_cache(maxsize=4096)
def seconds(time: bytes) -> int:
    """Given a time as %M prints it, return seconds UTC, 0 for one that rsync cannot print."""
    try:
        return _day_start(time[:-9]) + int(time[-8:-6]) * 3600 + int(time[-5:-3]) * 60 + int(time[-2:])
    except (ValueError, OverflowError):
        return 0


def _extra(change: bytes, extra: bytes) -> bytes:
    if extra.startswith(b' => '):
        return unescape(extra[4:])
    # An unchanged further name of a symbolic link is listed with the target, where a leader would be expected.
    if extra.startswith(b' -> ') and change[:1] != b'h':
        return unescape(extra[4:])
    return extra if change[:1] == b'*' else b''


@lru_cache(maxsize=4096)
def _day_start(day: bytes) -> int:
    # Years before 1000 are filled up with '-': rsync pads with spaces and then replaces them.
    year, month, number = day.lstrip(b'-').split(b'/')
    return (date(int(year), int(month), int(number)).toordinal() - EPOCH) * 86400


@lru_cache(maxsize=4096)
def _text(mode: bytes) -> str:
    return mode.decode('ascii')


def _number(digits: bytes | None) -> int | None:
    return None if digits is None else int(digits)
