"""A download out of a snapshot: one file as it is, or an archive. Nothing that lies there is followed."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from email.utils import formatdate
from io import FileIO

from plumbus.backup.archives import MEDIA_TYPES, Format, archive
from plumbus.backup.explore import tree_path
from plumbus.backup.selection import Selection, chunks_of, common_folder, outermost
from plumbus.backup.snapshots import Snapshot
from plumbus.errors import NotFound
from plumbus.transfer.names import name_text

ANY_FILE = 'application/octet-stream'
RANGE = re.compile(r'bytes=(\d{0,18})-(\d{0,18})')
NOT_IN_A_NAME = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\u202a-\u202e\u2066-\u2069]')


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """What to send. `name` is safe as a file's name; of a plain file the size, `tag` and `modified` are known.

    `part` is the first byte and the number of bytes of a plain file that are sent, if not all of it is.
    """

    name: str
    media_type: str
    chunks: Iterator[bytes]
    size: int | None = None
    tag: str = ''
    modified: str = ''
    part: tuple[int, int] | None = None


class RangeNotSatisfiable(NotFound):
    """The file has no such part. `size` is what it has."""

    def __init__(self, size: int) -> None:
        super().__init__(f'The file ends before: it has {size} bytes.')
        self.size = size


def download_archive(snapshot: Snapshot, paths: Sequence[str], form: Format, name: str) -> Download:
    """Given paths as a user sent them, return them with all below them as an archive; `name` is for more than one of them.

    Raise NotFound if one of them is not in the snapshot.
    """
    asked = [tree_path(path) for path in paths]
    with snapshot.open_tree() as tree:
        for path in asked:
            tree.lstat(path)
    chosen = outermost(asked)
    own = name_text(chosen[0].rpartition(b'/')[2]) if len(chosen) == 1 else ''
    return Download(
        name=f'{safe_name(own or name)}.{form}',
        media_type=MEDIA_TYPES[form],
        chunks=_archived(snapshot, chosen, form),
    )


def is_folder(snapshot: Snapshot, path: str) -> bool:
    """Given a path as a user sent it, return whether a folder lies there. Raise NotFound if nothing does."""
    with snapshot.open_tree() as tree:
        return stat.S_ISDIR(tree.lstat(tree_path(path)).st_mode)


def download_file(snapshot: Snapshot, path: str, wanted: str = '', condition: str = '') -> Download:
    """Given a path as a user sent it, return the file as it is, or the part that a Range header asks for.

    A part is for those only whose If-Range header (`condition`), if there is one, names this file.
    Raise NotFound if there is no plain file, RangeNotSatisfiable if it is shorter.
    """
    where = tree_path(path)
    with snapshot.open_tree() as tree:
        status = tree.lstat(where)
        if not stat.S_ISREG(status.st_mode):
            raise NotFound('This is not a plain file.', 'Download it in an archive (format=tar).')
        os.close(tree.open_file(where))
    tag = f'"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"'
    part = part_of(wanted, status.st_size) if condition in {'', tag} else None
    start, length = part or (0, status.st_size)
    return Download(
        name=safe_name(name_text(where.rpartition(b'/')[2])),
        media_type=ANY_FILE,
        chunks=_read(snapshot, where, start, length),
        size=status.st_size,
        tag=tag,
        modified=formatdate(max(0, status.st_mtime), usegmt=True) if status.st_mtime < 2**35 else '',
        part=part,
    )


def part_of(wanted: str, size: int) -> tuple[int, int] | None:
    """Given a Range header and a size, return first byte and number of bytes, None for all (RFC 9110, 14.2).

    Several ranges, and what is none, ask for all. Raise RangeNotSatisfiable if the file has no such part.
    """
    match = RANGE.fullmatch(wanted.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        start, end = size - length, size
    else:
        start, end = int(match[1]), min(int(match[2] or size) + 1, size)
        if match[2] and int(match[2]) < start:
            return None
    if start >= end:
        raise RangeNotSatisfiable(size)
    return start, end - start


def safe_name(name: str) -> str:
    """Given any name, return one that every system takes as a file's name and that leads nowhere."""
    return NOT_IN_A_NAME.sub('_', name).strip('. ')[:150] or 'download'


def _archived(snapshot: Snapshot, paths: Sequence[bytes], form: Format) -> Iterator[bytes]:
    with snapshot.open_tree() as tree:
        yield from archive(Selection(tree=tree, paths=paths, base=common_folder(paths)), form)


def _read(snapshot: Snapshot, path: bytes, start: int, length: int) -> Iterator[bytes]:
    with snapshot.open_tree() as tree:
        descriptor = tree.open_file(path)
    with closing(FileIO(descriptor, 'r')) as file:
        file.seek(start)
        yield from chunks_of(file, length)
