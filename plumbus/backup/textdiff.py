"""One text file in two snapshots, line by line. Sizes are bounded: comparing takes a time that grows with their product."""

import difflib
from datetime import datetime
from io import FileIO

from pydantic import BaseModel

from plumbus.backup.explore import moment, tree_path
from plumbus.backup.snapshots import Snapshot
from plumbus.transfer.names import path_text

LARGEST = 512 * 1024
MOST_LINES = 2000
CONTEXT = 3


class TextFile(BaseModel):
    """One of the two files."""

    size: int
    modified: datetime


class TextDifference(BaseModel):
    """`diff` is in the unified form; empty if the files are `identical`, `binary` or `too_large` for it."""

    path: str
    before: TextFile
    after: TextFile
    identical: bool = False
    binary: bool = False
    too_large: bool = False
    diff: str = ''


def text_difference(before: Snapshot, after: Snapshot, path: str) -> TextDifference:
    """Given two snapshots and a path, return what is other in the file. Raise NotFound if it is no plain file in both."""
    (old, old_head), (new, new_head) = _read(before, path), _read(after, path)
    told = TextDifference(path=path_text(tree_path(path)), before=old, after=new)
    if is_binary(old_head) or is_binary(new_head):
        told.binary = True
        told.identical = old.size == new.size <= LARGEST and old_head == new_head
    elif max(old.size, new.size) > LARGEST:
        told.too_large = True
    elif old_head == new_head:
        told.identical = True
    else:
        diff = unified(_lines(old_head), _lines(new_head))
        told.diff, told.too_large = diff or '', diff is None
    return told


def unified(old: list[str], new: list[str]) -> str | None:
    """Given the lines of two texts, return the unified difference, or None if too many lines differ.

    What both begin and end with is set aside first, so that a small change in a long text is cheap.
    """
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    lead, tail = max(0, start - CONTEXT), max(0, end - CONTEXT)
    old, new = old[lead : len(old) - tail], new[lead : len(new) - tail]
    if max(len(old), len(new)) > MOST_LINES:
        return None
    lines = list(difflib.unified_diff(old, new, 'before', 'after', n=CONTEXT, lineterm=''))
    return '\n'.join(_shifted(line, lead) for line in lines)


def is_binary(head: bytes) -> bool:
    """Given the beginning of a file, return whether it is no text."""
    return b'\0' in head


def _shifted(line: str, lead: int) -> str:
    if not line.startswith('@@') or not lead:
        return line
    ranges = (_moved(part, lead) for part in line.split()[1:3])
    return f'@@ {" ".join(ranges)} @@'


def _moved(part: str, lead: int) -> str:
    first, comma, count = part[1:].partition(',')
    return f'{part[0]}{int(first) + lead}{comma}{count}'


def _alike(one: list[str], other: list[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


def _read(snapshot: Snapshot, path: str) -> tuple[TextFile, bytes]:
    where = tree_path(path)
    with snapshot.open_tree() as tree:
        status = tree.lstat(where)
        with FileIO(tree.open_file(where), 'r') as file:
            head = file.read(LARGEST + 1)
    return TextFile(size=status.st_size, modified=moment(status.st_mtime)), head


def _lines(content: bytes) -> list[str]:
    return content.decode('utf-8', 'replace').split('\n')
