"""Reads what rsync prints: items, progress, statistics, the checksum's name. Pure; must never raise on a client's text."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal['file', 'folder', 'link', 'device', 'special']
OUT_FORMAT = '%i|%l|%M|%B|%U|%G|%C|%n//%L'


@dataclass(slots=True)
class Item:
    """One entry as rsync lists it (rsync(1), --itemize-changes). `mtime` in seconds UTC, `path` without a slash at its end.

    `extra` is the target of a symbolic link, or the leader (the name listed with the data) of a hard link, else empty.
    `checksum` is hexadecimal and None where nothing was transferred.
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
        """What lies there."""
        raise NotImplementedError

    @property
    def is_dir(self) -> bool:
        """Whether it is a folder."""
        raise NotImplementedError

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        raise NotImplementedError

    @property
    def is_hardlink(self) -> bool:
        """Whether it is a further name of a file listed elsewhere; `extra` names that one unless nothing changed."""
        raise NotImplementedError

    @property
    def is_new(self) -> bool:
        """Whether the receiver has nothing (of this kind) under that name."""
        raise NotImplementedError

    @property
    def is_unchanged(self) -> bool:
        """Whether the receiver has exactly this already."""
        raise NotImplementedError

    @property
    def has_data(self) -> bool:
        """Whether file content is (or, in a dry run, would be) transferred."""
        raise NotImplementedError

    @property
    def attributes_only(self) -> bool:
        """Whether only mode, owner, times, ACL or xattrs differ: no file content comes."""
        raise NotImplementedError


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
    raise NotImplementedError


def parse_progress(line: bytes) -> TransferProgress | None:
    """Given a line of stdout, return the progress it tells, or None if it is something else."""
    raise NotImplementedError


def parse_stat(line: bytes) -> tuple[str, int] | None:
    """Given a line of stdout, return (name, number) of a --info=stats2 line, or None if it is something else.

    Names: files, created_files, deleted_files, transferred_files, total_bytes, transferred_bytes, literal_bytes,
    matched_bytes, sent_bytes, received_bytes.
    """
    raise NotImplementedError


def parse_checksum_name(line: bytes) -> str | None:
    """Given a line of stdout or stderr, return the negotiated checksum ('xxh128', 'md5' …), or None."""
    raise NotImplementedError


def unescape(name: bytes) -> bytes:
    r"""Given a name as rsync prints it, return its bytes: \#ooo (octal) stands for a byte that cannot be printed."""
    raise NotImplementedError
